//! Processes of nodes, and what they say.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

/// What comes from a node.
#[derive(Debug)]
pub enum Heard {
    /// A line on standard output.
    Message(usize, String),
    /// A line on standard error.
    Log(usize, String),
    /// It has ended, and was not killed.
    Ended(usize),
}

/// Nodes n0, n1, ...; they end with this value.
pub struct Cluster {
    args: Vec<String>,
    nodes: Vec<Node>,
    sender: Sender<(u32, Heard)>,
    heard: Receiver<(u32, Heard)>,
}

struct Node {
    child: Child,
    input: ChildStdin,
    /// How many processes it has had before.
    life: u32,
}

impl Cluster {
    /// Starts this number of processes with these arguments.
    pub fn start(count: usize, args: &[&str]) -> Cluster {
        let (sender, heard) = channel();
        let args = args.iter().map(|arg| (*arg).to_owned()).collect();
        let mut cluster = Cluster { args, nodes: Vec::new(), sender, heard };
        for node in 0..count {
            let started = cluster.node(node, 0);
            cluster.nodes.push(started);
        }
        cluster
    }

    /// Kills a node's process and starts another one in its place.
    pub fn restart(&mut self, node: usize) {
        self.nodes[node].end();
        self.nodes[node] = self.node(node, self.nodes[node].life + 1);
    }

    fn node(&self, node: usize, life: u32) -> Node {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kvsim-maelstrom"));
        let command = command.args(&self.args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the node's program can be started");
        let input = child.stdin.take().expect("it is a pipe");
        let (messages, log) = (child.stdout.take().expect("it is a pipe"), child.stderr.take().expect("it is a pipe"));
        let (one, other) = (self.sender.clone(), self.sender.clone());
        thread::spawn(move || {
            listen(messages, |line| one.send((life, Heard::Message(node, line))).is_ok());
            // Other processes may still want to know.
            drop(one.send((life, Heard::Ended(node))));
        });
        thread::spawn(move || listen(log, |line| other.send((life, Heard::Log(node, line))).is_ok()));
        Node { child, input, life }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// A node's name.
    pub fn name(node: usize) -> String {
        format!("n{node}")
    }

    /// The node with this name.
    pub fn named(&self, name: &str) -> Option<usize> {
        let node = name.strip_prefix('n')?.parse().ok()?;
        (node < self.nodes.len()).then_some(node)
    }

    /// A line for a node.
    pub fn send(&mut self, node: usize, line: &str) {
        let input = &mut self.nodes[node].input;
        let sent = input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).and_then(|()| input.flush());
        sent.unwrap_or_else(|problem| panic!("node {node} takes no more lines: {problem}"));
    }

    /// What comes next, if it comes within this time.
    pub fn hear(&self, within: Duration) -> Option<Heard> {
        match self.heard.recv_timeout(within) {
            Ok((life, Heard::Ended(node))) if life < self.nodes[node].life => None,
            Ok((_, heard)) => Some(heard),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => unreachable!("the cluster has a sender itself"),
        }
    }
}

/// Hands on lines until the receiver is gone.
fn listen(from: impl Read, mut hand_on: impl FnMut(String) -> bool) {
    let mut lines = BufReader::new(from).lines();
    while let Some(Ok(line)) = lines.next() {
        if !hand_on(line) {
            return;
        }
    }
}

impl Node {
    fn end(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.nodes.iter_mut().for_each(Node::end);
    }
}
