//! A store of one's own under test: implement `Replica`, make a plan, run, ask the checkers.
//!
//! This one only broadcasts and hopes. `cargo run -p kvsim-sim --example own_store` runs it over a perfect and over
//! a lossy network and prints what the checkers say.

use std::collections::BTreeMap;

use kvsim_checkers::operations::seconds;
use kvsim_checkers::trace::Recording;
use kvsim_checkers::{NO_RERUN, check_all};
use kvsim_sim::lower::lower;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::StoreEntry;
use kvsim_store::settings::NoSettings;
use kvsim_store::{
    Call, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Refusal, Replica,
    Value, Version,
};
use serde_json::json;

/// The store, as it would stand in the list of stores.
const HOPEFUL: StoreEntry = StoreEntry::of::<Hopeful>("hopeful", "broadcasts and hopes");

/// One replica: the newest version of each key, by the number of the write and then by its origin.
#[derive(Default)]
struct Hopeful {
    newest: BTreeMap<Key, Version>,
    clock: u64,
}

#[derive(Clone, Copy)]
struct Update {
    key: Key,
    version: Version,
}

impl Replica for Hopeful {
    type Config = NoSettings;
    type Message = Update;
    type Timer = (); // none
    type SessionToken = (); // nothing for a session that moves
    type Context = (); // a read hands out nothing
    type Record = (); // nothing is stored

    const MESSAGE_KINDS: &'static [&'static str] = &["update"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot(_: &NoSettings, _: &[()], _: &mut Env<'_, Hopeful>) -> Hopeful {
        Hopeful::default()
    }

    fn step(&mut self, input: Input<'_, Hopeful>, env: &mut Env<'_, Hopeful>) {
        match input {
            Input::Message { message, .. } => self.take(*message, env),
            Input::Timer(()) | Input::Members => {}
            Input::Call { id, call } => match call {
                Call::Read { key, .. } => env.answer_read(id, self.newest.get(&key).copied(), (), None),
                Call::Write { delete: true, .. } => env.refuse(id, Refusal::Level), // it cannot
                Call::Write { key, value, .. } => {
                    self.clock += 1;
                    let dot = Dot { origin: env.me, counter: self.clock };
                    env.observe(Observation::Wrote { call: id, dot });
                    let update = Update { key, version: Version { dot, value } };
                    self.take(update, env);
                    env.broadcast(update);
                    env.answer_write(id, (), None);
                }
            },
        }
    }

    fn meta(message: &Update) -> MessageMeta {
        let Value { id, bytes } = message.version.value;
        MessageMeta { kind: 0, id, bytes: 32 + bytes, carries: None, is_bulk: false }
    }

    fn holds(_: &NoSettings, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        self.newest.iter().for_each(|(key, version)| each(*key, *version));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Hopeful {
    fn take(&mut self, Update { key, version }: Update, env: &mut Env<'_, Hopeful>) {
        let order = |version: &Version| (version.dot.counter, version.dot.origin);
        self.clock = self.clock.max(version.dot.counter);
        let levels = Levels::only(Level::Eventual);
        let old = self.newest.get(&key).copied();
        if old.is_some_and(|old| order(&old) >= order(&version)) {
            return;
        }
        self.newest.insert(key, version);
        env.observe(Observation::Known(version.dot));
        if let Some(old) = old {
            env.observe(Observation::Hidden { levels, dot: old.dot });
        }
        env.observe(Observation::Visible { levels, dot: version.dot });
    }
}

/// What a file of these fields would describe.
fn scenario(loss_percent: u64) -> Scenario {
    let fields = json!({
        "replicas": 3,
        "duration": "2s",
        "settle": "1s",
        "net": { "delay": "5ms", "loss": format!("{loss_percent}%") },
        "keys": { "count": 20, "writers": "one" },
        "clients": { "app": { "sessions": 3, "think": "20ms", "value": "8B", "context": false } },
    });
    let store = HOPEFUL.spec();
    let name = format!("hopeful, {loss_percent} % loss");
    Scenario { name, store, ..serde_json::from_value(fields).expect("a scenario") }
}

fn main() {
    for loss_percent in [0, 10] {
        let scenario = scenario(loss_percent);
        let plan = lower(&scenario, scenario.seed.0, "own_store").expect("small enough");
        let mut events = Vec::new();
        let outcome = (HOPEFUL.run)(&plan, &mut events).expect("no panic");
        let recording = Recording { header: (HOPEFUL.header)(&plan), events };
        println!("{}: {} events, trace hash {:#018x}", scenario.name, outcome.events, outcome.trace_hash);
        for report in check_all(&recording, NO_RERUN) {
            println!("  {} {} {}", report.verdict, report.checker, report.note);
            for finding in report.findings.iter().take(1) {
                println!("    {}: {}", finding.code, finding.title);
                finding.evidence.iter().for_each(|line| println!("      {}  {}", seconds(line.at_ns), line.text));
            }
        }
    }
}
