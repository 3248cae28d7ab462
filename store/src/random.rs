//! Chance, drawn from one seed.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// One independent sequence of random integers.
///
/// A seed and a name give a stream; streams of different names do not influence each other, so that one more
/// draw in one place changes nothing elsewhere. ChaCha8's output is specified and the integer draws below
/// are our own, so a seed means the same on every machine and in every later version.
#[derive(Clone, Debug)]
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream named `(concern, index)` of `seed`, for instance `("node", 3)`.
    pub fn new(seed: u64, concern: &str, index: u64) -> Stream {
        let mut key = [0u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&index.to_le_bytes());
        let name = concern.as_bytes();
        assert!(name.len() <= 16, "a concern's name has at most 16 bytes: {concern}");
        key[16..16 + name.len()].copy_from_slice(name);
        Stream(ChaCha8Rng::from_seed(key))
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number in `0..bound`, each equally likely (Lemire's multiplication with rejection).
    ///
    /// # Panics
    /// When `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a draw needs at least one outcome");
        let reject_below = bound.wrapping_neg() % bound;
        loop {
            let wide = u128::from(self.bits()) * u128::from(bound);
            if (wide as u64) >= reject_below {
                return (wide >> 64) as u64;
            }
        }
    }

    /// Puts `items` into a random order, each order equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

/// A fixed permutation of the 64-bit numbers without visible pattern: neighbours become strangers (the finaliser
/// of SplitMix64, Steele et al., OOPSLA 2014).
pub fn scatter(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(GOLDEN);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// 2^64 divided by the golden ratio, made odd: the step between the numbers that [`scatter`] turns into a sequence.
pub const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        // Frozen: a change here breaks every stored seed.
        let mut stream = Stream::new(42, "node", 3);
        let drawn: Vec<u64> = (0..4).map(|_| stream.bits()).collect();
        assert_eq!(drawn, FROZEN);
        let mut stream = Stream::new(42, "node", 3);
        let small: Vec<u64> = (0..8).map(|_| stream.below(10)).collect();
        assert_eq!(small, FROZEN_BELOW_10);
    }

    const FROZEN: [u64; 4] =
        [518_105_869_546_731_591, 7_353_871_264_574_718_525, 44_353_702_164_449_326, 3_119_425_508_354_251_341];
    const FROZEN_BELOW_10: [u64; 8] = [0, 3, 0, 1, 6, 6, 5, 1];

    #[test]
    fn streams_differ_by_seed_concern_and_index() {
        let first = |seed, concern, index| Stream::new(seed, concern, index).bits();
        let draws = [first(1, "node", 0), first(2, "node", 0), first(1, "net", 0), first(1, "node", 1)];
        for (i, a) in draws.iter().enumerate() {
            for b in &draws[i + 1..] {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn draws_below_a_bound_are_even() {
        let mut stream = Stream::new(7, "test", 0);
        let mut seen = [0u32; 6];
        for _ in 0..60_000 {
            seen[stream.below(6) as usize] += 1;
        }
        // 10,000 expected each, standard deviation 91: six of them is a bug, not bad luck.
        assert!(seen.iter().all(|n| (9_450..10_550).contains(n)), "{seen:?}");
    }

    #[test]
    fn shuffles_reach_every_order() {
        let mut stream = Stream::new(7, "test", 1);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..500 {
            let mut items = [1, 2, 3, 4];
            stream.shuffle(&mut items);
            seen.insert(items);
        }
        assert_eq!(seen.len(), 24);
    }
}
