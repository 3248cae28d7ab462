//! A store that lies: each lie is found, and the finding says which.

use std::collections::BTreeMap;

use kvsim_checkers::trace::Recording;
use kvsim_checkers::{NO_RERUN, Verdict, check_all};
use kvsim_sim::lower::lower;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::StoreEntry;
use kvsim_store::{
    Call, CallId, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Priority,
    Replica, ReplicaId, Value, Version,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

const HOSTILE: StoreEntry = StoreEntry::of::<Hostile>("hostile", "says what is not so");

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Lie {
    #[default]
    None,
    AnswerNobody,
    AnswerTwice,
    AnswerForAnother,
    AnswerReadAsWrite,
    AcknowledgeUnnamed,
    NameAfterAnother,
    NameAfterNobody,
    NameFromZero,
    NameTwice,
    NameARead,
    ReadOtherValue,
    ReadNothing,
    SnapshotOtherValue,
    SnapshotNothing,
    SnapshotOtherKey,
    SendToNobody,
    SendOtherKind,
    KnowUnwritten,
    KnowAgain,
    ShowUnknown,
    ShowAgain,
    ShowAtOtherLevel,
    HideUnshown,
    NeverHide,
    AcknowledgeAndForget,
    ForgetLog,
    GaugeTooMany,
    GaugeAtRest,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    /// What it lies about.
    lie: Lie,
}

/// The newest version of each key, by the number of the write and then by its origin; and what it lies about.
struct Hostile {
    lie: Lie,
    newest: BTreeMap<Key, Version>,
    clock: u64,
}

#[derive(Clone, Copy)]
struct Update {
    key: Key,
    version: Version,
    call: CallId,
}

const EVENTUAL: Levels = Levels::only(Level::Eventual);

impl Replica for Hostile {
    type Config = Settings;
    type Message = Update;
    type Timer = ();
    type SessionToken = ();
    type Context = ();
    type Record = Update;

    const MESSAGE_KINDS: &'static [&'static str] = &["update"];
    const GAUGES: &'static [GaugeInfo] = &[GaugeInfo { name: "rest", meaning: "what is left", residue: true }];
    const LEVELS: Levels = EVENTUAL;
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot(settings: &Settings, log: &[Update], env: &mut Env<'_, Hostile>) -> Hostile {
        let mut replica = Hostile { lie: settings.lie, newest: BTreeMap::new(), clock: 0 };
        if settings.lie != Lie::ForgetLog {
            log.iter().for_each(|update| replica.take(*update, env));
        }
        replica.clock += 1_000 * log.len() as u64; // its names stay its own
        replica
    }

    fn step(&mut self, input: Input<'_, Hostile>, env: &mut Env<'_, Hostile>) {
        match input {
            Input::Message { message, .. } => {
                self.take(*message, env);
                if self.lie == Lie::AnswerForAnother {
                    env.answer_write(message.call, (), None);
                }
            }
            Input::Timer(()) | Input::Members => {}
            Input::Call { id, call: Call::Read { key, .. } } => self.read(id, key, env),
            Input::Call { id, call: Call::Write { key, value, .. } } => self.write(id, key, value, env),
        }
    }

    fn meta(message: &Update) -> MessageMeta {
        let Value { id, bytes } = message.version.value;
        // A message that says who sent it a lie about its kind.
        let kind = if bytes == u32::MAX { 7 } else { 0 };
        MessageMeta { kind, id, bytes: 64, carries: None, is_bulk: false }
    }

    fn holds(_: &Settings, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        for (key, version) in &self.newest {
            match self.lie {
                Lie::SnapshotNothing => {}
                Lie::SnapshotOtherValue => each(*key, Version { value: Value { id: 77_777, bytes: 8 }, ..*version }),
                Lie::SnapshotOtherKey => each(Key::new(500, Priority::P0), *version),
                _ => each(*key, *version),
            }
        }
    }

    fn gauges(&self, into: &mut Vec<u64>) {
        into.push(u64::from(self.lie == Lie::GaugeAtRest));
        into.extend((self.lie == Lie::GaugeTooMany).then_some(1));
    }
}

impl Hostile {
    fn read(&self, id: CallId, key: Key, env: &mut Env<'_, Hostile>) {
        let newest = self.newest.get(&key).copied();
        match self.lie {
            Lie::AnswerReadAsWrite => env.answer_write(id, (), None),
            Lie::ReadNothing => env.answer_read(id, None, (), None),
            Lie::ReadOtherValue => {
                let other = |version| Version { value: Value { id: 77_777, bytes: 8 }, ..version };
                env.answer_read(id, newest.map(other), (), None);
            }
            Lie::NameARead => {
                env.observe(Observation::Wrote { call: id, dot: Dot { origin: env.me, counter: 9_999 } });
                env.answer_read(id, newest, (), None);
            }
            _ => env.answer_read(id, newest, (), None),
        }
    }

    fn write(&mut self, id: CallId, key: Key, value: Value, env: &mut Env<'_, Hostile>) {
        self.clock += 1;
        let mut dot = Dot { origin: env.me, counter: self.clock };
        match self.lie {
            Lie::NameAfterAnother => dot.origin = ReplicaId::first(NodeId((env.me.node.0 + 1) % 3)),
            Lie::NameAfterNobody => dot.origin = ReplicaId::first(NodeId(99)),
            Lie::NameFromZero => dot.counter = 0,
            Lie::NameTwice => dot.counter = 1,
            _ => {}
        }
        if self.lie != Lie::AcknowledgeUnnamed {
            env.observe(Observation::Wrote { call: id, dot });
        }
        let update = Update { key, version: Version { dot, value }, call: id };
        if self.lie == Lie::AcknowledgeAndForget {
            return env.answer_write(id, (), None);
        }
        env.append(|| update);
        self.take(update, env);
        match self.lie {
            Lie::SendToNobody => env.send(NodeId(99), update),
            Lie::SendOtherKind => {
                let value = Value { bytes: u32::MAX, ..value };
                env.broadcast(Update { version: Version { dot, value }, ..update });
            }
            _ => env.broadcast(update),
        }
        match self.lie {
            Lie::AnswerForAnother => {}
            Lie::AnswerNobody => env.answer_write(CallId(1_000_000), (), None),
            Lie::AnswerTwice => {
                env.answer_write(id, (), None);
                env.answer_write(id, (), None);
            }
            _ => env.answer_write(id, (), None),
        }
    }

    fn take(&mut self, Update { key, version, .. }: Update, env: &mut Env<'_, Hostile>) {
        let order = |version: &Version| (version.dot.counter, version.dot.origin);
        self.clock = self.clock.max(version.dot.counter);
        let old = self.newest.get(&key).copied();
        if old.is_some_and(|old| order(&old) >= order(&version)) {
            return;
        }
        self.newest.insert(key, version);
        let dot = version.dot;
        let unwritten = Dot { counter: dot.counter + 5_000, ..dot };
        if self.lie != Lie::ShowUnknown {
            env.observe(Observation::Known(dot));
        }
        match self.lie {
            Lie::KnowUnwritten => env.observe(Observation::Known(unwritten)),
            Lie::KnowAgain => env.observe(Observation::Known(dot)),
            Lie::HideUnshown => env.observe(Observation::Hidden { levels: EVENTUAL, dot }),
            _ => {}
        }
        if let Some(old) = old.filter(|_| self.lie != Lie::NeverHide) {
            env.observe(Observation::Hidden { levels: EVENTUAL, dot: old.dot });
        }
        let levels = if self.lie == Lie::ShowAtOtherLevel { Levels::only(Level::Fifo) } else { EVENTUAL };
        env.observe(Observation::Visible { levels, dot });
        if self.lie == Lie::ShowAgain {
            env.observe(Observation::Visible { levels, dot });
        }
    }
}

/// The codes by which a run of the store is violated.
fn found(lie: Lie) -> Vec<String> {
    // It repairs nothing, so that nodes go down only where that is what it lies about.
    let crashes = if lie == Lie::ForgetLog {
        json!([{ "node": ["n0", "n1", "n2"], "at": ["500ms"], "for": "100ms" }])
    } else {
        json!([])
    };
    let fields = json!({
        "replicas": 3,
        "duration": "1s",
        "settle": "1s",
        "net": { "delay": "5ms" },
        "keys": { "count": 4, "writers": "one" },
        "clients": { "app": { "sessions": 3, "think": "20ms", "value": "8B", "context": false } },
        "fault": { "crash": crashes },
    });
    let store = HOSTILE.spec().with("lie", json!(lie));
    let name = format!("{lie:?}");
    let scenario = Scenario { name, store, ..serde_json::from_value(fields).expect("a scenario") };
    let plan = lower(&scenario, scenario.seed.0, "test").expect("small enough");
    let mut events = Vec::new();
    (HOSTILE.run)(&plan, &mut events).expect("a lie is no panic");
    let recording = Recording { header: (HOSTILE.header)(&plan), events };
    assert_eq!(recording.validate(), Ok(()), "{lie:?}");
    let mut codes = Vec::new();
    for report in check_all(&recording, NO_RERUN).into_iter().filter(|report| report.verdict == Verdict::Violated) {
        codes.extend(report.findings.into_iter().map(|finding| finding.code));
    }
    codes.dedup();
    codes
}

#[test]
fn each_lie_is_found() {
    for (lie, code) in [
        (Lie::AnswerNobody, "HON001"),
        (Lie::AnswerTwice, "HON001"),
        (Lie::AnswerForAnother, "HON001"),
        (Lie::AnswerReadAsWrite, "HON001"),
        (Lie::AcknowledgeUnnamed, "HON003"),
        (Lie::NameAfterAnother, "HON003"),
        (Lie::NameAfterNobody, "HON003"),
        (Lie::NameFromZero, "HON003"),
        (Lie::NameTwice, "CONV005"),
        (Lie::NameARead, "HON001"),
        (Lie::ReadOtherValue, "HON002"),
        (Lie::ReadNothing, "CONV005"),
        (Lie::SnapshotOtherValue, "HON002"),
        (Lie::SnapshotNothing, "CONV005"),
        (Lie::SnapshotOtherKey, "HON004"),
        (Lie::SendToNobody, "HON004"),
        (Lie::SendOtherKind, "HON004"),
        (Lie::KnowUnwritten, "CONV005"),
        (Lie::KnowAgain, "CONV005"),
        (Lie::ShowUnknown, "CONV002"),
        (Lie::ShowAgain, "CONV005"),
        (Lie::ShowAtOtherLevel, "CONV005"),
        (Lie::HideUnshown, "CONV005"),
        (Lie::NeverHide, "CONV005"),
        (Lie::AcknowledgeAndForget, "DUR001"),
        (Lie::ForgetLog, "DUR001"),
        (Lie::GaugeTooMany, "HON004"),
        (Lie::GaugeAtRest, "META001"),
    ] {
        let found = found(lie);
        assert!(found.iter().any(|found| found == code), "{lie:?}: {found:?}");
    }
    assert_eq!(found(Lie::None), Vec::<String>::new(), "the store is right but for its lies");
}
