//! A replicated log on the crate `omnipaxos` (Ng, Haridi and Carbone, EuroSys 2023) as a store under test: every read and write
//! is a command in the log, and is answered when its place in the log is decided.
//!
//! Nodes may lose their disks, join and leave: the leader then ends the configuration, and one of the members of now begins (see
//! [`configuration`]). A node that is no member of one yet asks others for it, and refuses calls.
//!
//! `cargo run -- run scenarios/log.toml`, and `hunt ... --seeds 0..200 --set 'store.defects=["local-reads"]'`.

mod configuration;
mod disk;
mod entry;
mod letter;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::rc::Rc;

use kvsim::StoreEntry;
use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Profile};
use kvsim::store::{
    AckWord, Acks, Alone, Call, CallId, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId,
    Refusal, Replica, ReplicaId, Value, Version,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use configuration::{Configuration, Part};
use disk::{Change, Disk, Record};
use entry::{Command, Entry};
use letter::{Letter, Word};

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
    /// A node that has lost its disk votes as the member that it was.
    VotesAsBefore,
}

struct Log {
    config: Config,
    /// What it takes part in; nothing when it has lost its disk or joins, until others have told it.
    part: Option<Part>,
    changes: Rc<RefCell<Record>>,
    /// Calls of clients here that are not answered: the command, and after how many ticks it is proposed again.
    calls: BTreeMap<u32, (Command, u64)>,
    values: BTreeMap<Key, Value>,
    done: BTreeSet<u32>,
    ticks: u64,
    /// How often a message of a name was sent to a node: a repeated one has a fate of its own.
    repeats: BTreeMap<(NodeId, u8, u64), u64>,
    /// See [`Letter::place`]: of the next message, and by sender of the last one.
    place: (u64, u64),
    last: BTreeMap<NodeId, (u64, u64)>,
}

impl Replica for Log {
    type Config = Config;
    type Message = Letter;
    type Timer = ();
    type Context = ();
    type SessionToken = ();
    type Record = Record;

    const MESSAGE_KINDS: &'static [&'static str] = letter::KINDS;
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    const ANNOUNCES: bool = false;
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
        DefectInfo {
            name: "votes-as-before",
            meaning: "a node that has lost its disk votes as the member that it was",
            noticed_by: "linearizable, durable, panics",
        },
    ];

    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Log>) -> Log {
        let mut replica = Log {
            config: config.clone(),
            part: None,
            changes: Rc::default(),
            calls: BTreeMap::new(),
            values: BTreeMap::new(),
            done: BTreeSet::new(),
            ticks: 0,
            repeats: BTreeMap::new(),
            place: (env.now_ns, 0),
            last: BTreeMap::new(),
        };
        env.arm((), config.tick.0);
        if let Some((configuration, disk)) = Disk::of(log, Rc::clone(&replica.changes)) {
            replica.take_part(&configuration, disk, env.me);
        } else if env.founding {
            let members = replica.members(env);
            replica.enter(&Rc::new(Configuration { number: 1, members, before: Vec::new() }), env);
        }
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
            Input::Call { id, .. } if self.part.is_none() => return env.refuse(id, Refusal::Unavailable),
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
                if message.word.is_ordered() {
                    let last = self.last.entry(from).or_default();
                    if message.place <= *last {
                        return;
                    }
                    *last = message.place;
                }
                self.hear(from, &message.word, env);
            }
            Input::Timer(()) => {
                env.arm((), self.config.tick.0);
                self.tick(env);
            }
            Input::Members => {} // the leader looks at them at each tick
        }
        self.flush(env);
    }

    fn meta(letter: &Letter) -> MessageMeta {
        letter.meta()
    }

    /// A majority of the members has a write before it is acknowledged; but of four, two that are lost leave no majority that could
    /// go on. Nothing can be done alone.
    fn profile(_: &Config, nodes: u16) -> Profile {
        Profile { ack: Acks::Word(AckWord::Half), alone: Alone::NONE, ..Profile::plain(nodes) }
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

    /// The members, as configurations name them.
    fn members(&self, env: &Env<'_, Log>) -> Vec<ReplicaId> {
        env.members.iter().map(|member| self.named(*member)).collect()
    }

    fn named(&self, replica: ReplicaId) -> ReplicaId {
        match self.has(Defect::VotesAsBefore) {
            true => ReplicaId::first(replica.node),
            false => replica,
        }
    }

    /// Begins to take part in a configuration, if it is a member.
    fn enter(&mut self, configuration: &Rc<Configuration>, env: &mut Env<'_, Log>) {
        if configuration.members.contains(&self.named(env.me)) {
            self.changes.borrow_mut().push(Change::Enter(Rc::clone(configuration)));
            self.take_part(configuration, Disk::new(Rc::clone(&self.changes)), env.me);
        }
    }

    /// Takes part, from what is on the disk. Commands of earlier configurations answer no client: those who are members now need not
    /// have been a majority of those who decided them. They are proposed again.
    fn take_part(&mut self, configuration: &Rc<Configuration>, disk: Disk, me: ReplicaId) {
        self.part = Part::new(configuration, self.named(me), disk);
        self.values.clear();
        self.done.clear();
        configuration.before.iter().for_each(|command| self.execute(command));
    }

    fn hear(&mut self, from: NodeId, word: &Word, env: &mut Env<'_, Log>) {
        let current = self.part.as_ref().map_or(0, |part| part.configuration.number);
        match (word, &mut self.part) {
            (Word::Begin(configuration), _) if configuration.number > current => self.enter(configuration, env),
            (Word::Begin(_), _) | (Word::Ask, None) => {}
            (Word::Paxos(number, message), Some(part)) if *number == current => {
                part.paxos.handle_incoming(message.clone());
            }
            (Word::Paxos(number, _), _) if *number > current => self.send(from, Word::Ask, env),
            (Word::Paxos(..) | Word::Ask, Some(part)) => {
                let configuration = Rc::clone(&part.configuration);
                self.send(from, Word::Begin(configuration), env);
            }
            (Word::Paxos(..), None) => {}
        }
    }

    fn tick(&mut self, env: &mut Env<'_, Log>) {
        self.ticks += 1;
        let current = self.members(env);
        match &mut self.part {
            Some(part) => {
                part.paxos.tick();
                let is_over = part.configuration.members != current && current.len() > 1;
                if is_over && part.is_leader() && self.ticks >= part.end_again {
                    part.end_again = self.ticks + self.config.retry;
                    let _ = part.paxos.append(Entry::End(current)); // the first one counts
                }
            }
            None if self.ticks.is_multiple_of(self.config.retry) => {
                let (me, members) = (env.me, env.members);
                let others = members.iter().filter(|member| **member != me);
                others.for_each(|member| self.send(member.node, Word::Ask, env));
            }
            None => {}
        }
        self.calls.values_mut().for_each(|(_, ticks)| *ticks = ticks.saturating_sub(1));
        let late = self.calls.values().filter(|(_, ticks)| *ticks == 0);
        let late: Vec<Command> = late.map(|(command, _)| command.clone()).collect();
        late.into_iter().for_each(|command| self.propose(command));
    }

    fn propose(&mut self, command: Command) {
        self.calls.insert(command.call, (command.clone(), self.config.retry));
        if let Some(part) = &mut self.part {
            let _ = part.paxos.append(Entry::Command(command)); // without a leader it is proposed again
        }
    }

    /// What the library has changed, decided and wants to send: the disk first, so that the rest waits for it.
    fn flush(&mut self, env: &mut Env<'_, Log>) {
        loop {
            let mut record = self.changes.take();
            let is_vote = |change: &Change| matches!(change, Change::Promise(_) | Change::Accepted(_));
            record.retain(|change| !(is_vote(change) && self.has(Defect::ForgetsVotes)));
            if !record.is_empty() {
                env.append(|| record);
            }
            let Some(part) = &mut self.part else { return };
            let (decided, mut messages) = (part.decided(), Vec::new());
            part.paxos.take_outgoing_messages(&mut messages);
            let configuration = Rc::clone(&part.configuration);
            for message in messages {
                let to = configuration.node(message.get_receiver());
                self.send(to, Word::Paxos(configuration.number, message), env);
            }
            let mut next = None;
            for entry in decided {
                match entry {
                    Entry::Command(command) => self.apply(&command, env),
                    Entry::End(members) => next = self.part.as_ref().map(|part| part.next(&members)),
                }
            }
            let Some(next) = next else { return };
            self.enter(&Rc::new(next), env);
        }
    }

    fn send(&mut self, to: NodeId, word: Word, env: &mut Env<'_, Log>) {
        let (kind, name) = word.name(|place| self.part.as_ref()?.call(place));
        let count = self.repeats.entry((to, kind, name)).or_default();
        *count += 1;
        let id = name | *count << 48;
        self.place.1 += u64::from(word.is_ordered());
        env.send(to, Letter { word, kind, id, place: self.place });
    }

    fn execute(&mut self, command: &Command) {
        if self.done.insert(command.call) || self.has(Defect::DoesAgain) {
            match command.writes {
                Some(Some(value)) => drop(self.values.insert(command.key, value)),
                Some(None) => drop(self.values.remove(&command.key)),
                None => {}
            }
        }
    }

    /// A command is decided. Its client, if it asked here, is answered when the members are those who have decided it; else it is
    /// proposed again, to those of the next configuration.
    fn apply(&mut self, command: &Command, env: &mut Env<'_, Log>) {
        self.execute(command);
        let is_current = self.part.as_ref().is_some_and(|part| part.configuration.members == self.members(env));
        if !is_current || self.calls.remove(&command.call).is_none() {
            return; // or a client of another replica asked, or it was answered
        }
        match command.writes {
            Some(_) if self.has(Defect::AcknowledgesEarly) => {}
            Some(_) => env.answer_write(CallId(command.call), (), None),
            None => {
                let value = self.values.get(&command.key).copied();
                env.answer_read(CallId(command.call), value.map(Version::unnamed), (), None);
            }
        }
    }
}
