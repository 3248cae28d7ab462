//! A replicated log on the crate `omnipaxos` (Ng, Haridi and Carbone, EuroSys 2023) as a store under test: every read and write
//! is a command in the log, and is answered when its place in the log is decided.
//!
//! `cargo run -- run scenarios/log.toml`, and `hunt ... --seeds 0..200 --set 'store.defects=["local-reads"]'`.

mod disk;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::rc::Rc;

use kvsim::StoreEntry;
use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Hardship, Profile};
use kvsim::store::{
    Acks, Alone, Call, CallId, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Refusal,
    Replica, Value, Version,
};
use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::HeartbeatMsg;
use omnipaxos::messages::sequence_paxos::PaxosMsg;
use omnipaxos::storage::{Entry, NoSnapshot};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, OmniPaxosConfig, ServerConfig};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use disk::{Disk, Record};

fn main() -> ExitCode {
    kvsim::main_with(&[StoreEntry::of::<Log>("log", "a replicated log on omnipaxos; reads and writes are commands")])
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Time between two ticks of the library.
    tick: Interval,
    /// After how many ticks a command that is not decided is proposed again.
    retry: u64,
    /// Planted defects that are switched on.
    defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Config {
        Config { tick: Interval(10_000_000), retry: 10, defects: BTreeSet::new() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Defect {
    /// A write is answered when it is proposed.
    AcknowledgesEarly,
    /// A replica answers reads from what it has applied.
    LocalReads,
    /// Promises and accepted rounds are not on the disk.
    ForgetsVotes,
    /// A command that is in the log twice is done twice.
    DoesAgain,
}

/// What is in the log: the call of a client, and what a write writes (nothing inside for a delete); a read writes nothing.
#[derive(Clone, Debug)]
pub struct Command {
    call: u32,
    key: Key,
    writes: Option<Option<Value>>,
}

impl Entry for Command {
    type Snapshot = NoSnapshot;
}

struct Log {
    config: Config,
    paxos: OmniPaxos<Command, Disk>,
    changes: Rc<RefCell<Vec<Record>>>,
    /// Calls of clients here that are not answered: the command, and after how many ticks it is proposed again.
    calls: BTreeMap<u32, (Command, u64)>,
    values: BTreeMap<Key, Value>,
    done: BTreeSet<u32>,
    applied: usize,
    /// How often a message of a name was sent to a node: a repeated one has a fate of its own.
    repeats: BTreeMap<(u64, u64), u64>,
    /// See [`Letter::place`]: of the next message, and by sender of the last one.
    place: (u64, u64),
    last: BTreeMap<NodeId, (u64, u64)>,
}

/// A message with its identity, and its place among those of its sender: the library wants links that keep the order, so one that
/// was overtaken is dropped.
struct Letter {
    message: Message<Command>,
    id: u64,
    /// When the sender's life began, and how many messages it had sent.
    place: (u64, u64),
}

/// The library counts nodes from 1.
fn pid(node: NodeId) -> u64 {
    u64::from(node.0) + 1
}

impl Replica for Log {
    type Config = Config;
    type Message = Letter;
    type Timer = ();
    type Context = ();
    type SessionToken = ();
    type Record = Record;

    const MESSAGE_KINDS: &'static [&'static str] = &["request", "prepare", "accept", "decide", "heartbeat"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    const ANNOUNCES: bool = false;
    const NOT_MADE_FOR: &'static [(Hardship, &'static str)] = &[
        (Hardship::LostDisks, "Paxos wants promises to last, and omnipaxos has nothing for a server that has forgotten its own"),
        (Hardship::Members, "the cluster stays as it is: other members would be another configuration of omnipaxos"),
    ];
    const DEFECTS: &'static [DefectInfo] = &[
        DefectInfo {
            name: "acknowledges-early",
            meaning: "a write is answered when it is proposed",
            noticed_by: "linearizable",
        },
        DefectInfo {
            name: "local-reads",
            meaning: "a replica answers reads from what it has applied",
            noticed_by: "linearizable",
        },
        DefectInfo {
            name: "forgets-votes",
            meaning: "promises and accepted rounds are not on the disk",
            noticed_by: "linearizable, durable, panics",
        },
        DefectInfo {
            name: "does-again",
            meaning: "a command that is in the log twice is done twice",
            noticed_by: "linearizable",
        },
    ];

    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Log>) -> Log {
        let changes = Rc::new(RefCell::new(Vec::new()));
        let nodes = env.members.iter().map(|member| pid(member.node)).collect();
        let cluster_config = ClusterConfig { configuration_id: 1, nodes, ..ClusterConfig::default() };
        let server_config = ServerConfig {
            pid: pid(env.me.node),
            election_tick_timeout: 5,
            resend_message_tick_timeout: 10,
            ..ServerConfig::default()
        };
        let disk = Disk::of(log, Rc::clone(&changes));
        let paxos = OmniPaxosConfig { cluster_config, server_config }.build(disk).expect("the settings are right");
        let mut replica = Log {
            config: config.clone(),
            paxos,
            changes,
            calls: BTreeMap::new(),
            values: BTreeMap::new(),
            done: BTreeSet::new(),
            applied: 0,
            repeats: BTreeMap::new(),
            place: (env.now_ns, 0),
            last: BTreeMap::new(),
        };
        env.arm((), config.tick.0);
        replica.flush(env);
        replica
    }

    fn step(&mut self, input: Input<'_, Log>, env: &mut Env<'_, Log>) {
        match input {
            Input::Call { id, call: Call::Read { quorum: 2.., .. } } => return env.refuse(id, Refusal::Unsupported),
            Input::Call { id, call: Call::Read { key, .. } } if self.has(Defect::LocalReads) => {
                let value = self.values.get(&key).copied();
                return env.answer_read(id, value.map(Version::unnamed), (), None);
            }
            Input::Call { id, call: Call::Read { key, .. } } => {
                self.propose(Command { call: id.0, key, writes: None });
            }
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.propose(Command { call: id.0, key, writes: Some((!delete).then_some(value)) });
                if self.has(Defect::AcknowledgesEarly) {
                    env.answer_write(id, (), None);
                }
            }
            Input::Message { from, message } => {
                let last = self.last.entry(from).or_default();
                if message.place <= *last {
                    return;
                }
                *last = message.place;
                self.paxos.handle_incoming(message.message.clone());
            }
            Input::Timer(()) => {
                env.arm((), self.config.tick.0);
                self.paxos.tick();
                self.calls.values_mut().for_each(|(_, ticks)| *ticks = ticks.saturating_sub(1));
                let late = self.calls.values().filter(|(_, ticks)| *ticks == 0);
                let late: Vec<Command> = late.map(|(command, _)| command.clone()).collect();
                late.into_iter().for_each(|command| self.propose(command));
            }
            Input::Members => {}
        }
        self.flush(env);
    }

    fn meta(letter: &Letter) -> MessageMeta {
        let kind = match &letter.message {
            Message::BLE(_) => 4,
            Message::SequencePaxos(paxos) => match paxos.msg {
                PaxosMsg::ProposalForward(_) => 0,
                PaxosMsg::PrepareReq(_) | PaxosMsg::Prepare(_) | PaxosMsg::Promise(_) => 1,
                PaxosMsg::Decide(_) => 3,
                _ => 2,
            },
        };
        MessageMeta { kind, id: letter.id, bytes: 64, carries: None, is_bulk: false }
    }

    fn profile(_: &Config, nodes: u16) -> Profile {
        Profile { ack: Acks::Number(nodes / 2 + 1), alone: Alone::NONE, ..Profile::plain(nodes) }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        self.values.iter().for_each(|(key, value)| each(*key, Version::unnamed(*value)));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Log {
    fn has(&self, defect: Defect) -> bool {
        self.config.defects.contains(&defect)
    }

    fn propose(&mut self, command: Command) {
        self.calls.insert(command.call, (command.clone(), self.config.retry));
        let _ = self.paxos.append(command); // without a leader it is proposed again
    }

    /// What the library has changed, decided and wants to send: the disk first, so that the rest waits for it.
    fn flush(&mut self, env: &mut Env<'_, Log>) {
        for record in self.changes.take() {
            let is_vote = matches!(record, Record::Promise(_) | Record::Accepted(_));
            if !(is_vote && self.has(Defect::ForgetsVotes)) {
                env.append(|| record);
            }
        }
        for entry in self.paxos.read_decided_suffix(self.applied).unwrap_or_default() {
            self.applied += 1;
            if let LogEntry::Decided(command) = entry {
                self.apply(command, env);
            }
        }
        let mut messages = Vec::new();
        self.paxos.take_outgoing_messages(&mut messages);
        for message in messages {
            let to = message.get_receiver();
            let name = name(&message);
            let count = self.repeats.entry((to, name)).or_default();
            *count += 1;
            let id = name | *count << 48;
            self.place.1 += 1;
            env.send(NodeId(to as u16 - 1), Letter { message, id, place: self.place });
        }
    }

    fn apply(&mut self, command: Command, env: &mut Env<'_, Log>) {
        let Command { call, key, writes } = command;
        if self.done.insert(call) || self.has(Defect::DoesAgain) {
            match writes {
                Some(Some(value)) => drop(self.values.insert(key, value)),
                Some(None) => drop(self.values.remove(&key)),
                None => {}
            }
        }
        if self.calls.remove(&call).is_none() {
            return; // a client of another replica asked, or it was answered
        }
        match writes {
            Some(_) if self.has(Defect::AcknowledgesEarly) => {}
            Some(_) => env.answer_write(CallId(call), (), None),
            None => env.answer_read(CallId(call), self.values.get(&key).copied().map(Version::unnamed), (), None),
        }
    }
}

/// What a message is about, in 48 bits: proposals by their call, as it stays when shrinking leaves others out.
fn name(message: &Message<Command>) -> u64 {
    let of = |what: u64, n: u32, index: usize| what << 40 | u64::from(n & 0xffff) << 24 | (index as u64 & 0xff_ffff);
    match message {
        Message::BLE(heartbeat) => match &heartbeat.msg {
            HeartbeatMsg::Request(request) => u64::from(request.round),
            HeartbeatMsg::Reply(reply) => 1 << 40 | u64::from(reply.round),
        },
        Message::SequencePaxos(paxos) => match &paxos.msg {
            PaxosMsg::ProposalForward(commands) => commands.first().map_or(0, |command| u64::from(command.call)),
            PaxosMsg::PrepareReq(it) => of(2, it.n.n, 0),
            PaxosMsg::Prepare(it) => of(3, it.n.n, 0),
            PaxosMsg::Promise(it) => of(4, it.n.n, 0),
            PaxosMsg::AcceptSync(it) => of(5, it.n.n, 0),
            PaxosMsg::AcceptDecide(it) => of(6, it.n.n, it.seq_num.counter as usize),
            PaxosMsg::Accepted(it) => of(7, it.n.n, it.accepted_idx),
            PaxosMsg::NotAccepted(it) => of(8, it.n.n, 0),
            PaxosMsg::Decide(it) => of(9, it.n.n, it.decided_idx),
            _ => of(10, 0, 0),
        },
    }
}
