//! Clients' requests and messages of peers in the replica's terms, and what it says in theirs.

mod boot;

use std::collections::{BTreeMap, BTreeSet};

use kvsim_host::disk::Disk;
use kvsim_host::{Effect, Host};
use kvsim_store::ndc::{self, Handed, Ndc};
use kvsim_store::{Call, CallId, Dot, Key, Level, NodeId, Observation, Refusal, Replica, Version};
use serde_json::{Map, Value as Json, json};

use crate::clients::{Clients, Open, What};
use crate::json::{Wire, parsed, text};
use crate::node::Lines;
use crate::protocol::{Answer, Code, MsgId, Refused, Request, line};

/// A replica and its clients.
pub struct Service {
    /// The names of all nodes; a node's number is its place.
    nodes: Vec<String>,
    level: Level,
    read_quorum: u16,
    timeout_ns: u64,
    /// How many values were sent to the service lin-kv; absent when none are to be.
    reported: Option<u64>,
    host: Host,
    /// What the replica wants to happen.
    effects: Vec<Effect>,
    /// Absent: nothing outlives the process.
    disk: Option<Box<dyn Disk>>,
    /// Why the disk takes no more records: nothing leaves the node any more.
    disk_problem: Option<String>,
    clients: Clients,
    /// By key: how many writes have come in here.
    writes: BTreeMap<Key, u64>,
}

const MS: u64 = 1_000_000;

/// One call of the store follows from the answer to another: the write of cas.
struct Follow {
    open: Open,
    value: Json,
    context: Handed,
}

impl Service {
    /// The type of messages from replica to replica.
    pub const MESSAGE: &str = "ndc";

    /// How many nodes there are.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// True when this is what the node was told to be.
    pub fn is(&self, name: &str, nodes: &[String]) -> bool {
        self.name() == name && self.nodes == nodes
    }

    fn name(&self) -> &str {
        &self.nodes[self.host.node().index()]
    }

    fn number(&self, name: &str) -> Option<NodeId> {
        let place = self.nodes.iter().position(|node| node == name)?;
        u16::try_from(place).ok().map(NodeId)
    }

    /// True when a node of this name belongs to the cluster and is another one.
    pub fn is_peer(&self, name: &str) -> bool {
        self.number(name).is_some_and(|node| node != self.host.node())
    }

    /// When something will be due.
    pub fn next_ns(&self) -> Option<u64> {
        [self.host.next_ns(), self.clients.waiting.next_ns()].into_iter().flatten().min()
    }

    /// Why the disk takes no more records, if so.
    pub fn disk_problem(&self) -> Option<&str> {
        self.disk_problem.as_deref()
    }

    /// The replica cannot go on. These requests wait for it.
    pub fn into_waiting(mut self) -> Vec<Open> {
        self.clients.waiting.take_all()
    }

    /// Does what is due: timers of the replica, and requests that have waited long enough.
    pub fn wake(&mut self, now_ns: u64, out: &mut Lines) {
        self.host.tidy();
        self.host.wake(now_ns, &mut self.effects);
        self.carry_out(now_ns, out);
        while let Some(open) = self.clients.waiting.take_late(now_ns) {
            let late = format!("too few other nodes have answered within {} ms", self.timeout_ns / MS);
            let refused = match open.what {
                // The write is here and may spread yet.
                What::Write { .. } => Refused(Code::Timeout, format!("{late}; the write is not undone")),
                What::Read | What::Compare { .. } => Refused(Code::TemporarilyUnavailable, late),
            };
            self.answer(&open, Answer::Refused(refused), out);
        }
    }

    /// A message of a peer arrives.
    pub fn take_message(&mut self, from: &str, body: Map<String, Json>, now_ns: u64, out: &mut Lines) {
        let Some(node) = self.number(from) else { return };
        let wire: Result<Wire<ndc::Message>, _> = serde_json::from_value(Json::Object(body));
        let taken = wire.map_err(|problem| problem.to_string());
        let taken = taken.and_then(|wire| self.host.take_message(node, wire.packed(), now_ns, &mut self.effects));
        match taken {
            Ok(()) => self.carry_out(now_ns, out),
            // As if it had been lost.
            Err(problem) => out.log.push(format!("a message of {from} that no peer sends ({problem}): dropped")),
        }
    }

    /// A client's request. The answer, if there is one already that the store need not give.
    pub fn serve(
        &mut self,
        client: &str,
        msg_id: MsgId,
        request: Request,
        now_ns: u64,
        out: &mut Lines,
    ) -> Option<Answer> {
        let (Request::Read { key } | Request::Write { key, .. } | Request::Cas { key, .. }) = &request else {
            unreachable!("the node itself answers init")
        };
        let Some(key) = self.host.names.key(text(key).as_bytes()) else {
            let problem = "this node knows as many keys as it can number".to_owned();
            return Some(Answer::Refused(Refused(Code::TemporarilyUnavailable, problem)));
        };
        let open = |what| Open { client: client.to_owned(), msg_id, key, what };
        match request {
            Request::Write { value, .. } => {
                *self.writes.entry(key).or_default() += 1;
                let context = self.clients.context(client, key);
                self.write(Follow { open: open(What::Write { cas: false }), value, context }, now_ns);
            }
            Request::Cas { from, to, create, .. } => {
                let writes = self.writes.get(&key).copied().unwrap_or(0);
                self.read(open(What::Compare { from, to, create, writes }), now_ns);
            }
            _ => self.read(open(What::Read), now_ns),
        }
        self.carry_out(now_ns, out);
        None
    }

    fn read(&mut self, open: Open, now_ns: u64) {
        let call = Call::Read { key: open.key, level: self.level, quorum: self.read_quorum, seen: None };
        let id = self.clients.waiting.begin(open, now_ns.saturating_add(self.timeout_ns));
        self.host.call(id, call, now_ns, &mut self.effects);
    }

    fn write(&mut self, write: Follow, now_ns: u64) {
        let Follow { open, value, context } = write;
        let key = open.key;
        let value = self.host.names.new_value(text(&value).into_bytes().into());
        let id = self.clients.waiting.begin(open, now_ns.saturating_add(self.timeout_ns));
        let call = Call::Write { key, value, delete: false, context: &context, seen: None };
        self.host.call(id, call, now_ns, &mut self.effects);
    }

    /// Carries out what the replica wants, and what follows from it.
    fn carry_out(&mut self, now_ns: u64, out: &mut Lines) {
        while self.disk_problem.is_none() {
            let records = self.host.take_records();
            let stored = self.disk.as_mut().filter(|_| !records.is_empty()).map_or(Ok(()), |disk| {
                disk.append(&records)?;
                disk.sync()
            });
            if let Err(problem) = stored {
                self.disk_problem = Some(problem.to_string());
                break;
            }
            let mut follow = Vec::new();
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send { to, message } => self.send(&to, Wire::of(message), out),
                    Effect::Answer(call, answer, versions) => {
                        follow.extend(self.take_answer(call, answer, &versions, out));
                    }
                }
            }
            self.report(out);
            if follow.is_empty() {
                return;
            }
            follow.into_iter().for_each(|write| self.write(write, now_ns));
        }
        self.effects.clear();
    }

    fn send(&self, targets: &[NodeId], message: Wire<ndc::Message>, out: &mut Lines) {
        let mut body = match serde_json::to_value(message) {
            Ok(body) => body,
            // As if it had been lost.
            Err(problem) => return out.log.push(format!("a message that cannot be written ({problem}): dropped")),
        };
        body["type"] = Self::MESSAGE.into();
        for target in targets {
            out.messages.push(line(self.name(), &self.nodes[target.index()], &body));
        }
    }

    /// The store has answered. Returns what is to be written now.
    fn take_answer(
        &mut self,
        call: CallId,
        answer: kvsim_store::Answer<Handed, <Ndc as Replica>::SessionToken>,
        versions: &[Version],
        out: &mut Lines,
    ) -> Option<Follow> {
        // Who waits no more has had an answer.
        let open = self.clients.waiting.finish(call)?;
        let answer = match answer {
            kvsim_store::Answer::Wrote { context, .. } => {
                self.clients.remember(&open, context);
                if open.what == (What::Write { cas: true }) { Answer::Cas } else { Answer::Write }
            }
            kvsim_store::Answer::Refused(why) => Answer::Refused(self.refused(why)),
            kvsim_store::Answer::Read { context, .. } => {
                // Of values written side by side one is shown, the same wherever the same writes are seen.
                let value = versions.last().map(|version| self.value(*version));
                self.clients.remember(&open, context.clone());
                match (&open.what, value) {
                    (What::Compare { from, to, create, writes }, value) => {
                        match self.compare(open.key, value.as_ref(), from, *create, *writes) {
                            Ok(()) => {
                                // At once: another cas may be answered in the same step.
                                *self.writes.entry(open.key).or_default() += 1;
                                let value = to.clone();
                                let open = Open { what: What::Write { cas: true }, ..open };
                                return Some(Follow { open, value, context });
                            }
                            Err(refused) => Answer::Refused(refused),
                        }
                    }
                    (_, Some(value)) => Answer::Read(value),
                    (_, None) => {
                        let problem = format!("the key {} has no value", self.key_name(open.key));
                        Answer::Refused(Refused(Code::KeyDoesNotExist, problem))
                    }
                }
            }
        };
        self.answer(&open, answer, out);
        None
    }

    fn key_name(&self, key: Key) -> Json {
        parsed(self.host.names.key_name(key))
    }

    fn value(&self, version: Version) -> Json {
        self.host.names.value(version.value).map_or(Json::Null, |value| parsed(value))
    }

    /// Whether cas may write.
    fn compare(&self, key: Key, value: Option<&Json>, from: &Json, create: bool, writes: u64) -> Result<(), Refused> {
        let name = || self.key_name(key);
        match value {
            None if create => {}
            None => return Err(Refused(Code::KeyDoesNotExist, format!("the key {} has no value", name()))),
            Some(value) if text(value) != text(from) => {
                return Err(Refused(Code::PreconditionFailed, format!("the key {} is {value}, not {from}", name())));
            }
            Some(_) => {}
        }
        if self.writes.get(&key).copied().unwrap_or(0) != writes {
            let problem = format!("another write to {} came in here while cas was reading", name());
            return Err(Refused(Code::Abort, problem));
        }
        Ok(())
    }

    fn refused(&self, why: Refusal) -> Refused {
        match why {
            Refusal::Level => {
                let problem = format!("level {} does not carry keys of this priority", self.level.name());
                Refused(Code::NotSupported, problem)
            }
            Refusal::Quorum => {
                Refused(Code::NotSupported, format!("{} replicas are more than there are", self.read_quorum))
            }
            Refusal::Unsupported => Refused(Code::NotSupported, "the store has no such call".to_owned()),
            Refusal::Unavailable => {
                Refused(Code::TemporarilyUnavailable, "the nodes that are needed cannot be reached".to_owned())
            }
            Refusal::Recovering => {
                let problem = "the replica has yet to get everything from a peer".to_owned();
                Refused(Code::TemporarilyUnavailable, problem)
            }
        }
    }

    fn answer(&self, open: &Open, answer: Answer, out: &mut Lines) {
        out.messages.push(line(self.name(), &open.client, &answer.body(open.msg_id)));
    }

    /// Values that reads return from now on are written to the service lin-kv, to a key of the node's own, so that the
    /// log of all messages shows when.
    fn report(&mut self, out: &mut Lines) {
        let (level, mut shown) = (self.level, BTreeSet::new());
        self.host.take_observations(|observation| match observation {
            Observation::Visible { levels, dot } if levels.contains(level) => drop(shown.insert(dot)),
            _ => {}
        });
        let Some(mut reported) = self.reported else { return };
        if shown.is_empty() {
            return;
        }
        // An observation has a write's name only; a value that is hidden again within the step cannot have been read.
        let mut values: Vec<(Dot, Key, Json)> = Vec::new();
        self.host.visible(self.level, &mut |key, version| {
            if shown.contains(&{ version.dot }) {
                values.push((version.dot, key, self.value(version)));
            }
        });
        values.sort_unstable_by_key(|(dot, ..)| *dot);
        for (_, key, value) in values {
            reported += 1;
            let key = json!([self.name(), self.key_name(key)]);
            let body = json!({"type": "write", "msg_id": reported, "key": key, "value": value});
            out.messages.push(line(self.name(), "lin-kv", &body));
        }
        self.reported = Some(reported);
    }
}
