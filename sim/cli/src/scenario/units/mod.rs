//! Quantities as people write them, read exactly: no value passes through floating point.

mod forms;
#[cfg(test)]
mod tests;

use kvsim_sim::net::Ratio;
use kvsim_store::quantity::{DURATION, Decimal, Quantity, SIZE};
pub use kvsim_store::quantity::{TIME_MAX_NS, Wrong, bytes, duration, positive_duration};

pub use forms::{choice, delay};

use crate::text::shown;

const SHARE: Quantity = Quantity {
    name: "share",
    units: &[("%", 10_000_000)],
    counted: "at most seven decimals",
    expected: "a share from \"0%\" to \"100%\"",
    likely: &["%"],
    max: 1_000_000_000,
    max_shown: "100%",
};

/// A share: `5%`, exact to a billionth.
pub fn share(text: &str) -> Result<Ratio, Wrong> {
    let billionths = SHARE.read(text)?;
    Ratio::from_billionths(billionths).ok_or_else(|| SHARE.malformed(text))
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
