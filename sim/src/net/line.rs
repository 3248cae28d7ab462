//! Links with a bandwidth: each sends one message at a time, of those that wait the most urgent first.
//!
//! A store that lets alarms overtake log lines gains nothing if both then wait in one queue before the link. A message
//! that is being sent is not interrupted, so an alarm waits for the rest of one message at most, and for other alarms.

use std::collections::BTreeMap;

use kvsim_store::{MessageMeta, NodeId};

/// A message that waits for its link. Times in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Who gets it.
    pub to: NodeId,
    /// Its slot among the messages under way.
    pub payload: u32,
    /// How long the link is busy with it.
    pub sending_ns: u64,
    /// How long it is under way when it has left.
    pub takes_ns: u64,
    /// The same for a second copy, if the network makes one.
    pub again_takes_ns: Option<u64>,
}

/// The sending end of a link.
#[derive(Debug, Default)]
pub struct Line {
    is_sending: bool,
    /// By rank and order of coming.
    waiting: BTreeMap<(u8, u64), Packet>,
    came: u64,
}

impl Line {
    /// Lets a message wait; it, if it can be sent at once.
    pub fn push(&mut self, meta: MessageMeta, packet: Packet) -> Option<Packet> {
        if !std::mem::replace(&mut self.is_sending, true) {
            return Some(packet);
        }
        self.came += 1;
        self.waiting.insert((rank(meta), self.came), packet);
        None
    }

    /// The last message has been sent: the next one, if any waits.
    pub fn next(&mut self) -> Option<Packet> {
        let next = self.waiting.pop_first().map(|(_, packet)| packet);
        self.is_sending = next.is_some();
        next
    }
}

/// Calls, acknowledgements and questions go with the most urgent writes: someone waits for them, and they are small.
fn rank(meta: MessageMeta) -> u8 {
    match meta.carries {
        _ if meta.is_bulk => 4,
        Some(priority) => 3 - priority as u8,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_store::Priority;

    #[test]
    fn the_most_urgent_goes_first_and_equals_in_the_order_of_their_coming() {
        let mut line = Line::default();
        let mut push = |payload, carries, is_bulk| {
            let meta = MessageMeta { kind: 0, id: 0, bytes: 1, carries, is_bulk };
            let packet = Packet { to: NodeId(1), payload, sending_ns: 1, takes_ns: 1, again_takes_ns: None };
            line.push(meta, packet).map(|packet| packet.payload)
        };
        assert_eq!(push(0, Some(Priority::P0), false), Some(0), "the link is idle");
        let later = [(1, None, true), (2, Some(Priority::P0), false), (3, Some(Priority::P3), false)];
        let last = [(4, Some(Priority::P1), false), (5, None, false), (6, Some(Priority::P3), false)];
        for (payload, carries, is_bulk) in later.into_iter().chain(last) {
            assert_eq!(push(payload, carries, is_bulk), None);
        }
        let order: Vec<u32> = std::iter::from_fn(|| line.next()).map(|packet| packet.payload).collect();
        assert_eq!(order, [3, 5, 6, 4, 2, 1]);
    }
}
