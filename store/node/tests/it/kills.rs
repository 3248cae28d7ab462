//! Nodes are killed under load: what was acknowledged is there afterwards, and what clients saw is what the level promises.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use kvsim_checkers::Verdict;
use kvsim_histories::edn::Edn;
use kvsim_histories::jepsen::{Action, Function, Process, Step, Type};
use kvsim_store::Stream;

use super::client::{Client, Reply, ok};
use super::cluster::Cluster;
use super::verdicts;

/// Clients per node, and keys that each of them writes.
const CLIENTS: usize = 2;
const KEYS: u64 = 3;

/// What clients share.
struct Notes {
    steps: Mutex<Vec<Step>>,
    begin: Instant,
    ends: AtomicBool,
    acknowledged: AtomicUsize,
}

impl Notes {
    fn note(&self, process: i64, is_write: bool, key: u64, kind: Type, value: Edn) {
        let mut steps = self.steps.lock().expect("no client panics");
        let action = if is_write { Action::Write } else { Action::Read };
        let index = steps.len() as i64;
        steps.push(Step {
            index: Some(index),
            time_ns: Some(self.begin.elapsed().as_nanos() as i64),
            kind,
            process: Process::Client(process),
            function: Function::Action(action),
            value: Edn::Vector(vec![Edn::Int(key as i64), value]),
            error: None,
            others: Vec::new(),
        });
    }
}

/// What a client knows of a key that only it writes: the last value that was acknowledged, and the last that was sent.
#[derive(Clone, Copy, Default)]
struct Written {
    acknowledged: i64,
    sent: i64,
}

/// A client of a node, until the end. Its keys are its own; it reads all.
fn client(number: usize, port: u16, all: u64, pause: Duration, notes: &Notes) -> Vec<Written> {
    let mut chance = Stream::new(7, "client", number as u64);
    let mut written = vec![Written::default(); KEYS as usize];
    let (mut connection, mut process, mut last) = (None, number as i64, 0);
    while !notes.ends.load(Ordering::Relaxed) {
        std::thread::sleep(pause);
        if connection.is_none() {
            connection = Client::connect(port).ok();
        }
        let Some(client) = &mut connection else { continue };
        if chance.below(3) == 0 {
            let own = chance.below(KEYS);
            let key = number as u64 * KEYS + own;
            last += 1;
            // Values are unique.
            let value = last * 1_000 + number as i64;
            notes.note(process, true, key, Type::Invoke, Edn::Int(value));
            let reply = client.try_ask(&format!("SET k{key} {value}"));
            written[own as usize].sent = value;
            let kind = match reply {
                Ok(reply) if reply == ok() => {
                    written[own as usize].acknowledged = value;
                    notes.acknowledged.fetch_add(1, Ordering::Relaxed);
                    Type::Ok
                }
                _ => Type::Info,
            };
            notes.note(process, true, key, kind, Edn::Int(value));
            if kind == Type::Info {
                (connection, process) = (None, process + 1_000);
            }
        } else {
            let key = chance.below(all);
            notes.note(process, false, key, Type::Invoke, Edn::Nil);
            match client.try_ask(&format!("GET k{key}")) {
                Ok(Reply::Value(value)) => {
                    let value = String::from_utf8(value).ok().and_then(|value| value.parse().ok());
                    notes.note(process, false, key, Type::Ok, Edn::Int(value.expect("what was written")));
                }
                Ok(Reply::Nil) => notes.note(process, false, key, Type::Ok, Edn::Nil),
                _ => {
                    notes.note(process, false, key, Type::Fail, Edn::Nil);
                    connection = None;
                }
            }
        }
    }
    written
}

/// So many kills of random nodes; then everything that was acknowledged is at all nodes, and the history fits the models.
fn kills(name: &str, level: &str, models: &[&str], kills: usize, pause: Duration) {
    let nodes = 3;
    let mut cluster = Cluster::start(name, nodes, &["--level", level]);
    let steps = Mutex::new(Vec::new());
    let (ends, acknowledged) = (AtomicBool::new(false), AtomicUsize::new(0));
    let notes = Arc::new(Notes { steps, begin: Instant::now(), ends, acknowledged });
    let all = nodes * CLIENTS;
    let begin = |number: usize| {
        let (notes, port) = (notes.clone(), cluster.port(number % nodes));
        std::thread::spawn(move || client(number, port, all as u64 * KEYS, pause, &notes))
    };
    let clients: Vec<_> = (0..all).map(begin).collect();
    let mut chance = Stream::new(1, "kills", 0);
    for _ in 0..kills {
        std::thread::sleep(Duration::from_millis(chance.below(200)));
        let node = chance.below(nodes as u64) as usize;
        cluster.kill(node);
        std::thread::sleep(Duration::from_millis(chance.below(100)));
        cluster.begin(node);
        // Now and then two are down, or one is killed while it starts.
        if chance.below(3) > 0 {
            cluster.wait_until_ready(node);
        }
    }
    (0..nodes).for_each(|node| cluster.wait_until_ready(node));
    std::thread::sleep(Duration::from_millis(300));
    notes.ends.store(true, Ordering::Relaxed);
    let written: Vec<Written> = clients.into_iter().flat_map(|client| client.join().expect("it ends")).collect();
    let asked = format!("MGET {}", (0..written.len()).map(|key| format!("k{key}")).collect::<Vec<_>>().join(" "));
    let mut replies: Vec<Reply> = Vec::new();
    cluster.until("all nodes agree", |cluster| {
        replies = (0..nodes).map(|node| cluster.client(node).ask(&asked)).collect();
        replies.windows(2).all(|pair| pair[0] == pair[1])
    });
    let Reply::List(values) = &replies[0] else { panic!("{replies:?}") };
    for (key, (value, Written { acknowledged, sent })) in values.iter().zip(&written).enumerate() {
        let value = match value {
            Reply::Value(value) => String::from_utf8_lossy(value).parse().expect("what was written"),
            _ => 0,
        };
        assert!((*acknowledged..=*sent).contains(&value), "k{key} is {value}, {acknowledged} was acknowledged");
    }
    let acknowledged = notes.acknowledged.load(Ordering::Relaxed);
    let steps = std::mem::take(&mut *notes.steps.lock().expect("no client panics"));
    let path = verdicts::write(name, &steps);
    println!("{kills} kills, {} operations, {acknowledged} writes acknowledged", steps.len() / 2);
    assert!(acknowledged > kills, "there was a load");
    for report in verdicts::judge(&path, models) {
        println!("  {}: {:?} {}", report.checker, report.verdict, report.note);
        assert_eq!(
            report.verdict,
            Verdict::Holds,
            "{} of {}: {:?}",
            report.checker,
            path.display(),
            report.findings.first()
        );
    }
    for node in 0..nodes {
        assert!(!cluster.log(node).contains("panicked"), "{}", cluster.log(node));
    }
}

const SESSION: &[&str] = &["read-your-writes", "monotonic-reads"];

#[test]
fn killed_nodes_lose_nothing_at_fifo() {
    kills("kills-fifo", "fifo", &["pram"], 8, Duration::from_millis(2));
}

#[test]
fn killed_nodes_lose_nothing_at_eventual() {
    kills("kills-eventual", "eventual", SESSION, 4, Duration::from_millis(2));
}

#[test]
#[ignore = "takes minutes"]
fn five_hundred_kills() {
    kills("kills-500-fifo", "fifo", &["pram"], 300, Duration::from_millis(10));
    kills("kills-500-eventual", "eventual", SESSION, 200, Duration::from_millis(10));
}
