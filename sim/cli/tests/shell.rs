//! `kvsim shell`: what is typed is done, can be undone, and can be written as a scenario that does the same.

mod common;

use std::io::Write as _;
use std::process::Stdio;

use common::{Ended, end, folder, kvsim};
use expect_test::expect;

/// What the shell says to these lines.
fn say(arguments: &[&str], lines: &[&str]) -> Ended {
    let mut child = kvsim()
        .arg("shell")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the shell starts");
    let mut input = child.stdin.take().expect("it listens");
    lines.iter().for_each(|line| writeln!(input, "{line}").expect("it listens"));
    std::mem::drop(input);
    Ended::of(child.wait_with_output().expect("it ends"))
}

#[test]
fn time_passes_and_is_taken_back() {
    let lines = [
        "put x",
        "connect n1",
        "get x",
        "run 20ms",
        "get x",
        "back to 5ms",
        "get x",
        "level fifo",
        "get x",
        "step 2",
        "back",
        "status",
        "context off",
        "level eventual",
        "quorum 3",
        "get x",
        "crash n0 lost",
        "state n0",
        "start n0",
        "run 300ms",
        "state n0",
    ];
    expect![[r#"
        0.000 s n0 eventual> put x
        x = 1, written as n0:1  (#0 at n0, at once)
        1 us n0 eventual> connect n1
        1 us n1 eventual> get x
        none  (#1 at n1, at once)
        2 us n1 eventual> run 20ms
          0.009092 s  [10]     n1  knows x = 1 (#0, n0:1)  <- [9]
          0.009092 s  [11]     n1  shows x = 1 (#0, n0:1) at eventual, fifo, priority  <- [9]
          0.010923 s  [15]     n2  knows x = 1 (#0, n0:1)  <- [14]
          0.010923 s  [16]     n2  shows x = 1 (#0, n0:1) at eventual, fifo, priority  <- [14]
        0.020 s n1 eventual> get x
        1  (#2 at n1, at once)
        0.020 s n1 eventual> back to 5ms
        it is 0.005 s again
        0.005 s n1 eventual> get x
        none  (#2 at n1, at once)
        0.005 s n1 eventual> level fifo
        0.005 s n1 fifo> get x
        none  (#3 at n1, at once)
        0.005 s n1 fifo> step 2
          0.009092 s  [13]     n0 -> n1  update 1  delivered  <- [5]
          0.009092 s  [14]     n1  knows x = 1 (#0, n0:1)  <- [13]
          0.009092 s  [15]     n1  shows x = 1 (#0, n0:1) at eventual, fifo, priority  <- [13]
        0.009 s n1 fifo> back
        it is 0.005 s again
        0.005 s n1 fifo> status
        0.005002s: n1 at fifo, reads ask 1 replica, writes replace what was read
        0.005 s n1 fifo> context off
        0.005 s n1 fifo> level eventual
        0.005 s n1 eventual> quorum 3
        0.005 s n1 eventual q3> get x
        1  (#4 at n1, after 26.5 ms)
        0.031 s n1 eventual q3> crash n0 lost
        0.031 s n1 eventual q3> state n0
        shell at 0.031 s

        n0  down
          knows     nothing
          reflects  fifo: nothing
        0.031 s n1 eventual q3> start n0
        0.031 s n1 eventual q3> run 300ms
          0.048509 s  [43]     n0  knows x = 1 (#0, n0:1)  <- [42]
          0.048509 s  [44]     n0  shows x = 1 (#0, n0:1) at eventual, fifo, priority  <- [42]
        0.331 s n1 eventual q3> state n0
        shell at 0.331 s

        n0  up, life 2
          knows     n0 1
          reflects  fifo: n0 up to 1
          shows     x -> 1
    "#]]
    .assert_eq(&say(&["--seed", "3"], &lines).expect(0).stdout);
}

#[test]
fn what_breaks_a_promise_is_found_saved_and_found_again() {
    let out = folder();
    let file = out.path().join("lost.toml");
    let save = format!("save {}", file.display());
    let lines = ["put x", "drop update 2 n2", "put x", "run 1s", "check", "until finding", &save, &save];
    let said = say(&["--set", "store.anti_entropy=off"], &lines).expect(0).stdout;
    assert!(said.contains("CONV002: n2 does not know x = 2"), "{said}");
    assert!(said.contains("every operation is answered as it was here"), "{said}");
    assert!(said.contains("is there already; choose another name"), "{said}");
    let run = end(kvsim().arg("run").arg(&file).args(["--no-report", "--out"]).arg(out.path().join("run")));
    assert!(run.expect(1).stdout.contains("CONV002"), "the scenario shows it, too");
}

#[test]
fn mistakes_change_nothing_and_say_what_to_do() {
    let lines = [
        "gett x",
        "get",
        "connect n9",
        "level strong",
        "quorum 7",
        "run 40",
        "start n1",
        "back",
        "back to 1s",
        "drop update",
        "drop message 3",
        "partition n0 | n1 | n2",
        "crash n0 burnt",
        "save x.txt",
        "save x.toml",
        "put a b",
        "foo",
        "",
    ];
    expect![[r#"
        0.000 s n0 eventual> gett x
        error: there is no command gett; did you mean get?
        0.000 s n0 eventual> get
        error: expected get KEY
        0.000 s n0 eventual> connect n9
        error: there is no node n9; expected n0 to n2
        0.000 s n0 eventual> level strong
        error: there is no level strong; expected eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
        0.000 s n0 eventual> quorum 7
        error: expected a number of replicas, 1 to 3
        0.000 s n0 eventual> run 40
        error: the duration `40` has no unit
        a duration: a number and one of ns, us, ms, s, min, h
        write "40ms" or "40s"; write for instance 4.2s or 850ms
        0.000 s n0 eventual> start n1
        error: n1 is not down
        0.000 s n0 eventual> back
        error: nothing was typed yet that could be undone
        0.000 s n0 eventual> back to 1s
        error: 1s is still to come: run goes there
        0.000 s n0 eventual> drop update
        error: expected drop KIND ID [NODE...]
        0.000 s n0 eventual> drop message 3
        error: there is no message message; expected update, pull, repair, request, reply, ack
        0.000 s n0 eventual> partition n0 | n1 | n2
        error: expected at most one `|`
        0.000 s n0 eventual> crash n0 burnt
        error: expected kept, tail-lost, torn or lost for the disk
        0.000 s n0 eventual> save x.txt
        error: x.txt is no name of a scenario, expected NAME.toml
        0.000 s n0 eventual> save x.toml
        error: nothing was asked yet: a scenario needs an operation
        0.000 s n0 eventual> put a b
        error: expected put KEY
        0.000 s n0 eventual> foo
        error: there is no command foo; help lists all
        0.000 s n0 eventual> 
    "#]]
    .assert_eq(&say(&[], &lines).expect(0).stdout);
}

#[test]
fn the_documentation_shows_what_happens() {
    let text = std::fs::read_to_string(common::top().join("docs/shell.md")).unwrap();
    let (_, block) = text.split_once("$ kvsim shell ").expect("an example");
    let (example, rest) = block.split_once("\n```").expect("it ends");
    let (arguments, session) = example.split_once('\n').expect("lines below the command");
    let lines: Vec<&str> =
        session.lines().filter_map(|line| line.split_once("eventual> ").map(|(_, typed)| typed)).collect();
    let said = say(&arguments.split_whitespace().collect::<Vec<&str>>(), &lines).expect(0).stdout;
    assert_eq!(said.trim_end(), session);
    // And every command.
    for line in say(&[], &["help"]).expect(0).stdout.lines().skip(1) {
        let name = line.split_whitespace().next().expect("a name");
        assert!(rest.contains(&format!("| `{name}")), "{name} is not in docs/shell.md");
    }
}

/// Through a terminal: lines are edited, remembered, and given up with Ctrl-C.
#[cfg(unix)]
#[test]
fn at_a_terminal() {
    let mut command = kvsim();
    command.args(["shell"]).env("TERM", "xterm");
    let mut terminal = rexpect::spawn_with_options(command, rexpect::reader::Options::new().timeout_ms(Some(60_000)))
        .expect("there are pseudo-terminals");
    let mut wait_and_type = |wait: &str, keys: &str| {
        terminal.exp_string(wait).expect(wait);
        terminal.send(keys).expect("it listens");
        terminal.flush().expect("it listens");
    };
    // Three to the left, and one letter mended.
    wait_and_type("n0 eventual> ", "pit x\u{1b}[D\u{1b}[D\u{1b}[D\u{7f}u\r");
    wait_and_type("x = 1, written as n0:1", "get yyy\u{3}");
    // The line before.
    wait_and_type("yyy", "\u{1b}[A\r");
    wait_and_type("x = 2, written as n0:2", "\u{4}");
    terminal.exp_eof().expect("it ends");
}
