//! A small store with a log, which can be told to treat it wrongly: the last version of each key, sent to all when it
//! is written and, with everything else, every now and then.

use std::collections::BTreeMap;

use kvsim_store::{
    Call, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, NodeId, Observation, Replica, Tag, Value, Version,
};

/// What it does wrong with its log.
#[derive(Clone, Copy, Debug)]
pub enum Defect {
    /// After a crash it counts its writes from the beginning.
    ReusesDots,
    /// It answers and sends before it appends.
    AnswersEarly,
}

pub struct Notes {
    defect: Option<Defect>,
    notes: BTreeMap<Key, Note>,
    written: u64,
    rounds: u64,
}

/// A version, and how many there were of the key before.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    number: u64,
    dot: Dot,
    value: Value,
}

const MS: u64 = 1_000_000;

impl Replica for Notes {
    type Config = Option<Defect>;
    type Message = (u64, Vec<(Key, Note)>);
    type Timer = ();
    type Context = ();
    type Seen = ();
    type Record = (Key, Note);

    const MESSAGE_KINDS: &'static [&'static str] = &["update", "all"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot(defect: &Option<Defect>, log: &[(Key, Note)], env: &mut Env<'_, Notes>) -> Notes {
        let mut notes = Notes { defect: *defect, notes: BTreeMap::new(), written: 0, rounds: 0 };
        for (key, note) in log {
            if note.dot.origin == env.me && !matches!(defect, Some(Defect::ReusesDots)) {
                notes.written = notes.written.max(note.dot.counter);
            }
            notes.take(*key, *note, env);
        }
        let first = env.chance.below(100 * MS);
        env.arm((), first);
        notes
    }

    fn step(&mut self, input: Input<'_, Notes>, env: &mut Env<'_, Notes>) {
        match input {
            Input::Message { message: (_, list), .. } => {
                for (key, note) in list {
                    if self.take(*key, *note, env) {
                        env.append(|| (*key, *note));
                    }
                }
            }
            Input::Timer(()) => {
                env.arm((), 100 * MS);
                self.rounds += 1;
                // Bit 63 tells rounds from values.
                let id = 1 << 63 | env.now_ns << 10 | (self.rounds % 1_024);
                env.broadcast((id, self.notes.iter().map(|(key, note)| (*key, *note)).collect()));
            }
            Input::Members => {}
            Input::Call { id, call: Call::Read { key, .. } } => {
                let version = self.notes.get(&key).map(|note| Version { dot: note.dot, value: note.value });
                env.answer_read(id, version, (), None);
            }
            Input::Call { id, call: Call::Write { key, value, .. } } => {
                self.written += 1;
                let number = self.notes.get(&key).map_or(0, |note| note.number) + 1;
                let note = Note { number, dot: Dot { origin: env.me, counter: self.written }, value };
                env.observe(Observation::Wrote { call: id, dot: note.dot });
                self.take(key, note, env);
                if !matches!(self.defect, Some(Defect::AnswersEarly)) {
                    env.append(|| (key, note));
                }
                env.broadcast((value.id, vec![(key, note)]));
                env.answer_write(id, None);
                if matches!(self.defect, Some(Defect::AnswersEarly)) {
                    env.append(|| (key, note));
                }
            }
        }
    }

    fn tag((id, list): &(u64, Vec<(Key, Note)>)) -> Tag {
        Tag { kind: (id >> 63) as u8, id: *id, bytes: 32 * list.len() as u32, carries: None }
    }

    fn holds(_: &Option<Defect>, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        self.notes.iter().for_each(|(key, note)| each(*key, Version { dot: note.dot, value: note.value }));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Notes {
    fn take(&mut self, key: Key, note: Note, env: &mut Env<'_, Notes>) -> bool {
        let held = self.notes.get(&key).copied();
        if held.is_some_and(|held| held >= note) {
            return false;
        }
        self.notes.insert(key, note);
        let levels = Levels::only(Level::Eventual);
        env.observe(Observation::Known(note.dot));
        if let Some(held) = held {
            env.observe(Observation::Hidden { levels, dot: held.dot });
        }
        env.observe(Observation::Visible { levels, dot: note.dot });
        true
    }
}
