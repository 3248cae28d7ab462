//! Quantities: values with units, exact, that read, print and serialise as people write them, and describe themselves in
//! the schema. No value passes through floating point.

mod forms;
mod lists;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use kvsim_checkers::trace::NodeId;

use crate::net::{Delay, Ratio};
pub use forms::KeyChoice;
use kvsim_store::quantity::{DURATION, DURATION_PATTERN, Decimal, Quantity, SIZE, SIZE_PATTERN, TIME_MAX_NS, decimal};
pub use kvsim_store::quantity::{Duration, Size, Wrong, listed, nearest, printable, shown};
pub use lists::{Nodes, Times};

/// Declares types that are written as strings, and how the form check finds their grammar by the title.
macro_rules! quantities {
    ($($type:ident, $title:literal, $examples:expr, $pattern:expr, $description:literal;)+) => {
        kvsim_store::written_as_text! { $($type, $title, $examples, $pattern, $description;)+ }

        /// Whether `text` is a quantity with this title in the schema. Texts of other titles always fit.
        ///
        /// # Errors
        /// Why it is not.
        pub fn check(title: &str, text: &str) -> Result<(), Wrong> {
            match title {
                $($title => text.parse::<$type>().map(|_| ()),)+
                "duration" => text.parse::<Duration>().map(|_| ()),
                "size" => text.parse::<Size>().map(|_| ()),
                "seed" => text.parse::<Seed>().map(|_| ()),
                _ => Ok(()),
            }
        }
    };
}

const SHARE_PATTERN: &str = r"\d+(\.\d+)?%";

quantities! {
    Ratio, "percentage", ["5%", "0.1%"], format!("^{SHARE_PATTERN}$"),
        "A share of the whole, from \"0%\" to \"100%\".";
    Rate, "rate", ["100/s", "30/min"], r"^\d+(\.\d+)?/(ns|us|ms|s|min|h)$",
        "Operations per time.";
    Sizes, "size or range of sizes", ["16B", "16B..1kB"], format!(r"^{SIZE_PATTERN}( *\.\. *{SIZE_PATTERN})?$"),
        "A number of bytes with a unit (B, kB, MB, GB in powers of 1000, KiB, MiB, GiB in powers of 1024), or a range of them.";
    Bandwidth, "bandwidth", ["10MB/s", "unlimited"], format!("^(unlimited|{SIZE_PATTERN}/s)$"),
        "Bytes per second with a unit (B, kB, MB, GB in powers of 1000, KiB, MiB, GiB in powers of 1024), or \"unlimited\".";
    Delay, "delay", ["10ms", "1ms..10ms", "exponential(5ms)", "log-normal(5ms, p99 50ms)", "table(1ms, 2ms, 9ms)"],
        format!(r"^({DURATION_PATTERN}( *\.\. *{DURATION_PATTERN})?|exponential *\( *{DURATION_PATTERN} *\)|log-normal *\( *{DURATION_PATTERN} *, *p99 +{DURATION_PATTERN} *\)|table *\( *{DURATION_PATTERN}( *, *{DURATION_PATTERN})* *\))$"),
        "A time, or a distribution of times. \"10ms\" is always the same; \"1ms..10ms\" is anything between, equally likely; \"exponential(5ms)\" has this mean; \"log-normal(5ms, p99 50ms)\" has this median and 99th percentile, which is what round-trip times look like; \"table(1ms, 2ms, 9ms)\" is measured: evenly spaced quantiles from the smallest value to the largest.";
    KeyChoice, "choice of keys", ["uniform", "zipfian(0.99)", "hot(10%, 90%)"],
        format!(r"^(uniform|zipfian *\( *\d+(\.\d+)? *\)|hot *\( *{SHARE_PATTERN} *, *{SHARE_PATTERN} *\))$"),
        "Which keys are used how often: \"uniform\" is all alike; with \"zipfian(0.99)\" the i-th most popular key has weight 1 / i^0.99; with \"hot(10%, 90%)\" 10 % of the keys get 90 % of the operations.";
    Settle, "settling time", ["auto", "off", "5s"], format!("^(auto|off|{DURATION_PATTERN})$"),
        "A duration, \"auto\" or \"off\".";
    Sync, "time between syncs", ["100ms", "always"], format!("^(always|{DURATION_PATTERN})$"),
        "A duration or \"always\".";
    NodeName, "node", ["n0"], NODE_PATTERN,
        "A node: n and its number, from 0.";
}

const SHARE: Quantity = Quantity {
    name: "share",
    units: &[("%", 10_000_000)],
    counted: "at most seven decimals",
    expected: "a share from \"0%\" to \"100%\"",
    likely: &["%"],
    max: 1_000_000_000,
    max_shown: "100%",
};

impl FromStr for Ratio {
    type Err = Wrong;

    /// A share: `5%`, exact to a billionth.
    fn from_str(text: &str) -> Result<Ratio, Wrong> {
        let billionths = SHARE.read(text)?;
        Ratio::from_billionths(billionths).ok_or_else(|| SHARE.malformed(text))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", decimal(u64::from(self.billionths()), 10_000_000))
    }
}

/// The smallest and the largest size of a value: `16B` or `16B..1kB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes(pub u32, pub u32);

impl FromStr for Sizes {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Sizes, Wrong> {
        let size = |one: &str| {
            let too_large = |_| Wrong::new(format!("`{}` is more than 4 GiB", shown(one)), "less than \"4GiB\"");
            u32::try_from(SIZE.read(one)?).map_err(too_large)
        };
        match text.split_once("..") {
            None => size(text).map(|bytes| Sizes(bytes, bytes)),
            Some((min, max)) => ascending(text, size(min.trim())?, size(max.trim())?).map(|(min, max)| Sizes(min, max)),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (min, max) = (Size(self.0.into()), Size(self.1.into()));
        if min == max { min.fmt(f) } else { write!(f, "{min}..{max}") }
    }
}

fn ascending<T: PartialOrd>(text: &str, min: T, max: T) -> Result<(T, T), Wrong> {
    if min > max {
        let swapped = text.split_once("..").map(|(a, b)| format!("write \"{}..{}\"", b.trim(), a.trim()));
        let wrong = Wrong::new(format!("the range `{}` is empty", shown(text)), "the smaller value first");
        return Err(Wrong { help: swapped.filter(|_| text.len() < 60), ..wrong });
    }
    Ok((min, max))
}

/// Bytes per second: `10MB/s`; absent for `unlimited`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth(pub Option<u64>);

impl FromStr for Bandwidth {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Bandwidth, Wrong> {
        const EXPECTED: &str = "bytes per second such as \"10MB/s\", or \"unlimited\"";
        if text == "unlimited" {
            return Ok(Bandwidth(None));
        }
        let Some(bytes) = text.strip_suffix("/s") else {
            let wrong = Wrong::new(format!("`{}` is not a bandwidth", shown(text)), EXPECTED);
            return Err(match SIZE.read(text) {
                Ok(_) => wrong.help(format!("write \"{}/s\"", shown(text))),
                Err(_) => wrong,
            });
        };
        match SIZE.read(bytes)? {
            0 => Err(Wrong::new("a bandwidth of 0 lets nothing through", EXPECTED)
                .help("to cut a link, set its loss to \"100%\", or use [[fault.partition]] to cut it for a while")),
            bytes => Ok(Bandwidth(Some(bytes))),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("unlimited"),
            Some(bytes) => write!(f, "{}/s", Size(bytes)),
        }
    }
}

/// A rate of operations such as `100/s`, as the mean time between two of them, rounded to the nearest nanosecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The mean time between two operations, in nanoseconds.
    pub every_ns: u64,
}

impl FromStr for Rate {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Rate, Wrong> {
        const EXPECTED: &str = "operations per time such as \"100/s\", \"30/min\" or \"0.5/s\"";
        let malformed = || Wrong::new(format!("`{}` is not a rate", shown(text)), EXPECTED);
        let Some((Some(number), rest)) = Decimal::split(text) else {
            return Err(malformed());
        };
        let Some(unit) = rest.strip_prefix('/') else {
            return Err(match rest {
                "" => malformed().help(format!("write \"{}/s\"", shown(text))),
                _ => malformed(),
            });
        };
        let Some((_, unit_ns)) = DURATION.units.iter().find(|known| known.0 == unit) else {
            return Err(malformed());
        };
        if number.digits == 0 {
            return Err(Wrong::new("a rate of 0 asks for nothing", "a rate above 0").help("leave the group out"));
        }
        let every_ns = 10u128.checked_pow(number.decimals).and_then(|scale| {
            let (scaled, digits) = (u128::from(*unit_ns).checked_mul(scale)?, u128::from(number.digits));
            u64::try_from((scaled + digits / 2) / digits).ok()
        });
        match every_ns {
            Some(0) => Err(Wrong::new(format!("`{}` is too fast", shown(text)), "at most \"1/ns\"")),
            Some(every_ns) if every_ns <= TIME_MAX_NS => Ok(Rate { every_ns }),
            _ => Err(Wrong::new(format!("`{}` is too slow", shown(text)), "at least one in 100000 hours")),
        }
    }
}

/// In the smallest unit that holds at least one operation, to a millionth.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = DURATION.units.iter();
        let (unit, unit_ns) = units.clone().find(|(_, ns)| *ns >= self.every_ns).or(units.last()).expect("a unit");
        let millionths = u128::from(*unit_ns) * 1_000_000 / u128::from(self.every_ns.max(1));
        write!(f, "{}/{unit}", decimal(millionths as u64, 1_000_000))
    }
}

/// How long replicas have to agree after the workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Settle {
    /// No settling phase: the run ends with the workload.
    Off,
    /// Three rounds of anti-entropy with every peer and a margin for slow messages.
    #[default]
    Auto,
    /// This long.
    For(Duration),
}

impl FromStr for Settle {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Settle, Wrong> {
        match text {
            "auto" => Ok(Settle::Auto),
            "off" => Ok(Settle::Off),
            text => Duration::positive(text).map(Settle::For).map_err(|wrong| Wrong {
                expected: "\"auto\", \"off\" or a duration such as \"5s\"".to_owned(),
                help: wrong
                    .help
                    .or_else(|| nearest(text, ["auto", "off"]).map(|near| format!("did you mean \"{near}\"?"))),
                ..wrong
            }),
        }
    }
}

impl fmt::Display for Settle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Settle::Off => f.write_str("off"),
            Settle::Auto => f.write_str("auto"),
            Settle::For(duration) => duration.fmt(f),
        }
    }
}

/// The time between two syncs of a disk; absent when each record is synced as it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sync(pub Option<Duration>);

impl FromStr for Sync {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Sync, Wrong> {
        Duration::positive_or("always", text).map(Sync)
    }
}

impl fmt::Display for Sync {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("always"),
            Some(duration) => duration.fmt(f),
        }
    }
}

const NODE_PATTERN: &str = r"^n(0|[1-9]\d*)$";

/// A node: `n0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeName(pub NodeId);

impl FromStr for NodeName {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<NodeName, Wrong> {
        let digits = text.strip_prefix('n').filter(|digits| *digits == "0" || !digits.starts_with(['0', '+']));
        let node = digits.and_then(|digits| digits.parse().ok()).map(|node| NodeName(NodeId(node)));
        node.ok_or_else(|| Wrong::new(format!("there is no node `{}`", shown(text)), "a node such as \"n0\""))
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A seed: a whole number, or a string with digits or `0x` and hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl FromStr for Seed {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Seed, Wrong> {
        let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
        // `from_str_radix` would take a sign.
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = is_plain.then(|| u64::from_str_radix(digits, radix).ok()).flatten();
        number.map(Seed).ok_or_else(|| {
            let expected = "a 64-bit number: digits, or \"0x\" and hexadecimal digits";
            Wrong::new(format!("`{}` is not a seed", shown(text)), expected)
        })
    }
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Larger numbers lose their low bits in other programs.
        if self.0 < 1 << 53 { serializer.serialize_u64(self.0) } else { serializer.collect_str(&self.0) }
    }
}

impl<'de> Deserialize<'de> for Seed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Seed, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum SeedText {
            Number(u64),
            Text(String),
        }
        match SeedText::deserialize(deserializer)? {
            SeedText::Number(seed) => Ok(Seed(seed)),
            SeedText::Text(text) => text.parse().map_err(de::Error::custom),
        }
    }
}

impl JsonSchema for Seed {
    fn schema_name() -> Cow<'static, str> {
        "Seed".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "title": "seed",
            "description": "A whole number, or a string with digits or 0x and hexadecimal digits.",
            "type": ["integer", "string"],
            "minimum": 0,
            "maximum": u64::MAX,
            "pattern": r"^(0x[0-9A-Fa-f]{1,16}|\d{1,20})$",
            "examples": [1, "0x5b1f90c277ad0e14"],
        })
    }
}

/// What to write instead of a number that lacks a unit, for the quantity with this title in the schema.
pub fn with_unit(title: &str, number: &str) -> Option<String> {
    Some(match title {
        "duration" | "delay" | "time between syncs" => format!("write \"{number}ms\" or \"{number}s\""),
        "percentage" => match Decimal::split(number) {
            // Most likely meant as a part of 1.
            Some((Some(part), "")) if part.decimals > 0 && part.times(100).0 < 100 => match part.times(100) {
                (percent, true) => format!("write \"{percent}%\""),
                _ => "write it in percent, such as \"0.5%\"".to_owned(),
            },
            Some((Some(_), "")) => format!("write \"{number}%\""),
            _ => return None,
        },
        "rate" => format!("write \"{number}/s\""),
        "size" | "size or range of sizes" => format!("write \"{number}B\" or \"{number}kB\""),
        "bandwidth" => format!("write \"{number}MB/s\""),
        _ => return None,
    })
}
