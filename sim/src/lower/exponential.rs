//! Exponential times, for what happens again and again.

use kvsim_store::Stream;

use crate::net::{Delay, Quantiles};

/// Draws times with an exponential distribution.
pub(super) struct Exponential {
    quantiles: Quantiles,
}

impl Exponential {
    pub(super) fn new(mean_ns: u64) -> Exponential {
        Exponential { quantiles: Quantiles::new(&Delay::Exponential { mean: mean_ns }) }
    }

    pub(super) fn draw(&self, chance: &mut Stream) -> u64 {
        self.quantiles.draw(chance.bits())
    }
}
