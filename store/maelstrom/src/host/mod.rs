//! What a replica of the store needs to live: time, timers, its peers, and clients' requests in its own terms.

mod boot;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use kvsim_store::ndc::{self, Ndc, object::Context};
use kvsim_store::{
    Call, CallId, Dot, Env, Input, Key, Level, NodeId, Observation, Outbox, Output, Refusal, Replica, ReplicaId,
    Stream, Version,
};
use serde_json::{Map, Value as Json, json};

use crate::clients::{Clients, Open, What};
use crate::disk::Disk;
use crate::names::{Names, text};
use crate::node::Lines;
use crate::plausible;
use crate::protocol::{Answer, Code, MsgId, Refused, Request, line};
use crate::timers::Timers;

/// A replica and what belongs to it.
pub struct Host {
    /// The names of all nodes; a node's number is its place.
    nodes: Vec<String>,
    members: Vec<ReplicaId>,
    me: ReplicaId,
    level: Level,
    read_quorum: u16,
    timeout_ns: u64,
    /// How many values were sent to the service lin-kv; absent when none are to be.
    reported: Option<u64>,
    replica: Ndc,
    chance: Stream,
    outbox: Outbox<Ndc>,
    /// Absent: nothing outlives the process.
    disk: Option<Box<dyn Disk>>,
    /// Why it takes no more records: nothing leaves the node any more.
    disk_problem: Option<String>,
    timers: Timers<ndc::Timer>,
    names: Names,
    clients: Clients,
    /// By key: how many writes have come in here.
    writes: BTreeMap<Key, u64>,
}

const MS: u64 = 1_000_000;

/// One call of the store follows from the answer to another: the write of cas.
struct Follow {
    open: Open,
    value: Json,
    context: Context,
}

impl Host {
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
        &self.nodes[self.me.node.index()]
    }

    fn number(&self, name: &str) -> Option<NodeId> {
        let mut members = self.nodes.iter().zip(&self.members);
        members.find(|(node, _)| *node == name).map(|(_, member)| member.node)
    }

    /// True when a node of this name belongs to the cluster and is another one.
    pub fn is_peer(&self, name: &str) -> bool {
        self.number(name).is_some_and(|node| node != self.me.node)
    }

    /// When something will be due.
    pub fn next_ns(&self) -> Option<u64> {
        [self.timers.next_ns(), self.clients.next_ns()].into_iter().flatten().min()
    }

    /// Why the disk takes no more records, if so.
    pub fn disk_problem(&self) -> Option<&str> {
        self.disk_problem.as_deref()
    }

    /// The replica cannot go on. These requests wait for it.
    pub fn into_waiting(mut self) -> Vec<Open> {
        self.clients.take_all()
    }

    /// Does what is due: timers of the replica, and requests that have waited long enough.
    pub fn wake(&mut self, now_ns: u64, out: &mut Lines) {
        while let Some(timer) = self.timers.take_due(now_ns) {
            self.step(Input::Timer(timer), now_ns, out);
        }
        while let Some(open) = self.clients.take_late(now_ns) {
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
        let plausible = plausible::check(&body, self.members.len() as u16, self.replica.known());
        let parsed = || serde_json::from_value(Json::Object(body)).map_err(|problem| problem.to_string());
        match plausible.and_then(|()| parsed()).and_then(|packed| self.names.unpack(packed).map_err(str::to_owned)) {
            Ok(message) => self.step(Input::Message { from: node, message: &message }, now_ns, out),
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
        let Some(key) = self.names.key(key) else {
            let problem = "this node knows as many keys as it can number".to_owned();
            return Some(Answer::Refused(Refused(Code::TemporarilyUnavailable, problem)));
        };
        let open = |what| Open { client: client.to_owned(), msg_id, key, what };
        match request {
            Request::Write { value, .. } => {
                *self.writes.entry(key).or_default() += 1;
                let context = self.clients.context(client, key);
                self.write(Follow { open: open(What::Write { cas: false }), value, context }, now_ns, out);
            }
            Request::Cas { from, to, create, .. } => {
                let writes = self.writes.get(&key).copied().unwrap_or(0);
                self.read(open(What::Compare { from, to, create, writes }), now_ns, out);
            }
            _ => self.read(open(What::Read), now_ns, out),
        }
        None
    }

    fn read(&mut self, open: Open, now_ns: u64, out: &mut Lines) {
        let call = Call::Read { key: open.key, level: self.level, quorum: self.read_quorum, seen: None };
        let id = self.clients.begin(open, now_ns.saturating_add(self.timeout_ns));
        self.step(Input::Call { id, call }, now_ns, out);
    }

    fn write(&mut self, write: Follow, now_ns: u64, out: &mut Lines) {
        let Follow { open, value, context } = write;
        let key = open.key;
        let value = self.names.new_value(&value);
        let id = self.clients.begin(open, now_ns.saturating_add(self.timeout_ns));
        let call = Call::Write { key, value, delete: false, context: &context, seen: None };
        self.step(Input::Call { id, call }, now_ns, out);
    }

    /// The replica takes one input.
    fn step(&mut self, input: Input<'_, Ndc>, now_ns: u64, out: &mut Lines) {
        let Host { me, members, chance, outbox, .. } = self;
        let mut env = Env { me: *me, members, founding: false, now_ns, chance, outbox };
        self.replica.step(input, &mut env);
        self.apply_outputs(now_ns, out);
    }

    /// Carries out what the replica has said.
    fn apply_outputs(&mut self, now_ns: u64, out: &mut Lines) {
        let mut outbox = std::mem::replace(&mut self.outbox, Outbox::new(false));
        if let Err(problem) = self.store_records(&mut outbox.outputs) {
            // The replica has gone on already and cannot go back.
            self.disk_problem = Some(problem.to_string());
        }
        if self.disk_problem.is_some() {
            outbox.clear();
            self.outbox = outbox;
            return;
        }
        let mut follow = Vec::new();
        for output in outbox.outputs.drain(..) {
            match output {
                Output::Send { first, count, message } => {
                    self.send(&outbox.targets[first as usize..][..count as usize], message, out);
                }
                Output::Arm { timer, after_ns } => self.timers.arm(timer, now_ns.saturating_add(after_ns)),
                Output::Disarm(timer) => self.timers.disarm(timer),
                Output::Append(_) => {}
                Output::Answer { call, answer } => {
                    follow.extend(self.take_answer(call, answer, &outbox.versions, out));
                }
            }
        }
        self.report(&outbox.observations, out);
        outbox.clear();
        self.outbox = outbox;
        follow.into_iter().for_each(|write| self.write(write, now_ns, out));
    }

    /// Makes the records of a step durable. Nothing of the step leaves the node before.
    fn store_records(&mut self, outputs: &mut Vec<Output<Ndc>>) -> io::Result<()> {
        let Some(disk) = &mut self.disk else { return Ok(()) };
        let appends = outputs.extract_if(.., |output| matches!(output, Output::Append(_)));
        let records = appends.filter_map(|output| match output {
            Output::Append(record) => Some(serde_json::to_string(&self.names.pack(record))),
            _ => None,
        });
        let records: Result<Vec<String>, _> = records.collect();
        let records = records.expect("records can be written as JSON");
        if records.is_empty() { Ok(()) } else { disk.append(&records) }
    }

    fn send(&self, targets: &[NodeId], message: ndc::Message, out: &mut Lines) {
        let mut body = match serde_json::to_value(self.names.pack(message)) {
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
        answer: kvsim_store::Answer<Context, <Ndc as Replica>::SessionToken>,
        versions: &[Version],
        out: &mut Lines,
    ) -> Option<Follow> {
        // Who waits no more has had an answer.
        let open = self.clients.finish(call)?;
        let answer = match answer {
            kvsim_store::Answer::Wrote { .. } if open.what == (What::Write { cas: true }) => Answer::Cas,
            kvsim_store::Answer::Wrote { .. } => Answer::Write,
            kvsim_store::Answer::Refused(why) => Answer::Refused(self.refused(why)),
            kvsim_store::Answer::Read { first, count, context, .. } => {
                // Of values written side by side one is shown, the same wherever the same writes are seen.
                let version = versions[first as usize..][..count as usize].last();
                let value = version.map(|version| self.names.value(version.value).unwrap_or_default());
                self.clients.remember(&open.client, open.key, context.clone());
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
                        let problem = format!("the key {} has no value", self.names.key_name(open.key));
                        Answer::Refused(Refused(Code::KeyDoesNotExist, problem))
                    }
                }
            }
        };
        self.answer(&open, answer, out);
        None
    }

    /// Whether cas may write.
    fn compare(&self, key: Key, value: Option<&Json>, from: &Json, create: bool, writes: u64) -> Result<(), Refused> {
        let name = || self.names.key_name(key);
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
    fn report(&mut self, observations: &[Observation], out: &mut Lines) {
        let Some(mut reported) = self.reported else { return };
        let shown = observations.iter().filter_map(|observation| match observation {
            Observation::Visible { levels, dot } if levels.contains(self.level) => Some(*dot),
            _ => None,
        });
        let shown: BTreeSet<Dot> = shown.collect();
        if shown.is_empty() {
            return;
        }
        // An observation has a write's name only; a value that is hidden again within the step cannot have been read.
        let mut values: Vec<(Dot, Key, Json)> = Vec::new();
        self.replica.visible(self.level, &mut |key, Version { dot, value }| {
            if shown.contains(&dot) {
                values.push((dot, key, self.names.value(value).unwrap_or_default()));
            }
        });
        values.sort_unstable_by_key(|(dot, ..)| *dot);
        for (_, key, value) in values {
            reported += 1;
            let key = json!([self.name(), self.names.key_name(key)]);
            let body = json!({"type": "write", "msg_id": reported, "key": key, "value": value});
            out.messages.push(line(self.name(), "lin-kv", &body));
        }
        self.reported = Some(reported);
    }
}
