//! Recordings of real runs: a few operations of the NDC store where everything goes wrong that can, with and without
//! a planted defect. They are small, since the twin is slow.

use kvsim_checkers::trace::{Conflict, Dot, Level, Levels, Recording, What};
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::{lower, stores};
use serde_json::json;

use crate::chance::Chance;
use crate::ops::write_of;

/// A run of a tenth of a second. Sessions of odd seeds move.
pub fn plan(seed: u64, defect: Option<&str>, crashes: bool) -> Plan {
    let mut chance = Chance(seed);
    let mut session = |level: Level| {
        let mut group = json!({
            "sessions": 1,
            "think": "8ms",
            "mix": { "read": 4, "write": 4, "delete": 1 },
            "level": level.name(),
            "context": !chance.one_in(4),
            "timeout": "30ms",
        });
        if seed % 2 == 1 {
            group["moves"] = "20ms".into();
        }
        group
    };
    let clients = json!({
        "fifo": session(Level::Fifo),
        "priority": session(Level::Priority),
        "some": session(Level::ALL[seed as usize / 2 % 6]),
    });
    let mut faults = json!({ "random_partition": [{ "every": "60ms", "lasting": "20ms" }] });
    if crashes {
        faults["crash"] = json!([
            { "every": "90ms", "lasting": "12ms" },
            { "every": "120ms", "lasting": "12ms", "disk": "tail-lost" },
            { "every": "50ms", "lasting": "12ms", "disk": "lost" },
        ]);
    }
    let loss = ["0%", "20%", "40%"][chance.below(3)];
    let scenario = json!({
        "replicas": 2 + chance.below(3),
        "duration": "100ms",
        "settle": if chance.one_in(3) { "off" } else { "auto" },
        "store": {
            "views": "all",
            "anti_entropy": "20ms",
            "strip": "25ms",
            "buffer": if chance.one_in(3) { "64B" } else { "1MiB" },
            "defects": defect.into_iter().collect::<Vec<_>>(),
        },
        "net": {
            "delay": "exponential(6ms)",
            "loss": loss,
            "duplicate": "10%",
        },
        "keys": { "count": 2 + chance.below(4), "priorities": { "P0": 1, "P1": 1, "P2": 1, "P3": 1 } },
        "clients": clients,
        "fault": faults,
    });
    let mut scenario: Scenario = serde_json::from_value(scenario).expect("a scenario");
    stores::BUILT_IN.bind(&mut scenario.store).expect("a store");
    let plan = lower::lower(&scenario, seed, "test").expect("small enough");
    plan.validate().expect("a lowered plan is valid");
    plan
}

/// The recording; nothing when the store's own assertions end the run.
pub fn record(plan: &Plan) -> Option<Recording> {
    let store = stores::BUILT_IN.find(&plan.store.name).expect("a store");
    let mut events = Vec::new();
    (store.run)(plan, &mut events).ok()?;
    Some(Recording { header: (store.header)(plan), events })
}

/// The same run, with other fates for messages that carry writes of lower priorities.
pub fn rerun(plan: &Plan, below: u8) -> Option<Recording> {
    record(&plan.with_other_fates_below(below)?)
}

/// True when some replica shows a write at `fifo` and an earlier one of its origin is never known there.
pub fn passes_over(recording: &Recording) -> bool {
    recording.events.iter().any(|event| {
        let What::Visible { write, levels } = event.what else { return false };
        let earlier = (1..write.counter).map(|counter| Dot { counter, ..write });
        let known = |write: Dot| {
            recording.events.iter().any(|other| other.node == event.node && other.what == What::Known { write })
        };
        levels.contains(Level::Fifo) && earlier.into_iter().any(|write| !known(write))
    })
}

/// Spoils some events of a recording at random; it may end up as no recording at all. The header may become that of
/// another store: one that replaces what it holds, without priorities, or without the levels that no session asks for.
pub fn spoil(recording: &mut Recording, chance: &mut Chance) {
    let (header, events) = (&mut recording.header, &mut recording.events);
    match chance.below(12) {
        0 | 1 => header.conflict = Conflict::LastWriterWins,
        2 => header.priorities.clear(),
        3 => {
            let asks =
                |level| events.iter().any(|e| matches!(e.what, What::Invoked { level: asked, .. } if asked == level));
            let served: Levels = Level::ALL.into_iter().filter(|level| asks(*level) || chance.one_in(2)).collect();
            let not_served = header.levels.without(served);
            header.levels = header.levels.without(not_served);
            events.retain_mut(|event| match &mut event.what {
                What::Visible { levels, .. } | What::Hidden { levels, .. } | What::Overflowed { levels, .. } => {
                    *levels = levels.without(not_served);
                    !levels.is_empty()
                }
                What::Holds { level, .. } | What::Lagging { level, .. } => !not_served.contains(*level),
                _ => true,
            });
        }
        _ => {}
    }
    for _ in 0..1 + chance.below(3) {
        // What reads return is spoiled as often as all the rest.
        let reads = chance.one_in(2);
        let is_wanted = |place: &usize| {
            let mut what = events[*place].what;
            write_of(&mut what).is_some()
                && !matches!(what, What::Holds { .. })
                && reads == matches!(what, What::Returned { .. })
        };
        let places: Vec<usize> = (0..events.len()).filter(is_wanted).collect();
        if places.len() < 2 {
            continue;
        }
        let (one, other) = (places[chance.below(places.len())], places[chance.below(places.len())]);
        let (first, second) = (events[one].what, events[other].what);
        match chance.below(7) {
            0 | 1 => drop(events.remove(one)),
            2 => events[other].what = first,
            3 => (events[one].what, events[other].what) = (second, first),
            4 => {
                let write = *write_of(&mut events[other].what).expect("chosen for its write");
                *write_of(&mut events[one].what).expect("chosen for its write") = write;
            }
            5 => {
                let level = Level::ALL[chance.below(6)];
                if let What::Visible { levels, .. } | What::Hidden { levels, .. } | What::Overflowed { levels, .. } =
                    &mut events[one].what
                {
                    *levels = Levels::only(level);
                }
            }
            _ => {
                events[one].what = match first {
                    What::Visible { levels, write } => What::Hidden { levels, write },
                    What::Hidden { levels, write } => What::Visible { levels, write },
                    What::Known { write } => What::Overflowed { levels: Levels::only(Level::Fifo), write },
                    What::Overflowed { write, .. } => What::Known { write },
                    same => same,
                };
            }
        }
    }
}
