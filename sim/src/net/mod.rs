//! The virtual network: how long messages take, which are lost, which arrive twice.

mod clients;
mod delay;
mod delivery;
mod line;

pub use clients::{ClientWays, Way};
pub(crate) use delay::power;
pub use delay::{Delay, Quantiles};
pub use delivery::{Delivery, Network};
pub use line::Packet;

/// A share, exact to a billionth: decisions compare integers, never floats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ratio(u32);

impl Ratio {
    /// Never.
    pub const ZERO: Ratio = Ratio(0);
    /// Always.
    pub const ONE: Ratio = Ratio(1_000_000_000);

    /// `billionths` of the whole; nothing above the whole.
    pub fn from_billionths(billionths: u64) -> Option<Ratio> {
        u32::try_from(billionths).ok().map(Ratio).filter(|ratio| *ratio <= Ratio::ONE)
    }

    /// The share in billionths.
    pub fn billionths(self) -> u32 {
        self.0
    }

    /// True for this share of all `random` 64-bit numbers.
    pub fn picks(self, random: u64) -> bool {
        // The upper part of random * 10^9 is even in 0..10^9.
        ((u128::from(random) * 1_000_000_000) >> 64) < u128::from(self.0)
    }
}
