//! The stores that can be hosted by name. Here the generic engine ends: inside a run everything is compiled
//! for one store, outside a store is an entry of this list.

use kvsim_checkers::trace::Header;
use kvsim_store::placement::Placement;
use kvsim_store::{Key, Levels, Priority, Replica, lww, ndc};

use crate::engine::{self, Outcome, Sink, StorePanic};
use crate::plan::{Plan, PlanError, Views};

/// A store that scenarios can name.
pub struct StoreEntry {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// The settings of a scenario's `[store]` table that it understands, beside its name.
    pub settings: &'static [&'static str],
    /// The defects that can be planted in it, to see whether they are found.
    pub defects: fn() -> Vec<DefectInfo>,
    /// The levels at which it can be read.
    pub levels: Levels,
    /// True when reads may ask several replicas.
    pub quorum_reads: bool,
    /// True when it promises to leave nothing over at rest, so that `metadata` can judge it.
    pub cleans_up: bool,
    /// The kinds of its messages.
    pub message_kinds: &'static [&'static str],
    /// The tables of a run's recording.
    pub header: fn(&Plan) -> Header,
    /// Executes a plan.
    pub run: fn(&Plan, &mut dyn Sink) -> Result<Outcome, StorePanic>,
}

/// A defect that can be planted in a store.
pub struct DefectInfo {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with a store that has it, in a sentence.
    pub meaning: &'static str,
    /// The checkers that should notice it.
    pub noticed_by: &'static str,
}

impl StoreEntry {
    /// Checks what [`Plan::validate`] cannot: whether the store knows what the plan asks of it.
    ///
    /// # Errors
    /// The first problem.
    pub fn validate(&self, plan: &Plan) -> Result<(), PlanError> {
        let known = (self.defects)();
        match plan.store.defects.iter().find(|name| known.iter().all(|known| known.name != **name)) {
            Some(name) => {
                let problem = format!("store {} has no planted defect {name}", self.name);
                Err(PlanError { place: "store.defects".into(), problem })
            }
            None => Ok(()),
        }
    }
}

/// Every store, the default first.
pub const STORES: &[StoreEntry] = &[
    StoreEntry {
        name: "ndc",
        summary: "node-wide dot-based clocks (DottedDB): siblings, deletes without tombstones, anti-entropy by clocks",
        settings: &["anti_entropy", "strip", "replication", "ack", "views", "buffer", "heartbeat", "defects"],
        defects: || {
            let info = |one: &ndc::Defect| DefectInfo {
                name: one.name(),
                meaning: one.sentence(),
                noticed_by: one.noticed_by(),
            };
            ndc::Defect::ALL.iter().map(info).collect()
        },
        levels: ndc::Ndc::LEVELS,
        quorum_reads: true,
        cleans_up: cleans_up::<ndc::Ndc>(),
        message_kinds: ndc::Ndc::MESSAGE_KINDS,
        header: |plan| engine::header::<ndc::Ndc>(plan, &ndc_config(plan)),
        run: |plan, sink| engine::run::<ndc::Ndc>(plan, &ndc_config(plan), sink),
    },
    StoreEntry {
        name: "lww",
        summary: "last writer wins: one version per key by time stamp, tombstones, anti-entropy by comparing all keys",
        settings: &["anti_entropy"],
        defects: Vec::new,
        levels: lww::Lww::LEVELS,
        quorum_reads: false,
        cleans_up: cleans_up::<lww::Lww>(),
        message_kinds: lww::Lww::MESSAGE_KINDS,
        header: |plan| engine::header::<lww::Lww>(plan, &lww_config(plan)),
        run: |plan, sink| engine::run::<lww::Lww>(plan, &lww_config(plan), sink),
    },
];

/// The store called `name`.
pub fn find(name: &str) -> Option<&'static StoreEntry> {
    STORES.iter().find(|store| store.name == name)
}

/// True when the store has a gauge that it promises to bring to 0.
const fn cleans_up<R: Replica>() -> bool {
    let mut i = 0;
    while i < R::GAUGES.len() {
        if R::GAUGES[i].residue {
            return true;
        }
        i += 1;
    }
    false
}

fn ndc_config(plan: &Plan) -> ndc::Config {
    let is_planted = |name| plan.store.defects.iter().any(|planted| planted == name);
    ndc::Config {
        placement: match plan.store.replication {
            None => Placement::all(plan.replicas),
            Some(copies) => Placement::ring(plan.replicas, copies),
        },
        anti_entropy_ns: plan.store.anti_entropy_ns,
        strip_ns: plan.store.strip_ns,
        views: match plan.store.views {
            Views::Eventual => ndc::Views::Eventual,
            Views::All => ndc::Views::All,
        },
        buffer_bytes: plan.store.buffer_bytes,
        ack: plan.store.ack,
        heartbeats: plan.heartbeats().map(|(every_ns, keys)| {
            let keys = keys.map(|key| Key::new(key, Priority::of_name(&plan.keys[key as usize])));
            ndc::Heartbeats { every_ns, keys: keys.collect() }
        }),
        defects: ndc::Defect::ALL.iter().copied().filter(|defect| is_planted(defect.name())).collect(),
    }
}

fn lww_config(plan: &Plan) -> lww::Config {
    lww::Config { anti_entropy_ns: plan.store.anti_entropy_ns }
}
