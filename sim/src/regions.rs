//! Regions: which nodes and clients are near each other, and how long what they send is under way from one to another.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::Delay;
use crate::quantity::Nodes;

/// All regions by name. A node is in one of them or in none.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Regions(pub BTreeMap<String, Region>);

/// Nodes and clients that are near each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// The nodes that are there; clients alone when left out.
    #[serde(default, skip_serializing_if = "no_nodes")]
    #[schemars(extend("examples" = [["n0", "n1"]]))]
    pub nodes: Nodes,
    /// How long a message is under way within the region, and a request or answer between a client and a node of it; as in
    /// `[net]` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// How long what is sent is under way, one way, to other regions by name; back it takes as long, unless the other region says
    /// otherwise. To regions that are not named it is as in `[net]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("examples" = [{ "us": "40ms", "asia": "log-normal(110ms, p99 160ms)" }]))]
    pub to: BTreeMap<String, Delay>,
}

fn no_nodes(nodes: &Nodes) -> bool {
    nodes.0.is_empty()
}

impl Regions {
    /// The name of the region that a node is in.
    pub fn of(&self, node: NodeId) -> Option<&str> {
        self.0.iter().find(|(_, region)| region.nodes.0.contains(&node)).map(|(name, _)| name.as_str())
    }

    /// How long what is sent in one region is under way to another one, or to the same, where that is said.
    pub fn delay(&self, from: &str, to: &str) -> Option<&Delay> {
        let (sender, receiver) = (self.0.get(from)?, self.0.get(to)?);
        if from == to { sender.delay.as_ref() } else { sender.to.get(to).or_else(|| receiver.to.get(from)) }
    }

    /// The links whose delay regions say, those alike one after the other.
    pub fn links(&self) -> Vec<(NodeId, NodeId, &Delay)> {
        let mut links = Vec::new();
        for (from, sender) in &self.0 {
            for (to, receiver) in &self.0 {
                let Some(delay) = self.delay(from, to) else { continue };
                let pairs = sender.nodes.0.iter().flat_map(|from| receiver.nodes.0.iter().map(|to| (*from, *to)));
                links.extend(pairs.filter(|(from, to)| from != to).map(|(from, to)| (from, to, delay)));
            }
        }
        links
    }
}
