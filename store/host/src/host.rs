//! A replica and what it needs to live.

use kvsim_store::ndc::{self, Handed, Message, Ndc, Record};
use kvsim_store::{
    Answer, Call, CallId, Env, Input, Key, Level, NodeId, Observation, Outbox, Output, Priority, Replica, ReplicaId,
    Stream, Version,
};
use rustc_hash::FxHashSet;

use crate::names::{Names, Packed};
use crate::timers::Timers;

/// How records look on the disk.
#[derive(Clone, Copy)]
pub struct Codec {
    /// A record as bytes.
    pub write: fn(&Packed<Record>) -> Vec<u8>,
    /// The record of these bytes, or what is wrong with them.
    pub read: fn(&[u8]) -> Result<Packed<Record>, String>,
}

/// How a replica is to live.
pub struct Settings {
    /// The store's settings; every node holds every key.
    pub config: ndc::Config,
    /// Which node it is, of how many.
    pub node: NodeId,
    /// The number of all nodes.
    pub nodes: u16,
    /// The priority that the name of a key gives.
    pub priority: fn(&[u8]) -> Priority,
    /// How records look on the disk.
    pub codec: Codec,
}

/// What the replica wants to happen, once its records are durable (see [`Host::take_records`]).
pub enum Effect {
    /// A message to peers.
    Send {
        /// To whom.
        to: Vec<NodeId>,
        /// What.
        message: Packed<Message>,
    },
    /// A call is answered: the answer, and the versions that a read returns.
    Answer(CallId, Answer<Handed, <Ndc as Replica>::SessionToken>, Vec<Version>),
}

/// A replica and what belongs to it.
pub struct Host {
    me: ReplicaId,
    members: Vec<ReplicaId>,
    replica: Ndc,
    chance: Stream,
    outbox: Outbox<Ndc>,
    codec: Codec,
    /// Records that are not durable yet.
    records: Vec<Vec<u8>>,
    timers: Timers<ndc::Timer>,
    /// The names of keys and values.
    pub names: Names,
    /// So many values make it worth while to look for those that nobody needs.
    values_max: usize,
}

/// Below so many values none are looked for that nobody needs.
const FEW_VALUES: usize = 10_000;

impl Host {
    /// The replica starts with the records of its disk, if it has one.
    ///
    /// # Errors
    /// When the records make no sense.
    pub fn boot(
        settings: &Settings,
        disk: Option<Vec<Vec<u8>>>,
        now_ns: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<Host, String> {
        let Settings { config, node, nodes, priority, codec } = settings;
        let me = ReplicaId::first(*node);
        let members: Vec<ReplicaId> = NodeId::all(*nodes).map(ReplicaId::first).collect();
        let mut names = Names::of_node(node.0, *priority);
        let mut outbox = Outbox::new(disk.is_some());
        let log = read_log(disk.unwrap_or_default(), *codec, &mut names)?;
        ndc::check_records(*nodes, &log)?;
        let mut chance = Stream::new(0, "node", u64::from(node.0));
        let mut env =
            Env { me, members: &members, founding: log.is_empty(), now_ns, chance: &mut chance, outbox: &mut outbox };
        let replica = Ndc::boot(config, &log, &mut env);
        let mut host = Host {
            me,
            members,
            replica,
            chance,
            outbox,
            codec: *codec,
            records: Vec::new(),
            timers: Timers::default(),
            names,
            values_max: FEW_VALUES,
        };
        host.take_outputs(now_ns, effects);
        host.outbox.observations.clear();
        Ok(host)
    }

    /// Which node this is.
    pub fn node(&self) -> NodeId {
        self.me.node
    }

    /// When a timer will run out.
    pub fn next_ns(&self) -> Option<u64> {
        self.timers.next_ns()
    }

    /// Timers that have run out.
    pub fn wake(&mut self, now_ns: u64, effects: &mut Vec<Effect>) {
        while let Some(timer) = self.timers.take_due(now_ns) {
            self.step(Input::Timer(timer), now_ns, effects);
        }
    }

    /// A message of a peer arrives.
    ///
    /// # Errors
    /// Why it is dropped, as if it had been lost: no honest peer sends it.
    pub fn take_message(
        &mut self,
        from: NodeId,
        message: Packed<Message>,
        now_ns: u64,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let message = self.names.unpack(message, |message| self.replica.check(from, message))?;
        self.step(Input::Message { from, message: &message }, now_ns, effects);
        Ok(())
    }

    /// A client's call.
    pub fn call(
        &mut self,
        id: CallId,
        call: Call<'_, Handed, <Ndc as Replica>::SessionToken>,
        now_ns: u64,
        effects: &mut Vec<Effect>,
    ) {
        self.step(Input::Call { id, call }, now_ns, effects);
    }

    /// The replica takes one input.
    fn step(&mut self, input: Input<'_, Ndc>, now_ns: u64, effects: &mut Vec<Effect>) {
        let Host { me, members, chance, outbox, .. } = self;
        let mut env = Env { me: *me, members, founding: false, now_ns, chance, outbox };
        self.replica.step(input, &mut env);
        self.take_outputs(now_ns, effects);
    }

    /// Takes what the replica has said.
    fn take_outputs(&mut self, now_ns: u64, effects: &mut Vec<Effect>) {
        let Outbox { outputs, targets, versions, .. } = &mut self.outbox;
        for output in outputs.drain(..) {
            match output {
                Output::Send { first, count, message } => {
                    let to = targets[first as usize..][..count as usize].to_vec();
                    effects.push(Effect::Send { to, message: self.names.pack(message) });
                }
                Output::Arm { timer, after_ns } => self.timers.arm(timer, now_ns.saturating_add(after_ns)),
                Output::Disarm(timer) => self.timers.disarm(timer),
                Output::Append(record) => self.records.push((self.codec.write)(&self.names.pack(record))),
                Output::Answer { call, answer } => {
                    let versions = match &answer {
                        Answer::Read { first, count, .. } => versions[*first as usize..][..*count as usize].to_vec(),
                        _ => Vec::new(),
                    };
                    effects.push(Effect::Answer(call, answer, versions));
                }
            }
        }
        targets.clear();
        versions.clear();
    }

    /// Takes out what the replica wants to remember. No effect of a step may leave the node before its records are durable.
    pub fn take_records(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.records)
    }

    /// Takes out what the replica has announced since the last time.
    pub fn take_observations(&mut self, each: impl FnMut(Observation)) {
        self.outbox.observations.drain(..).for_each(each);
    }

    /// What reads at `level` return here.
    pub fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        self.replica.visible(level, each);
    }

    /// The replica, to look at.
    pub fn replica(&self) -> &Ndc {
        &self.replica
    }

    /// True when clients may hand in this context: all that it has seen is known here.
    pub fn knows(&self, context: &Handed) -> bool {
        self.replica.has_seen(context)
    }

    /// Now and then: forgets the values that nothing in the replica mentions, since they have been replaced. Not while there are
    /// effects that have not been carried out.
    pub fn tidy(&mut self) {
        if self.names.values() > self.values_max {
            self.forget_values();
            self.values_max = (2 * self.names.values()).max(FEW_VALUES);
        }
    }

    fn forget_values(&mut self) {
        let mut kept = FxHashSet::default();
        self.replica.values(&mut |value| {
            kept.insert(value.id);
        });
        self.names.retain_values(|id| kept.contains(&id));
    }
}

/// The records of a node's earlier lives.
fn read_log(records: Vec<Vec<u8>>, codec: Codec, names: &mut Names) -> Result<Vec<Record>, String> {
    let record = |(number, bytes): (usize, Vec<u8>)| {
        let record = (codec.read)(&bytes).and_then(|packed| names.unpack_own(packed));
        record.map_err(|problem| format!("record {number}: {problem}"))
    };
    (1..).zip(records).map(record).collect()
}

#[cfg(test)]
mod tests;
