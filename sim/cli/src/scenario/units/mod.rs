//! Quantities as people write them, read exactly: no value passes through floating point.

mod forms;
#[cfg(test)]
mod tests;

use kvsim_sim::net::Ratio;

pub use forms::{choice, delay};

use crate::text::{nearest, shown};

/// Why a text is not the quantity that was asked for.
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
}

/// The longest time that can be written: 100,000 hours, some eleven years. Sums of times stay far from the
/// end of 64 bits.
pub const TIME_MAX_NS: u64 = 100_000 * 3_600_000_000_000;

/// A kind of quantity: a number followed by one of some units.
struct Quantity {
    name: &'static str,
    /// Units and how many of the smallest they are.
    units: &'static [(&'static str, u64)],
    /// What the value counts.
    counted: &'static str,
    expected: &'static str,
    /// Units to offer when there is none.
    likely: &'static [&'static str],
    max: u64,
    max_shown: &'static str,
}

const DURATION: Quantity = Quantity {
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

const SIZE: Quantity = Quantity {
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

const SHARE: Quantity = Quantity {
    name: "share",
    units: &[("%", 10_000_000)],
    counted: "at most seven decimals",
    expected: "a share from \"0%\" to \"100%\"",
    likely: &["%"],
    max: 1_000_000_000,
    max_shown: "100%",
};

/// A number as it is written: `digits / 10^decimals`.
#[derive(Clone, Copy)]
struct Decimal {
    digits: u64,
    decimals: u32,
}

impl Decimal {
    /// Splits a text into a number and what follows. The number is absent when it is too long.
    fn split(text: &str) -> Option<(Option<Decimal>, &str)> {
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
    fn times(self, factor: u64) -> (u128, bool) {
        let product = u128::from(self.digits) * u128::from(factor);
        match 10u128.checked_pow(self.decimals) {
            Some(divisor) => ((product + divisor / 2) / divisor, product % divisor == 0),
            None => (0, product == 0),
        }
    }
}

impl Quantity {
    fn read(&self, text: &str) -> Result<u64, Wrong> {
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

    fn malformed(&self, text: &str) -> Wrong {
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

/// A time in nanoseconds: `10ms`, `1.5s`.
pub fn duration(text: &str) -> Result<u64, Wrong> {
    DURATION.read(text)
}

/// A time in nanoseconds, longer than none.
pub fn positive_duration(text: &str) -> Result<u64, Wrong> {
    match duration(text)? {
        0 => Err(Wrong::new(format!("`{}` is no time at all", shown(text)), "a duration above 0")),
        ns => Ok(ns),
    }
}

/// A share: `5%`, exact to a billionth.
pub fn share(text: &str) -> Result<Ratio, Wrong> {
    let billionths = SHARE.read(text)?;
    Ratio::from_billionths(billionths).ok_or_else(|| SHARE.malformed(text))
}

/// A number of bytes: `64KiB`, `16MiB`.
pub fn bytes(text: &str) -> Result<u64, Wrong> {
    SIZE.read(text)
}

/// The size of a value in bytes: `16B`, `1kB`.
pub fn size(text: &str) -> Result<u32, Wrong> {
    let bytes = SIZE.read(text)?;
    u32::try_from(bytes).map_err(|_| Wrong::new(format!("`{}` is more than 4 GiB", shown(text)), "less than \"4GiB\""))
}

/// The smallest and the largest size: `16B` or `16B..1kB`.
pub fn size_range(text: &str) -> Result<(u32, u32), Wrong> {
    match text.split_once("..") {
        None => size(text).map(|bytes| (bytes, bytes)),
        Some((min, max)) => ascending(text, size(min.trim())?, size(max.trim())?),
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
pub fn bandwidth(text: &str) -> Result<Option<u64>, Wrong> {
    const EXPECTED: &str = "bytes per second such as \"10MB/s\", or \"unlimited\"";
    if text == "unlimited" {
        return Ok(None);
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
        bytes => Ok(Some(bytes)),
    }
}

/// The mean distance of two operations in nanoseconds for a rate such as `100/s`, rounded to the nearest.
pub fn rate(text: &str) -> Result<u64, Wrong> {
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
        Some(every_ns) if every_ns <= TIME_MAX_NS => Ok(every_ns),
        _ => Err(Wrong::new(format!("`{}` is too slow", shown(text)), "at least one in 100000 hours")),
    }
}

/// A seed in a string: `0x` and hexadecimal digits, or decimal digits.
pub fn seed(text: &str) -> Result<u64, Wrong> {
    let (digits, radix) = text.strip_prefix("0x").map_or((text, 10), |digits| (digits, 16));
    // `from_str_radix` would take a sign.
    let number = digits.bytes().all(|byte| byte.is_ascii_hexdigit()).then(|| u64::from_str_radix(digits, radix).ok());
    number.flatten().ok_or_else(|| {
        let expected = "a 64-bit number: digits, or \"0x\" and hexadecimal digits";
        Wrong::new(format!("`{}` is not a seed", shown(text)), expected)
    })
}

/// What to write instead of a number that lacks a unit, for the quantity with this title in the schema.
pub fn with_unit(title: &str, number: &str) -> Option<String> {
    Some(match title {
        "duration" | "delay" => format!("write \"{number}ms\" or \"{number}s\""),
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
        "size" => format!("write \"{number}B\" or \"{number}kB\""),
        "bandwidth" => format!("write \"{number}MB/s\""),
        _ => return None,
    })
}
