//! The types of single values in a scenario file. Most are strings with a form of their own, which
//! [`super::units`] reads; here is what the schema says about them.

use std::fmt;
use std::marker::PhantomData;

use schemars::JsonSchema;
use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::source::At;

/// Defines a string with a form: its title in messages, its pattern and examples.
macro_rules! text {
    ($(#[doc = $doc:literal])* $name:ident, $title:literal, $pattern:expr, [$($example:literal),+]) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
        #[serde(transparent)]
        #[schemars(title = $title, extend("pattern" = $pattern, "examples" = [$($example),+]))]
        pub struct $name(pub String);

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name(text.to_owned())
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

const DURATION: &str = r"\d+(\.\d+)?(ns|us|ms|s|min|h)";
const PERCENTAGE: &str = r"\d+(\.\d+)?%";
const SIZE: &str = r"\d+(\.\d+)?([kMG]|[KMG]i)?B";

text!(
    /// A number and a unit: ns, us, ms, s, min or h.
    DurationText, "duration", format!("^{DURATION}$"), ["10ms", "1.5s"]
);
text!(
    /// A share of the whole, from "0%" to "100%".
    Percentage, "percentage", format!("^{PERCENTAGE}$"), ["5%", "0.1%"]
);
text!(
    /// Operations per time.
    RateText, "rate", r"^\d+(\.\d+)?/(ns|us|ms|s|min|h)$", ["100/s", "30/min"]
);
text!(
    /// A number of bytes with a unit (B, kB, MB, GB in powers of 1000, KiB, MiB, GiB in powers of 1024), or a
    /// range of them.
    SizeText, "size", format!(r"^{SIZE}( *\.\. *{SIZE})?$"), ["16B", "16B..1kB"]
);
text!(
    /// Bytes per second with a unit (B, kB, MB, GB in powers of 1000, KiB, MiB, GiB in powers of 1024), or
    /// "unlimited".
    Bandwidth, "bandwidth", format!("^(unlimited|{SIZE}/s)$"), ["10MB/s", "unlimited"]
);
text!(
    /// A time, or a distribution of times. "10ms" is always the same; "1ms..10ms" is anything between, equally
    /// likely; "exponential(5ms)" has this mean; "log-normal(5ms, p99 50ms)" has this median and 99th
    /// percentile, which is what round-trip times look like; "table(1ms, 2ms, 9ms)" is measured: evenly spaced
    /// quantiles from the smallest value to the largest.
    DelayText, "delay",
    format!(
        r"^({DURATION}( *\.\. *{DURATION})?|exponential *\( *{DURATION} *\)|log-normal *\( *{DURATION} *, *p99 +{DURATION} *\)|table *\( *{DURATION}( *, *{DURATION})* *\))$"
    ),
    ["10ms", "1ms..10ms", "exponential(5ms)", "log-normal(5ms, p99 50ms)", "table(1ms, 2ms, 9ms)"]
);
text!(
    /// Which keys are used how often: "uniform" is all alike; with "zipfian(0.99)" the i-th most popular key
    /// has weight 1 / i^0.99; with "hot(10%, 90%)" 10 % of the keys get 90 % of the operations.
    Choice, "choice of keys",
    format!(r"^(uniform|zipfian *\( *\d+(\.\d+)? *\)|hot *\( *{PERCENTAGE} *, *{PERCENTAGE} *\))$"),
    ["uniform", "zipfian(0.99)", "hot(10%, 90%)"]
);
text!(
    /// A duration, "auto" or "off".
    SettleText, "settling time", format!("^(auto|off|{DURATION})$"), ["auto", "off", "5s"]
);
text!(
    /// A duration or "always".
    SyncText, "duration", format!("^(always|{DURATION})$"), ["100ms", "always"]
);
text!(
    /// A node: n and its number, from 0.
    NodeName, "node", r"^n(0|[1-9]\d*)$", ["n0"]
);

/// A whole number, or a string with digits or "0x" and hexadecimal digits.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Seed {
    /// A number.
    Number(u64),
    /// Digits.
    Text(String),
}

/// A node, or a list of nodes.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Nodes(pub Vec<At<NodeName>>);

impl<'de> Deserialize<'de> for Nodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Nodes, D::Error> {
        one_or_many(deserializer, "a node or a list of nodes").map(Nodes)
    }
}

/// Reads a text or a list of texts; an untagged enum would lose their places.
fn one_or_many<'de, D, T>(deserializer: D, expected: &'static str) -> Result<Vec<At<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + for<'a> From<&'a str>,
{
    struct OneOrMany<T>(&'static str, PhantomData<T>);

    impl<'de, T: Deserialize<'de> + for<'a> From<&'a str>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<At<T>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E: de::Error>(self, one: &str) -> Result<Vec<At<T>>, E> {
            Ok(vec![At::by_default(one.into())])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut texts: A) -> Result<Vec<At<T>>, A::Error> {
            let mut list = Vec::new();
            while let Some(text) = texts.next_element()? {
                list.push(text);
            }
            Ok(list)
        }
    }

    deserializer.deserialize_any(OneOrMany(expected, PhantomData))
}

/// A time, or a list of times.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Times(pub Vec<At<DurationText>>);

impl<'de> Deserialize<'de> for Times {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Times, D::Error> {
        one_or_many(deserializer, "a duration or a list of durations").map(Times)
    }
}

/// Defines the schema of a type that is written in one of two ways.
macro_rules! either {
    ($name:ident, $schema:tt) => {
        impl JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!($schema)
            }
        }
    };
}

either!(Seed, {
    "title": "seed",
    "description": "A whole number, or a string with digits or 0x and hexadecimal digits.",
    "type": ["integer", "string"],
    "minimum": 0,
    "maximum": u64::MAX,
    "pattern": r"^(0x[0-9A-Fa-f]{1,16}|\d{1,20})$",
    "examples": [1, "0x5b1f90c277ad0e14"],
});
either!(Nodes, {
    "title": "node or a list of nodes",
    "description": "A node such as \"n0\", or a list of nodes such as [\"n0\", \"n1\"].",
    "type": ["string", "array"],
    "pattern": r"^n(0|[1-9]\d*)$",
    "items": { "type": "string", "title": "node", "pattern": r"^n(0|[1-9]\d*)$", "examples": ["n0"] },
    "examples": ["n0", ["n1", "n2"]],
});
either!(Times, {
    "title": "duration or a list of durations",
    "description": "A duration such as \"3s\", or a list of durations such as [\"1s\", \"4s\"].",
    "type": ["string", "array"],
    "pattern": r"^\d+(\.\d+)?(ns|us|ms|s|min|h)$",
    "items": {
        "type": "string", "title": "duration", "pattern": r"^\d+(\.\d+)?(ns|us|ms|s|min|h)$", "examples": ["3s"]
    },
    "examples": ["3s", ["1s", "4s"]],
});
