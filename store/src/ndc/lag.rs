//! Noticing that the ordered views fall behind.
//!
//! Every node writes a heartbeat to a key of its own, now and then, spread like any other write. A heartbeat that has
//! arrived and that the `fifo` view cannot show, since an earlier write of its node is missing, tells for how long the
//! view has been behind (Achleitner, *An Efficient Data Store for a Dependable Distributed Control Unit*, TU Wien
//! 2024). That is told to people and decides nothing. A node that cannot be reached at all is not noticed in this way.

use std::collections::VecDeque;
use std::ops::Range;

use super::state::State;
use crate::contract::{Dot, Key, Level, Observation, ReplicaId};

/// What a replica remembers of its peers' heartbeats. Not on its disk: after a restart it begins anew.
#[derive(Debug)]
pub struct Lag {
    /// Distance of two heartbeats of a node, in nanoseconds.
    every_ns: u64,
    /// The keys of heartbeats, ascending.
    keys: Vec<Key>,
    /// By key.
    peers: Vec<Peer>,
}

#[derive(Clone, Debug, Default)]
struct Peer {
    /// The newest heartbeat that has arrived.
    newest: Option<Dot>,
    /// Heartbeats that the view does not reflect, oldest first, each with the time of its arrival.
    unseen: VecDeque<(Dot, u64)>,
    /// When the lag was reported last.
    reported_ns: Option<u64>,
}

impl Lag {
    pub fn new(every_ns: u64, keys: Vec<Key>) -> Lag {
        let peers = vec![Peer::default(); keys.len()];
        Lag { every_ns, keys, peers }
    }

    /// Whose heartbeats go to `key`, as the key's place in the list; nothing for any other key.
    pub fn peer(&self, key: Key) -> Option<usize> {
        self.keys.binary_search(&key).ok()
    }

    /// All peers.
    pub fn peers(&self) -> Range<usize> {
        0..self.peers.len()
    }

    /// Compares the views, and reports each of these peers that is behind for longer than a heartbeat takes to come,
    /// once per heartbeat.
    pub fn look(
        &mut self,
        peers: Range<usize>,
        me: ReplicaId,
        state: &State,
        now_ns: u64,
        observe: &mut impl FnMut(Observation),
    ) {
        let every_ns = self.every_ns;
        for (key, peer) in self.keys[peers.clone()].iter().zip(&mut self.peers[peers]) {
            if let Some(newest) = state.newest(*key).filter(|dot| dot.origin != me)
                && peer.newest.is_none_or(|known| known < newest)
            {
                peer.newest = Some(newest);
                peer.unseen.push_back((newest, now_ns));
            }
            let is_reflected = |dot: Dot| state.frontiers().frontier(dot.origin, 0) >= dot.counter;
            while peer.unseen.front().is_some_and(|(dot, _)| is_reflected(*dot)) {
                peer.unseen.pop_front();
            }
            let Some((oldest, since_ns)) = peer.unseen.front() else { continue };
            // The clock may have been set back.
            let since = |then_ns: u64| now_ns.saturating_sub(then_ns);
            let behind_ns = since(*since_ns);
            let is_due = peer.reported_ns.is_none_or(|reported_ns| since(reported_ns) >= every_ns);
            if behind_ns > every_ns && is_due {
                peer.reported_ns = Some(now_ns);
                observe(Observation::Lagging { level: Level::Fifo, origin: oldest.origin, behind_ns });
            }
        }
    }
}
