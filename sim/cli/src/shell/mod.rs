//! What `kvsim shell` understands, and what it says.

pub mod cluster;

use kvsim_checkers::Finding;
use kvsim_checkers::operations::{Operation, Outcome};
use kvsim_checkers::snapshot::final_state;
use kvsim_checkers::trace::{Action, Dot, Event, Level, NodeId, Recording};
use kvsim_sim::faults::{DiskLoss, NodeFault};
use kvsim_sim::plan::{FaultKind, Plan};

use crate::args::virtual_time;
use crate::filter::{EventKind, kind};
use crate::report::moment::describe;
use crate::report::words::Words;
use crate::text::{counted, duration, exact, nearest, seconds};
use cluster::Cluster;

/// All commands, with their arguments and what they do.
pub const COMMANDS: [(&str, &str, &str); 26] = [
    ("get", "KEY", "read a key; keys that begin with P1 to P3 are the more urgent ones"),
    ("put", "KEY", "write the next value to a key"),
    ("del", "KEY", "delete a key"),
    ("connect", "NODE", "ask this node from now on; what the client has seen goes with it"),
    ("level", "LEVEL", "read at this level from now on: eventual, fifo, fifo-p1 to fifo-p3, priority"),
    ("quorum", "NUMBER", "ask so many replicas at each read"),
    ("context", "on|off", "whether a write replaces what was read of its key, or is blind"),
    ("run", "TIME", "let time pass, for instance run 40ms"),
    ("step", "[NUMBER]", "go on to the next event, or so many events further"),
    ("until", "finding", "go on to where the first promise will be broken if nothing more is typed"),
    ("check", "", "tell what will be found if nothing more is typed"),
    (
        "partition",
        "NODE... | NODE...",
        "let nothing pass between the two sides; one side alone stands against the rest",
    ),
    ("cut", "NODE NODE", "let nothing pass from the first to the second"),
    ("heal", "", "end partitions and cuts"),
    ("drop", "KIND ID [NODE...]", "lose a message that is sent from now on, for instance drop update 3 n1"),
    ("crash", "NODE [kept|tail-lost|torn|lost]", "stop a node; what becomes of its disk"),
    ("start", "NODE", "start a crashed node again"),
    ("pause", "NODE", "let a node stand still"),
    ("resume", "NODE", "let it go on"),
    ("state", "[NODE]", "what replicas know, show and let wait"),
    ("log", "[NUMBER]", "the last events, messages among them"),
    ("back", "[to TIME]", "undo the last command, or all since that time"),
    ("save", "FILE.toml", "write what was typed as a scenario"),
    ("status", "", "where the client is, and what time it is"),
    ("help", "", "this list"),
    ("quit", "", "leave"),
];

/// More events than these are counted.
const EVENTS_MAX: usize = 15;

/// What a command comes to.
pub enum Reply {
    Text(String),
    /// Write this plan as a scenario into the file of this name.
    Save(String, Box<Plan>),
    Quit,
}

/// A session with a cluster: the present, and the past to go back to.
pub struct Shell {
    present: Cluster,
    past: Vec<Cluster>,
}

impl Shell {
    pub fn new(cluster: Cluster) -> Shell {
        Shell { present: cluster, past: Vec::new() }
    }

    /// What stands before the line that is typed.
    pub fn prompt(&self) -> String {
        let Cluster { now_ns, node, level, quorum, .. } = self.present;
        let quorum = if quorum > 1 { format!(" q{quorum}") } else { String::new() };
        format!("{} {node} {}{quorum}> ", seconds(now_ns), level.name())
    }

    /// Does what a line says.
    pub fn line(&mut self, line: &str) -> Result<Reply, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some((command, rest)) = words.split_first() else { return Ok(Reply::Text(String::new())) };
        let before = self.present.clone();
        let reply = self.command(command, rest);
        match (&reply, *command) {
            // A command that was not understood changes nothing.
            (Err(_), _) => self.present = before,
            (Ok(_), "back") => {}
            (Ok(_), _) if self.present.now_ns > before.now_ns || changes(command) => self.past.push(before),
            (Ok(_), _) => {}
        }
        reply
    }

    fn command(&mut self, command: &str, rest: &[&str]) -> Result<Reply, String> {
        let cluster = &mut self.present;
        let text = match (command, rest) {
            ("get", [key]) => asked(cluster, Action::Read, key)?,
            ("put", [key]) => asked(cluster, Action::Write, key)?,
            ("del", [key]) => asked(cluster, Action::Delete, key)?,
            ("connect", [node]) => {
                cluster.node = cluster.node_called(node)?;
                String::new()
            }
            ("level", [level]) => {
                cluster.level = Level::named(level).ok_or_else(|| {
                    format!("there is no level {level}; expected {}", Level::ALL.map(Level::name).join(", "))
                })?;
                String::new()
            }
            ("quorum", [number]) => {
                let most = cluster.nodes();
                let number = number.parse().ok().filter(|number| (1..=most).contains(number));
                cluster.quorum = number.ok_or_else(|| format!("expected a number of replicas, 1 to {most}"))?;
                String::new()
            }
            ("context", ["on" | "off"]) => {
                cluster.context = rest[0] == "on";
                String::new()
            }
            ("run", [time]) => {
                let for_ns = virtual_time(time)?;
                let (events, recording) = cluster.go_to(cluster.now_ns.saturating_add(for_ns))?;
                told(
                    &events,
                    &recording,
                    &[EventKind::Operations, EventKind::Writes, EventKind::Nodes, EventKind::Faults],
                )
            }
            ("step", []) => step(cluster, 1)?,
            ("step", [number]) => step(cluster, number.parse().map_err(|_| "expected a number of events".to_owned())?)?,
            ("check", []) => listed(&cluster.findings()),
            ("until", ["finding"]) => {
                let findings = cluster.findings();
                match findings.iter().find(|finding| finding.at_ns > cluster.now_ns) {
                    Some(next) => {
                        cluster.now_ns = next.at_ns;
                        listed(std::slice::from_ref(next))
                    }
                    None if findings.is_empty() => listed(&[]),
                    None => String::new(),
                }
            }
            ("partition", [_, ..]) => {
                let sides: Vec<&[&str]> = rest.split(|word| *word == "|").collect();
                let side =
                    |names: &[&str]| names.iter().map(|name| cluster.node_called(name)).collect::<Result<Vec<_>, _>>();
                let (one, other) = match sides.as_slice() {
                    [one] => {
                        let one = side(one)?;
                        let all = (0..cluster.nodes()).map(NodeId);
                        let other = all.filter(|node| !one.contains(node)).collect();
                        (one, other)
                    }
                    [one, other] => (side(one)?, side(other)?),
                    _ => return Err("expected at most one `|`".to_owned()),
                };
                cluster.cut(one, other, true)?;
                String::new()
            }
            ("cut", [from, to]) => {
                cluster.cut(vec![cluster.node_called(from)?], vec![cluster.node_called(to)?], false)?;
                String::new()
            }
            ("heal", []) => {
                let ended = cluster.end(|kind| matches!(kind, FaultKind::Partition { .. }));
                format!("{}\n", counted(ended as u64, "partition has ended", "partitions have ended"))
            }
            ("drop", [kind, id, to @ ..]) => {
                let id = id.parse().map_err(|_| format!("{id} is no message's number: log has them"))?;
                let to = to.iter().map(|name| cluster.node_called(name)).collect::<Result<Vec<_>, _>>()?;
                cluster.drop(kind, id, to)?;
                String::new()
            }
            ("crash", [node, disk @ ..]) => {
                let disk = match disk {
                    [] | ["kept"] => DiskLoss::Kept,
                    ["tail-lost"] => DiskLoss::TailLost,
                    ["torn"] => DiskLoss::Torn,
                    ["lost"] => DiskLoss::Lost,
                    _ => return Err("expected kept, tail-lost, torn or lost for the disk".to_owned()),
                };
                cluster.stop(cluster.node_called(node)?, NodeFault::Crash { disk })?;
                String::new()
            }
            ("pause", [node]) => {
                cluster.stop(cluster.node_called(node)?, NodeFault::Pause)?;
                String::new()
            }
            ("start" | "resume", [name]) => {
                let node = cluster.node_called(name)?;
                let is_pause = |fault: &NodeFault| matches!(fault, NodeFault::Pause);
                let ended = cluster.end(|kind| {
                    matches!(kind, FaultKind::Node { node: other, fault } if *other == node && is_pause(fault) == (command == "resume"))
                });
                if ended == 0 {
                    return Err(format!("{name} is not {}", if command == "start" { "down" } else { "paused" }));
                }
                String::new()
            }
            ("state", []) => state(cluster, None)?,
            ("state", [node]) => state(cluster, Some(node))?,
            ("log", []) => log(cluster, EVENTS_MAX),
            ("log", [number]) => log(cluster, number.parse().map_err(|_| "expected a number of events".to_owned())?),
            ("back", []) => {
                self.present = self.past.pop().ok_or("nothing was typed yet that could be undone")?;
                format!("it is {} again\n", seconds(self.present.now_ns))
            }
            ("back", ["to", time]) => {
                let to_ns = virtual_time(time)?;
                if to_ns > self.present.now_ns {
                    return Err(format!("{time} is still to come: run goes there"));
                }
                while self.present.now_ns > to_ns
                    && let Some(before) = self.past.pop()
                {
                    self.present = before;
                }
                self.present.now_ns = to_ns;
                format!("it is {} again\n", seconds(to_ns))
            }
            ("save", [file]) => return Ok(Reply::Save((*file).to_owned(), Box::new(cluster.plan()))),
            ("status", []) => format!(
                "{}: {} at {}, reads ask {}, {}\n",
                exact(cluster.now_ns),
                cluster.node,
                cluster.level.name(),
                counted(u64::from(cluster.quorum), "replica", "replicas"),
                if cluster.context { "writes replace what was read" } else { "writes are blind" },
            ),
            ("help", _) => COMMANDS
                .map(|(name, arguments, what)| format!("  {:<42}{what}\n", format!("{name} {arguments}")))
                .concat(),
            ("quit" | "exit", []) => return Ok(Reply::Quit),
            _ => return Err(misunderstood(command)),
        };
        Ok(Reply::Text(text))
    }
}

/// Changes what comes, though no time passes.
fn changes(command: &str) -> bool {
    !["state", "log", "check", "save", "status", "help"].contains(&command)
}

fn misunderstood(command: &str) -> String {
    let known = COMMANDS.iter().find(|(name, ..)| *name == command);
    match (known, nearest(command, COMMANDS.iter().map(|(name, ..)| *name))) {
        (Some((name, arguments, _)), _) => format!("expected {name} {arguments}"),
        (None, Some(near)) => format!("there is no command {command}; did you mean {near}?"),
        (None, None) => format!("there is no command {command}; help lists all"),
    }
}

fn asked(cluster: &mut Cluster, action: Action, key: &str) -> Result<String, String> {
    let (operation, took_ns, recording) = cluster.ask(action, key)?;
    let words = Words::of(&recording);
    let Operation { number, value, returned, outcome, write, .. } = &operation;
    let answer = match (outcome, action) {
        (Outcome::Answered(_), Action::Read) => words.operations().values(returned),
        (Outcome::Answered(_), Action::Write) => format!("{key} = {value}, written as {}", named(*write)),
        (Outcome::Answered(_), Action::Delete) => format!("deleted by {}", named(*write)),
        (Outcome::Refused(place), _) => words.line(&recording.events[*place]).trim().to_owned(),
        (Outcome::TimedOut(_) | Outcome::Open, _) => "no answer: whether it has an effect is not known".to_owned(),
    };
    let took = match took_ns {
        0 => "at once".to_owned(),
        ns => format!("after {}", duration(ns)),
    };
    Ok(format!("{answer}  (#{number} at {}, {took})\n", cluster.node))
}

fn named(write: Option<Dot>) -> String {
    write.map_or_else(|| "a write without a name".to_owned(), |write| write.to_string())
}

/// The events of these kinds, one in a line.
fn told(events: &[Event], recording: &Recording, kinds: &[EventKind]) -> String {
    let words = Words::of(recording);
    let lines: Vec<String> = events
        .iter()
        .filter(|event| kinds.contains(&kind(&event.what)))
        .map(|event| words.line(event) + "\n")
        .collect();
    let mut out = lines[..lines.len().min(EVENTS_MAX)].concat();
    if lines.len() > EVENTS_MAX {
        out.push_str(&format!("  and {} more: log {} shows them\n", lines.len() - EVENTS_MAX, events.len()));
    }
    out
}

/// How far the next event may be.
const STEP_NS: u64 = 60_000_000_000;

fn step(cluster: &mut Cluster, number: usize) -> Result<String, String> {
    let now_ns = cluster.now_ns;
    let events = cluster.run(now_ns + STEP_NS).recording;
    let is_shown =
        |event: &&Event| event.at_ns > now_ns && !matches!(kind(&event.what), EventKind::Timers | EventKind::End);
    let last = events.events.iter().filter(is_shown).nth(number.max(1) - 1).map(|event| event.at_ns);
    let last = last.ok_or_else(|| format!("nothing happens for {}", seconds(STEP_NS)))?;
    let (new, recording) = cluster.go_to(last)?;
    Ok(told(&new, &recording, &SHOWN))
}

/// All but timers and the end.
const SHOWN: [EventKind; 5] =
    [EventKind::Operations, EventKind::Writes, EventKind::Messages, EventKind::Nodes, EventKind::Faults];

fn log(cluster: &Cluster, number: usize) -> String {
    let recording = cluster.run(cluster.now_ns).recording;
    let shown: Vec<&Event> = recording.events.iter().filter(|event| SHOWN.contains(&kind(&event.what))).collect();
    let words = Words::of(&recording);
    shown[shown.len().saturating_sub(number)..].iter().map(|event| words.line(event) + "\n").collect()
}

fn state(cluster: &Cluster, node: Option<&str>) -> Result<String, String> {
    let node = node.map(|name| cluster.node_called(name)).transpose()?;
    let recording = cluster.run(cluster.now_ns).recording;
    let mut states = final_state(&recording);
    states.retain(|state| node.is_none_or(|node| state.node == node));
    Ok(describe(&recording.header, &Words::of(&recording), &states, cluster.now_ns, None))
}

fn listed(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "nothing is found if nothing more is typed\n".to_owned();
    }
    let line = |finding: &Finding| format!("{:>12}  {}: {}\n", seconds(finding.at_ns), finding.code, finding.title);
    findings.iter().map(line).collect()
}
