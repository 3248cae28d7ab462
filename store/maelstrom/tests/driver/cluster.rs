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
    /// One of the two has ended.
    Ended(usize),
}

/// Nodes n0, n1, ...; they end with this value.
pub struct Cluster {
    nodes: Vec<(Child, ChildStdin)>,
    heard: Receiver<Heard>,
}

impl Cluster {
    /// Starts so many processes with these arguments.
    pub fn start(count: usize, args: &[&str]) -> Cluster {
        let (sender, heard) = channel();
        let nodes = (0..count).map(|node| start(node, args, &sender)).collect();
        Cluster { nodes, heard }
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
        let input = &mut self.nodes[node].1;
        let sent = input.write_all(line.as_bytes()).and_then(|()| input.write_all(b"\n")).and_then(|()| input.flush());
        sent.unwrap_or_else(|problem| panic!("node {node} takes no more lines: {problem}"));
    }

    /// What comes next, if it comes within this time.
    pub fn hear(&self, within: Duration) -> Option<Heard> {
        match self.heard.recv_timeout(within) {
            Ok(heard) => Some(heard),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("no node says anything any more"),
        }
    }
}

fn start(node: usize, args: &[&str], sender: &Sender<Heard>) -> (Child, ChildStdin) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvsim-maelstrom"));
    let command = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the node's program can be started");
    let input = child.stdin.take().expect("it is a pipe");
    listen(node, child.stdout.take().expect("it is a pipe"), sender.clone(), Heard::Message);
    listen(node, child.stderr.take().expect("it is a pipe"), sender.clone(), Heard::Log);
    (child, input)
}

fn listen(node: usize, from: impl Read + Send + 'static, to: Sender<Heard>, what: fn(usize, String) -> Heard) {
    thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { break };
            if to.send(what(node, line)).is_err() {
                return;
            }
        }
        // Whoever is still there may want to know.
        drop(to.send(Heard::Ended(node)));
    });
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (child, _) in &mut self.nodes {
            // It may have ended already.
            drop(child.kill());
            drop(child.wait());
        }
    }
}
