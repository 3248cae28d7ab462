//! No text makes the reader panic or run for long.

use std::path::Path;

use proptest::prelude::*;

use super::{FULL, SMALLEST, names, read_text};
use crate::scenario::read;

/// Texts that values could hold, likely to meet a rule.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        "[0-9.]{0,30}(ns|us|ms|s|min|h|%|B|kB|GiB|/s|MB/s)?".prop_map(|text| format!("\"{text}\"")),
        "(exponential|log-normal|table|zipfian|hot|x)\\([0-9a-z,. %]{0,20}\\)?".prop_map(|text| format!("\"{text}\"")),
        "[0-9a-z]{0,4}\\.\\.[0-9a-z]{0,4}".prop_map(|text| format!("\"{text}\"")),
        "n?[0-9]{0,6}".prop_map(|text| format!("\"{text}\"")),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        Just("[[\"n0\"], [\"n0\"]]".to_owned()),
        Just("{ from = \"n0\", to = [] }".to_owned()),
        Just("\"off\"".to_owned()),
        Just("true".to_owned()),
        Just("1979-05-27".to_owned()),
        "\\PC{0,20}",
    ]
}

/// Reads, and shows what is wrong: that must not fail either.
fn read_and_render(bytes: &[u8], overrides: &[String]) {
    if let Err(diagnostics) = read(Path::new("any.toml"), bytes, overrides, names()) {
        assert!(!diagnostics.list().is_empty());
        assert!(diagnostics.render(true).len() < 20_000);
        assert!(diagnostics.list().iter().all(|one| one.line > 0 && one.column > 0 && !one.message.is_empty()));
    }
}

proptest! {
    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        read_and_render(&bytes, &[]);
    }

    #[test]
    fn any_characters(text in "(?s).{0,200}") {
        read_and_render(text.as_bytes(), &[]);
    }

    #[test]
    fn characters_of_toml(text in "[a-f0-9n.=\\[\\]{}\"'#,\n \\\\-]{0,120}") {
        read_and_render(text.as_bytes(), &[]);
    }

    #[test]
    fn a_right_file_with_bytes_changed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3), 1..6),
    ) {
        let mut bytes = FULL.as_bytes().to_vec();
        for (index, byte, how) in changes {
            let at = index.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        read_and_render(&bytes, &[]);
    }

    #[test]
    fn a_right_file_with_lines_changed(
        changes in prop::collection::vec((any::<prop::sample::Index>(), value(), 0..3), 1..6),
    ) {
        let mut lines: Vec<String> = FULL.lines().map(str::to_owned).collect();
        for (index, value, how) in changes {
            let at = index.index(lines.len());
            match (how, lines[at].split_once('=')) {
                (0, _) => drop(lines.remove(at)),
                (1, _) => lines.insert(at, lines[at].clone()),
                (_, Some((name, _))) => lines[at] = format!("{name}= {value}"),
                (_, None) => lines[at] = value,
            }
        }
        read_and_render(lines.join("\n").as_bytes(), &[]);
    }

    #[test]
    fn any_argument(arguments in prop::collection::vec("\\PC{0,40}", 0..3)) {
        read_and_render(FULL.as_bytes(), &arguments);
    }

    #[test]
    fn arguments_that_nearly_fit(
        path in "(net|clients|panel|fault|partition|groups|link|0|1|at|loss|mix|script|ops)(\\.(0|1|9|at|loss|panel|partition|drop|link|sessions|bob)){0,4}",
        value in value(),
    ) {
        read_and_render(FULL.as_bytes(), &[format!("{path}={value}")]);
        read_and_render(SMALLEST.as_bytes(), &[format!("{path}={}", value.trim_matches('"'))]);
    }
}

#[test]
fn deep_and_wide_texts() {
    let many = 300_000;
    for text in [
        format!("{}=1", vec!["a"; many].join(".")),
        format!("[{}]", vec!["a"; many].join(".")),
        "[".repeat(many),
        format!("a = {}", "[".repeat(many)),
        format!("a = {}", "{a=".repeat(many)),
        "[[fault.partition]]\n".repeat(many / 3),
        "[[net.link]]\nfrom = 'n0'\nto = 'n1'\n".repeat(many / 10),
        format!("a = \"{}\"", "\u{7}".repeat(many)),
        format!("a = '{}'", "ä".repeat(many)),
        "\"".repeat(many),
        "\r".repeat(many),
        "\0".repeat(many),
        "a".repeat(many),
        "=".repeat(many),
    ] {
        read_and_render(text.as_bytes(), &[]);
        read_and_render(format!("{SMALLEST}{text}").as_bytes(), &[]);
        read_and_render(SMALLEST.as_bytes(), &[text]);
    }
    assert!(read_text(SMALLEST, &[&format!("{}=1", "a.".repeat(many))]).is_err());
}
