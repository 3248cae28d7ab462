//! Recordings as text that a person reads, and findings as text that a person sees.
//!
//! ```text
//! c0 writes x #1, is n0:1, knows n0:1, shows n0:1, sends 7, ok
//! n1 gets 7 of n0, knows n0:1, shows n0:1 at eventual
//! c1 reads x #2 at n0 at fifo, returns n0:1 n1:1, ok
//! ```
//!
//! A line is one step of a node, phrase by phrase: each is an event, and the first one is the cause of the others, or
//! what was before where the first one is an announcement. A
//! session `c1` asks `n1` unless another node is named, at the level `eventual` unless another one is, and what it writes
//! as `#2` is the value 102. A write becomes visible or hidden at all levels that carry its key, unless levels are named.
//! Every event is a millisecond after the one before, but the events of a line that begins with `7 ms` are at that time.

use kvsim_checkers::Finding;
use kvsim_checkers::trace::{
    Action, Disk, Dot, Event, Header, Level, Levels, LostBy, NodeId, Objection, Recording, What,
};

/// Three nodes, a session at each, and the keys x and y; the run ends after 200 ms.
pub fn header() -> Header {
    Header {
        store: "toy".into(),
        nodes: 3,
        sessions: vec!["c0".into(), "c1".into(), "c2".into()],
        keys: vec!["x".into(), "y".into()],
        kinds: vec!["update".into()],
        end_ns: 200_000_000,
        ..Header::default()
    }
}

/// A recording under construction.
#[derive(Clone)]
pub struct Script(pub Recording);

/// What the phrases of a line have in common.
struct Line {
    node: NodeId,
    session: u32,
    op: u32,
    /// Of what follows the first event; 0 before there is one.
    cause: u64,
}

impl Script {
    pub fn new(header: Header, text: &str) -> Script {
        let mut script = Script(Recording { header, events: Vec::new() });
        script.add(text);
        script
    }

    /// More lines at the end.
    pub fn add(&mut self, text: &str) {
        text.lines().map(str::trim).filter(|line| !line.is_empty()).for_each(|line| self.line(line));
    }

    fn line(&mut self, line: &str) {
        let (at_ns, line) = match line.split_once(" ms ") {
            Some((ms, rest)) => (Some(number(ms) * 1_000_000), rest.trim()),
            None => (None, line),
        };
        let (subject, phrases) = line.split_once(' ').expect(line);
        let first = phrases.split(',').next().unwrap_or_default();
        let after = |mark: &str| first.split(mark).nth(1).and_then(|rest| rest.split(' ').next()).map(number);
        let own = number(&subject[1..]);
        let mut of_line = Line {
            node: NodeId(after(" at n").unwrap_or(own) as u16),
            session: own as u32,
            op: after("#").unwrap_or(0) as u32,
            cause: 0,
        };
        for phrase in phrases.split(',') {
            let words: Vec<&str> = phrase.split_whitespace().collect();
            for (cause, what) in self.events(&of_line, &words) {
                let last = self.0.events.last().map_or((0, 0), |last| (last.number, last.at_ns));
                let (number, at_ns) = (last.0 + 1, at_ns.unwrap_or(last.1 + 1_000_000));
                self.0.events.push(Event { number, at_ns, cause, node: of_line.node, what });
                let is_announcement = matches!(words[0], "knows" | "shows" | "hides" | "drops");
                of_line.cause = match of_line.cause {
                    0 if is_announcement => cause,
                    0 => number,
                    first => first,
                };
            }
        }
    }

    /// The events of a phrase with their causes.
    fn events(&self, line: &Line, words: &[&str]) -> Vec<(u64, What)> {
        let op = line.op;
        let levels = words.iter().filter_map(|word| Level::ALL.into_iter().find(|level| level.name() == *word));
        let levels: Levels = levels.collect();
        let level = levels.iter().next().unwrap_or(Level::Eventual);
        let key = |name: &str| self.0.header.keys.iter().position(|key| key == name).expect(name) as u32;
        let writes: Vec<Dot> = words[1..].iter().filter_map(|word| dot(word)).collect();
        let of_each = |event: &dyn Fn(Dot) -> What| writes.iter().map(|write| (line.cause, event(*write))).collect();
        // What a line begins with follows from the event before.
        let before = if line.cause == 0 { self.0.events.len() as u64 } else { line.cause };
        let announced = |event: &dyn Fn(Dot, Levels) -> What| {
            let of = |write| if levels.is_empty() { self.levels_of(write) } else { levels };
            writes.iter().map(|write| (before, event(*write, of(*write)))).collect()
        };
        let one = |what: What| vec![(line.cause, what)];
        let sent = |id: u64| {
            let sent = self.0.events.iter().find(|event| matches!(event.what, What::Sent { id: of, .. } if of == id));
            sent.map_or(0, |event| event.number)
        };
        match words[0] {
            action @ ("reads" | "writes" | "deletes") => {
                let (action, value) = match action {
                    "reads" => (Action::Read, 0),
                    "writes" => (Action::Write, 100 + u64::from(op)),
                    _ => (Action::Delete, 100 + u64::from(op)),
                };
                let (session, key, context) = (line.session, key(words[1]), words.contains(&"context"));
                one(What::Invoked { op, session, action, key, value, level, context })
            }
            "is" => of_each(&|write| What::Wrote { op, write }),
            "returns" => of_each(&|write| What::Returned { op, write }),
            "ok" => one(What::Answered { op }),
            "refused" => one(What::Refused { op, why: None }),
            "unanswered" => one(What::TimedOut { op }),
            "knows" => announced(&|write, _| What::Known { write }),
            "shows" => announced(&|write, levels| What::Visible { levels, write }),
            "hides" => announced(&|write, levels| What::Hidden { levels, write }),
            "drops" => announced(&|write, levels| What::Overflowed { levels, write }),
            "gives" => of_each(&|write| What::GaveAway { write }),
            "objects" => one(What::Objected { to: objection(words[1]), op: Some(op).filter(|op| *op > 0) }),
            "forgets" => of_each(&|write| What::Forgot { write, promised: words.contains(&"promised") }),
            "holds" => of_each(&|write| What::Holds { level, key: key(words[1]), write }),
            "sends" => {
                let copies = words.get(3).map_or(1, |copies| number(copies)) as u16;
                one(What::Sent { kind: 0, id: number(words[1]), bytes: 64, copies })
            }
            "gets" => {
                let id = number(words[1]);
                vec![(sent(id), What::Delivered { kind: 0, id, from: node(words[3]) })]
            }
            "loses" => {
                let by = if words.contains(&"chance") { LostBy::Chance } else { LostBy::Fault(0) };
                vec![(sent(number(words[1])), What::Lost { kind: 0, id: number(words[1]), to: node(words[3]), by })]
            }
            "down" => one(What::Down {
                disk: match words[1] {
                    "kept" => Disk::Kept,
                    "tail-lost" => Disk::TailLost,
                    _ => Disk::Lost,
                },
            }),
            "up" => one(What::Up { incarnation: number(words[1]) as u16 }),
            "suffers" => one(What::FaultOn { fault: number(words[1]) as u16 }),
            "recovers" => one(What::FaultOff { fault: number(words[1]) as u16 }),
            "waits" => one(What::TimerFired),
            "pauses" => one(What::Paused),
            "resumes" => one(What::Resumed),
            "reaches" => one(What::Reached { op }),
            other => panic!("unknown word: {other}"),
        }
    }

    /// The levels that carry the write's key.
    fn levels_of(&self, write: Dot) -> Levels {
        let (header, events) = (&self.0.header, &self.0.events);
        let op = events.iter().find_map(|event| match event.what {
            What::Wrote { op, write: id } if id == write => Some(op),
            _ => None,
        });
        let key = events.iter().find_map(|event| match event.what {
            What::Invoked { op: of, key, .. } if Some(of) == op => Some(key),
            _ => None,
        });
        let priority = key.map_or(0, |key| header.priority(key));
        header.levels.iter().filter(|level| level.carries(priority)).chain([Level::Eventual]).collect()
    }
}

fn number(word: &str) -> u64 {
    word.parse().expect(word)
}

fn node(word: &str) -> NodeId {
    NodeId(number(&word[1..]) as u16)
}

/// As events are written as text.
fn objection(word: &str) -> Objection {
    serde_json::from_value(word.into()).expect(word)
}

/// `n0:3`, or `n0.2:3` in the second life of n0.
fn dot(word: &str) -> Option<Dot> {
    let (name, counter) = word.split_once(':')?;
    let (name, incarnation) = name.split_once('.').unwrap_or((name, "1"));
    Some(Dot::new(node(name), number(incarnation) as u16, number(counter)))
}

/// Findings as a person sees them.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!("{}: {}\n", finding.code, finding.title));
        for line in &finding.evidence {
            text.push_str(&format!("{:>4} ms  {}\n", line.at_ns / 1_000_000, line.text));
        }
    }
    text
}
