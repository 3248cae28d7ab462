//! What a connection has said of itself and of how it wants to be served, and what its requests mean.

mod pattern;

use bytes::Bytes;
use kvsim_store::Level;

use crate::resp::Reply;

pub use pattern::is_like;

/// How reads and writes of a connection are done.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// What reads see.
    pub level: Level,
    /// How many nodes contribute to a read.
    pub quorum: u16,
    /// What a write replaces.
    pub context: Replaces,
}

/// What a write replaces of its key; other values stay beside the new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replaces {
    /// What the node has.
    Node,
    /// What the connection has read.
    Session,
    /// Earlier writes that came in at the same node.
    Nothing,
}

impl Replaces {
    const ALL: [(&str, Replaces); 3] =
        [("node", Replaces::Node), ("session", Replaces::Session), ("none", Replaces::Nothing)];
}

/// What the store is to do.
#[derive(Clone, Debug)]
pub struct Command {
    /// How.
    pub how: How,
    /// What.
    pub what: What,
}

/// See [`Command`].
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// One value of a key.
    Get(Bytes),
    /// One value of each key.
    Mget(Vec<Bytes>),
    /// How many of the keys have a value.
    Exists(Vec<Bytes>),
    /// All values of a key that stand side by side, and what has been seen of it.
    Show(Bytes),
    /// A value for a key.
    Set(Bytes, Bytes),
    /// A value for a key, or none; the reply is the write's name.
    Write(Bytes, Option<Bytes>),
    /// No value for keys.
    Del(Vec<Bytes>),
    /// Keys, from a place on.
    Scan {
        /// The number of the first key.
        cursor: u32,
        /// What they have to look like.
        pattern: Option<Bytes>,
        /// How many are looked at.
        count: u32,
    },
    /// The next write to a key replaces what this has seen.
    Hand(Bytes, Bytes),
    /// How the node is doing.
    Info,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Step {
    /// It has its reply.
    Done(Reply),
    /// The store has to do something.
    Ask(Command),
    /// It has its reply, and the connection ends.
    Quit(Reply),
}

/// What is the same for all connections.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What clients must say with AUTH.
    pub password: Option<String>,
    /// The level that connections begin with.
    pub level: Level,
    /// The number of nodes.
    pub nodes: u16,
}

/// The longest key, in bytes.
const KEY: usize = 16 << 10;

/// The commands, as people call them.
pub const COMMANDS: &[(&str, &str)] = &[
    ("GET", "GET key"),
    ("SET", "SET key value"),
    ("DEL", "DEL key [key ...]"),
    ("EXISTS", "EXISTS key [key ...]"),
    ("MGET", "MGET key [key ...]"),
    ("SCAN", "SCAN cursor [MATCH pattern] [COUNT count]"),
    ("KV.GET", "KV.GET key"),
    ("KV.SET", "KV.SET key value"),
    ("KV.DEL", "KV.DEL key"),
    ("KV.LEVEL", "KV.LEVEL [eventual|fifo|fifo-p1|fifo-p2|fifo-p3|priority]"),
    ("KV.QUORUM", "KV.QUORUM [nodes]"),
    ("KV.CONTEXT", "KV.CONTEXT [node|session|none], or KV.CONTEXT key context"),
    ("PING", "PING [text]"),
    ("ECHO", "ECHO text"),
    ("INFO", "INFO [section ...]"),
    ("HELLO", "HELLO [2|3 [AUTH default password] [SETNAME name]]"),
    ("AUTH", "AUTH [default] password"),
    ("SELECT", "SELECT 0"),
    ("CLIENT", "CLIENT ID, CLIENT GETNAME, CLIENT SETNAME name, or CLIENT SETINFO name value"),
    ("CONFIG", "CONFIG GET name [name ...]"),
    ("COMMAND", "COMMAND [COUNT|DOCS|INFO]"),
    ("RESET", "RESET"),
    ("QUIT", "QUIT"),
];

/// A connection.
#[derive(Debug)]
pub struct Session {
    id: u64,
    /// Of the protocol: 2 or 3.
    pub version: u8,
    name: Bytes,
    has_password: bool,
    how: How,
}

impl Session {
    /// A new one, with a number of its own.
    pub fn new(id: u64, rules: &Rules) -> Session {
        let how = How { level: rules.level, quorum: 1, context: Replaces::Node };
        Session { id, version: 2, name: Bytes::new(), has_password: rules.password.is_none(), how }
    }

    /// True when it may be served.
    pub fn is_let_in(&self) -> bool {
        self.has_password
    }

    /// A request, of at least one word.
    pub fn take(&mut self, words: &[Bytes], rules: &Rules) -> Step {
        let (first, args) = words.split_first().expect("a request has a word");
        let name = first.to_ascii_uppercase();
        if !self.has_password && !matches!(&name[..], b"AUTH" | b"HELLO" | b"QUIT" | b"RESET") {
            return Step::Done(Reply::Error("NOAUTH this node wants a password first: AUTH password".to_owned()));
        }
        if let Some(ask) = self.store_command(&name, args) {
            return ask;
        }
        Step::Done(match (&name[..], args) {
            (b"PING", []) => Reply::Simple("PONG"),
            (b"PING" | b"ECHO", [text]) => Reply::Value(text[..].into()),
            (b"KV.LEVEL", _) => self.level(args),
            (b"KV.QUORUM", _) => self.quorum(args, rules),
            (b"HELLO", _) => self.hello(args, rules),
            (b"AUTH", [password]) => self.authenticate(b"default", password, rules),
            (b"AUTH", [user, password]) => self.authenticate(user, password, rules),
            (b"SELECT", [number]) if number[..] == b"0"[..] => Reply::OK,
            (b"SELECT", [_]) => Reply::error("there is one database, number 0"),
            (b"CLIENT", [sub, args @ ..]) => self.client(&sub.to_ascii_uppercase(), args),
            (b"CONFIG", [sub, names @ ..]) if sub.eq_ignore_ascii_case(b"GET") && !names.is_empty() => config(names),
            (b"COMMAND", []) => Reply::List(Vec::new()),
            (b"COMMAND", [sub, ..]) if sub.eq_ignore_ascii_case(b"COUNT") => Reply::Int(COMMANDS.len() as i64),
            (b"COMMAND", [sub, ..]) if sub.eq_ignore_ascii_case(b"DOCS") => Reply::Map(Vec::new()),
            (b"COMMAND", [sub, ..]) if sub.eq_ignore_ascii_case(b"INFO") => Reply::List(Vec::new()),
            (b"RESET", []) => {
                *self = Session::new(self.id, rules);
                Reply::Simple("RESET")
            }
            (b"QUIT", _) => return Step::Quit(Reply::OK),
            _ => wrong(first),
        })
    }

    /// A command that the store has to do, if it is one.
    fn store_command(&mut self, name: &[u8], args: &[Bytes]) -> Option<Step> {
        let is_key = |key: &Bytes| key.len() <= KEY;
        let what = match (name, args) {
            (b"KV.CONTEXT", [] | [_]) => return Some(Step::Done(self.context(args))),
            (b"GET", [key]) => What::Get(key.clone()),
            (b"KV.GET", [key]) => What::Show(key.clone()),
            (b"KV.SET", [key, value]) => What::Write(key.clone(), Some(value.clone())),
            (b"KV.DEL", [key]) => What::Write(key.clone(), None),
            (b"MGET", [_, ..]) => What::Mget(args.to_vec()),
            (b"EXISTS", [_, ..]) => What::Exists(args.to_vec()),
            (b"DEL", [_, ..]) => What::Del(args.to_vec()),
            (b"SET", [key, value]) => What::Set(key.clone(), value.clone()),
            (b"SET", [_, _, option, ..]) => {
                let option = String::from_utf8_lossy(option).into_owned();
                return Some(Step::Done(Reply::error(format!("SET takes a key and a value here, and no {option}"))));
            }
            (b"KV.CONTEXT", [key, context]) => What::Hand(key.clone(), context.clone()),
            (b"SCAN", [cursor, options @ ..]) => match scan(cursor, options) {
                Ok(scan) => scan,
                Err(problem) => return Some(Step::Done(Reply::error(problem))),
            },
            (b"INFO", _) => What::Info,
            _ => return None,
        };
        let is_short = match &what {
            What::Get(key) | What::Show(key) | What::Set(key, _) => is_key(key),
            What::Write(key, _) | What::Hand(key, _) => is_key(key),
            What::Mget(keys) | What::Exists(keys) | What::Del(keys) => keys.iter().all(is_key),
            What::Scan { .. } | What::Info => true,
        };
        Some(match is_short {
            true => Step::Ask(Command { how: self.how, what }),
            false => Step::Done(Reply::error(format!("a key has at most {KEY} bytes"))),
        })
    }

    fn level(&mut self, args: &[Bytes]) -> Reply {
        let [level] = args else { return told(args, "KV.LEVEL", self.how.level.name()) };
        match Level::ALL.into_iter().find(|known| known.name().as_bytes().eq_ignore_ascii_case(level)) {
            Some(level) => {
                self.how.level = level;
                Reply::OK
            }
            None => {
                let names = Level::ALL.map(Level::name).join(", ");
                Reply::error(format!("there is no level {}: the levels are {names}", String::from_utf8_lossy(level)))
            }
        }
    }

    fn quorum(&mut self, args: &[Bytes], rules: &Rules) -> Reply {
        let [quorum] = args else { return told(args, "KV.QUORUM", &self.how.quorum.to_string()) };
        match std::str::from_utf8(quorum).ok().and_then(|quorum| quorum.parse().ok()) {
            Some(quorum) if (1..=rules.nodes).contains(&quorum) => {
                self.how.quorum = quorum;
                Reply::OK
            }
            _ => Reply::error(format!("a quorum is a number from 1 to {}, the number of nodes", rules.nodes)),
        }
    }

    fn context(&mut self, args: &[Bytes]) -> Reply {
        let named = |replaces| Replaces::ALL.iter().find(|(_, known)| *known == replaces).map_or("", |(name, _)| name);
        let [mode] = args else { return told(args, "KV.CONTEXT", named(self.how.context)) };
        match Replaces::ALL.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(mode)) {
            Some((_, replaces)) => {
                self.how.context = *replaces;
                Reply::OK
            }
            None => wrong(b"KV.CONTEXT"),
        }
    }

    fn hello(&mut self, args: &[Bytes], rules: &Rules) -> Reply {
        let (version, mut rest) = match args {
            [] => (self.version, args),
            [version, rest @ ..] => match &version[..] {
                b"2" => (2, rest),
                b"3" => (3, rest),
                _ => return Reply::Error("NOPROTO this node speaks versions 2 and 3".to_owned()),
            },
        };
        let mut name = self.name.clone();
        while let [option, after @ ..] = rest {
            rest = match (&option.to_ascii_uppercase()[..], after) {
                (b"AUTH", [user, password, after @ ..]) => {
                    let reply = self.authenticate(user, password, rules);
                    if reply != Reply::OK {
                        return reply;
                    }
                    after
                }
                (b"SETNAME", [new, after @ ..]) => {
                    name = new.clone();
                    after
                }
                _ => return wrong(b"HELLO"),
            };
        }
        if !self.has_password {
            let help = "NOAUTH this node wants a password first: HELLO 3 AUTH default password, or AUTH password";
            return Reply::Error(help.to_owned());
        }
        (self.version, self.name) = (version, name);
        let text = |text: &str| Reply::Text(text.to_owned());
        Reply::Map(vec![
            ("server", text("kvsim-node")),
            ("version", text(env!("CARGO_PKG_VERSION"))),
            ("proto", Reply::Int(i64::from(version))),
            ("id", Reply::Int(self.id as i64)),
            ("mode", text("standalone")),
            ("role", text("master")),
            ("modules", Reply::List(Vec::new())),
        ])
    }

    fn authenticate(&mut self, user: &[u8], password: &[u8], rules: &Rules) -> Reply {
        let Some(expected) = &rules.password else {
            return Reply::error("this node has no password: start it with --requirepass, or leave AUTH out");
        };
        // As long for a wrong one as for the right one.
        let differs = expected.bytes().zip(password).fold(0, |differs, (one, other)| differs | (one ^ other));
        if user == b"default" && differs == 0 && expected.len() == password.len() {
            self.has_password = true;
            return Reply::OK;
        }
        Reply::Error("WRONGPASS the password is another one, or the user is not default".to_owned())
    }

    fn client(&mut self, sub: &[u8], args: &[Bytes]) -> Reply {
        match (sub, args) {
            (b"ID", []) => Reply::Int(self.id as i64),
            (b"GETNAME", []) => Reply::Value(self.name[..].into()),
            (b"SETNAME", [name]) if name.len() <= 256 => {
                self.name = Bytes::copy_from_slice(name);
                Reply::OK
            }
            (b"SETINFO", [_, _]) => Reply::OK,
            _ => wrong(b"CLIENT"),
        }
    }
}

/// The reply to a setting's name alone.
fn told(args: &[Bytes], name: &str, now: &str) -> Reply {
    if args.is_empty() { Reply::Text(now.to_owned()) } else { wrong(name.as_bytes()) }
}

/// A request that makes no sense.
fn wrong(name: &[u8]) -> Reply {
    let shown = String::from_utf8_lossy(&name[..name.len().min(64)]).into_owned();
    match COMMANDS.iter().find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(name)) {
        Some((name, usage)) => {
            Reply::error(format!("wrong arguments for '{}': it is called {usage}", name.to_ascii_lowercase()))
        }
        None => {
            let names: Vec<&str> = COMMANDS.iter().map(|(name, _)| *name).collect();
            Reply::error(format!("unknown command '{shown}': this node knows {}", names.join(", ")))
        }
    }
}

/// What redis-benchmark and others ask for.
fn config(names: &[Bytes]) -> Reply {
    let all = [("appendonly", "yes"), ("databases", "1"), ("save", "")];
    let is_asked = |(name, _): &&(&str, &str)| names.iter().any(|asked| is_like(name.as_bytes(), asked));
    Reply::Map(all.iter().filter(is_asked).map(|(name, value)| (*name, Reply::Text((*value).to_owned()))).collect())
}

fn scan(cursor: &[u8], mut options: &[Bytes]) -> Result<What, String> {
    let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<u32>().ok());
    let cursor = number(cursor).ok_or("the cursor is 0, or what the last SCAN has returned")?;
    let (mut pattern, mut count) = (None, 10);
    while let [option, value, after @ ..] = options {
        match &option.to_ascii_uppercase()[..] {
            b"MATCH" => pattern = Some(value.clone()),
            b"COUNT" => {
                let is_possible = |count: &u32| (1..=1_000).contains(count);
                count = number(value).filter(is_possible).ok_or("COUNT is a number from 1 to 1000")?;
            }
            b"TYPE" if value.eq_ignore_ascii_case(b"string") => {}
            _ => return Err("SCAN knows the options MATCH pattern, COUNT count and TYPE string".to_owned()),
        }
        options = after;
    }
    if !options.is_empty() {
        return Err("an option of SCAN has no value".to_owned());
    }
    Ok(What::Scan { cursor, pattern, count })
}

#[cfg(test)]
mod tests;
