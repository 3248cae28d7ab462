//! A store that is not deterministic: it sends its keys on in the order of a HashMap. It announces nothing.
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it is what the ban is for")]

use std::collections::HashMap;

use kvsim::store::settings::NoSettings;
use kvsim::store::{
    Call, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Replica, Value, Version,
};

#[derive(Default)]
pub struct Careless {
    values: HashMap<Key, Option<Value>>,
}

impl Replica for Careless {
    type Config = NoSettings;
    type Message = (Key, Option<Value>);
    type Timer = ();
    type Context = ();
    type SessionToken = ();
    type Record = ();

    const MESSAGE_KINDS: &'static [&'static str] = &["update"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    const ANNOUNCES: bool = false;

    fn boot(_: &NoSettings, _: &[()], env: &mut Env<'_, Careless>) -> Careless {
        env.arm((), 50_000_000);
        Careless::default()
    }

    fn step(&mut self, input: Input<'_, Careless>, env: &mut Env<'_, Careless>) {
        match input {
            Input::Message { message: (key, value), .. } => drop(self.values.insert(*key, *value)),
            Input::Timer(()) => {
                env.arm((), 50_000_000);
                self.values.iter().for_each(|(key, value)| env.broadcast((*key, *value)));
            }
            Input::Members => {}
            Input::Call { id, call: Call::Read { key, .. } } => {
                let value = self.values.get(&key).copied().flatten();
                env.answer_read(id, value.map(Version::unnamed), (), None);
            }
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.values.insert(key, (!delete).then_some(value));
                env.answer_write(id, (), None);
            }
        }
    }

    fn meta((key, value): &(Key, Option<Value>)) -> MessageMeta {
        let id = value.map_or(u64::from(key.index()), |value| value.id);
        MessageMeta { kind: 0, id, bytes: 32, carries: None, is_bulk: false }
    }

    fn holds(_: &NoSettings, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        let shown = self.values.iter().filter_map(|(key, value)| Some((*key, (*value)?)));
        shown.for_each(|(key, value)| each(key, Version::unnamed(value)));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}
