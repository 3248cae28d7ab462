//! The fingerprint of a run.

use super::Event;

/// A running 64-bit hash over all events of a run.
///
/// Frozen: the function is our own and takes the canonical words of each event, so that the same run has the
/// same hash in debug and release, on every machine and in later years. It detects accidental differences; it
/// is no protection against a deliberate collision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceHash {
    lanes: [u64; 2],
    events: u64,
}

/// Constants with balanced bits: the fractional parts of the square roots of 2, 3, 5, 7 and 11, made odd.
const K: [u64; 5] =
    [0x6a09_e667_f3bc_c909, 0xbb67_ae85_84ca_a73b, 0x3c6e_f372_fe94_f82b, 0xa54f_f53a_5f1d_36f1, 0x510e_527f_ade6_82d1];

/// Multiplies to 128 bits and lays the halves over each other, so that high and low bits of the inputs mix.
#[inline]
fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ (wide >> 64) as u64
}

impl Default for TraceHash {
    fn default() -> TraceHash {
        TraceHash { lanes: [K[0], K[1]], events: 0 }
    }
}

impl TraceHash {
    /// Takes in the next event. Its number is not hashed: it is the position.
    #[inline(always)]
    pub fn event(&mut self, event: &Event) {
        let [head, x, y] = event.what.words();
        let [a, b] = self.lanes;
        // Two lanes that cross: the lanes' multiplications do not wait for each other.
        let place = event.at_ns.rotate_left(16) ^ u64::from(event.node.0);
        self.lanes[0] = fold(a ^ place, head ^ K[2]) ^ b.rotate_left(23);
        self.lanes[1] = fold(b ^ x, y ^ event.cause.rotate_left(32) ^ K[3]).wrapping_add(a);
        self.events += 1;
    }

    /// Number of events taken in.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The hash of all events so far.
    pub fn value(&self) -> u64 {
        let mixed = fold(self.lanes[0] ^ K[4], self.lanes[1] ^ K[0]);
        fold(mixed ^ self.events, K[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Dot, LostBy, NodeId, What};

    fn sample() -> Vec<Event> {
        let write = Dot::new(NodeId(1), 1, 7);
        let what = [
            What::Wrote { op: 3, write },
            What::Sent { kind: 0, id: 9, bytes: 64, copies: 4 },
            What::Lost { kind: 0, id: 9, to: NodeId(2), by: LostBy::Fault(1) },
            What::Delivered { kind: 0, id: 9, from: NodeId(1) },
            What::Known { write },
            What::Gauge { gauge: 2, value: 5 },
        ];
        what.iter()
            .zip(1..)
            .map(|(what, number)| Event {
                number,
                at_ns: 1000 * number,
                cause: number / 2,
                node: NodeId(1),
                what: *what,
            })
            .collect()
    }

    fn hash(events: &[Event]) -> u64 {
        let mut hash = TraceHash::default();
        events.iter().for_each(|event| hash.event(event));
        hash.value()
    }

    #[test]
    fn the_function_is_frozen() {
        assert_eq!(hash(&[]), 0x0388_f63d_35d3_a8a2);
        assert_eq!(hash(&sample()), 0xa43e_56cd_ddc3_19c6);
    }

    #[test]
    fn every_field_and_the_order_count() {
        let events = sample();
        let whole = hash(&events);
        assert_ne!(hash(&events[1..]), whole);
        for i in 0..events.len() {
            for change in 0..3 {
                let mut other = events.clone();
                match change {
                    0 => other[i].at_ns += 1,
                    1 => other[i].cause += 1,
                    _ => other[i].node.0 += 1,
                }
                assert_ne!(hash(&other), whole, "event {i}, field {change}");
            }
        }
        let mut swapped = events.clone();
        swapped.swap(2, 3);
        assert_ne!(hash(&swapped), whole);
    }

    #[test]
    fn single_bits_spread() {
        // Flip each bit of the time: about half of the hash's bits change.
        let events = sample();
        let whole = hash(&events);
        let mut changed = 0;
        for bit in 0..48 {
            let mut other = events.clone();
            other[2].at_ns ^= 1 << bit;
            changed += (hash(&other) ^ whole).count_ones();
        }
        assert!((28 * 48..36 * 48).contains(&changed), "{changed}");
    }
}
