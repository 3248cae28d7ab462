//! Quantities as people write them, with their units: read exactly (no value passes through floating point), and written
//! so that they read as they were.

mod text;
mod written;

use std::fmt;

pub use text::{decimal, disturbs, listed, nearest, printable, shown};
pub use written::{DURATION_PATTERN, Duration, Interval, IntervalOrOff, SIZE_PATTERN, Size};

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
        wrong.near(name, known)
    }

    /// Offers the nearest of `known`, when `name` looks like a slip of it.
    pub fn near(self, name: &str, known: &[&str]) -> Wrong {
        match nearest(name, known.iter().copied()) {
            Some(near) if near != name => self.help(format!("did you mean `{near}`?")),
            _ => self,
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
