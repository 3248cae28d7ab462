//! Numbers, each in one form.

use super::{Edn, Float};

/// The number that a word is. Nothing if it is none.
pub(super) fn number(word: &str) -> Option<Edn> {
    let bytes = word.as_bytes();
    let (negative, digits) = match bytes.first()? {
        b'-' => (true, &word[1..]),
        b'+' => (false, &word[1..]),
        _ => (false, word),
    };
    if let Some(int) = int(negative, digits.as_bytes()) {
        return Some(Edn::Int(int));
    }
    if let Some(hexadecimal) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        let value = i128::from_str_radix(hexadecimal, 16).ok().filter(|_| !hexadecimal.starts_with(['+', '-']))?;
        return Some(whole(if negative { -value } else { value }));
    }
    if let Some((above, below)) = digits.split_once('/') {
        return ratio(negative, above, below);
    }
    let exact = digits.strip_suffix('N').unwrap_or(digits);
    if is_digits(exact) {
        let plain = exact.parse().map(|value: i128| if negative { -value } else { value });
        return is_plain(exact).then(|| plain.map_or_else(|_| big(negative, exact), whole));
    }
    let (fraction, exact) = match digits.strip_suffix('M') {
        Some(fraction) => (fraction, true),
        None => (digits, false),
    };
    if !is_decimal(fraction) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    if exact {
        return Some(Edn::Number(format!("{sign}{fraction}M").into()));
    }
    format!("{sign}{fraction}").parse().ok().map(|value| Edn::Float(Float::new(value)))
}

/// The usual case.
#[inline]
pub(super) fn int(negative: bool, digits: &[u8]) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 || digits.len() > 1 && digits[0] == b'0' {
        return None;
    }
    let mut value = 0_i64;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // No 18 digits are too many.
        value = value.wrapping_mul(10).wrapping_add(i64::from(digit));
    }
    Some(if negative { -value } else { value })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits that do not begin with a 0 for nothing: Clojure takes those for octal.
fn is_plain(digits: &str) -> bool {
    is_digits(digits) && (digits.len() == 1 || !digits.starts_with('0'))
}

fn whole(value: i128) -> Edn {
    i64::try_from(value).map_or_else(|_| big(value < 0, &value.unsigned_abs().to_string()), Edn::Int)
}

fn big(negative: bool, digits: &str) -> Edn {
    Edn::Number(format!("{}{digits}N", if negative { "-" } else { "" }).into())
}

fn ratio(negative: bool, above: &str, below: &str) -> Option<Edn> {
    if !is_plain(above) || !is_plain(below) || below == "0" {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let (Ok(a), Ok(b)) = (above.parse::<i128>(), below.parse::<i128>()) else {
        // Too long to be brought into lowest terms; its writer has done so.
        return Some(Edn::Number(format!("{sign}{above}/{below}").into()));
    };
    let (mut divisor, mut rest) = (a, b);
    while rest != 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    let (a, b) = (a / divisor, b / divisor);
    Some(if b == 1 { whole(if negative { -a } else { a }) } else { Edn::Number(format!("{sign}{a}/{b}").into()) })
}

/// `1`, `1.`, `1.5`, `1e9`, `1.5E-9`.
fn is_decimal(text: &str) -> bool {
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (text, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    is_plain(whole) && (fraction.is_empty() || is_digits(fraction)) && exponent.is_none_or(is_digits)
}
