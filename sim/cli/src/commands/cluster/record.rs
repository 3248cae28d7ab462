//! `kvsim cluster record`: a scenario's clients, network and faults, with real nodes in real time.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, NodeId, Recording, ReplicaId, What};
use kvsim_sim::plan::{FaultKind, Plan};
use kvsim_sim::quantity::Sync;
use kvsim_sim::stores::StoreEntry;
use kvsim_store::quantity::Interval;
use serde_json::Value as Json;

use super::clients::{self, Client, Done, End, GRACE, Resp};
use super::compare;
use super::nodes::{Nodes, Ports, Setup};
use super::proxy::Proxy;
use crate::args::{Overrides, seed};
use crate::commands::report;
use crate::exit::{self, Failure};
use crate::folder::{Destination, Folder, History};
use crate::interrupt;
use crate::judge;
use crate::load;
use crate::output::print;
use crate::recorder::Keep;
use crate::report::{Summary, text};
use crate::scenario::Names;
use crate::text::{grouped, printable};

/// Run a scenario's clients against real nodes, in real time, on a network between them that behaves as the scenario says
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct RecordArgs {
    /// The scenario, a TOML file
    file: PathBuf,
    /// The seed, decimal or 0x... [default: the scenario's]
    #[arg(long, value_parser = seed)]
    seed: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
    /// The folder of the run, a new one [default: runs/SCENARIO-SEED-nodes, and a number where there is one]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Simulate the same, too, and set quantiles side by side
    #[arg(long)]
    compare: bool,
    /// Further arguments of each node: -- --max-value 2000000
    #[arg(last = true, value_name = "ARGUMENT")]
    more: Vec<String>,
}

/// So many keys' contexts a node keeps for a connection, those of the last answers.
const CONTEXTS: usize = 128;

/// More sessions are more threads than a machine likes.
const SESSIONS_MAX: usize = 500;

pub fn record(args: &RecordArgs, names: &Names) -> Result<u8, Failure> {
    let scenario = load::scenario(&args.file, &args.overrides.list(), names)?;
    let seed = args.seed.unwrap_or(scenario.seed.0);
    let (store, plan) = load::lowered(&args.file, &scenario, seed, names.stores)?;
    let more = node_arguments(store, &plan).map_err(|problem| {
        Failure::Usage(format!("{}: {problem}\n  kvsim run simulates it", printable(&args.file.display().to_string())))
    })?;
    let folder = Folder::create(Destination::Given(place(args, &plan)), &plan)?;
    let data = folder.path().join("nodes");
    if data.exists() {
        let place = printable(&folder.path().display().to_string());
        return Err(Failure::Usage(format!("{place} has a recorded run\n  give --out a new folder")));
    }
    interrupt::stop_gently();
    let begin = Instant::now();
    let setup = Setup { ports: free_ports(plan.replicas)?, data: &data, more: [more, args.more.clone()].concat() };
    let peers: Vec<u16> = setup.ports.iter().map(|ports| ports.peer).collect();
    let proxy = Proxy::start(&plan, &peers).map_err(|problem| Failure::Usage(format!("no network: {problem}")))?;
    let mut nodes = Nodes::start(&setup, &|from, to| proxy.port(from, to))?;
    let recorded = run(&plan, &setup.ports, &proxy, (store.header)(&plan));
    let ended = nodes.take_ended();
    nodes.stop();
    if interrupt::is_requested() {
        // From a terminal the nodes have heard it, too.
        return Ok(exit::INTERRUPTED);
    }
    if let Some((name, status)) = ended.first() {
        return Err(Failure::Usage(format!("{name} has ended, {status}: see {}", nodes.log(name).display())));
    }
    let recording = recorded.map_err(Failure::Usage)?;
    let real = begin.elapsed();

    let entry = store.recorded(recording.clone());
    let judged = judge::judge(entry, &plan, Keep::Judged);
    let summary = Summary::new(&plan, &judged, folder.path());
    let (passed, lost) = proxy.counts();
    let frames = format!("  frames      {} between nodes: {} lost\n", grouped(passed + lost), grouped(lost));
    print(&(text::recorded(&plan, &summary, real) + &frames))?;
    let written = std::fs::read_to_string(&args.file).ok();
    exit::all([
        folder.store(&summary, &judged.checkpoints, None),
        folder.store_recording(&recording),
        folder.store_history(&recording, History::Jsonl),
        written.as_deref().map_or(Ok(()), |text| folder.store_scenario(text)),
        report::leave(&folder, entry, &plan, &summary, &judged.reports, written.as_deref()).map(drop),
    ])?;
    print(&report::line(&folder))?;
    if args.compare {
        print(&compare::table(store, &plan, &recording))?;
    }
    Ok(summary.exit_code())
}

fn place(args: &RecordArgs, plan: &Plan) -> PathBuf {
    let place = Path::new("runs").join(format!("{}-{}-nodes", plan.scenario, plan.seed));
    let numbered = (2..).map(|number| PathBuf::from(format!("{}.{number}", place.display())));
    let mut places = [place.clone()].into_iter().chain(numbered).filter(|place| place.symlink_metadata().is_err());
    args.out.clone().or_else(|| places.next()).unwrap_or(place)
}

/// The arguments of nodes that are as the plan says.
///
/// # Errors
/// What real nodes cannot be.
fn node_arguments(store: &StoreEntry, plan: &Plan) -> Result<Vec<String>, String> {
    if store.name != "ndc" {
        return Err(format!("real nodes have the store ndc, and not {}", store.name));
    }
    let ms = |ns: u64| ns.div_ceil(1_000_000).to_string();
    let mut arguments = vec!["--level".to_owned(), "fifo".to_owned()];
    let mut give = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
    for (name, value) in &plan.store.settings {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let time = || text.parse::<Interval>().map(|time| ms(time.0));
        match (name.as_str(), value) {
            ("ack", _) => give("--ack", text),
            ("anti_entropy", _) => give("--anti-entropy-ms", time().map_err(|_| "real nodes have anti-entropy")?),
            ("strip", _) => give("--strip-ms", time().map_err(|_| "strip is no time")?),
            // They have views for all levels, and room as it is usual.
            ("views" | "buffer", _) => {}
            ("replication", Json::String(all)) if all == "all" => {}
            ("heartbeat", Json::String(off)) if off == "off" => {}
            ("defects", Json::Array(none)) if none.is_empty() => {}
            _ => return Err(format!("real nodes cannot have {name} = {text}")),
        }
    }
    let sync = match plan.disk.sync {
        Sync(None) => "always",
        Sync(Some(_)) => "everysec",
    };
    give("--sync", sync.to_owned());
    let timeouts: Vec<u64> = plan.sessions.iter().map(|session| session.timeout_ns).collect();
    if timeouts.windows(2).any(|pair| pair[0] != pair[1]) {
        return Err("clients of real nodes wait equally long (timeout)".to_owned());
    }
    give("--timeout-ms", ms(timeouts.first().copied().unwrap_or(1_000_000_000)));
    if let Some(session) = plan.sessions.iter().find(|session| session.moves()) {
        return Err(format!("a client of real nodes stays at its node, unlike {}", session.name));
    }
    if let Some(session) = plan.sessions.iter().find(|session| session.is_far()) {
        return Err(format!(
            "a client of real nodes is as near as this machine, unlike {} (region, latency)",
            session.name
        ));
    }
    if plan.sessions.len() > SESSIONS_MAX {
        return Err(format!("{} sessions are more than {SESSIONS_MAX}", plan.sessions.len()));
    }
    let is_of_network = |kind: &FaultKind| matches!(kind, FaultKind::Partition { .. } | FaultKind::Links { .. });
    if let Some(fault) = plan.faults.iter().find(|fault| !is_of_network(&fault.kind)) {
        return Err(format!(
            "only the network between real nodes fails, by partitions and links, unlike {}",
            fault.name
        ));
    }
    match plan.link_kinds().all(|link| link.bandwidth.0.is_none()) {
        true => Ok(arguments),
        false => Err("the network between real nodes is as fast as this machine (bandwidth)".to_owned()),
    }
}

/// Ports that are free, and that systems do not give to connections that leave: those of the network to nodes would take them.
/// Which ones depends on the process, so that two at a time rarely want the same.
fn free_ports(nodes: u16) -> Result<Vec<Ports>, Failure> {
    const FROM: u32 = 10_000;
    const COUNT: u32 = 20_000;
    let first = std::process::id().wrapping_mul(97) % COUNT;
    let candidates = (0..COUNT).map(|more| (FROM + (first + more) % COUNT) as u16);
    let free = candidates.filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    let ports: Vec<u16> = free.take(3 * usize::from(nodes)).collect();
    match ports.as_chunks() {
        (chunks, []) if chunks.len() == usize::from(nodes) => {
            Ok(chunks.iter().map(|&[client, peer, http]| Ports { client, peer, http }).collect())
        }
        _ => Err(Failure::Usage(format!("there are no {} free ports on 127.0.0.1", 3 * nodes))),
    }
}

/// What happens at a time of the plan.
enum Turn {
    Fault(u16, bool),
    Settle,
}

/// Lets the clients do what they do. When the user has had enough, it is not all.
fn run(plan: &Plan, ports: &[Ports], proxy: &Proxy, header: Header) -> Result<Recording, String> {
    let begin = Instant::now();
    let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    proxy.begin(begin);
    let mut turns: Vec<(u64, Turn)> = Vec::new();
    for (fault, number) in plan.faults.iter().zip(0..) {
        turns.push((fault.from_ns, Turn::Fault(number, true)));
        turns.push((fault.until_ns.min(plan.workload_end_ns), Turn::Fault(number, false)));
    }
    turns.sort_by_key(|(at_ns, turn)| (*at_ns, matches!(turn, Turn::Fault(_, true))));
    if plan.settle_ns > 0 {
        turns.push((plan.workload_end_ns, Turn::Settle));
    }
    let mut log = Log::default();
    let done: Result<Vec<Vec<Done>>, String> = std::thread::scope(|scope| {
        let sessions: Vec<_> = plan
            .sessions
            .iter()
            .map(|session| {
                let port = ports[session.node.index()].client;
                scope.spawn(move || clients::run(plan, session, port, begin))
            })
            .collect();
        for (at_ns, turn) in turns {
            wait_until(begin, at_ns);
            match turn {
                Turn::Fault(fault, begins) => {
                    proxy.switch(fault, begins);
                    let what = if begins { What::FaultOn { fault } } else { What::FaultOff { fault } };
                    log.add(now_ns(), NodeId(0), None, what);
                }
                Turn::Settle => {
                    proxy.heal();
                    log.add(plan.workload_end_ns, NodeId(0), None, What::Settling);
                }
            }
        }
        sessions.into_iter().map(|session| session.join().map_err(|_| "a client has panicked".to_owned())?).collect()
    });
    let done = done?;
    wait_until(begin, plan.end_ns());
    let writes = log.operations(plan, &done)?;
    for (node, ports) in (0..).map(NodeId).zip(ports) {
        for level in header.levels.iter() {
            hold(plan, (node, ports.client, level), &writes, &mut log, now_ns())?;
        }
    }
    Ok(log.recording(header))
}

/// Waits, unless the user has had enough.
fn wait_until(begin: Instant, at_ns: u64) {
    let at = begin + Duration::from_nanos(at_ns);
    while !interrupt::is_requested() {
        let left = at.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        sleep(left.min(interrupt::PATIENCE));
    }
}

/// What a node shows at the end.
fn hold(
    plan: &Plan,
    (node, port, level): (NodeId, u16, Level),
    writes: &BTreeMap<u64, Dot>,
    log: &mut Log,
    at_ns: u64,
) -> Result<(), String> {
    let broken = |problem: std::io::Error| format!("{node} at the end: {problem}");
    let mut client = Client::connect(port, GRACE).map_err(broken)?;
    client.set("KV.LEVEL", level.name())?;
    for (name, key) in plan.keys.iter().zip(0..) {
        let reply = client.ask(&[b"KV.GET", name.as_bytes()]).map_err(broken)?;
        // Some levels do not carry the key.
        if matches!(&reply, Resp::Error(text) if text.starts_with("LEVEL")) {
            continue;
        }
        for value in clients::values(&reply)? {
            log.add(at_ns, node, None, What::Holds { level, key, write: named(writes, value)? });
        }
    }
    Ok(())
}

/// The write of a value.
fn named(writes: &BTreeMap<u64, Dot>, value: u64) -> Result<Dot, String> {
    writes.get(&value).copied().ok_or_else(|| format!("a node shows the value {value}, which was not written"))
}

/// What happened, not yet in the order of times.
#[derive(Default)]
struct Log(Vec<Entry>);

/// Time, node, the operation whose beginning is its cause, and what.
type Entry = (u64, NodeId, Option<u32>, What);

impl Log {
    fn add(&mut self, at_ns: u64, node: NodeId, op: Option<u32>, what: What) {
        self.0.push((at_ns, node, op, what));
    }

    /// The operations of all sessions. Returns the name of each value's write: its node has told it, and where it could not, the
    /// write is called after another life of the node, so that it has no other's name.
    ///
    /// # Errors
    /// When a node shows what was not written.
    fn operations(&mut self, plan: &Plan, done: &[Vec<Done>]) -> Result<BTreeMap<u64, Dot>, String> {
        let (mut writes, mut untold) = (BTreeMap::new(), 0);
        let all = || plan.sessions.iter().zip(0..).zip(done);
        for ((session, _), done) in all() {
            for Done { op, end, .. } in done {
                let op = &session.ops[*op];
                let write = match end {
                    End::Wrote(write) => *write,
                    End::TimedOut if op.action != Action::Read => {
                        untold += 1;
                        Dot { origin: ReplicaId { node: session.node, incarnation: 2 }, counter: untold }
                    }
                    _ => continue,
                };
                writes.insert(op.value, write);
            }
        }
        for ((session, number), done) in all() {
            // The keys whose context the connection has at its node.
            let mut handed: Vec<u32> = Vec::new();
            for Done { op, from_ns, until_ns, end } in done {
                let asked = &session.ops[*op];
                let (node, op) = (session.node, asked.op);
                let context = asked.action != Action::Read && session.context && handed.contains(&asked.key);
                let (action, key, value, level) = (asked.action, asked.key, asked.value, session.level);
                self.add(
                    *from_ns,
                    node,
                    None,
                    What::Invoked { op, session: number, action, key, value, level, context },
                );
                if let Some(write) = writes.get(&value).filter(|_| action != Action::Read) {
                    self.add(*from_ns, node, Some(op), What::Wrote { op, write: *write });
                }
                let mut then = |what| self.add(*until_ns, node, Some(op), what);
                match end {
                    End::Refused(why) => then(What::Refused { op, why: Some(*why) }),
                    End::TimedOut => then(What::TimedOut { op }),
                    End::Wrote(_) => then(What::Answered { op }),
                    End::Read(values) => {
                        for value in values {
                            then(What::Returned { op, write: named(&writes, *value)? });
                        }
                        then(What::Answered { op });
                    }
                }
                if matches!(end, End::Wrote(_) | End::Read(_)) {
                    handed.retain(|other| *other != key);
                    handed.push(key);
                    handed.drain(..handed.len().saturating_sub(CONTEXTS));
                }
            }
        }
        Ok(writes)
    }

    /// In the order of times, as a recording.
    fn recording(mut self, header: Header) -> Recording {
        self.0.sort_by_key(|(at_ns, ..)| *at_ns);
        let end_ns = self.0.last().map_or(0, |(at_ns, ..)| *at_ns).max(header.end_ns);
        let mut begun: BTreeMap<u32, u64> = BTreeMap::new();
        let events = (1..).zip(self.0).map(|(number, (at_ns, node, op, what))| {
            if let What::Invoked { op, .. } = what {
                begun.insert(op, number);
            }
            let cause = op.and_then(|op| begun.get(&op).copied()).unwrap_or(0);
            Event { number, at_ns, cause, node, what }
        });
        let events = events.collect();
        // Nodes announce nothing, and what they send is not looked into.
        Recording { header: Header { silent: true, gauges: Vec::new(), end_ns, ..header }, events }
    }
}
