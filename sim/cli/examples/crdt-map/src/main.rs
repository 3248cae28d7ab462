//! The map of the crate `crdts` (7.3.2) as a replicated store under test: see docs/own-store.md of kvsim.
//!
//! Each replica has the map whole, and sends it to the others after each write and now and then; who receives one merges it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use crdts::{CmRDT, CvRDT, MVReg, Map};
use kvsim::StoreEntry;
use kvsim::store::settings::{NoSettings, Profile};
use kvsim::store::{
    Call, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Replica, Version,
};

fn main() -> ExitCode {
    kvsim::main_with(&[StoreEntry::of::<CrdtMap>("crdt-map", "Map<Key, MVReg> of crdts 7.3.2, states merged")])
}

type Values = Map<u32, MVReg<Version, u64>, u64>;

/// What replicas send: all that the sender has.
struct State {
    /// 0 for a new write, 1 now and then, with the identity of the one and the number of the other.
    kind: u8,
    id: u64,
    map: Values,
    /// The writes that are in the map, or were: a map does not say so of what it has removed.
    known: BTreeMap<Dot, Key>,
}

#[derive(Default)]
struct CrdtMap {
    map: Values,
    known: BTreeMap<Dot, Key>,
    named: u64,
    rounds: u64,
}

const EVERY_NS: u64 = 100_000_000;
const EVERYWHERE: Levels = Levels::only(Level::Eventual);

impl Replica for CrdtMap {
    type Config = NoSettings;
    type Message = State;
    type Timer = ();
    type Context = ();
    type SessionToken = ();
    type Record = (); // no disk: the scenario has no crashes

    const MESSAGE_KINDS: &'static [&'static str] = &["update", "gossip"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = EVERYWHERE;
    // A write replaces all that its replica holds of the key; what is concurrent stays.
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot(_: &NoSettings, _: &[()], env: &mut Env<'_, CrdtMap>) -> CrdtMap {
        let first = env.chance.below(EVERY_NS);
        env.arm((), first);
        CrdtMap::default()
    }

    fn step(&mut self, input: Input<'_, CrdtMap>, env: &mut Env<'_, CrdtMap>) {
        match input {
            Input::Message { message, .. } => {
                let old = self.shown();
                self.map.merge(message.map.clone());
                let news: Vec<(Dot, Key)> = message.known.iter().map(|(dot, key)| (*dot, *key)).collect();
                self.announce(old, news, env);
            }
            Input::Timer(()) => {
                env.arm((), EVERY_NS);
                self.rounds += 1;
                env.broadcast(self.state(1, self.rounds));
            }
            Input::Members => {}
            Input::Call { id, call: Call::Read { key, .. } } => {
                let versions = self.map.get(&key.index()).val.map(|register| register.read().val).unwrap_or_default();
                env.answer_read(id, versions, (), None);
            }
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                let old = self.shown();
                self.named += 1;
                let dot = Dot { origin: env.me, counter: self.named };
                env.observe(Observation::Wrote { call: id, dot });
                let op = if delete {
                    self.map.rm(key.index(), self.map.get(&key.index()).derive_rm_ctx())
                } else {
                    let context = self.map.read_ctx().derive_add_ctx(u64::from(env.me.node.0));
                    self.map.update(key.index(), context, |register, context| {
                        register.write(Version { dot, value }, context)
                    })
                };
                self.map.apply(op);
                self.announce(old, vec![(dot, key)], env);
                env.broadcast(self.state(0, value.id));
                env.answer_write(id, (), None);
            }
        }
    }

    fn meta(state: &State) -> MessageMeta {
        MessageMeta { kind: state.kind, id: state.id, bytes: 1_000, carries: None, is_bulk: state.kind == 1 }
    }

    fn profile(_: &NoSettings, nodes: u16) -> Profile {
        Profile { anti_entropy_ns: Some(EVERY_NS), ..Profile::plain(nodes) }
    }

    fn holds(_: &NoSettings, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        self.shown().into_iter().for_each(|version| each(self.known[&{ version.dot }], version));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl CrdtMap {
    fn state(&self, kind: u8, id: u64) -> State {
        State { kind, id, map: self.map.clone(), known: self.known.clone() }
    }

    /// All versions that reads return.
    fn shown(&self) -> BTreeSet<Version> {
        self.map.iter().flat_map(|entry| entry.val.1.read().val).collect()
    }

    /// Tells the checkers what is new in this step: which writes are known, and what reads return now and did not before.
    fn announce(&mut self, old: BTreeSet<Version>, news: Vec<(Dot, Key)>, env: &mut Env<'_, CrdtMap>) {
        for (dot, key) in news {
            if self.known.insert(dot, key).is_none() {
                env.observe(Observation::Known(dot));
            }
        }
        let new = self.shown();
        for version in old.difference(&new) {
            env.observe(Observation::Hidden { levels: EVERYWHERE, dot: version.dot });
        }
        for version in new.difference(&old) {
            env.observe(Observation::Visible { levels: EVERYWHERE, dot: version.dot });
        }
    }
}
