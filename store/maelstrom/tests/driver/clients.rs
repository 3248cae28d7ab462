//! Clients, each at one node, one request after the other; what they ask for, and what they note.

use std::collections::BTreeMap;

use kvsim_histories::edn::Edn;
use kvsim_histories::jepsen::{Action, Function, Process, Step, Type};
use kvsim_store::Stream;
use serde_json::{Value as Json, json};

/// What clients ask for. Keys and values are whole numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Two reads for each write; each value is written once; key k is written only at node k mod the number of nodes.
    FifoKv {
        /// So many keys per node.
        keys: u64,
    },
    /// Reads, writes and cas of small values, at any node; new keys from time to time, so that a search for an order
    /// of the operations on one key comes to an end.
    LinKv {
        /// So many keys at a time,
        keys: u64,
        /// for so long.
        period_ns: u64,
    },
}

/// What a client asks for now.
#[derive(Clone, Copy, Debug)]
pub enum Wish {
    Read(u64),
    Write(u64, i64),
    Cas(u64, i64, i64),
}

/// Codes of errors that say that nothing was done.
const DEFINITE: [i64; 7] = [1, 10, 11, 12, 14, 20, 22];

impl Wish {
    /// As a request.
    pub fn body(self, msg_id: i64) -> Json {
        match self {
            Wish::Read(key) => json!({"type": "read", "msg_id": msg_id, "key": key}),
            Wish::Write(key, value) => json!({"type": "write", "msg_id": msg_id, "key": key, "value": value}),
            Wish::Cas(key, from, to) => json!({"type": "cas", "msg_id": msg_id, "key": key, "from": from, "to": to}),
        }
    }

    /// What an answer says: how the request ended, and with which value; or why it is no answer to this.
    pub fn ending(self, body: &Json) -> Result<(Type, Edn, Option<Edn>), String> {
        let answered = |value| Ok((Type::Ok, value, None));
        match (self, body["type"].as_str(), body["code"].as_i64()) {
            (Wish::Read(_), Some("read_ok"), _) => match body["value"].as_i64() {
                Some(value) => answered(Edn::Int(value)),
                None => Err(format!("a value that was never written: {body}")),
            },
            // Nothing there is what a register begins with.
            (Wish::Read(_), Some("error"), Some(20)) => answered(Edn::Nil),
            (Wish::Write(..), Some("write_ok"), _) => answered(self.value()),
            (Wish::Cas(..), Some("cas_ok"), _) => answered(self.value()),
            (_, Some("error"), Some(code)) => {
                let is_possible = match self {
                    Wish::Read(_) => [11].contains(&code),
                    Wish::Write(..) => [0].contains(&code),
                    Wish::Cas(..) => [0, 11, 14, 20, 22].contains(&code),
                };
                let kind = if DEFINITE.contains(&code) { Type::Fail } else { Type::Info };
                if is_possible { Ok((kind, self.value(), Some(Edn::Int(code)))) } else { Err(body.to_string()) }
            }
            _ => Err(body.to_string()),
        }
    }

    fn key(self) -> i64 {
        let (Wish::Read(key) | Wish::Write(key, _) | Wish::Cas(key, ..)) = self;
        key as i64
    }

    fn value(self) -> Edn {
        match self {
            Wish::Read(_) => Edn::Nil,
            Wish::Write(_, value) => Edn::Int(value),
            Wish::Cas(_, from, to) => Edn::Vector(vec![Edn::Int(from), Edn::Int(to)]),
        }
    }

    fn function(self) -> Function {
        match self {
            Wish::Read(_) => Function::Action(Action::Read),
            Wish::Write(..) => Function::Action(Action::Write),
            Wish::Cas(..) => Function::Action(Action::Cas),
        }
    }
}

/// A client of one node.
#[derive(Debug)]
pub struct Client {
    pub node: usize,
    /// Its number in the history; another one after each request of unknown outcome.
    process: i64,
    /// When it asks next.
    pub next_ns: u64,
    /// The request that it waits for: number, what for, until when.
    pub waits_for: Option<(i64, Wish, u64)>,
    /// All that it has asked for, by number less 1.
    pub asked: Vec<Asked>,
}

/// A request.
#[derive(Debug)]
pub struct Asked {
    wish: Wish,
    answers: u32,
    /// Its node was killed before it answered.
    lost: bool,
}

/// All clients, and the history of what they did.
pub struct Clients {
    pub all: Vec<Client>,
    pub steps: Vec<Step>,
    workload: Workload,
    nodes: u64,
    chance: Stream,
    pause_ns: u64,
    patience_ns: u64,
    values: i64,
    /// How many answers were of which type, errors by their codes.
    pub answers: BTreeMap<String, u32>,
    /// What nodes did that they must not do.
    pub problems: Vec<String>,
}

impl Clients {
    /// So many clients at each node, with a pause between requests that is up to twice as long as `pause_ns`.
    pub fn new(workload: Workload, nodes: usize, each: usize, pause_ns: u64, seed: u64) -> Clients {
        let client = |number: usize| Client {
            node: number % nodes,
            process: number as i64,
            next_ns: 0,
            waits_for: None,
            asked: Vec::new(),
        };
        Clients {
            all: (0..nodes * each).map(client).collect(),
            steps: Vec::new(),
            workload,
            nodes: nodes as u64,
            chance: Stream::new(seed, "clients", 0),
            pause_ns,
            patience_ns: 5_000_000_000,
            values: 0,
            answers: BTreeMap::new(),
            problems: Vec::new(),
        }
    }

    fn wish(&mut self, node: u64, now_ns: u64) -> Wish {
        match self.workload {
            Workload::FifoKv { keys } => match self.chance.below(3) {
                0 => {
                    self.values += 1;
                    Wish::Write(self.chance.below(keys) * self.nodes + node, self.values)
                }
                _ => Wish::Read(self.chance.below(keys * self.nodes)),
            },
            Workload::LinKv { keys, period_ns } => {
                let key = now_ns / period_ns * keys + self.chance.below(keys);
                let mut value = || self.chance.below(5) as i64;
                let (one, other) = (value(), value());
                match self.chance.below(3) {
                    0 => Wish::Read(key),
                    1 => Wish::Write(key, one),
                    _ => Wish::Cas(key, one, other),
                }
            }
        }
    }

    /// When a client has something to do: to ask, or to give up.
    pub fn next_ns(&self) -> Option<u64> {
        let next = |client: &Client| client.waits_for.map_or(client.next_ns, |(.., until_ns)| until_ns);
        self.all.iter().map(next).min()
    }

    /// Requests whose time has come: client, node, body.
    pub fn ask(&mut self, now_ns: u64) -> Vec<(usize, usize, Json)> {
        let mut requests = Vec::new();
        for number in 0..self.all.len() {
            let Client { node, next_ns, waits_for: None, .. } = self.all[number] else { continue };
            if next_ns > now_ns {
                continue;
            }
            let wish = self.wish(node as u64, now_ns);
            let client = &mut self.all[number];
            client.asked.push(Asked { wish, answers: 0, lost: false });
            let msg_id = client.asked.len() as i64;
            client.waits_for = Some((msg_id, wish, now_ns + self.patience_ns));
            self.note(number, wish, Type::Invoke, wish.value(), None, now_ns);
            requests.push((number, node, wish.body(msg_id)));
        }
        requests
    }

    /// Clients that have waited too long do so no more.
    pub fn give_up(&mut self, now_ns: u64) {
        for number in 0..self.all.len() {
            if let Some((_, wish, until_ns)) = self.all[number].waits_for
                && until_ns <= now_ns
            {
                self.end(number, wish, Type::Info, wish.value(), Some(Edn::Keyword("timeout".into())), now_ns);
            }
        }
    }

    /// A node was killed: the outcome of requests that it has not answered is unknown.
    pub fn lose(&mut self, node: usize, now_ns: u64) {
        for number in 0..self.all.len() {
            let client = &mut self.all[number];
            if let (Some((msg_id, wish, _)), true) = (client.waits_for, client.node == node) {
                client.asked[(msg_id - 1) as usize].lost = true;
                self.end(number, wish, Type::Info, wish.value(), Some(Edn::Keyword("killed".into())), now_ns);
            }
        }
    }

    /// A node answers a client.
    pub fn answer(&mut self, number: usize, node: usize, body: &Json, now_ns: u64) {
        let Some(msg_id) = body["in_reply_to"].as_i64() else {
            return self.problems.push(format!("to c{number} a message that answers nothing: {body}"));
        };
        let client = &mut self.all[number];
        let Some(asked) = client.asked.get_mut((msg_id - 1) as usize).filter(|_| client.node == node) else {
            return self.problems.push(format!("to c{number} an answer to what it has not asked n{node}: {body}"));
        };
        asked.answers += 1;
        let wish = asked.wish;
        if asked.answers > 1 {
            return self.problems.push(format!("to c{number} a second answer: {body}"));
        }
        let kind = body["type"].as_str().unwrap_or_default();
        let kind = body["code"].as_i64().map_or(kind.to_owned(), |code| format!("{kind} {code}"));
        *self.answers.entry(kind).or_default() += 1;
        let is_awaited = client.waits_for.is_some_and(|(awaited, ..)| awaited == msg_id);
        match wish.ending(body) {
            Ok((kind, value, error)) if is_awaited => self.end(number, wish, kind, value, error, now_ns),
            Ok(_) => {}
            Err(problem) => self.problems.push(format!("to c{number}, who asked for {wish:?}: {problem}")),
        }
    }

    fn end(&mut self, number: usize, wish: Wish, kind: Type, value: Edn, error: Option<Edn>, now_ns: u64) {
        self.note(number, wish, kind, value, error, now_ns);
        let (count, pause_ns) = (self.all.len() as i64, self.chance.below(2 * self.pause_ns + 1));
        let client = &mut self.all[number];
        client.waits_for = None;
        client.next_ns = now_ns + pause_ns;
        if kind == Type::Info {
            client.process += count;
        }
    }

    fn note(&mut self, number: usize, wish: Wish, kind: Type, value: Edn, error: Option<Edn>, now_ns: u64) {
        let node = Edn::String(format!("n{}", self.all[number].node).into());
        self.steps.push(Step {
            index: Some(self.steps.len() as i64),
            time_ns: Some(now_ns as i64),
            kind,
            process: Process::Client(self.all[number].process),
            function: wish.function(),
            value: Edn::Vector(vec![Edn::Int(wish.key()), value]),
            error,
            others: vec![("node".into(), node)],
        });
    }

    /// How many requests have had no answer yet, and have one to come.
    pub fn unanswered(&self) -> usize {
        let asked = self.all.iter().flat_map(|client| &client.asked);
        asked.filter(|asked| asked.answers == 0 && !asked.lost).count()
    }
}
