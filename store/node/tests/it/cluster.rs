//! Nodes as processes.

use std::fs::File;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::client::{Client, Reply};

pub struct Cluster {
    pub folder: PathBuf,
    args: Vec<String>,
    nodes: Vec<Node>,
}

struct Node {
    port: u16,
    peer_port: u16,
    http_port: u16,
    process: Option<Child>,
}

/// So long may anything take that is to happen.
const PATIENCE: Duration = Duration::from_secs(20);

impl Cluster {
    /// So many nodes, in a new folder with the test's name.
    pub fn start(name: &str, count: usize, args: &[&str]) -> Cluster {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // An earlier run may have left its own.
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).expect("the folder for tests can be written to");
        // Free ones, all held until the last is known.
        let listeners: Vec<TcpListener> =
            (0..3 * count).map(|_| TcpListener::bind("127.0.0.1:0").expect("there are ports")).collect();
        let mut ports = listeners.iter().map(|listener| listener.local_addr().expect("it listens").port());
        let mut port = || ports.next().expect("enough");
        let node = |_| Node { port: port(), peer_port: port(), http_port: port(), process: None };
        let nodes = (0..count).map(node).collect();
        drop(listeners);
        let mut cluster = Cluster { folder, args: args.iter().map(|arg| (*arg).to_owned()).collect(), nodes };
        (0..count).for_each(|node| cluster.begin(node));
        (0..count).for_each(|node| cluster.wait_until_ready(node));
        cluster
    }

    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    pub fn peer_port(&self, node: usize) -> u16 {
        self.nodes[node].peer_port
    }

    pub fn records(&self, node: usize) -> PathBuf {
        self.folder.join(format!("n{node}.records"))
    }

    pub fn log(&self, node: usize) -> String {
        std::fs::read_to_string(self.folder.join(format!("n{node}.log"))).unwrap_or_default()
    }

    /// Starts the process of a node.
    pub fn begin(&mut self, node: usize) {
        let peers = (0..self.nodes.len()).filter(|peer| *peer != node);
        let peers: Vec<String> =
            peers.map(|peer| format!("n{peer}=127.0.0.1:{}", self.nodes[peer].peer_port)).collect();
        let Node { port, peer_port, http_port, .. } = self.nodes[node];
        let log = File::options().create(true).append(true).open(self.folder.join(format!("n{node}.log")));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvsim-node"));
        command.args(["--id", &format!("n{node}"), "--listen", &format!("127.0.0.1:{port}")]);
        command.args(["--peer-listen", &format!("127.0.0.1:{peer_port}"), "--http", &format!("127.0.0.1:{http_port}")]);
        command.arg("--data").arg(&self.folder).args(&self.args);
        if !peers.is_empty() {
            command.args(["--peers", &peers.join(",")]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log.expect("the folder can be written to"));
        self.nodes[node].process = Some(command.spawn().expect("the program is there"));
    }

    pub fn page(&self, node: usize, page: &str) -> std::io::Result<String> {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.nodes[node].http_port))?;
        write!(stream, "GET {page} HTTP/1.1\r\nHost: x\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    pub fn wait_until_ready(&mut self, node: usize) {
        let is_ready = |cluster: &mut Cluster| {
            let process = cluster.nodes[node].process.as_mut().expect("it was started");
            let ended = process.try_wait().expect("it is a child");
            assert!(ended.is_none(), "n{node} has ended: {}", cluster.log(node));
            cluster.page(node, "/ready").is_ok_and(|page| page.starts_with("HTTP/1.1 200"))
        };
        self.until(&format!("n{node} is ready"), is_ready);
    }

    /// Waits until something is so.
    pub fn until(&mut self, what: &str, mut is_so: impl FnMut(&mut Cluster) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            assert!(begin.elapsed() < PATIENCE, "never: {what}\n{}", self.log(0));
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// kill -9
    pub fn kill(&mut self, node: usize) {
        let mut process = self.nodes[node].process.take().expect("it was started");
        process.kill().expect("it runs");
        process.wait().expect("it is a child");
    }

    /// kill, and how the process has ended.
    pub fn stop(&mut self, node: usize) -> ExitStatus {
        let id = self.nodes[node].process.as_ref().expect("it was started").id();
        let killed = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status().expect("there is a shell");
        assert!(killed.success());
        self.ended(node)
    }

    /// How a process has ended by itself.
    pub fn ended(&mut self, node: usize) -> ExitStatus {
        let mut process = self.nodes[node].process.take().expect("it was started");
        let begin = Instant::now();
        loop {
            if let Some(status) = process.try_wait().expect("it is a child") {
                return status;
            }
            if begin.elapsed() > PATIENCE {
                let _ = process.kill();
                panic!("n{node} does not end: {}", self.log(node));
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Memory of a node's process, in kB.
    pub fn memory_kb(&self, node: usize) -> u64 {
        let id = self.nodes[node].process.as_ref().expect("it was started").id();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("Linux tells");
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).expect("a number")
    }

    pub fn client(&self, node: usize) -> Client {
        Client::connect(self.port(node)).expect("it listens")
    }

    /// Waits until a node replies so.
    pub fn until_reply(&mut self, node: usize, words: &str, reply: &Reply) {
        let mut client = self.client(node);
        self.until(&format!("n{node} replies {reply:?} to {words}"), |_| client.ask(words) == *reply);
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for process in self.nodes.iter_mut().filter_map(|node| node.process.as_mut()) {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
