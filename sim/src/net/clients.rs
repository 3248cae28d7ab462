//! The ways between clients and nodes: how long requests and their answers are under way. None is lost.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;
use kvsim_store::{GOLDEN, Stream, scatter};

use super::{Delay, Quantiles};
use crate::plan::Plan;

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a client to a node.
    There,
    /// From a node to a client.
    Back,
}

/// How long requests and answers are under way. Like the fate of a message, that follows from the seed and the number of the
/// operation alone.
pub struct ClientWays {
    keys: [u64; 2],
    delays: Vec<Quantiles>,
    /// By session and node that it asks, one of these; empty where no request takes time.
    which: BTreeMap<(u32, NodeId), usize>,
}

impl ClientWays {
    /// Those of `plan`.
    pub fn new(plan: &Plan) -> ClientWays {
        let mut chance = Stream::new(plan.seed, "clients' network", 0);
        let mut known: BTreeMap<&Delay, usize> = BTreeMap::new();
        let mut which = BTreeMap::new();
        for (number, session) in (0..).zip(&plan.sessions).filter(|(_, session)| session.is_far()) {
            for node in session.nodes() {
                if let Some(delay) = plan.latency(session, node) {
                    let next = known.len();
                    which.insert((number, node), *known.entry(delay).or_insert(next));
                }
            }
        }
        let mut delays: Vec<(usize, Quantiles)> =
            known.into_iter().map(|(delay, place)| (place, Quantiles::new(delay))).collect();
        delays.sort_by_key(|(place, _)| *place);
        ClientWays {
            keys: [chance.bits(), chance.bits()],
            delays: delays.into_iter().map(|(_, delay)| delay).collect(),
            which,
        }
    }

    /// How long the request or the answer of `op` is under way; nothing when it takes no time.
    pub fn takes_ns(&self, session: u32, node: NodeId, op: u32, way: Way) -> Option<u64> {
        if self.delays.is_empty() {
            return None;
        }
        let delay = &self.delays[*self.which.get(&(session, node))?];
        let identity = scatter(scatter(self.keys[0] ^ u64::from(op)) ^ self.keys[1]);
        Some(delay.draw(scatter(identity.wrapping_add(if way == Way::There { 0 } else { GOLDEN }))))
    }
}
