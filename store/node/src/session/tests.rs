//! What connections say.

use super::*;

fn rules(password: Option<&str>) -> Rules {
    Rules { password: password.map(str::to_owned), level: Level::Fifo, nodes: 3 }
}

fn ask(session: &mut Session, rules: &Rules, line: &str) -> Result<Reply, What> {
    let words: Vec<Bytes> = line.split(' ').map(|word| Bytes::copy_from_slice(word.as_bytes())).collect();
    match session.take(&words, rules) {
        Step::Done(reply) | Step::Quit(reply) => Ok(reply),
        Step::Ask(command) => Err(command.what),
    }
}

#[test]
fn nothing_is_done_before_the_password() {
    let rules = rules(Some("secret"));
    let mut session = Session::new(7, &rules);
    for line in ["GET x", "PING", "KV.LEVEL", "HELLO 3", "AUTH wrong", "AUTH secretx", "AUTH me secret", "INFO", "XX"] {
        assert!(matches!(ask(&mut session, &rules, line), Ok(Reply::Error(_))), "{line}");
        assert!(!session.is_let_in());
    }
    assert_eq!(ask(&mut session, &rules, "auth secret"), Ok(Reply::OK));
    assert!(matches!(ask(&mut session, &rules, "get x"), Err(What::Get(_))));
    assert_eq!(ask(&mut session, &rules, "RESET"), Ok(Reply::Simple("RESET")));
    assert!(!session.is_let_in());
    assert!(matches!(ask(&mut session, &rules, "HELLO 3 AUTH default secret SETNAME me"), Ok(Reply::Map(_))));
    assert_eq!((session.version, session.is_let_in()), (3, true));
    assert_eq!(ask(&mut session, &rules, "CLIENT GETNAME"), Ok(Reply::Value(b"me"[..].into())));
}

#[test]
fn errors_say_what_to_do() {
    let rules = rules(None);
    let mut session = Session::new(7, &rules);
    for (line, part) in [
        ("GET", "GET key"),
        ("get a b", "GET key"),
        ("SET x", "SET key value"),
        ("SET x 1 EX 5", "no EX"),
        ("EXPIRE x 5", "unknown command 'EXPIRE': this node knows GET, "),
        ("KV.LEVEL casual", "the levels are eventual, fifo,"),
        ("KV.LEVEL a b", "KV.LEVEL [eventual|"),
        ("KV.QUORUM 4", "from 1 to 3"),
        ("KV.QUORUM 0", "from 1 to 3"),
        ("KV.CONTEXT all", "KV.CONTEXT [node|session|none]"),
        ("SELECT 1", "number 0"),
        ("AUTH x", "no password"),
        ("HELLO 4", "versions 2 and 3"),
        ("SCAN x", "cursor"),
        ("SCAN 0 COUNT 0", "COUNT"),
        ("SCAN 0 COUNT", "no value"),
        ("SCAN 0 LIKE x", "MATCH"),
        ("CLIENT KILL", "CLIENT ID"),
        ("CONFIG SET save x", "CONFIG GET"),
    ] {
        match ask(&mut session, &rules, line) {
            Ok(Reply::Error(text)) => assert!(text.contains(part), "{line}: {text}"),
            other => panic!("{line}: {other:?}"),
        }
    }
    let long = format!("GET {}", "x".repeat(KEY + 1));
    assert!(matches!(ask(&mut session, &rules, &long), Ok(Reply::Error(_))));
}

#[test]
fn settings_are_kept() {
    let rules = rules(None);
    let mut session = Session::new(7, &rules);
    for (name, first, other) in
        [("KV.LEVEL", "fifo", "eventual"), ("KV.QUORUM", "1", "2"), ("KV.CONTEXT", "node", "none")]
    {
        assert_eq!(ask(&mut session, &rules, name), Ok(Reply::Text(first.to_owned())));
        assert_eq!(ask(&mut session, &rules, &format!("{name} {other}")), Ok(Reply::OK));
        assert_eq!(ask(&mut session, &rules, name), Ok(Reply::Text(other.to_owned())));
    }
    let how = session.how;
    assert_eq!((how.level, how.quorum, how.context), (Level::Eventual, 2, Replaces::Nothing));
}

#[test]
fn patterns_match_as_they_should() {
    for (pattern, yes, no) in [
        ("*", &["", "abc"][..], &[][..]),
        ("a?c", &["abc", "a?c"], &["ac", "abbc"]),
        ("a*c*e", &["ace", "abcde", "acce"], &["ac", "abcd"]),
        ("h[a-c]t", &["hat", "hct"], &["hdt", "ht"]),
        ("h[^a]t", &["hbt"], &["hat"]),
        ("a\\*", &["a*"], &["ab"]),
        ("[", &[], &["[", ""]),
        ("*a*a*a*a*b", &["aaaab"], &["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"]),
    ] {
        yes.iter().for_each(|text| assert!(is_like(text.as_bytes(), pattern.as_bytes()), "{text} {pattern}"));
        no.iter().for_each(|text| assert!(!is_like(text.as_bytes(), pattern.as_bytes()), "{text} {pattern}"));
    }
}
