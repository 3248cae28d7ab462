//! Values that look like a call: distributions of times and choices of keys.

use std::fmt;
use std::str::FromStr;

use super::{Decimal, Duration, Wrong, ascending, shown};
use crate::net::{Delay, Ratio};

/// The most values in a `table(...)`: every percentile. A link of its own has a copy of its table.
const TABLE_MAX: usize = 101;

const DELAY_EXPECTED: &str = "\"10ms\", \"1ms..10ms\", \"exponential(5ms)\", \"log-normal(5ms, p99 50ms)\" or \
                              \"table(1ms, 2ms, 9ms)\"";

fn duration(text: &str) -> Result<u64, Wrong> {
    text.parse().map(Duration::ns)
}

fn positive_duration(text: &str) -> Result<u64, Wrong> {
    Duration::positive(text).map(Duration::ns)
}

impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = |ns: &u64| Duration(*ns).to_string();
        match self {
            Delay::Constant(ns) => Duration(*ns).fmt(f),
            Delay::Uniform { min, max } => write!(f, "{}..{}", time(min), time(max)),
            Delay::Exponential { mean } => write!(f, "exponential({})", time(mean)),
            Delay::LogNormal { median, p99 } => write!(f, "log-normal({}, p99 {})", time(median), time(p99)),
            Delay::Table(values) => write!(f, "table({})", values.iter().map(time).collect::<Vec<_>>().join(", ")),
        }
    }
}

impl FromStr for Delay {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Delay, Wrong> {
        if let Some((min, max)) = text.split_once("..") {
            let (min, max) = ascending(text, duration(min.trim())?, duration(max.trim())?)?;
            return Ok(Delay::Uniform { min, max });
        }
        let Some((name, arguments)) = call(text) else {
            return match text.starts_with(|c: char| c.is_ascii_digit()) {
                true => duration(text).map(Delay::Constant),
                false => Err(Wrong::new(format!("`{}` is not a delay", shown(text)), DELAY_EXPECTED)),
            };
        };
        match (name, arguments.as_slice()) {
            ("exponential", [mean]) => Ok(Delay::Exponential { mean: positive_duration(mean)? }),
            ("log-normal", [median, p99]) if p99.starts_with("p99 ") => {
                let (median, p99) = (positive_duration(median)?, duration(p99["p99 ".len()..].trim())?);
                if p99 < median {
                    return Err(Wrong::new("the 99th percentile is below the median", "a p99 of at least the median"));
                }
                Ok(Delay::LogNormal { median, p99 })
            }
            ("table", []) => Err(Wrong::new("the table has no values", "\"table(1ms, 2ms, 9ms)\"")),
            ("table", values) if values.len() > TABLE_MAX => {
                let message = format!("a table of {} values is too long", values.len());
                Err(Wrong::new(message, format!("at most {TABLE_MAX} values")))
            }
            ("table", values) => {
                let values = values.iter().map(|value| duration(value)).collect::<Result<Vec<u64>, Wrong>>()?;
                match values.windows(2).position(|pair| pair[0] > pair[1]) {
                    Some(at) => {
                        let message = format!("value {} of the table is smaller than the one before it", at + 2);
                        Err(Wrong::new(message, "evenly spaced quantiles, in ascending order"))
                    }
                    None => Ok(Delay::Table(values)),
                }
            }
            ("exponential", _) => Err(Wrong::new("exponential takes one value, the mean", "\"exponential(5ms)\"")),
            ("log-normal", _) => {
                let message = "log-normal takes the median and the 99th percentile";
                Err(Wrong::new(message, "\"log-normal(5ms, p99 50ms)\""))
            }
            _ => {
                let wrong = Wrong::new(format!("`{}` is not a distribution", shown(name)), DELAY_EXPECTED);
                Err(wrong.near(name, &["exponential", "log-normal", "table"]))
            }
        }
    }
}

/// Splits `name(a, b)`.
fn call(text: &str) -> Option<(&str, Vec<&str>)> {
    let (name, arguments) = text.strip_suffix(')')?.split_once('(')?;
    let arguments: Vec<&str> = match arguments.trim() {
        "" => Vec::new(),
        arguments => arguments.split(',').map(str::trim).collect(),
    };
    Some((name.trim(), arguments))
}

/// Which keys are used how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// All alike.
    Uniform,
    /// The i-th most popular key has weight `1 / i^s`, with `s` in thousandths (990: 0.99).
    Zipfian {
        /// The exponent in thousandths.
        exponent_milli: u32,
    },
    /// This share of the keys gets this share of the operations.
    Hot {
        /// Share of the keys.
        keys: Ratio,
        /// Share of the operations.
        operations: Ratio,
    },
}

impl fmt::Display for KeyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyChoice::Uniform => f.write_str("uniform"),
            KeyChoice::Zipfian { exponent_milli } => {
                write!(f, "zipfian({})", super::decimal(u64::from(*exponent_milli), 1_000))
            }
            KeyChoice::Hot { keys, operations } => write!(f, "hot({keys}, {operations})"),
        }
    }
}

impl FromStr for KeyChoice {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<KeyChoice, Wrong> {
        const EXPECTED: &str = "\"uniform\", \"zipfian(0.99)\" or \"hot(10%, 90%)\"";
        match call(text).as_ref().map(|(name, arguments)| (*name, arguments.as_slice())) {
            _ if text == "uniform" => Ok(KeyChoice::Uniform),
            Some(("zipfian", [exponent])) => {
                const ZIPFIAN: &str = "an exponent from 0.001 to 10 with at most three decimals";
                let wrong = || Wrong::new(format!("`{}` is not an exponent", shown(exponent)), ZIPFIAN);
                let Some((Some(number), "")) = Decimal::split(exponent) else { return Err(wrong()) };
                match number.times(1_000) {
                    (milli @ 1..=10_000, true) => Ok(KeyChoice::Zipfian { exponent_milli: milli as u32 }),
                    _ => Err(wrong()),
                }
            }
            Some(("hot", [keys, operations])) => {
                let (keys, operations) = (keys.parse()?, operations.parse()?);
                match keys == Ratio::ZERO {
                    true => Err(Wrong::new("no key is hot", "a share of the keys above 0%")),
                    false => Ok(KeyChoice::Hot { keys, operations }),
                }
            }
            Some(("hot", _)) => {
                let message = "hot takes two shares: of the keys and of the operations";
                Err(Wrong::new(message, "\"hot(10%, 90%)\": 10 % of the keys get 90 % of the operations"))
            }
            found => {
                let wrong = Wrong::new(format!("`{}` is not a choice of keys", shown(text)), EXPECTED);
                Err(wrong.near(found.map_or(text, |found| found.0), &["uniform", "zipfian", "hot"]))
            }
        }
    }
}
