//! `kvsim cluster`: real nodes of the store on this machine.
#![allow(clippy::disallowed_types)] // real processes live in real time

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use clap::Subcommand;

use crate::exit::{self, Failure};
use crate::interrupt;
use crate::output::{complain, print};
use crate::text::printable;

/// Start real nodes of the store (kvsim-node) on this machine
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ClusterArgs {
    /// What to do
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Up(UpArgs),
}

/// Start nodes that know each other, and stop them on Ctrl-C
#[derive(Debug, clap::Args)]
struct UpArgs {
    /// How many
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    nodes: u16,
    /// Clients of n0 connect here, those of n1 to the next one and so on; peers 100 further, HTTP 200 further
    #[arg(long, default_value_t = 7_000, value_parser = clap::value_parser!(u16).range(1..=65_200))]
    port: u16,
    /// Where the nodes keep their records and logs
    #[arg(long, value_name = "DIR", default_value = "cluster")]
    data: PathBuf,
    /// Further arguments of each node: -- --level eventual --ack majority
    #[arg(last = true, value_name = "ARGUMENT")]
    more: Vec<String>,
}

/// The program that is a node.
const PROGRAM: &str = "kvsim-node";

/// So long may nodes take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST_WORDS: Duration = Duration::from_secs(5);

pub fn cluster(args: &ClusterArgs) -> Result<u8, Failure> {
    let What::Up(args) = &args.what;
    interrupt::stop_gently();
    let mut nodes = Nodes(Vec::new());
    for node in 0..args.nodes {
        nodes.0.push(start(args, node)?);
    }
    nodes.wait_until_ready(args)?;
    let mut out = String::new();
    for node in 0..args.nodes {
        let port = args.port + node;
        out.push_str(&format!("  n{node}  redis-cli -p {port}  http://127.0.0.1:{}/metrics\n", port + 200));
    }
    let folder = printable(&args.data.display().to_string());
    print(&format!("{out}{} ready; records and logs are in {folder}, Ctrl-C stops them\n", nodes.words()))?;
    while !interrupt::is_requested() && !nodes.0.is_empty() {
        sleep(interrupt::PATIENCE);
        for (name, status) in nodes.take_ended() {
            let log = args.data.join(format!("{name}.log"));
            complain(&format!("{name} has ended, {status}: see {}\n", log.display()));
        }
    }
    let is_wanted = interrupt::is_requested();
    nodes.stop();
    Ok(if is_wanted { exit::HOLDS } else { exit::VIOLATED })
}

/// The process of a node.
fn start(args: &UpArgs, node: u16) -> Result<(String, Child), Failure> {
    let (name, port) = (format!("n{node}"), args.port + node);
    let address = |port: u16| format!("127.0.0.1:{port}");
    let peers = (0..args.nodes).filter(|peer| *peer != node);
    let peers: Vec<String> = peers.map(|peer| format!("n{peer}={}", address(args.port + 100 + peer))).collect();
    let cannot = |problem: io::Error| Failure::Usage(format!("cannot write to {}: {problem}", args.data.display()));
    std::fs::create_dir_all(&args.data).map_err(cannot)?;
    let log = File::options().create(true).append(true).open(args.data.join(format!("{name}.log"))).map_err(cannot)?;
    let beside = std::env::current_exe().ok().and_then(|kvsim| Some(kvsim.parent()?.join(PROGRAM)));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| Path::new(PROGRAM).to_path_buf());
    let mut command = Command::new(program);
    command.args(["--id", &name, "--listen", &address(port), "--peer-listen", &address(port + 100)]);
    command.args(["--http", &address(port + 200)]).arg("--data").arg(&args.data);
    if !peers.is_empty() {
        command.args(["--peers", &peers.join(",")]);
    }
    command.args(&args.more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let started = command.spawn().map_err(|problem| match problem.kind() {
        io::ErrorKind::NotFound => Failure::Usage(format!(
            "there is no program {PROGRAM} beside kvsim or in PATH: build it with `cargo build --release -p {PROGRAM}`, or \
             `cargo install --path store/node`"
        )),
        _ => Failure::Usage(format!("{PROGRAM} cannot be started: {problem}")),
    });
    Ok((name, started?))
}

/// Nodes that run; what is left of them ends with this.
struct Nodes(Vec<(String, Child)>);

impl Nodes {
    fn words(&self) -> String {
        crate::text::counted(self.0.len() as u64, "node", "nodes")
    }

    /// Those that have ended, and how.
    fn take_ended(&mut self) -> Vec<(String, std::process::ExitStatus)> {
        let has_ended = |(name, child): &mut (String, Child)| Some((name.clone(), child.try_wait().ok().flatten()?));
        let ended: Vec<_> = self.0.iter_mut().filter_map(has_ended).collect();
        self.0.retain(|(name, _)| !ended.iter().any(|(gone, _)| gone == name));
        ended
    }

    fn wait_until_ready(&mut self, args: &UpArgs) -> Result<(), Failure> {
        let begin = Instant::now();
        while !(0..args.nodes).all(|node| is_ready(args.port + 200 + node)) {
            if let Some((name, status)) = self.take_ended().first() {
                let log = args.data.join(format!("{name}.log"));
                let last = std::fs::read_to_string(&log).unwrap_or_default();
                let last = printable(last.lines().last().unwrap_or_default()).to_string();
                return Err(Failure::Usage(format!("{name} has ended, {status}: {last}\n  see {}", log.display())));
            }
            if begin.elapsed() > PATIENCE || interrupt::is_requested() {
                return Err(Failure::Usage(format!("the nodes are not ready: see {}/*.log", args.data.display())));
            }
            sleep(interrupt::PATIENCE);
        }
        Ok(())
    }

    /// Asks them to end, and does not wait for ever.
    fn stop(&mut self) {
        let ids: Vec<String> = self.0.iter().map(|(_, child)| child.id().to_string()).collect();
        // From a terminal they have got the signal, too, and it does no harm twice.
        let _ = Command::new("kill").args(&ids).stderr(Stdio::null()).status();
        let begin = Instant::now();
        while !self.0.is_empty() && begin.elapsed() < LAST_WORDS {
            self.take_ended();
            sleep(interrupt::PATIENCE);
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for (_, child) in &mut self.0 {
            // What was acknowledged is on their disks.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether the node that serves HTTP here serves clients, too.
fn is_ready(port: u16) -> bool {
    let asked = || -> io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET /ready HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    asked().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}
