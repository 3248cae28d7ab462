//! Quantities as people write them, with their units: read exactly (no value passes through floating point), and written
//! so that they read as they were.

use std::fmt;
use std::str::FromStr;

/// Why a text is not the value that was asked for. As text it has a line for each part, and reads as it was: so it
/// survives a deserializer, whose errors are text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// What is wrong with it.
    pub message: String,
    /// What was expected.
    pub expected: String,
    /// What to do, if that can be told.
    pub help: Option<String>,
}

impl Wrong {
    /// Without help.
    pub fn new(message: impl Into<String>, expected: impl Into<String>) -> Wrong {
        Wrong { message: message.into(), expected: expected.into(), help: None }
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help = Some(help.into());
        self
    }

    /// In one line, without help.
    pub fn line(&self) -> String {
        let Wrong { message, expected, .. } = self;
        if expected.is_empty() { message.clone() } else { format!("{message}; expected {expected}") }
    }

    /// `lead` and a name that is not one of `known`, with the nearest that is.
    pub fn name(lead: &str, name: &str, known: &[&str]) -> Wrong {
        let wrong = Wrong::new(format!("{lead} `{}`", shown(name)), listed(known.iter().copied(), "or"));
        match nearest(name, known.iter().copied()) {
            Some(near) => wrong.help(format!("did you mean `{near}`?")),
            None => wrong,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.message, self.expected)?;
        self.help.iter().try_for_each(|help| write!(f, "\n{help}"))
    }
}

impl From<&str> for Wrong {
    fn from(text: &str) -> Wrong {
        let mut lines = text.splitn(3, '\n').map(str::to_owned);
        let mut line = || lines.next();
        Wrong { message: line().unwrap_or_default(), expected: line().unwrap_or_default(), help: line() }
    }
}

/// The longest time that can be written: 100,000 hours, some eleven years. Sums of times stay far from the
/// end of 64 bits.
pub const TIME_MAX_NS: u64 = 100_000 * 3_600_000_000_000;

/// A kind of quantity: a number followed by one of some units.
pub struct Quantity {
    /// What it is called in messages.
    pub name: &'static str,
    /// Units and how many of the smallest they are.
    pub units: &'static [(&'static str, u64)],
    /// What the value counts.
    pub counted: &'static str,
    /// What is expected instead of a wrong one.
    pub expected: &'static str,
    /// Units to offer when there is none.
    pub likely: &'static [&'static str],
    /// The largest value.
    pub max: u64,
    /// The largest value as it is written.
    pub max_shown: &'static str,
}

/// Times, in nanoseconds.
pub const DURATION: Quantity = Quantity {
    name: "duration",
    units: &[
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ],
    counted: "whole nanoseconds",
    expected: "a duration: a number and one of ns, us, ms, s, min, h",
    likely: &["ms", "s"],
    max: TIME_MAX_NS,
    max_shown: "100000h",
};

/// Numbers of bytes.
pub const SIZE: Quantity = Quantity {
    name: "size",
    units: &[
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ],
    counted: "whole bytes",
    expected: "a size: a number and one of B, kB, MB, GB, KiB, MiB, GiB",
    likely: &["B", "kB"],
    max: u64::MAX,
    max_shown: "18446744073709551615B",
};

/// A number as it is written: `digits / 10^decimals`.
#[derive(Clone, Copy)]
pub struct Decimal {
    /// Its digits, without the point.
    pub digits: u64,
    /// The number of them behind the point.
    pub decimals: u32,
}

impl Decimal {
    /// Splits a text into a number and what follows. The number is absent when it is too long.
    pub fn split(text: &str) -> Option<(Option<Decimal>, &str)> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, rest) = text.split_at(end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return None;
        }
        // Zeros at either end do not count.
        let fraction = fraction.trim_end_matches('0');
        let digits = format!("{whole}{fraction}");
        let digits = match digits.trim_start_matches('0') {
            "" => Some(0),
            digits => digits.parse().ok(),
        };
        let decimal = digits.and_then(|digits| Some((digits, u32::try_from(fraction.len()).ok()?)));
        Some((decimal.map(|(digits, decimals)| Decimal { digits, decimals }), rest))
    }

    /// The number times `factor`, rounded to the nearest whole number, and whether that is exact.
    pub fn times(self, factor: u64) -> (u128, bool) {
        let product = u128::from(self.digits) * u128::from(factor);
        match 10u128.checked_pow(self.decimals) {
            Some(divisor) => ((product + divisor / 2) / divisor, product % divisor == 0),
            None => (0, product == 0),
        }
    }
}

impl Quantity {
    /// The value that the text stands for.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read(&self, text: &str) -> Result<u64, Wrong> {
        let Some((number, unit)) = Decimal::split(text) else {
            return Err(self.malformed(text));
        };
        let Some((_, factor)) = self.units.iter().find(|known| known.0 == unit) else {
            return Err(self.wrong_unit(text, unit));
        };
        let Some(number) = number else {
            return Err(Wrong::new(format!("`{}` has too many digits", shown(text)), self.expected));
        };
        let (value, exact) = number.times(*factor);
        match u64::try_from(value).ok().filter(|value| *value <= self.max) {
            None => {
                let max = self.max_shown;
                Err(Wrong::new(format!("`{}` is more than `{max}`", shown(text)), format!("at most \"{max}\"")))
            }
            Some(_) if !exact => Err(Wrong::new(format!("`{}` is too fine", shown(text)), self.counted)),
            Some(value) => Ok(value),
        }
    }

    /// What to say about a text that has not the form.
    pub fn malformed(&self, text: &str) -> Wrong {
        let wrong = Wrong::new(format!("`{}` is not a {}", shown(text), self.name), self.expected);
        // The usual slip: a space somewhere, or a sign.
        let tight: String = text.chars().filter(|c| !c.is_whitespace() && *c != '_').collect();
        match tight != text && text.len() < 40 && self.read(&tight).is_ok() {
            true => wrong.help(format!("write \"{tight}\"")),
            false => wrong,
        }
    }

    fn wrong_unit(&self, text: &str, unit: &str) -> Wrong {
        let number = &text[..text.len() - unit.len()];
        if unit.is_empty() {
            let offers: Vec<String> = self.likely.iter().map(|unit| format!("\"{}{unit}\"", shown(number))).collect();
            let wrong = Wrong::new(format!("the {} `{}` has no unit", self.name, shown(text)), self.expected);
            return wrong.help(format!("write {}", offers.join(" or ")));
        }
        if unit.contains(|c: char| c.is_whitespace() || c == '_') {
            return self.malformed(text);
        }
        let wrong = Wrong::new(format!("`{}` is not a unit of a {}", shown(unit), self.name), self.expected);
        let number = shown(number);
        let same_but_case = self.units.iter().map(|known| known.0).find(|known| known.eq_ignore_ascii_case(unit));
        match (unit, same_but_case) {
            ("m", _) => wrong.help(format!("write \"{number}min\" for minutes, \"{number}ms\" for milliseconds")),
            ("µs" | "μs", _) => wrong.help(format!("write \"{number}us\"")),
            (_, Some(near)) => wrong.help(format!("write \"{number}{near}\"")),
            _ => match long_name(unit).or(nearest(unit, self.units.iter().map(|known| known.0))) {
                Some(near) if self.units.iter().any(|known| known.0 == near) => {
                    wrong.help(format!("did you mean \"{number}{near}\"?"))
                }
                _ => wrong,
            },
        }
    }
}

/// The short form of a unit's name that is written out.
fn long_name(unit: &str) -> Option<&'static str> {
    Some(match unit.to_ascii_lowercase().trim_end_matches('s') {
        "nanosecond" | "nano" | "nsec" => "ns",
        "microsecond" | "micro" | "usec" => "us",
        "millisecond" | "milli" | "msec" => "ms",
        "second" | "sec" => "s",
        "minute" | "min" => "min",
        "hour" | "hr" => "h",
        "percent" => "%",
        "byte" => "B",
        _ => return None,
    })
}

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

/// `number / unit`, exactly; the unit is a power of ten.
pub fn decimal(number: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The text without control characters, which would disturb a terminal.
pub fn printable(text: &str) -> String {
    text.replace(char::is_control, "?")
}

/// A text for use in a message: without control characters, cut when it is long.
pub fn shown(text: &str) -> String {
    const MAX: usize = 40;
    let mut short = printable(&text.chars().take(MAX).collect::<String>());
    if text.chars().nth(MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// The candidate that `name` is most likely a slip of.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name of that length is a slip, and the distance takes quadratic time.
    if name.len() > 100 {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let name = plain(name);
    let candidates: Vec<(&str, String)> = candidates.into_iter().map(|one| (one, plain(one))).collect();
    let distances = candidates.iter().map(|(one, plain)| {
        // The first letter is seldom wrong.
        (strsim::damerau_levenshtein(&name, plain), !plain.starts_with(name.get(..1).unwrap_or("")), *one)
    });
    let (distance, _, best) = distances.min_by_key(|(distance, first_differs, _)| (*distance, *first_differs))?;
    let letters = best.chars().count();
    if distance <= (letters / 3).max(1) && distance < letters {
        return Some(best);
    }
    let begins = |(_, plain): &&(&str, String)| name.len() >= 3 && plain.starts_with(&name);
    candidates.iter().find(begins).map(|(one, _)| *one)
}

/// "a, b and c", each in backquotes.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_names_are_near() {
        let names = ["loss", "delay", "anti_entropy"];
        assert_eq!(nearest("los", names), Some("loss"));
        assert_eq!(nearest("Delay", names), Some("delay"));
        assert_eq!(nearest("anti-entropy", names), Some("anti_entropy"));
        assert_eq!(nearest("bandwidth", names), None);
        assert_eq!(nearest("x", []), None);
        assert_eq!(nearest("rat", ["at", "rate"]), Some("rate"));
        assert_eq!(nearest("zipf", ["uniform", "zipfian"]), Some("zipfian"));
    }

    #[test]
    fn what_is_wrong_survives_as_text() {
        for wrong in [Wrong::new("a", "b"), Wrong::new("a", "b").help("c\nd")] {
            assert_eq!(Wrong::from(wrong.to_string().as_str()), wrong);
        }
    }
}
