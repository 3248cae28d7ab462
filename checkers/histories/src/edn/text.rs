//! Places in texts, what is wrong there, and what escapes in strings mean.

use thiserror::Error;

/// A place in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// From 1.
    pub line: u64,
    /// In characters, from 1.
    pub column: u64,
}

/// What is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {}, column {}: {problem}; expected {expected}", place.line, place.column)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What is there.
    pub problem: String,
    /// What should be there.
    pub expected: String,
    /// It is of a step in a last line that has no end: its writer may have been cut short there.
    pub is_cut: bool,
}

impl Mistake {
    pub(crate) fn new(place: Place, problem: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake { place, problem: problem.into(), expected: expected.into(), is_cut: false }
    }
}

pub(super) fn not_utf8(place: Place) -> Mistake {
    Mistake::new(place, "this is not UTF-8", "UTF-8")
}

/// Continues a character of UTF-8.
pub(crate) fn is_continuing(byte: &&u8) -> bool {
    **byte & 0xc0 == 0x80
}

/// Where the text behind the quote at `place` and `before` stands.
pub(super) fn place_in(place: Place, before: &[u8]) -> Place {
    let lines = before.iter().filter(|byte| **byte == b'\n').count() as u64;
    let last = before.rsplit(|byte| *byte == b'\n').next().unwrap_or(before);
    let columns = last.iter().filter(|byte| !is_continuing(byte)).count() as u64;
    let from = if lines == 0 { place.column + 1 } else { 1 };
    Place { line: place.line + lines, column: from + columns }
}

/// The value of hexadecimal digits.
pub(super) fn hexadecimal(digits: &[u8]) -> Option<u32> {
    let is_digits = digits.iter().all(u8::is_ascii_hexdigit);
    std::str::from_utf8(digits).ok().filter(|_| is_digits).and_then(|text| u32::from_str_radix(text, 16).ok())
}

/// What a string with escapes means; `place` is that of its quote.
pub(super) fn unescaped(text: &str, place: Place) -> Result<String, Mistake> {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < bytes.len() {
        let plain = bytes[at..].iter().take_while(|byte| **byte != b'\\').count();
        out.push_str(&text[at..at + plain]);
        at += plain;
        let Some(escape) = bytes.get(at + 1) else { break };
        let here = at;
        let wrong = |problem: String, expected: &str| Mistake::new(place_in(place, &bytes[..here]), problem, expected);
        let unit = |at: usize| {
            let digits = bytes.get(at..at + 6).filter(|code| code.starts_with(b"\\u"))?;
            hexadecimal(&digits[2..])
        };
        match escape {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'\\' | b'"' => out.push(char::from(*escape)),
            b'u' => {
                let code = unit(at).ok_or_else(|| wrong("\\u without its number".into(), "four hexadecimal digits"))?;
                // Beyond 16 bits Java writes two halves.
                let character = match (code, unit(at + 6)) {
                    (0xd800..=0xdbff, Some(low @ 0xdc00..=0xdfff)) => {
                        at += 6;
                        char::from_u32(0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00))
                    }
                    _ => char::from_u32(code),
                };
                let half = || wrong("one half of a character".into(), "two escapes \\u, the halves of one character");
                out.push(character.ok_or_else(half)?);
                at += 4;
            }
            b'0'..=b'7' => {
                let digits = bytes[at + 1..].iter().take(3).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
                let code = bytes[at + 1..=at + digits].iter().fold(0, |code, digit| 8 * code + u32::from(digit - b'0'));
                let large = || wrong(format!("\\{code:o} is no character"), "an octal number up to 377");
                out.push(char::from_u32(code).filter(|_| code <= 0o377).ok_or_else(large)?);
                at += digits - 1;
            }
            _ => {
                let other = text[at + 1..].chars().next().unwrap_or(' ');
                return Err(wrong(
                    format!("there is no escape \\{}", other.escape_debug()),
                    "one of \\n \\t \\r \\b \\f \\\\ \\\" \\uXXXX",
                ));
            }
        }
        at += 2;
    }
    Ok(out)
}
