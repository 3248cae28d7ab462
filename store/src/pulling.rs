//! Whom a replica asks next in anti-entropy.

use crate::contract::NodeId;
use crate::random::Stream;

/// The peers of a replica in a random order, each asked once before one is asked again: after as many rounds
/// as there are peers, every peer has been asked, which random picks would only make likely.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    peers: Vec<NodeId>,
    /// Rounds begun.
    begun: u64,
    /// Rounds begun before the present cycle.
    before: u64,
}

impl Rounds {
    /// The first round has the number after `begun`.
    pub(crate) fn new(peers: Vec<NodeId>, begun: u64) -> Rounds {
        Rounds { peers, begun, before: begun }
    }

    /// The same rounds, which go on with other peers; the numbers go on, too.
    pub(crate) fn among(self, peers: Vec<NodeId>) -> Rounds {
        Rounds { peers, begun: self.begun, before: self.begun }
    }

    /// The number of the last round.
    pub(crate) fn last(&self) -> u64 {
        self.begun
    }

    /// The number of a round outside of the order, with a peer that is asked for a reason.
    pub(crate) fn one_more(&mut self) -> u64 {
        self.begun += 1;
        self.before += 1;
        self.begun
    }

    /// The number of the next round and the peer to ask in it; `None` when there are no peers.
    pub(crate) fn next(&mut self, chance: &mut Stream) -> Option<(u64, NodeId)> {
        let peers = self.peers.len() as u64;
        if peers == 0 {
            return None;
        }
        let place = (self.begun - self.before) % peers;
        if place == 0 {
            chance.shuffle(&mut self.peers);
        }
        self.begun += 1;
        Some((self.begun, self.peers[place as usize]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_has_its_turn_in_every_cycle() {
        let mut chance = Stream::new(1, "test", 0);
        let mut rounds = Rounds::new((1..6).map(NodeId).collect(), 0);
        let mut orders = std::collections::BTreeSet::new();
        for cycle in 0..20u64 {
            let asked: Vec<NodeId> = (1..6)
                .map(|turn| {
                    let (round, peer) = rounds.next(&mut chance).unwrap();
                    assert_eq!(round, cycle * 5 + turn);
                    peer
                })
                .collect();
            let mut sorted = asked.clone();
            sorted.sort_unstable();
            assert!(sorted.into_iter().eq((1..6).map(NodeId)));
            orders.insert(asked);
        }
        assert!(orders.len() > 10, "the order changes");
        assert!(Rounds::new(Vec::new(), 0).next(&mut chance).is_none());
    }
}
