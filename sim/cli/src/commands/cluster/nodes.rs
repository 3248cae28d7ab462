//! Nodes as processes.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::exit::Failure;
use crate::interrupt;
use crate::text::printable;

/// The program that is a node.
const PROGRAM: &str = "kvsim-node";

/// So long may nodes take to be ready, and to end.
const PATIENCE: Duration = Duration::from_secs(30);
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Where a node listens on this machine.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub client: u16,
    pub peer: u16,
    pub http: u16,
}

/// How nodes are started.
pub struct Setup<'a> {
    pub ports: Vec<Ports>,
    /// Where they keep their records and logs.
    pub data: &'a Path,
    /// Further arguments of each.
    pub more: Vec<String>,
}

/// The process of a node, which reaches each other one at the port that `peer_port` says.
fn start(setup: &Setup<'_>, node: u16, peer_port: &dyn Fn(u16) -> u16) -> Result<(String, Child), Failure> {
    let (name, ports, data) = (format!("n{node}"), setup.ports[usize::from(node)], setup.data);
    let address = |port: u16| format!("127.0.0.1:{port}");
    let peers = (0..setup.ports.len() as u16).filter(|peer| *peer != node);
    let peers: Vec<String> = peers.map(|peer| format!("n{peer}={}", address(peer_port(peer)))).collect();
    let cannot = |problem: io::Error| Failure::Usage(format!("cannot write to {}: {problem}", data.display()));
    std::fs::create_dir_all(data).map_err(cannot)?;
    let log = File::options().create(true).append(true).open(data.join(format!("{name}.log"))).map_err(cannot)?;
    let beside = std::env::current_exe().ok().and_then(|kvsim| Some(kvsim.parent()?.join(PROGRAM)));
    let program = beside.filter(|path| path.is_file()).unwrap_or_else(|| Path::new(PROGRAM).to_path_buf());
    let mut command = Command::new(program);
    command.args(["--id", &name, "--listen", &address(ports.client), "--peer-listen", &address(ports.peer)]);
    command.args(["--http", &address(ports.http)]).arg("--data").arg(data);
    if !peers.is_empty() {
        command.args(["--peers", &peers.join(",")]);
    }
    command.args(&setup.more).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
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
pub struct Nodes {
    running: Vec<(String, Child)>,
    data: PathBuf,
}

impl Nodes {
    /// Starts them, and waits until they serve clients. `peer_port` says at which port a node reaches another one.
    pub fn start(setup: &Setup<'_>, peer_port: &dyn Fn(u16, u16) -> u16) -> Result<Nodes, Failure> {
        let mut nodes = Nodes { running: Vec::new(), data: setup.data.to_path_buf() };
        for node in 0..setup.ports.len() as u16 {
            nodes.running.push(start(setup, node, &|peer| peer_port(node, peer))?);
        }
        nodes.wait_until_ready(&setup.ports)?;
        Ok(nodes)
    }

    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What a node has said.
    pub fn log(&self, name: &str) -> PathBuf {
        self.data.join(format!("{name}.log"))
    }

    pub fn words(&self) -> String {
        crate::text::counted(self.running.len() as u64, "node", "nodes")
    }

    /// Those that have ended, and how.
    pub fn take_ended(&mut self) -> Vec<(String, std::process::ExitStatus)> {
        let has_ended = |(name, child): &mut (String, Child)| Some((name.clone(), child.try_wait().ok().flatten()?));
        let ended: Vec<_> = self.running.iter_mut().filter_map(has_ended).collect();
        self.running.retain(|(name, _)| !ended.iter().any(|(gone, _)| gone == name));
        ended
    }

    fn wait_until_ready(&mut self, all: &[Ports]) -> Result<(), Failure> {
        let begin = Instant::now();
        while !all.iter().all(|ports| is_ready(ports.http)) {
            if let Some((name, status)) = self.take_ended().first() {
                let log = self.log(name);
                let last = std::fs::read_to_string(&log).unwrap_or_default();
                let last = printable(last.lines().last().unwrap_or_default()).to_string();
                return Err(Failure::Usage(format!("{name} has ended, {status}: {last}\n  see {}", log.display())));
            }
            if begin.elapsed() > PATIENCE || interrupt::is_requested() {
                return Err(Failure::Usage(format!("the nodes are not ready: see {}/*.log", self.data.display())));
            }
            sleep(interrupt::PATIENCE);
        }
        Ok(())
    }

    /// Asks them to end, and does not wait for ever.
    pub fn stop(&mut self) {
        let ids: Vec<String> = self.running.iter().map(|(_, child)| child.id().to_string()).collect();
        // From a terminal they have got the signal, too, and it does no harm twice.
        let _ = Command::new("kill").args(&ids).stderr(Stdio::null()).status();
        let begin = Instant::now();
        while !self.running.is_empty() && begin.elapsed() < LAST_WORDS {
            self.take_ended();
            sleep(interrupt::PATIENCE);
        }
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for (_, child) in &mut self.running {
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
