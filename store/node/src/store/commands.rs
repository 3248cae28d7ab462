//! Commands of clients as calls of the store. A client's command waits for the reads before it, so that these see nothing of it, and
//! not for other nodes to have the writes before it; unless what it replaces is what the client has seen, which writes add to.

use std::time::Duration;

use bytes::Bytes;
use kvsim_host::names::Name;
use kvsim_host::{Effect, Host, Waiting};
use kvsim_store::ndc::{Handed, Ndc};
use kvsim_store::{Answer, Call, CallId, Dot, Key, Priority, Refusal, Replica, ReplicaId, Version};
use tokio::sync::oneshot;

use super::Batch;
use super::seen::Seen;
use super::slot::Slot;
use crate::metrics::Metrics;
use crate::resp::Reply;
use crate::session::{Command, How, Replaces, What, is_like};

/// The replica, and where it puts what is to happen.
type At<'a> = (&'a mut Host, &'a mut Vec<Effect>);

/// A batch that is done: where its replies go, the replies, and what the client has seen.
pub type Finished = (oneshot::Sender<(Vec<Reply>, Seen)>, Vec<Reply>, Seen);

/// A batch under way.
struct Running {
    commands: std::vec::IntoIter<Command>,
    slots: Vec<Slot>,
    /// Calls that have no answer yet, and how many of them come first.
    open: usize,
    first: usize,
    /// It is among those to go on with.
    is_ready: bool,
    seen: Seen,
    respond: oneshot::Sender<(Vec<Reply>, Seen)>,
}

/// A call of the store, and for whom.
struct Part {
    batch: usize,
    slot: usize,
    place: usize,
    key: Key,
    how: How,
    aim: Aim,
}

/// What a call is for.
enum Aim {
    /// One value.
    One,
    /// All values.
    All,
    /// Is there one?
    Count,
    /// The key, if there is one.
    Name,
    /// A write, and the reply to it.
    Write(Reply),
    /// A write; its name is the reply.
    Named,
}

impl Part {
    /// What follows has to wait for it.
    fn comes_first(&self) -> bool {
        self.how.context == Replaces::Session || !matches!(self.aim, Aim::Write(_) | Aim::Named)
    }
}

/// Commands under way.
pub struct Commands {
    waiting: Waiting<Part>,
    batches: Vec<Option<Running>>,
    free: Vec<usize>,
    /// Batches to go on with.
    ready: Vec<usize>,
    /// Batches that are done.
    pub finished: Vec<Finished>,
    timeout: Duration,
    nodes: u16,
}

/// The priority that a key's name gives.
pub fn priority_of(name: &[u8]) -> Priority {
    Priority::of_name(std::str::from_utf8(name.get(..2).unwrap_or_default()).unwrap_or_default())
}

impl Commands {
    /// None yet. Calls wait so long for other nodes.
    pub fn new(timeout: Duration, nodes: u16) -> Commands {
        let (batches, free, ready, finished) = Default::default();
        Commands { waiting: Waiting::default(), batches, free, ready, finished, timeout, nodes }
    }

    /// When something will have waited long enough.
    pub fn next_ns(&self) -> Option<u64> {
        self.waiting.next_ns()
    }

    /// A client's commands come in.
    pub fn begin(&mut self, batch: Batch) {
        let Batch { commands, seen, respond } = batch;
        let slots = Vec::with_capacity(commands.len());
        let commands = commands.into_iter();
        let running = Running { commands, slots, open: 0, first: 0, is_ready: true, seen, respond };
        let place = match self.free.pop() {
            Some(place) => place,
            None => {
                self.batches.push(None);
                self.batches.len() - 1
            }
        };
        self.batches[place] = Some(running);
        self.ready.push(place);
    }

    fn running(&mut self, batch: usize) -> &mut Running {
        self.batches[batch].as_mut().expect("a batch stays until its calls are over")
    }

    /// Begins the next command of some batch. False when no batch can go on.
    pub fn go_on(&mut self, mut at: At<'_>, metrics: &Metrics, now_ns: u64) -> bool {
        let Some(batch) = self.ready.pop() else { return false };
        let running = self.running(batch);
        running.is_ready = false;
        if running.first > 0 {
            return true;
        }
        match running.commands.next() {
            Some(command) => {
                running.is_ready = true;
                self.ready.push(batch);
                self.start(batch, command, &mut at, metrics, now_ns);
            }
            None if running.open == 0 => {
                let running = self.batches[batch].take().expect("it was there");
                self.free.push(batch);
                let replies = running.slots.into_iter().map(Slot::reply).collect();
                self.finished.push((running.respond, replies, running.seen));
            }
            None => {}
        }
        true
    }

    fn start(&mut self, batch: usize, command: Command, at: &mut At<'_>, metrics: &Metrics, now_ns: u64) {
        let Command { how, what } = command;
        let slot = self.running(batch).slots.len();
        let read = |name: &Bytes, place, aim, commands: &mut Commands, at: &mut At<'_>| {
            commands.read(name, how, (batch, slot, place, aim), at, now_ns);
        };
        let begin = |slot, commands: &mut Commands| commands.running(batch).slots.push(slot);
        match what {
            What::Get(name) => {
                begin(Slot::One(Reply::Nil), self);
                read(&name, 0, Aim::One, self, at);
            }
            What::Show(name) => {
                begin(Slot::One(Reply::Nil), self);
                read(&name, 0, Aim::All, self, at);
            }
            What::Mget(names) => {
                begin(Slot::List(vec![Reply::Nil; names.len()]), self);
                names.iter().zip(0..).for_each(|(name, place)| read(name, place, Aim::One, self, at));
            }
            What::Exists(names) => {
                begin(Slot::Sum(0), self);
                names.iter().for_each(|name| read(name, 0, Aim::Count, self, at));
            }
            What::Scan { cursor, pattern, count } => {
                let keys = at.0.names.keys();
                let first = (cursor as usize).min(keys.len());
                let end = (first + count as usize).min(keys.len());
                let is_asked = |name: &&Name| pattern.as_ref().is_none_or(|pattern| is_like(name, pattern));
                let names: Vec<Bytes> =
                    keys[first..end].iter().filter(is_asked).map(|name| Bytes::copy_from_slice(name)).collect();
                let next = if end < keys.len() { end as u32 } else { 0 };
                begin(Slot::Scan(next, vec![Reply::Nil; names.len()]), self);
                // Those whose priority the level does not carry are not there for it.
                let is_carried = |name: &Bytes| how.level.carries(priority_of(name) as u8);
                let how = How { quorum: 1, ..how };
                for (name, place) in names.iter().zip(0..).filter(|(name, _)| is_carried(name)) {
                    self.read(name, how, (batch, slot, place, Aim::Name), at, now_ns);
                }
            }
            What::Set(name, value) => {
                begin(Slot::One(Reply::Nil), self);
                self.write_to(&name, how, (batch, slot), (Some(value), Aim::Write(Reply::OK)), at, now_ns);
            }
            What::Write(name, content) => {
                begin(Slot::One(Reply::Nil), self);
                self.write_to(&name, how, (batch, slot), (content, Aim::Named), at, now_ns);
            }
            What::Del(names) => {
                begin(Slot::Sum(0), self);
                for name in names {
                    let Some(key) = at.0.names.known_key(&name) else { continue };
                    let there = at.0.replica().object(key).unwrap_or_default();
                    if !there.versions.is_empty() {
                        let delete = (None, Aim::Write(Reply::Int(1)));
                        self.write((batch, slot, key, how), delete, Handed::new(there.context), at, now_ns);
                    }
                }
            }
            What::Hand(name, token) => {
                let reply = self.hand(batch, &name, &token, at);
                begin(Slot::One(reply), self);
            }
            What::Info => {
                let text = info(at.0, metrics, self.nodes);
                begin(Slot::One(Reply::Text(text)), self);
            }
        }
    }

    /// Asks for a key as the client wants it.
    fn read(
        &mut self,
        name: &[u8],
        how: How,
        (batch, slot, place, aim): (usize, usize, usize, Aim),
        at: &mut At<'_>,
        now_ns: u64,
    ) {
        // What is not known here, and is not asked of others, needs no number.
        let key = match at.0.names.known_key(name) {
            None if how.quorum == 1 && how.level.carries(priority_of(name) as u8) => {
                let reply = match aim {
                    Aim::Count => Reply::Int(0),
                    Aim::All => shown(&Handed::default(), Vec::new()),
                    _ => Reply::Nil,
                };
                return self.running(batch).slots[slot].put(place, reply);
            }
            None => at.0.names.key(name),
            key => key,
        };
        let Some(key) = key else {
            let problem = Reply::error("this node knows as many keys as it can number");
            return self.running(batch).slots[slot].put(place, problem);
        };
        let call = Call::Read { key, level: how.level, quorum: how.quorum, seen: None };
        self.call(Part { batch, slot, place, key, how, aim }, call, at, now_ns);
    }

    /// Writes to a key of this name.
    fn write_to(
        &mut self,
        name: &[u8],
        how: How,
        (batch, slot): (usize, usize),
        what: (Option<Bytes>, Aim),
        at: &mut At<'_>,
        now_ns: u64,
    ) {
        let known = at.0.names.keys().len();
        let Some(key) = at.0.names.key(name) else {
            let problem = Reply::error("this node knows as many keys as it can number");
            return self.running(batch).slots[slot].put(0, problem);
        };
        let of_node = match how.context {
            Replaces::Node if at.0.names.keys().len() == known => {
                Handed::new(at.0.replica().object(key).unwrap_or_default().context)
            }
            _ => Handed::default(),
        };
        self.write((batch, slot, key, how), what, of_node, at, now_ns);
    }

    /// Writes a value, or a delete, in the place of what this node has seen, or the client, or neither.
    fn write(
        &mut self,
        (batch, slot, key, how): (usize, usize, Key, How),
        (content, aim): (Option<Bytes>, Aim),
        of_node: Handed,
        at: &mut At<'_>,
        now_ns: u64,
    ) {
        let seen = &mut self.running(batch).seen;
        let context = seen.take_handed(key).unwrap_or_else(|| match how.context {
            Replaces::Node => of_node,
            Replaces::Session => seen.of(key).cloned().unwrap_or_default(),
            Replaces::Nothing => Handed::default(),
        });
        let names = &mut at.0.names;
        let value = match &content {
            Some(content) => names.new_value(content[..].into()),
            None => names.new_delete(),
        };
        let call = Call::Write { key, value, delete: content.is_none(), context: &context, seen: None };
        self.call(Part { batch, slot, place: 0, key, how, aim }, call, at, now_ns);
    }

    fn call(
        &mut self,
        part: Part,
        call: Call<'_, Handed, <Ndc as Replica>::SessionToken>,
        (host, effects): &mut At<'_>,
        now_ns: u64,
    ) {
        let running = self.running(part.batch);
        running.open += 1;
        running.first += usize::from(part.comes_first());
        let deadline_ns = now_ns.saturating_add(self.timeout.as_nanos() as u64);
        let id = self.waiting.begin(part, deadline_ns);
        host.call(id, call, now_ns, effects);
    }

    /// A call is over.
    fn over(&mut self, part: &Part) -> &mut Running {
        let running = self.running(part.batch);
        running.open -= 1;
        running.first -= usize::from(part.comes_first());
        running
    }

    /// Where a call is over, its batch may go on, or is done.
    fn may_go_on(&mut self, batch: usize) {
        let running = self.running(batch);
        if !running.is_ready && (running.first == 0 || running.open == 0) {
            running.is_ready = true;
            self.ready.push(batch);
        }
    }

    /// The store has answered a call.
    pub fn answer(
        &mut self,
        call: CallId,
        answer: Answer<Handed, <Ndc as Replica>::SessionToken>,
        versions: &[Version],
        host: &Host,
    ) {
        // Who waits no more has had an answer.
        let Some(part) = self.waiting.finish(call) else { return };
        let nodes = self.nodes;
        let running = self.over(&part);
        let Part { batch, slot, place, key, how, aim } = part;
        let value =
            |version: &Version| host.names.value(version.value).map_or(Reply::Nil, |value| Reply::Value(value.clone()));
        let reply = match answer {
            Answer::Refused(why) => refused(why, how, nodes),
            Answer::Wrote { context, .. } => {
                let origin = ReplicaId::first(host.node());
                let write = Dot { origin, counter: context.context.last(origin) };
                if how.context == Replaces::Session {
                    running.seen.put(key, context, false);
                }
                match aim {
                    Aim::Write(reply) => reply,
                    _ => Reply::Text(serde_json::to_string(&write).expect("a name can be written as JSON")),
                }
            }
            Answer::Read { context, .. } => {
                if how.context == Replaces::Session && matches!(aim, Aim::One | Aim::All) {
                    running.seen.put(key, context.clone(), false);
                }
                match &aim {
                    // Of values side by side one is shown, the same wherever the same writes are seen.
                    Aim::One => versions.last().map_or(Reply::Nil, value),
                    Aim::All => shown(&context, versions.iter().map(value).collect()),
                    Aim::Count => Reply::Int(i64::from(!versions.is_empty())),
                    Aim::Name if versions.is_empty() => Reply::Nil,
                    Aim::Name => Reply::Value(host.names.key_name(key).clone()),
                    Aim::Write(_) | Aim::Named => Reply::Nil,
                }
            }
        };
        running.slots[slot].put(place, reply);
        self.may_go_on(batch);
    }

    /// What has waited long enough is answered. How many calls those were.
    pub fn give_up(&mut self, now_ns: u64) -> u64 {
        let (mut count, timeout) = (0, self.timeout);
        while let Some(part) = self.waiting.take_late(now_ns) {
            let help = match part.aim {
                Aim::Write(_) | Aim::Named => {
                    "the write is here, is not undone and may spread yet (--ack says how many must have it)"
                }
                _ => "ask again, or fewer (KV.QUORUM)",
            };
            let problem = format!("TIMEOUT too few nodes have answered within {} ms: {help}", timeout.as_millis());
            self.over(&part).slots[part.slot].put(part.place, Reply::Error(problem));
            self.may_go_on(part.batch);
            count += 1;
        }
        count
    }

    /// A client hands in what it has seen of a key, perhaps elsewhere.
    fn hand(&mut self, batch: usize, name: &[u8], token: &[u8], at: &mut At<'_>) -> Reply {
        let Ok(context) = serde_json::from_slice::<Handed>(token) else {
            return Reply::error("that is no context: KV.GET returns the context of a key before its values");
        };
        if !at.0.knows(&context) {
            let problem = "TRYAGAIN this node has not seen all that the context has: ask again in a moment";
            return Reply::Error(problem.to_owned());
        }
        match at.0.names.key(name) {
            Some(key) => {
                self.running(batch).seen.put(key, context, true);
                Reply::OK
            }
            None => Reply::error("this node knows as many keys as it can number"),
        }
    }
}

/// All values of a key, after its context.
fn shown(context: &Handed, values: Vec<Reply>) -> Reply {
    let token = serde_json::to_string(context).expect("a context can be written as JSON");
    Reply::List(vec![Reply::Text(token), Reply::List(values)])
}

fn refused(why: Refusal, how: How, nodes: u16) -> Reply {
    Reply::Error(match why {
        Refusal::Level => {
            format!("LEVEL {} does not carry keys of this priority: say KV.LEVEL fifo", how.level.name())
        }
        Refusal::Quorum => format!("QUORUM {} nodes are more than the {nodes} that there are", how.quorum),
        Refusal::Recovering => "LOADING the node has yet to get everything from the others".to_owned(),
        Refusal::Unavailable => "TRYAGAIN the nodes that are needed cannot be reached".to_owned(),
        Refusal::Unsupported => "ERR the store has no such call".to_owned(),
    })
}

/// What INFO says.
fn info(host: &Host, metrics: &Metrics, nodes: u16) -> String {
    let number = |number: &std::sync::atomic::AtomicU64| number.load(std::sync::atomic::Ordering::Relaxed);
    let lines = [
        "# Server".to_owned(),
        "redis_version:7.0.0".to_owned(),
        format!("kvsim_version:{}", env!("CARGO_PKG_VERSION")),
        format!("process_id:{}", std::process::id()),
        "# Clients".to_owned(),
        format!("connected_clients:{}", number(&metrics.clients)),
        "# Stats".to_owned(),
        format!("total_connections_received:{}", number(&metrics.clients_accepted_total)),
        format!("total_commands_processed:{}", number(&metrics.requests_total)),
        "# Replication".to_owned(),
        "role:master".to_owned(),
        format!("connected_slaves:{}", number(&metrics.peers_connected)),
        "# Cluster".to_owned(),
        format!("kvsim_node:{}", host.node()),
        format!("kvsim_nodes:{nodes}"),
        "# Keyspace".to_owned(),
        format!("kvsim_values:{}", host.names.values()),
        String::new(),
    ];
    lines.join("\r\n")
}
