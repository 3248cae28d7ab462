//! What is said about wrong scenarios.

use std::path::Path;

use expect_test::{expect, expect_file};

use super::{SMALLEST, names, read_text};
use crate::scenario::{FILE_BYTES_MAX, load, read};

/// The cases of `wrong.txt`, with what is really said.
#[test]
fn wrong_scenarios_are_explained() {
    let cases = include_str!("wrong.txt");
    let mut parts = cases.split("\n==== ");
    let mut answers = parts.next().unwrap().to_owned();
    for case in parts {
        let (title, rest) = case.split_once('\n').unwrap();
        let (input, _) = rest.split_once("----\n").unwrap();
        let (arguments, lines): (Vec<&str>, Vec<&str>) = input.lines().partition(|line| line.starts_with("--set "));
        let arguments: Vec<&str> = arguments.iter().map(|line| &line["--set ".len()..]).collect();
        let answer = match read_text(&lines.join("\n"), &arguments) {
            Ok(_) => "nothing is wrong\n".to_owned(),
            Err(diagnostics) => diagnostics.render(false),
        };
        answers.push_str(&format!("\n==== {title}\n{input}----\n{answer}"));
    }
    expect_file!["wrong.txt"].assert_eq(&answers);
}

#[test]
fn bytes_that_are_not_utf8_have_a_place() {
    let bytes = b"replicas = 3\n# gr\xc3\xbc\xc3\x9fe: \xff\xfe\nduration = \"10s\"\n";
    let diagnostics = read(Path::new("test.toml"), bytes, &[], names()).unwrap_err();
    expect![[r#"
        error: the scenario is not UTF-8: byte 0xff
         --> test.toml:2:10
          |
        2 | # grüße: ��
          |          ^ the first byte that is not UTF-8
          |
          = help: save the file as UTF-8
    "#]]
    .assert_eq(&diagnostics.render(false));
}

#[test]
fn large_files_are_refused_before_they_are_parsed() {
    let bytes = vec![b'x'; FILE_BYTES_MAX + (1 << 19)];
    let diagnostics = read(Path::new("test.toml"), &bytes, &[], names()).unwrap_err();
    expect![[r#"
        error: the scenario is too large: 4718592 bytes (4.5 MiB)
        --> test.toml:1:1
         = note: at most 4194304 bytes (4 MiB) are read
    "#]]
    .assert_eq(&diagnostics.render(false));
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let diagnostics = load(Path::new("missing.toml"), &[], names()).unwrap_err();
    expect![[r#"
        error: the scenario cannot be read: No such file or directory (os error 2)
        --> missing.toml:1:1
    "#]]
    .assert_eq(&diagnostics.render(false));
}

#[test]
fn long_lines_are_cut() {
    let long = format!("replicas = 3 #{}", "x".repeat(3_000_000));
    let text = format!("duration = \"{}\"\n{long}\n[clients.all]", "9".repeat(1_000_000));
    expect![[r#"
        error: the duration `9999999999999999999999999999999999999999...` has no unit
         --> test.toml:1:12
          |
        1 | duration = "9999999999999999999999999999999999999999999999999...
          |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a duration: a number and one of ns, us, ms, s, min, h
          |
          = help: write "9999999999999999999999999999999999999999...ms" or "9999999999999999999999999999999999999999...s"
    "#]].assert_eq(&read_text(&text, &[]).unwrap_err().render(false));
    let nested = format!("replicas = [{}]", "[0], ".repeat(500_000));
    expect![[r#"
        error: the scenario has no `duration`
        --> test.toml:1:1
         = help: add, for instance, duration = "10s"

        error: `replicas` is a list
         --> test.toml:1:12
          |
        1 | replicas = [[0], [0], [0], [0], [0], [0], [0], [0], [0], [0],...
          |            ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ expected a whole number from 1 to 1000
    "#]]
    .assert_eq(&read_text(&nested, &[]).unwrap_err().render(false));
}

#[test]
fn no_more_mistakes_are_listed_than_people_read() {
    let unknown: String = (0..50_000).map(|number| format!("field-{number} = 1\n")).collect();
    assert_eq!(read_text(&unknown, &[]).unwrap_err().list().len(), 10);
    let groups: String = (0..50_000).map(|number| format!("[clients.c{number}]\nvalue = \"1\"\n")).collect();
    let text = format!("replicas = 3\nduration = \"1s\"\n{groups}");
    assert_eq!(read_text(&text, &[]).unwrap_err().list().len(), 10);
}

#[test]
fn programs_get_fields() {
    let diagnostics = read_text(SMALLEST, &["net.los=5%"]).unwrap_err();
    expect![[r#"
        [
          {
            "file": "--set net.los=5%",
            "line": 1,
            "column": 5,
            "message": "[net] has no field `los`",
            "expected": "did you mean `loss`?",
            "help": "[net] has the fields `bandwidth`, `delay`, `duplicate`, `link` and `loss`"
          }
        ]"#]]
    .assert_eq(&serde_json::to_string_pretty(&diagnostics).unwrap());
    assert!(diagnostics.render(true).contains("\u{1b}["), "styled output has colours");
}
