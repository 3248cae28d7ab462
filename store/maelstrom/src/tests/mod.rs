//! Nodes without processes: lines and times are made up.

mod forged;
mod mutants;
mod replication;
mod requests;

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use clap::Parser;
use serde_json::{Value as Json, json};

use crate::args::Args;
use crate::node::{Lines, Node};
use kvsim_host::disk::Disk;

const MS: u64 = 1_000_000;

/// A disk that outlives its node, and may be full.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<u8>>>>, Arc<AtomicBool>);

impl Disk for Memory {
    fn open(&mut self, _: &str) -> io::Result<Vec<Vec<u8>>> {
        Ok(self.0.lock().expect("one thread").clone())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        if self.1.load(Ordering::Relaxed) {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0.lock().expect("one thread").extend_from_slice(records);
        Ok(())
    }
}

/// Nodes n0, n1, ..., and messages that have left one of them and have not been passed on.
struct Cluster {
    args: Args,
    nodes: Vec<Node>,
    disks: Vec<Memory>,
    now_ns: u64,
    next_id: i64,
    /// Messages between nodes.
    under_way: Vec<(String, String)>,
    /// By client and request, all answers.
    answers: BTreeMap<(String, i64), Vec<Json>>,
    reported: Vec<Json>,
    log: Vec<String>,
}

impl Cluster {
    fn new(count: usize, args: &[&str]) -> Cluster {
        let args = Args::parse_from(["kvsim-maelstrom"].iter().chain(args));
        let mut cluster = Cluster {
            args: args.clone(),
            nodes: (0..count).map(|_| Node::new(args.clone(), None)).collect(),
            disks: (0..count).map(|_| Memory::default()).collect(),
            now_ns: 0,
            next_id: 0,
            under_way: Vec::new(),
            answers: BTreeMap::new(),
            reported: Vec::new(),
            log: Vec::new(),
        };
        (0..count).for_each(|node| cluster.start(node));
        cluster
    }

    /// A node begins a life with what its disk has.
    fn start(&mut self, node: usize) {
        self.nodes[node] = Node::new(self.args.clone(), Some(Box::new(self.disks[node].clone())));
        let names: Vec<String> = (0..self.nodes.len()).map(|node| format!("n{node}")).collect();
        let init = json!({"type": "init", "node_id": names[node], "node_ids": names});
        assert_eq!(self.ask(node, "boss", init)["type"], "init_ok");
    }

    /// Hands a line to a node.
    fn feed(&mut self, node: usize, line: &str) {
        let mut out = Lines::default();
        self.nodes[node].take(line.as_bytes(), self.now_ns, &mut out);
        self.sort_out(out);
    }

    fn sort_out(&mut self, out: Lines) {
        self.log.extend(out.log);
        for text in out.messages {
            let message: Json = serde_json::from_str(&text).expect("messages are JSON");
            let dest = message["dest"].as_str().expect("messages go to somebody").to_owned();
            if dest.starts_with('n') {
                self.under_way.push((dest, text));
            } else if dest == "lin-kv" {
                self.reported.push(message["body"].clone());
            } else {
                let id = message["body"]["in_reply_to"].as_i64().expect("it answers something");
                self.answers.entry((dest, id)).or_default().push(message["body"].clone());
            }
        }
    }

    /// A client asks; the request's number.
    fn begin(&mut self, node: usize, client: &str, mut body: Json) -> i64 {
        self.next_id += 1;
        body["msg_id"] = self.next_id.into();
        self.feed(node, &json!({"src": client, "dest": format!("n{node}"), "body": body}).to_string());
        self.next_id
    }

    /// The one answer to a request, if it has come.
    fn answer(&self, client: &str, id: i64) -> Option<&Json> {
        let answers = self.answers.get(&(client.to_owned(), id))?;
        assert_eq!(answers.len(), 1, "{answers:?}");
        answers.first()
    }

    /// A client asks and is answered at once.
    fn ask(&mut self, node: usize, client: &str, body: Json) -> Json {
        let id = self.begin(node, client, body);
        self.answer(client, id).expect("it is answered at once").clone()
    }

    fn read(&mut self, node: usize, client: &str, key: Json) -> Json {
        self.ask(node, client, json!({"type": "read", "key": key}))
    }

    fn write(&mut self, node: usize, client: &str, key: Json, value: Json) -> Json {
        self.ask(node, client, json!({"type": "write", "key": key, "value": value}))
    }

    /// Time passes; timers run out.
    fn pass(&mut self, ms: u64) {
        self.now_ns += ms * MS;
        for node in 0..self.nodes.len() {
            let mut out = Lines::default();
            self.nodes[node].wake(self.now_ns, &mut out);
            self.sort_out(out);
        }
    }

    /// Passes on all messages, also those that follow from them.
    fn deliver_all(&mut self) {
        while !self.under_way.is_empty() {
            self.deliver(0);
        }
    }

    fn deliver(&mut self, place: usize) {
        let (dest, text) = self.under_way.remove(place);
        let node = dest[1..].parse().expect("it is a node's name");
        self.feed(node, &text);
    }
}

fn code(body: &Json) -> i64 {
    assert_eq!(body["type"], "error", "{body}");
    assert!(body["text"].as_str().is_some_and(|text| !text.is_empty()), "{body}");
    body["code"].as_i64().expect("errors have codes")
}
