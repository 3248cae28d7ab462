//! What a person writes: a run described by rates, distributions and timetables, without a seed.
//!
//! These types are the file format: they read and write it, and the comments on their fields are its reference, which the
//! JSON Schema of [`schema`] shows. Alternatives are enums without a tag, so that the schema knows what goes together, and
//! the form check of the command need not be told. Together with a seed a scenario is lowered to a [`crate::plan::Plan`].

mod clients;
mod faults;
mod of_plan;
mod schema;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::Verdict;
use kvsim_checkers::trace::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::{Delay, Ratio};
use crate::plan::{DiskPlan, LinkPlan, Plan, StoreSpec};
use crate::quantity::{Bandwidth, Duration, Nodes, Seed};
use crate::regions::{Region, Regions};

pub use crate::quantity::{KeyChoice, Settle};
pub use clients::{ClientGroup, KeyPriority, Mix, OpChoice, Pace, Script, ScriptOp, ScriptSession};
pub use faults::{
    End, Fault, FaultSpec, Membership, Message, MessageFault, OneWay, PartitionFault, RandomShape, Shape, When,
    WhichMessage, WhichNodes,
};
pub use of_plan::open_settings;
pub use schema::{fault_kinds, schema};

/// A run of a replicated key-value store: how many replicas, over which network, who asks them for what, and
/// what goes wrong. The smallest one is `replicas = 3`, `duration = "10s"` and an empty `[clients.all]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(title = "kvsim scenario")]
pub struct Scenario {
    /// Short name; the command takes it from the file's name.
    #[serde(skip)]
    pub name: String,
    /// Free text for people: what the scenario shows.
    #[serde(default)]
    pub title: String,
    /// The seed that is used when the command line gives none: a whole number, or a string such as
    /// "0x5b1f90c277ad0e14". All chance in a run follows from it.
    #[serde(default = "first_seed")]
    pub seed: Seed,
    /// Number of nodes, each with one replica. They are called n0, n1 and so on.
    #[schemars(range(min = 1, max = Plan::REPLICAS_MAX), example = 5)]
    pub replicas: u16,
    /// How long clients work. All faults lie within this time.
    #[schemars(example = &"10s", extend("exclusiveMinimum" = 0))]
    pub duration: Duration,
    /// The phase after `duration`, without faults and new operations, in which replicas have to agree: "auto" for
    /// three rounds of anti-entropy with every peer, "off" for none, or a duration.
    #[serde(default)]
    pub settle: Settle,
    /// Which store runs, and how it is set.
    #[serde(default)]
    pub store: StoreSpec,
    /// Every node's disk.
    #[serde(default)]
    pub disk: DiskPlan,
    /// The network between nodes.
    #[serde(default)]
    pub net: Net,
    /// Which nodes and clients are near each other, and how far it is from one region to another.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, Region>")]
    pub regions: Regions,
    /// The keys that client groups use. Where they are given, keys of these names in a script are the same ones, which decides on a
    /// ring who holds them.
    #[serde(default)]
    pub keys: Keys,
    /// Groups of clients by name, each in a table [clients.NAME]. The sessions of a group are called NAME-0,
    /// NAME-1 and so on.
    #[serde(default, with = "clients::groups")]
    #[schemars(with = "BTreeMap<String, ClientGroup>")]
    pub clients: Vec<ClientGroup>,
    /// Sessions whose operations are written out one by one.
    #[serde(default)]
    pub script: Script,
    /// What goes wrong, and when: each fault in a table of its own, such as [[fault.partition]].
    #[serde(default, rename = "fault", with = "tables")]
    #[schemars(with = "schema::FaultTables")]
    pub faults: Vec<Fault>,
    /// Verdicts that the scenario is written to show, by the checker's name, when they are not "holds". A model may be named with a
    /// group of clients: "linearizable of app".
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, schema::VerdictName>")]
    pub expect: BTreeMap<String, Verdict>,
}

fn first_seed() -> Seed {
    Seed(1)
}

/// The network between nodes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Net {
    /// Every link that `link` does not name.
    #[serde(flatten)]
    pub usual: LinkPlan,
    /// Links that differ, each in a table [[net.link]].
    pub link: Vec<Link>,
}

/// Links that differ from the others. What is not given is as in `[net]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The sender, or several.
    #[schemars(example = &"n0")]
    pub from: Nodes,
    /// The receiver, or several. A node's link to itself is left out.
    #[schemars(extend("examples" = [["n1", "n2"]]))]
    pub to: Nodes,
    /// Says that the links from `to` to `from` differ alike.
    #[serde(default)]
    pub both_ways: bool,
    /// How long a message is under way.
    pub delay: Option<Delay>,
    /// Share of messages that do not arrive.
    pub loss: Option<Ratio>,
    /// Share of messages that arrive twice.
    pub duplicate: Option<Ratio>,
    /// How fast the link takes messages.
    pub bandwidth: Option<Bandwidth>,
}

impl Link {
    /// The links that are meant, as sender and receiver, each once.
    pub fn pairs(&self) -> Vec<(NodeId, NodeId)> {
        let (from, to) = (&self.from.0, &self.to.0);
        let directions = if self.both_ways { &[(from, to), (to, from)][..] } else { &[(from, to)] };
        let (mut pairs, mut seen) = (Vec::new(), BTreeSet::new());
        for (from, to) in
            directions.iter().flat_map(|(from, to)| from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))))
        {
            if from != to && seen.insert((from, to)) {
                pairs.push((from, to));
            }
        }
        pairs
    }
}

/// The keys that client groups use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// How many there are.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub count: u32,
    /// Which of them are used how often.
    pub choice: KeyChoice,
    /// Who may write a key.
    pub writers: Writers,
    /// Relative number of keys of each priority.
    #[serde(with = "priorities")]
    #[schemars(with = "priorities::Priorities")]
    pub priorities: [u32; 4],
}

impl Default for Keys {
    fn default() -> Keys {
        Keys { count: 100, choice: KeyChoice::Uniform, writers: Writers::Many, priorities: [1, 0, 0, 0] }
    }
}

/// Who may write a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Writers {
    /// Every session.
    Many,
    /// One session for each key; all read all keys. Needs as many keys as there are sessions that write.
    One,
}

/// The table `{ P0 = 1, P3 = 2 }` as numbers by priority.
mod priorities {
    use schemars::JsonSchema;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// Relative number of keys of each priority, not all 0.
    #[derive(Default, Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields, default)]
    pub struct Priorities {
        /// Of priority P0.
        #[serde(rename = "P0")]
        #[schemars(range(min = 0, max = 1_000_000))]
        p0: u32,
        /// Of priority P1.
        #[serde(rename = "P1")]
        #[schemars(range(min = 0, max = 1_000_000))]
        p1: u32,
        /// Of priority P2.
        #[serde(rename = "P2")]
        #[schemars(range(min = 0, max = 1_000_000))]
        p2: u32,
        /// Of priority P3.
        #[serde(rename = "P3")]
        #[schemars(range(min = 0, max = 1_000_000))]
        p3: u32,
    }

    pub fn serialize<S: Serializer>(&[p0, p1, p2, p3]: &[u32; 4], serializer: S) -> Result<S::Ok, S::Error> {
        Priorities { p0, p1, p2, p3 }.serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u32; 4], D::Error> {
        Priorities::deserialize(deserializer).map(|Priorities { p0, p1, p2, p3 }| [p0, p1, p2, p3])
    }
}
