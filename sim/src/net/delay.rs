//! Distributions of times, drawn from without floating point.
//!
//! A distribution is turned once into a table of its quantiles in whole nanoseconds; a draw looks up 64
//! random bits in it and interpolates. The table is dense where the distribution is rare: each halving of the
//! upper tail has its own 32 cells, down to one draw in 2^40, so that "very late" happens as often as it
//! should. Building the table uses additions, multiplications, divisions and square roots only, which IEEE
//! 754 fixes to the bit on every machine; `f64::ln` and its like are not fixed and are banned.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// How a time is distributed. All times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Delay {
    /// Always the same.
    Constant(u64),
    /// Every value from `min` to `max` equally likely.
    Uniform {
        /// The smallest.
        min: u64,
        /// The largest.
        max: u64,
    },
    /// Exponential: memoryless.
    Exponential {
        /// The mean.
        mean: u64,
    },
    /// Log-normal: what round-trip times look like.
    LogNormal {
        /// Half of the values are below.
        median: u64,
        /// 99 % of the values are below.
        p99: u64,
    },
    /// Measured: evenly spaced quantiles, the first the minimum, the last the maximum; not empty, ascending.
    Table(Vec<u64>),
}

impl Delay {
    /// A time that half of all draws stay below.
    pub fn median_ns(&self) -> u64 {
        Quantiles::new(self).draw(u64::MAX / 2)
    }

    /// The longest time that is ever drawn.
    pub fn longest_ns(&self) -> u64 {
        Quantiles::new(self).draw(u64::MAX)
    }

    /// A time that all but one draw in 10,000 stay below.
    pub fn almost_always_below_ns(&self) -> u64 {
        Quantiles::new(self).draw(u64::MAX - u64::MAX / 10_000)
    }
}

const OCTAVES: u32 = 40;
const CELLS: u32 = 32;

/// A [`Delay`], ready to draw from.
#[derive(Clone, Debug)]
pub struct Quantiles(Form);

#[derive(Clone, Debug)]
enum Form {
    Constant(u64),
    Uniform {
        min: u64,
        values: u64,
    },
    /// Quantiles in ascending order: for octave o and cell c (from 0), the value that is exceeded with
    /// probability `2^-(o+1) * (2 - c/32)`; in the end the maximum.
    Curve(Arc<[u64]>),
}

/// Tables that were computed in this process, since a hunt asks for the same few in each of its runs.
static COMPUTED: Mutex<BTreeMap<Delay, Arc<[u64]>>> = Mutex::new(BTreeMap::new());
/// More are not kept: 10 kB each.
const MOST_KEPT: usize = 256;

impl Quantiles {
    /// Computes the table, or finds it among those computed before.
    pub fn new(delay: &Delay) -> Quantiles {
        Quantiles(match delay {
            Delay::Constant(ns) => Form::Constant(*ns),
            Delay::Uniform { min, max } => Form::Uniform { min: *min, values: max - min + 1 },
            Delay::Exponential { mean } => computed_once(delay, |rest| *mean as f64 * -ln(rest)),
            Delay::LogNormal { median, p99 } => {
                let sigma = ln(*p99 as f64 / *median as f64) / 2.326_347_874_040_841;
                computed_once(delay, |rest| *median as f64 * exp(-sigma * normal_quantile(rest)))
            }
            Delay::Table(values) => computed_once(delay, |rest| {
                let place = (1.0 - rest) * (values.len() - 1) as f64;
                let below = (place as usize).min(values.len() - 1);
                let above = (below + 1).min(values.len() - 1);
                let low = values[below] as f64;
                low + (values[above] as f64 - low) * (place - below as f64)
            }),
        })
    }

    /// Of times that are memoryless, with this mean.
    pub fn exponential(mean: u64) -> Quantiles {
        Quantiles::new(&Delay::Exponential { mean })
    }

    /// The value for 64 random bits; more bits, longer time.
    pub fn draw(&self, random: u64) -> u64 {
        match &self.0 {
            Form::Constant(ns) => *ns,
            Form::Uniform { min, values } => min + ((u128::from(random) * u128::from(*values)) >> 64) as u64,
            Form::Curve(points) => {
                let rest = !random; // how much of the distribution lies above
                let octave = rest.leading_zeros();
                if octave >= OCTAVES {
                    return points[points.len() - 1];
                }
                // Without its leading one the rest is a fraction of 2^64 within the octave.
                let within = (rest << octave) << 1;
                let cell = CELLS - 1 - (within >> 59) as u32;
                let at = (octave * CELLS + cell) as usize;
                let (low, high) = (points[at], points[at + 1]);
                let down = within << 5;
                high - ((u128::from(high - low) * u128::from(down)) >> 64) as u64
            }
        }
    }
}

/// The table of a distribution, from those that were computed before if it is there.
fn computed_once(delay: &Delay, quantile: impl Fn(f64) -> f64) -> Form {
    let mut computed = COMPUTED.lock().unwrap_or_else(PoisonError::into_inner);
    if computed.len() == MOST_KEPT && !computed.contains_key(delay) {
        computed.clear();
    }
    Form::Curve(computed.entry(delay.clone()).or_insert_with(|| curve(quantile)).clone())
}

/// Tabulates `quantile(rest)`: the value that is exceeded with probability `rest`.
fn curve(quantile: impl Fn(f64) -> f64) -> Arc<[u64]> {
    let mut points = Vec::with_capacity((OCTAVES * CELLS + 1) as usize);
    let mut scale = 0.5;
    for _ in 0..OCTAVES {
        for cell in 0..CELLS {
            points.push(scale * (2.0 - f64::from(cell) / f64::from(CELLS)));
        }
        scale /= 2.0;
    }
    points.push(scale * 2.0);
    let mut values: Vec<u64> = points.into_iter().map(|rest| (quantile(rest).max(0.0) + 0.5) as u64).collect();
    // Rounding errors must not make the curve fall.
    for i in 1..values.len() {
        values[i] = values[i].max(values[i - 1]);
    }
    values.into()
}

/// Natural logarithm of a positive number, by halving into 0.7..1.4 and the series of the inverse hyperbolic
/// tangent.
fn ln(x: f64) -> f64 {
    const LN_2: f64 = std::f64::consts::LN_2;
    let mut mantissa = x;
    let mut exponent = 0.0;
    while mantissa > 1.414 {
        mantissa /= 2.0;
        exponent += 1.0;
    }
    while mantissa < 0.707 {
        mantissa *= 2.0;
        exponent -= 1.0;
    }
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let square = t * t;
    let (mut power, mut sum, mut odd) = (t, 0.0, 1.0);
    for _ in 0..16 {
        sum += power / odd;
        power *= square;
        odd += 2.0;
    }
    2.0 * sum + exponent * LN_2
}

/// The exponential function, by halving the argument below 1/2, Taylor's series, and squaring back.
fn exp(x: f64) -> f64 {
    let mut small = x;
    let mut squarings = 0;
    while small.abs() > 0.5 {
        small /= 2.0;
        squarings += 1;
    }
    let (mut term, mut sum) = (1.0, 1.0);
    for n in 1..18 {
        term *= small / f64::from(n);
        sum += term;
    }
    for _ in 0..squarings {
        sum *= sum;
    }
    sum
}

/// `base` to the power of `exponent`, for a positive base.
pub(crate) fn power(base: f64, exponent: f64) -> f64 {
    exp(ln(base) * exponent)
}

/// Quantile function of the standard normal distribution by rational approximation, relative error below
/// 1.2e-9 (P. J. Acklam, *An algorithm for computing the inverse normal cumulative distribution function*,
/// 2003).
fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ];
    const B: [f64; 5] = [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
    ];
    const C: [f64; 6] = [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ];
    const D: [f64; 4] =
        [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416];
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * ln(p)).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    if p >= 1.0 {
        8.0 // beyond every point of the table
    } else if p < 0.02425 {
        tail(p)
    } else if p > 1.0 - 0.02425 {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let square = q * q;
        horner(&A, square) * q / (horner(&B, square) * square + 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_store::Stream;

    fn close(a: f64, b: f64, relative: f64) -> bool {
        (a - b).abs() <= relative * b.abs()
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // the platform's functions are the reference here
    fn own_functions_agree_with_the_platform() {
        for i in 1..2_000 {
            let x = f64::from(i) * 0.013;
            assert!(close(ln(x), x.ln(), 1e-12) || x.ln().abs() < 1e-9, "ln {x}");
            assert!(close(exp(x - 13.0), (x - 13.0).exp(), 1e-12), "exp {x}");
        }
    }

    #[test]
    fn normal_quantiles_are_the_tables_values() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.99, 2.326_347_874), (0.001, -3.090_232_306)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}: {}", normal_quantile(p));
        }
    }

    #[test]
    fn draws_have_the_distribution_that_was_asked_for() {
        // (distribution, share in percent, quantile in ns)
        let cases = [
            (Delay::Constant(700), 50, 700.0),
            (Delay::Uniform { min: 1_000, max: 2_000 }, 25, 1_250.0),
            (Delay::Exponential { mean: 1_000_000 }, 50, 693_147.0),
            (Delay::Exponential { mean: 1_000_000 }, 99, 4_605_170.0),
            (Delay::LogNormal { median: 5_000_000, p99: 50_000_000 }, 50, 5_000_000.0),
            (Delay::LogNormal { median: 5_000_000, p99: 50_000_000 }, 99, 50_000_000.0),
            (Delay::Table(vec![0, 100_000, 1_000_000]), 75, 550_000.0),
        ];
        for (delay, percent, expected) in cases {
            let quantiles = Quantiles::new(&delay);
            let mut stream = Stream::new(1, "test", 0);
            let mut drawn: Vec<u64> = (0..200_000).map(|_| quantiles.draw(stream.bits())).collect();
            drawn.sort_unstable();
            let measured = drawn[drawn.len() * percent / 100] as f64;
            assert!(close(measured, expected, 0.02), "{delay:?} p{percent}: {measured} instead of {expected}");
        }
    }

    #[test]
    fn tails_reach_far_and_curves_never_fall() {
        for delay in [
            Delay::Exponential { mean: 1_000_000 },
            Delay::LogNormal { median: 5_000_000, p99: 50_000_000 },
            Delay::Table(vec![5, 5, 9]),
            Delay::Uniform { min: 0, max: 9 },
        ] {
            let quantiles = Quantiles::new(&delay);
            let mut last = 0;
            for step in 0..=20_000u64 {
                let now = quantiles.draw(u64::MAX / 20_000 * step);
                assert!(now >= last, "{delay:?} falls at {step}");
                last = now;
            }
        }
        // Exceeded with probability 2^-40: 40 ln 2 times the mean.
        let longest = Quantiles::new(&Delay::Exponential { mean: 1_000_000 }).draw(u64::MAX);
        assert!(close(longest as f64, 27_725_887.0, 1e-6), "{longest}");
    }
}
