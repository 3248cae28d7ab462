//! A run: nodes, network and clients together in real time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kvsim_histories::jepsen::Step;
use serde_json::{Value as Json, json};

use super::clients::{Clients, Workload};
use super::cluster::{Cluster, Heard};
use super::network::{Conditions, Network};

/// What to run.
pub struct Run<'a> {
    /// Arguments of each node.
    pub args: &'a [&'a str],
    pub nodes: usize,
    pub clients_per_node: usize,
    /// Mean pause of a client between two requests.
    pub pause_ms: u64,
    pub workload: Workload,
    pub conditions: Conditions,
    /// For how long clients ask.
    pub lasts_ms: u64,
}

/// What came of it.
pub struct Outcome {
    pub steps: Vec<Step>,
    /// What nodes did that they must not do.
    pub problems: Vec<String>,
    pub requests: usize,
    pub unanswered: usize,
    /// How many answers were of which type.
    pub answers: BTreeMap<String, u32>,
    /// Messages between nodes, and how many of them were lost.
    pub sent: u64,
    pub lost: u64,
    /// What nodes reported to lin-kv: node, key, value.
    pub reported: Vec<(usize, u64, i64)>,
    /// What nodes said to people.
    pub log: Vec<String>,
}

/// How long answers may take that are under way at the end.
const LAST_ANSWERS: Duration = Duration::from_secs(6);

impl Run<'_> {
    pub fn play(&self) -> Outcome {
        let mut cluster = Cluster::start(self.nodes, self.args);
        let mut clients = Clients::new(
            self.workload,
            self.nodes,
            self.clients_per_node,
            self.pause_ms * 1_000_000,
            self.conditions.seed,
        );
        let mut out = Outcome {
            steps: Vec::new(),
            problems: Vec::new(),
            requests: 0,
            unanswered: 0,
            answers: BTreeMap::new(),
            sent: 0,
            lost: 0,
            reported: Vec::new(),
            log: Vec::new(),
        };
        init(&mut cluster, &mut out);
        let mut kills = self.conditions.kills.iter().peekable();
        let mut network = Network::new(self.conditions.clone());
        let begin = Instant::now();
        let lasts = Duration::from_millis(self.lasts_ms);
        loop {
            let now = begin.elapsed();
            let now_ns = now.as_nanos() as u64;
            while let Some((node, line)) = network.take_due(now_ns) {
                cluster.send(node, &line);
            }
            clients.give_up(now_ns);
            while let Some((_, node)) = kills.next_if(|(at_ms, _)| at_ms * 1_000_000 <= now_ns) {
                cluster.restart(*node);
                clients.lose(*node, now_ns);
                send_init(&mut cluster, *node);
            }
            if now < lasts {
                for (client, node, body) in clients.ask(now_ns) {
                    let message = json!({"src": format!("c{client}"), "dest": Cluster::name(node), "body": body});
                    cluster.send(node, &message.to_string());
                }
            } else if clients.unanswered() == 0 || now > lasts + LAST_ANSWERS {
                break;
            }
            let mut next_ns = network.next_ns().unwrap_or(u64::MAX);
            if now < lasts {
                next_ns = next_ns.min(clients.next_ns().unwrap_or(u64::MAX));
            }
            let within = Duration::from_nanos(next_ns.saturating_sub(now_ns)).min(Duration::from_millis(100));
            match cluster.hear(within) {
                Some(Heard::Message(node, line)) => {
                    take(
                        node,
                        line,
                        begin.elapsed().as_nanos() as u64,
                        &mut cluster,
                        &mut network,
                        &mut clients,
                        &mut out,
                    );
                }
                Some(Heard::Log(node, line)) => out.log.push(format!("n{node}: {line}")),
                Some(Heard::Ended(node)) => panic!("n{node} has ended: {:?}", out.log),
                None => {}
            }
        }
        out.requests = clients.all.iter().map(|client| client.asked.len()).sum();
        out.unanswered = clients.unanswered();
        (out.sent, out.lost) = (network.sent, network.lost);
        out.answers = clients.answers;
        out.problems.append(&mut clients.problems);
        out.steps = clients.steps;
        out
    }
}

/// Tells all nodes who they are.
fn init(cluster: &mut Cluster, out: &mut Outcome) {
    (0..cluster.len()).for_each(|node| send_init(cluster, node));
    let mut ready = BTreeMap::new();
    while ready.len() < cluster.len() {
        match cluster.hear(Duration::from_secs(10)).expect("nodes answer init at once") {
            Heard::Message(node, line) => {
                let message: Json = serde_json::from_str(&line).expect("messages are JSON");
                // Nodes that were ready before the others may have begun to talk; that is lost.
                if message["dest"] == "boss" {
                    assert_eq!(message["body"], json!({"type": "init_ok", "in_reply_to": 1}));
                    assert!(ready.insert(node, ()).is_none(), "n{node} answered init twice");
                }
            }
            Heard::Log(node, line) => out.log.push(format!("n{node}: {line}")),
            Heard::Ended(node) => panic!("n{node} has ended"),
        }
    }
}

fn send_init(cluster: &mut Cluster, node: usize) {
    let names: Vec<String> = (0..cluster.len()).map(Cluster::name).collect();
    let body = json!({"type": "init", "msg_id": 1, "node_id": names[node], "node_ids": names});
    cluster.send(node, &json!({"src": "boss", "dest": names[node], "body": body}).to_string());
}

/// A node has sent a line.
fn take(
    node: usize,
    line: String,
    now_ns: u64,
    cluster: &mut Cluster,
    network: &mut Network,
    clients: &mut Clients,
    out: &mut Outcome,
) {
    let Ok(Json::Object(message)) = serde_json::from_str(&line) else {
        return out.problems.push(format!("n{node} wrote what is no message: {line}"));
    };
    let (Some(src), Some(dest), Some(body)) = (message["src"].as_str(), message["dest"].as_str(), message.get("body"))
    else {
        return out.problems.push(format!("n{node} wrote what is no message: {line}"));
    };
    if src != Cluster::name(node) {
        return out.problems.push(format!("n{node} says that it is {src}: {line}"));
    }
    if let Some(to) = cluster.named(dest) {
        return network.send(node, to, line, now_ns);
    }
    if dest == "lin-kv" {
        return match (body["key"][1].as_u64(), body["value"].as_i64()) {
            (Some(key), Some(value)) if body["type"] == "write" && body["key"][0] == Cluster::name(node) => {
                out.reported.push((node, key, value));
                let reply = json!({"type": "write_ok", "in_reply_to": body["msg_id"]});
                let reply = json!({"src": "lin-kv", "dest": src, "body": reply});
                cluster.send(node, &reply.to_string());
            }
            _ => out.problems.push(format!("n{node} asks lin-kv for what it does not know: {line}")),
        };
    }
    if dest == "boss" && body["type"] == "init_ok" {
        return;
    }
    match dest.strip_prefix('c').and_then(|number| number.parse().ok()).filter(|client| *client < clients.all.len()) {
        Some(client) => clients.answer(client, node, body, now_ns),
        None => out.problems.push(format!("n{node} writes to no receiver: {line}")),
    }
}
