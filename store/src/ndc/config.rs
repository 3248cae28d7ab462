//! The settings of the store, and what follows from them.

use kvsim_types::quantity::{Interval, IntervalOrOff, Size, shown};
use kvsim_types::{AckWord, Acks, Alone, Together};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::calls::TICK_NS;
use super::defects::Defects;
use crate::contract::{Key, Level, Levels, NodeId};
use crate::placement::Placement;
use crate::settings::{Cause, Cluster, Misfit, Profile, Reduction};

/// The settings of the store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Time between two anti-entropy rounds of a replica, in which it compares notes with another one; "off"
    /// for none.
    pub anti_entropy: IntervalOrOff,
    /// Time between two clean-ups of causal contexts.
    pub strip: Interval,
    /// On how many nodes each key is kept: "all", or a number, for which a consistent-hash ring chooses the
    /// nodes.
    #[schemars(schema_with = "replication_schema")]
    pub replication: Count,
    /// How many replicas must have a write on their disks before it is acknowledged, the asked one included: a number,
    /// "majority" or "all" of those that hold the key. With 1, a lost disk may take an acknowledged write with it.
    #[schemars(schema_with = "ack_schema")]
    pub ack: Count,
    /// For which levels replicas keep what a read at that level sees: "eventual" alone, or "all". When left out,
    /// "all" if a session reads at an ordered level or there are heartbeats, otherwise "eventual".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<Views>,
    /// How many bytes of writes a replica lets wait for their turn, per level. What does not fit is asked for again.
    pub buffer: Size,
    /// Time between two writes by which each replica shows the others that it is alive, to a key of its own, so that
    /// a level that falls behind is noticed; "off" for none.
    pub heartbeat: IntervalOrOff,
    /// Planted defects that are switched on; `kvsim list stores` shows which a store has.
    pub defects: Defects,
    /// Which nodes hold which keys. It follows from the cluster, like what is below.
    #[serde(skip)]
    pub placement: Placement,
    /// The nodes that leave the cluster for good.
    #[serde(skip)]
    pub gone: Vec<NodeId>,
    /// The keys of the nodes' heartbeats, ascending; only the store's own sessions write them.
    #[serde(skip)]
    pub heartbeat_keys: Vec<Key>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            anti_entropy: IntervalOrOff(Some(100_000_000)),
            strip: Interval(500_000_000),
            replication: Count::all(),
            ack: Count::Number(1),
            views: None,
            buffer: Size(16 << 20),
            heartbeat: IntervalOrOff(None),
            defects: Defects::NONE,
            placement: Placement::all(0),
            gone: Vec::new(),
            heartbeat_keys: Vec::new(),
        }
    }
}

impl Config {
    /// True when replicas keep ordered views.
    pub fn is_ordered(&self) -> bool {
        self.views == Some(Views::All)
    }

    /// Replicas that must have a write on their disks before it is answered, the asked one included, where so many hold
    /// the key.
    pub(super) fn acks(&self, holders: usize) -> u16 {
        self.defects.acks(self.ack.of(holders as u16).unwrap_or(1))
    }

    pub(super) fn levels(&self) -> Levels {
        if self.is_ordered() { Levels::ALL } else { Levels::only(Level::Eventual) }
    }

    pub(super) fn fit(&mut self, cluster: &Cluster) -> Vec<Misfit> {
        let mut misfits = Vec::new();
        let nodes = cluster.nodes;
        self.placement = Placement::all(nodes);
        match &self.replication {
            Count::Word(word) if word == "all" => {}
            Count::Number(copies) if *copies == nodes => {}
            Count::Number(copies) if (1..=nodes).contains(copies) => self.placement = Placement::ring(nodes, *copies),
            Count::Number(copies) => {
                let message = format!("a replication of {copies} is more than there are replicas");
                misfits.push(Misfit::new("replication", message, format!("at most {nodes}")));
            }
            Count::Word(word) => {
                let message = format!("`{}` is not a number of nodes", shown(word));
                misfits.push(Misfit::new("replication", message, format!("\"all\", or 1 to {nodes}")));
            }
        }
        let holders = self.placement.copies();
        let message = match (&self.ack, self.ack.of(holders)) {
            (Count::Word(word), None) => Some(format!("`{}` is not a number of replicas", shown(word))),
            (_, Some(acks)) if !(1..=holders).contains(&acks) => Some(format!("{acks} are more than hold a key")),
            _ => None,
        };
        misfits.extend(
            message.map(|message| Misfit::new("ack", message, format!("\"majority\", \"all\", or 1 to {holders}"))),
        );
        // What needs all views.
        let cause = match cluster.levels.iter().find(|level| *level != Level::Eventual) {
            Some(level) => Some(Cause::Level(level)),
            None => self.heartbeat.0.map(|_| Cause::Setting("heartbeat")),
        };
        let needs = match cause {
            Some(Cause::Level(level)) => format!("level {}", level.name()),
            _ => "the heartbeat".to_owned(),
        };
        let all = |setting, message: String, cause| Misfit { cause, ..Misfit::new(setting, message, "\"all\"") };
        if self.views == Some(Views::Eventual) && cause.is_some() {
            misfits.push(all("views", format!("{needs} needs views of all levels"), cause));
        } else if (self.views == Some(Views::All) || cause.is_some()) && !self.placement.is_full() {
            let message = "store ndc keeps ordered levels only where every node holds every key".to_owned();
            let cause = if self.views.is_some() { Some(Cause::Setting("views")) } else { cause };
            misfits.push(all("replication", message, cause));
        }
        self.views.get_or_insert(if cause.is_some() { Views::All } else { Views::Eventual });
        self.gone.clone_from(&cluster.leaving);
        self.heartbeat_keys.clone_from(&cluster.heartbeats);
        misfits
    }

    pub(super) fn profile(&self, nodes: u16) -> Profile {
        let copies = self.replication.of(nodes).map_or(nodes, |copies| copies.min(nodes));
        let ack = match &self.ack {
            Count::Word(word) if word == "majority" => Acks::Word(AckWord::Majority),
            Count::Word(word) if word == "all" => Acks::Word(AckWord::All),
            count => Acks::Number(count.of(copies).unwrap_or(1)),
        };
        // For a key held elsewhere, one holder after the other is asked, at times that double. A read in order waits for what is
        // missing, which some rounds of anti-entropy bring.
        let ticks: u64 = if copies == nodes { 2 } else { 1 << (copies - 1).min(4) };
        let rounds_ns = self.anti_entropy.0.map(|ns| ns.saturating_mul(3));
        let in_order_ns = rounds_ns.filter(|_| self.is_ordered()).unwrap_or(0);
        Profile {
            together: rounds_ns.map(|rounds_ns| Together {
                answer_ns: (ticks * TICK_NS).saturating_add(in_order_ns),
                calm_ns: rounds_ns.saturating_mul(3),
            }),
            anti_entropy_ns: self.anti_entropy.0,
            clean_up_ns: self.strip.0,
            heartbeat_ns: self.heartbeat.0,
            copies,
            ack,
            alone: Alone { reads: true, writes: ack.is_one() },
        }
    }

    pub(super) fn reduce(&mut self, by: Reduction) {
        match by {
            Reduction::AntiEntropy => {
                self.anti_entropy = IntervalOrOff(None);
                // What finds no room is lost for good then.
                self.buffer = Size(self.buffer.0.max(Config::default().buffer.0));
            }
            Reduction::Bounds => self.buffer = Config::default().buffer,
            Reduction::Heartbeats => self.heartbeat = IntervalOrOff(None),
            Reduction::Nodes(nodes) => {
                for count in [&mut self.replication, &mut self.ack] {
                    if let Count::Number(number) = count {
                        *number = nodes.min(*number);
                    }
                }
            }
        }
    }
}

/// Which views a replica keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Views {
    /// For the eventual level.
    Eventual,
    /// For all levels of the store. Every node must hold every key: one that misses an origin's writes to other nodes'
    /// keys could not tell a gap from a write that is not for it.
    All,
}

/// A number of nodes, or a word that stands for one: "all" or, where it makes sense, "majority".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Count {
    /// This many.
    Number(u16),
    /// What the word says.
    Word(String),
}

impl Count {
    /// All of them.
    pub fn all() -> Count {
        Count::Word("all".to_owned())
    }

    /// The number, of `all`; absent when the word stands for none.
    fn of(&self, all: u16) -> Option<u16> {
        match self {
            Count::Number(number) => Some(*number),
            Count::Word(word) if word == "all" => Some(all),
            Count::Word(word) if word == "majority" => Some(all / 2 + 1),
            Count::Word(_) => None,
        }
    }
}

fn replication_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "number of nodes",
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": 1000,
        "pattern": "^all$",
        "examples": ["all", 3],
    })
}

fn ack_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "title": "number of replicas",
        "type": ["integer", "string"],
        "minimum": 1,
        "maximum": 1000,
        "pattern": "^(majority|all)$",
        "examples": ["majority", 2],
    })
}
