//! Any lines that a node of Maelstrom hears, of clients and of peers: each is refused, or taken, and the node lives on.
#![no_main]

use clap::Parser;

#[allow(dead_code)] // a node has use for all of it
#[path = "../../../../store/maelstrom/src"]
mod maelstrom {
    pub mod args;
    pub mod clients;
    pub mod json;
    pub mod node;
    pub mod protocol;
    pub mod service;
}

// Where they find each other.
use maelstrom::{args, clients, json, node, protocol, service};

const INIT: &[u8] = br#"{"src":"c0","dest":"n0","body":{"type":"init","msg_id":1,"node_id":"n0","node_ids":["n0","n1","n2"]}}"#;
const MS: u64 = 1_000_000;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let args = args::Args::parse_from(["kvsim-maelstrom", "--ack", "2", "--read-quorum", "2"]);
    let (mut node, mut out) = (node::Node::new(args, None), node::Lines::default());
    node.take(INIT, 0, &mut out);
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let now_ns = number as u64 * 100 * MS;
        node.take(line, now_ns, &mut out);
        node.wake(now_ns, &mut out);
        for message in out.messages.drain(..) {
            serde_json::from_str::<protocol::Envelope>(&message).expect("what a node says is a message");
        }
        out.log.clear();
    }
});
