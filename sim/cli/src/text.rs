//! Numbers, times and names as people read them: in messages, reports, tables and charts.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::OnceLock;

pub use kvsim_checkers::operations::seconds;
pub use kvsim_store::quantity::{decimal, disturbs, listed, nearest, printable, shown};

const SECOND: u64 = 1_000_000_000;

/// `number / unit` rounded half up to `places` decimal places.
pub fn rounded(number: u64, unit: u64, places: u32) -> String {
    let factor = 10u128.pow(places);
    let rounded = (u128::from(number) * factor * 2 + u128::from(unit)) / (2 * u128::from(unit));
    match places {
        0 => rounded.to_string(),
        places => format!("{}.{:02$}", rounded / factor, rounded % factor, places as usize),
    }
}

/// A time with the unit that suits it, to three digits: `12.3 ms` with a thin space.
pub fn duration(ns: u64) -> String {
    let (unit, name) = match ns {
        0 => return "0".to_string(),
        1..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "\u{b5}s"),
        1_000_000..SECOND => (1_000_000, "ms"),
        _ => (SECOND, "s"),
    };
    // Three digits are enough for people.
    let digits = 10u64.pow(ns.ilog10().saturating_sub(2)).min(unit);
    format!("{}\u{2009}{name}", decimal(ns.div_ceil(digits) * digits, unit))
}

/// A time to the microsecond: single events are close together.
pub fn micros(ns: u64) -> String {
    format!("{}.{:06} s", ns / SECOND, ns / 1_000 % 1_000_000)
}

/// A time as the command line takes it, to the nanosecond.
pub fn exact(ns: u64) -> String {
    decimal(ns, SECOND) + "s"
}

/// A number with a comma before every three digits.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A line of a table with commas.
pub fn csv_line(cells: &[String]) -> String {
    let quoted = cells.iter().map(|cell| match cell.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", cell.replace('"', "\"\"")),
        false => cell.clone(),
    });
    quoted.collect::<Vec<_>>().join(",") + "\n"
}

/// `1 run`, `1,000 runs`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

pub fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The lines of a text, broken at spaces, of at most `letters` characters where words are not longer.
pub fn wrapped(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut().filter(|line| line.chars().count() + 1 + word.chars().count() <= letters) {
            Some(line) => {
                line.push(' ');
                line.push_str(word);
            }
            None => lines.push(word.to_string()),
        }
    }
    lines
}

static PROGRAM: OnceLock<String> = OnceLock::new();

/// The program goes by the name under which it was called.
pub fn called(path: Option<OsString>) {
    let name = path.as_deref().and_then(|path| Path::new(path).file_stem()).map(OsStr::to_string_lossy);
    PROGRAM.get_or_init(|| name.map_or("kvsim".to_owned(), |name| printable(&name)));
}

/// The name of the program in commands that its texts propose: a program with stores of its own has another one.
pub fn program() -> &'static str {
    PROGRAM.get().map_or("kvsim", String::as_str)
}

/// A path as a shell takes it.
pub fn quoted(path: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_./-=%".contains(c);
    match path {
        _ if path.starts_with('-') => quoted(&format!("./{path}")),
        _ if path.chars().all(plain) => path.to_string(),
        _ => format!("'{}'", path.replace('\'', r"'\''")),
    }
}

/// The text as HTML and SVG show it, also within the quotes of an attribute. Line breaks stay; what else would
/// disturb a reader of the page does not.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if disturbs(c) => out.push('?'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_times_read_well() {
        assert_eq!([7, 1_000, 12_345_678].map(grouped), ["7", "1,000", "12,345,678"]);
        assert_eq!([4_218_000_000, 3_000_000_000, 1].map(exact), ["4.218s", "3s", "0.000000001s"]);
        let durations = [0, 999, 1_000, 10_000_000, 123_456_789, 12_000_000_000].map(duration);
        assert_eq!(
            durations.map(|text| text.replace('\u{2009}', " ")),
            ["0", "999 ns", "1 \u{b5}s", "10 ms", "124 ms", "12 s"]
        );
        assert_eq!(
            [(1_449, 2), (1_450, 1), (1_500, 0)].map(|(n, places)| rounded(n, 1_000, places)),
            ["1.45", "1.5", "2"]
        );
    }

    #[test]
    fn texts_stand_for_themselves() {
        assert_eq!(
            ["runs/first-run-1", "-d", "it's here"].map(quoted),
            ["runs/first-run-1", "./-d", r"'it'\''s here'"]
        );
        assert_eq!(escaped("</script>\"&\u{1b}[1m"), "&lt;/script&gt;&quot;&amp;?[1m");
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
    }
}
