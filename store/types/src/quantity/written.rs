//! Times and sizes: how they read, print, serialise and describe themselves in a schema.

use std::fmt;
use std::str::FromStr;

use super::{DURATION, SIZE, Wrong, decimal, shown};

/// Says how types are written that have [`FromStr`] and [`Display`](fmt::Display): as strings, with a title, examples, a
/// pattern and a description in the schema.
#[macro_export]
macro_rules! written_as_text {
    ($($type:ident, $title:literal, $examples:expr, $pattern:expr, $description:literal;)+) => {
        $(
            impl serde::Serialize for $type {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    serializer.collect_str(self)
                }
            }

            impl<'de> serde::Deserialize<'de> for $type {
                fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
                }
            }

            impl schemars::JsonSchema for $type {
                fn schema_name() -> std::borrow::Cow<'static, str> {
                    stringify!($type).into()
                }

                fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                    schemars::json_schema!({
                        "title": $title,
                        "description": $description,
                        "type": "string",
                        "pattern": $pattern,
                        "examples": $examples,
                    })
                }
            }
        )+
    };
}

/// A duration in a pattern.
pub const DURATION_PATTERN: &str = r"\d+(\.\d+)?(ns|us|ms|s|min|h)";
/// A size in a pattern.
pub const SIZE_PATTERN: &str = r"\d+(\.\d+)?([kMG]|[KMG]i)?B";

written_as_text! {
    Duration, "duration", ["10ms", "1.5s"], format!("^{DURATION_PATTERN}$"),
        "A number and a unit: ns, us, ms, s, min or h.";
    Interval, "duration", ["10ms", "1.5s"], format!("^{DURATION_PATTERN}$"),
        "A number and a unit: ns, us, ms, s, min or h.";
    IntervalOrOff, "duration", ["100ms", "off"], format!("^(off|{DURATION_PATTERN})$"),
        "A duration or \"off\".";
    Size, "size", ["16B", "1kB"], format!("^{SIZE_PATTERN}$"),
        "A number of bytes with a unit (B, kB, MB, GB in powers of 1000, KiB, MiB, GiB in powers of 1024).";
}

/// A time in nanoseconds: `10ms`, `1.5s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

impl Duration {
    /// In nanoseconds.
    pub const fn ns(self) -> u64 {
        self.0
    }

    /// A time above 0.
    ///
    /// # Errors
    /// Why the text is none.
    pub fn positive(text: &str) -> Result<Duration, Wrong> {
        match text.parse()? {
            Duration(0) => Err(Wrong::new(format!("`{}` is too short", shown(text)), "a duration above 0")),
            duration => Ok(duration),
        }
    }

    /// A time above 0, or nothing for `word`.
    ///
    /// # Errors
    /// Why the text is neither.
    pub fn positive_or(word: &str, text: &str) -> Result<Option<Duration>, Wrong> {
        match Duration::positive(text) {
            _ if text == word => Ok(None),
            Err(wrong) => Err(Wrong { expected: format!("{}, or \"{word}\"", wrong.expected), ..wrong }),
            Ok(duration) => Ok(Some(duration)),
        }
    }
}

impl FromStr for Duration {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Duration, Wrong> {
        DURATION.read(text).map(Duration)
    }
}

/// In the largest unit that needs no more than three decimals.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit_ns, unit) = match self.0 {
            ns if ns >= 1_000_000_000 && ns.is_multiple_of(1_000_000) => (1_000_000_000, "s"),
            ns if ns.is_multiple_of(1_000_000) || ns >= 1_000_000 && ns.is_multiple_of(1_000) => (1_000_000, "ms"),
            ns if ns.is_multiple_of(1_000) => (1_000, "us"),
            _ => (1, "ns"),
        };
        write!(f, "{}{unit}", decimal(self.0, unit_ns))
    }
}

/// A time above 0 between two things of a kind, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval(pub u64);

impl FromStr for Interval {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Interval, Wrong> {
        Duration::positive(text).map(|duration| Interval(duration.ns()))
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration(self.0).fmt(f)
    }
}

/// As an [`Interval`]; none for "off".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntervalOrOff(pub Option<u64>);

impl FromStr for IntervalOrOff {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<IntervalOrOff, Wrong> {
        Duration::positive_or("off", text).map(|duration| IntervalOrOff(duration.map(Duration::ns)))
    }
}

impl fmt::Display for IntervalOrOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("off"),
            Some(ns) => Duration(ns).fmt(f),
        }
    }
}

/// A number of bytes: `64KiB`, `16MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Size, Wrong> {
        SIZE.read(text).map(Size)
    }
}

/// In the largest unit that needs no decimals.
impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, unit): &&(&str, u64)| self.0 >= *unit && self.0.is_multiple_of(*unit);
        let units = [("MB", 1_000_000), ("kB", 1_000), ("MiB", 1 << 20), ("KiB", 1 << 10)];
        let (name, unit) = units.iter().find(fits).unwrap_or(&("B", 1));
        write!(f, "{}{name}", self.0 / unit)
    }
}
