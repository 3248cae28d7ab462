//! Clients of real nodes: the protocol of Redis, and the sessions of a plan, each with a connection of its own.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use kvsim_checkers::trace::{Action, Dot, Refusal};
use kvsim_sim::plan::{Pace, Plan, SessionPlan};

use crate::interrupt;

/// A reply of a node (RESP).
#[derive(Debug)]
pub enum Resp {
    Text(String),
    Error(String),
    List(Vec<Resp>),
    /// A number, or nothing.
    Other,
}

/// A connection to a node.
pub struct Client(BufReader<TcpStream>);

impl Client {
    /// To the node whose clients connect to this port. Replies come within `patience`, or not at all.
    pub fn connect(port: u16, patience: Duration) -> io::Result<Client> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Client(BufReader::new(stream)))
    }

    pub fn send(&mut self, words: &[&[u8]]) -> io::Result<()> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            request.extend_from_slice(word);
            request.extend_from_slice(b"\r\n");
        }
        self.0.get_mut().write_all(&request)
    }

    pub fn reply(&mut self) -> io::Result<Resp> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let line = line.trim_end();
        let wrong = || io::Error::other(format!("a reply that is none: {line:?}"));
        let (kind, rest) = line.split_at_checked(1).ok_or_else(wrong)?;
        let length = || rest.parse::<usize>().map_err(|_| wrong());
        Ok(match kind {
            "+" => Resp::Text(rest.to_owned()),
            "-" => Resp::Error(rest.to_owned()),
            ":" => Resp::Other,
            "$" | "*" if rest == "-1" => Resp::Other,
            "$" => {
                let mut bytes = vec![0; length()? + 2];
                self.0.read_exact(&mut bytes)?;
                bytes.truncate(bytes.len() - 2);
                Resp::Text(String::from_utf8_lossy(&bytes).into_owned())
            }
            "*" => Resp::List((0..length()?).map(|_| self.reply()).collect::<io::Result<_>>()?),
            _ => return Err(wrong()),
        })
    }

    pub fn ask(&mut self, words: &[&[u8]]) -> io::Result<Resp> {
        self.send(words)?;
        self.reply()
    }

    /// Asks for what can only be done.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match self.ask(&[name.as_bytes(), value.as_bytes()]) {
            Ok(Resp::Text(text)) if text == "OK" => Ok(()),
            Ok(other) => Err(format!("{name} {value}: {other:?}")),
            Err(problem) => Err(format!("{name} {value}: {problem}")),
        }
    }
}

/// How an operation ended.
#[derive(Debug)]
pub enum End {
    /// The name of the write.
    Wrote(Dot),
    /// The identities of the values.
    Read(Vec<u64>),
    Refused(Refusal),
    TimedOut,
}

/// An operation that was done, in nanoseconds since the clients began.
#[derive(Debug)]
pub struct Done {
    pub op: usize,
    pub from_ns: u64,
    pub until_ns: u64,
    pub end: End,
}

/// Beyond the time that a node may take, nothing comes.
pub const GRACE: Duration = Duration::from_secs(5);

/// Does the operations of a session, from `begin` on. What it could not do any more when the user has had enough is left out.
///
/// # Errors
/// What no node says.
pub fn run(plan: &Plan, session: &SessionPlan, port: u16, begin: Instant) -> Result<Vec<Done>, String> {
    let broken = |problem: io::Error| format!("session {}: {problem}", session.name);
    let mut client = Client::connect(port, Duration::from_nanos(session.timeout_ns) + GRACE).map_err(broken)?;
    client.set("KV.LEVEL", session.level.name())?;
    client.set("KV.QUORUM", &session.quorum.to_string())?;
    client.set("KV.CONTEXT", if session.context { "session" } else { "none" })?;
    let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut done = Vec::new();
    for (place, op) in session.ops.iter().enumerate() {
        let due_ns = match session.pace {
            Pace::Open => op.wait_ns,
            Pace::Closed => now_ns().saturating_add(op.wait_ns),
        };
        if due_ns.max(now_ns()) >= plan.workload_end_ns || interrupt::is_requested() {
            break;
        }
        sleep(Duration::from_nanos(due_ns.saturating_sub(now_ns())));
        let key = plan.keys[op.key as usize].as_bytes();
        let from_ns = now_ns();
        let reply = match op.action {
            Action::Read => client.ask(&[b"KV.GET", key]),
            Action::Write => client.ask(&[b"KV.SET", key, content(op.value, op.bytes).as_bytes()]),
            Action::Delete => client.ask(&[b"KV.DEL", key]),
        };
        let end =
            end(op.action, reply.map_err(broken)?).map_err(|problem| format!("session {}: {problem}", session.name))?;
        done.push(Done { op: place, from_ns, until_ns: now_ns(), end });
    }
    Ok(done)
}

fn end(action: Action, reply: Resp) -> Result<End, String> {
    let refusals = [
        ("LEVEL", Refusal::Level),
        ("QUORUM", Refusal::Quorum),
        ("LOADING", Refusal::Recovering),
        ("TRYAGAIN", Refusal::Unavailable),
    ];
    match (action, reply) {
        (_, Resp::Error(text)) if text.starts_with("TIMEOUT") => Ok(End::TimedOut),
        (_, Resp::Error(text)) => match refusals.iter().find(|(word, _)| text.starts_with(word)) {
            Some((_, why)) => Ok(End::Refused(*why)),
            None => Err(text),
        },
        (Action::Read, reply) => values(&reply).map(End::Read),
        (_, Resp::Text(text)) => {
            serde_json::from_str(&text).map(End::Wrote).map_err(|_| format!("{text} is no name of a write"))
        }
        (_, other) => Err(format!("{other:?} is no reply to a write")),
    }
}

/// The identities of the values that KV.GET has replied.
pub fn values(reply: &Resp) -> Result<Vec<u64>, String> {
    let wrong = || format!("{reply:?} is no reply to KV.GET");
    let Resp::List(parts) = reply else { return Err(wrong()) };
    let [_, Resp::List(values)] = &parts[..] else { return Err(wrong()) };
    let identity = |value: &Resp| match value {
        Resp::Text(text) => text.trim_end_matches('.').parse().map_err(|_| wrong()),
        _ => Err(wrong()),
    };
    values.iter().map(identity).collect()
}

/// What is written: the value's identity, made as long as the value is to be.
fn content(value: u64, bytes: u32) -> String {
    format!("{value:.<width$}", width = bytes as usize)
}
