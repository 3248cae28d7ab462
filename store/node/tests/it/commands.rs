//! What clients can do, and what nodes that are stopped and damaged say.

use std::time::Duration;

use super::client::{Client, Reply, ok, value};
use super::cluster::Cluster;

fn list(replies: &[Reply]) -> Reply {
    Reply::List(replies.to_vec())
}

/// The values of KV.GET.
fn values(reply: Reply) -> (String, Vec<Reply>) {
    match reply {
        Reply::List(parts) => match &parts[..] {
            [Reply::Value(context), Reply::List(values)] => {
                (String::from_utf8(context.clone()).expect("text"), values.clone())
            }
            _ => panic!("{parts:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn writes_tell_their_names() {
    let mut cluster = Cluster::start("names", 2, &[]);
    let mut client = cluster.client(1);
    assert_eq!(client.ask("KV.SET x 1"), value("[1,1,1]"));
    assert_eq!(client.ask("SET x 2"), ok());
    assert_eq!(client.ask("KV.DEL nothing"), value("[1,1,3]"));
    assert_eq!(client.ask("KV.DEL x"), value("[1,1,4]"));
    assert_eq!(client.ask("GET x"), Reply::Nil);
    assert_eq!(cluster.client(0).ask("KV.SET x 3"), value("[0,1,1]"));
    cluster.until_reply(1, "GET x", &value("3"));
}

#[test]
fn what_is_written_at_one_node_is_read_at_the_others() {
    for level in ["fifo", "eventual"] {
        let mut cluster = Cluster::start(&format!("read-{level}"), 3, &["--level", level, "--ack", "majority"]);
        let mut client = cluster.client(0);
        assert_eq!(client.ask("KV.LEVEL"), value(level));
        assert_eq!(client.ask("SET x hello"), ok());
        assert_eq!(client.ask("SET y 1"), ok());
        for node in 0..3 {
            cluster.until_reply(node, "MGET x y z", &list(&[value("hello"), value("1"), Reply::Nil]));
        }
        let mut other = cluster.client(2);
        assert_eq!(other.ask("SCAN 0"), list(&[value("0"), list(&[value("x"), value("y")])]));
        assert_eq!(other.ask("SCAN 0 MATCH [^x]"), list(&[value("0"), list(&[value("y")])]));
        assert_eq!(other.ask("SCAN 0 COUNT 1"), list(&[value("1"), list(&[value("x")])]));
        assert_eq!(other.ask("EXISTS x x z"), Reply::Int(2));
        assert_eq!(other.ask("DEL x z"), Reply::Int(1));
        cluster.until_reply(0, "GET x", &Reply::Nil);
        // A write replaces what its node has, from any client.
        assert_eq!(other.ask("SET y 2"), ok());
        cluster.until_reply(0, "GET y", &value("2"));
        assert_eq!(client.ask("SET y 3"), ok());
        cluster.until_reply(2, "GET y", &value("3"));
        assert_eq!(values(cluster.client(1).ask("KV.GET y")).1.len(), 1);
        let metrics = cluster.page(0, "/metrics").expect("it is served");
        assert!(metrics.contains("\nkvsim_store_own_writes 3\n"), "{metrics}");
    }
}

#[test]
fn siblings_are_shown_and_replaced_by_context() {
    let mut cluster = Cluster::start("siblings", 2, &[]);
    let (mut one, mut two) = (cluster.client(0), cluster.client(1));
    assert_eq!(one.ask("KV.CONTEXT none"), ok());
    assert_eq!(two.ask("KV.CONTEXT session"), ok());
    assert_eq!(one.ask("SET x a"), ok());
    cluster.until_reply(1, "GET x", &value("a"));
    // It has not read the other's.
    assert_eq!(two.ask("SET x b"), ok());
    cluster.until("both are there", |_| values(one.ask("KV.GET x")).1 == [value("a"), value("b")]);
    assert_eq!(one.ask("GET x"), value("b"));
    let (context, _) = values(one.ask("KV.GET x"));
    // What a node has not seen it does not believe.
    for wrong in ["[[1,1,900]]", "[[7,1,1]]", "[[0,1]]", "none", "[[0,9,1]]"] {
        assert!(matches!(two.ask(&format!("KV.CONTEXT x {wrong}")), Reply::Error(_)), "{wrong}");
    }
    // A context may be handed in at another node: then both are replaced.
    cluster.until("the other node knows it, too", |_| two.ask(&format!("KV.CONTEXT x {context}")) == ok());
    assert_eq!(two.ask("SET x c"), ok());
    cluster.until("one is there", |_| values(one.ask("KV.GET x")).1 == [value("c")]);
    // A session that has read replaces what it has read.
    assert_eq!(one.ask("SET x d"), ok());
    cluster.until("both are there", |_| values(two.ask("KV.GET x")).1.len() == 2);
    assert_eq!(two.ask("SET x e"), ok());
    cluster.until("one is there", |_| values(one.ask("KV.GET x")).1 == [value("e")]);
}

#[test]
fn levels_and_quorums_are_as_they_are_said() {
    let mut cluster = Cluster::start("levels", 3, &["--timeout-ms", "300", "--ack", "2"]);
    let mut client = cluster.client(0);
    assert_eq!(client.ask("SET P3-alarm 1"), ok());
    assert_eq!(client.ask("KV.LEVEL fifo-p2"), ok());
    assert_eq!(client.ask("GET P3-alarm"), value("1"));
    assert!(matches!(client.ask("GET log"), Reply::Error(text) if text.starts_with("LEVEL fifo-p2")));
    assert_eq!(client.ask("KV.LEVEL fifo"), ok());
    assert_eq!(client.ask("KV.QUORUM 3"), ok());
    assert_eq!(client.ask("GET P3-alarm"), value("1"));
    // In a pipeline, too, each reads what the ones before it have written, and nothing of those behind it.
    client.send(b"SET q 1\r\nGET q\r\nSET q 2\r\nMGET q q\r\nDEL q\r\nGET q\r\n").expect("it listens");
    let replies: Vec<Reply> = (0..6).map(|_| client.reply().expect("it replies")).collect();
    let expected = [ok(), value("1"), ok(), list(&[value("2"), value("2")]), Reply::Int(1), Reply::Nil];
    assert_eq!(replies, expected);
    cluster.kill(1);
    assert!(matches!(client.ask("GET P3-alarm"), Reply::Error(text) if text.starts_with("TIMEOUT")));
    assert_eq!(client.ask("KV.QUORUM 2"), ok());
    assert_eq!(client.ask("GET P3-alarm"), value("1"));
    assert_eq!(client.ask("SET x 1"), ok());
    cluster.kill(2);
    assert!(matches!(client.ask("SET x 2"), Reply::Error(text) if text.contains("is not undone")));
    assert_eq!(client.ask("KV.QUORUM 1"), ok());
    assert_eq!(client.ask("GET x"), value("2"));
}

#[test]
fn a_node_is_entered_by_its_password() {
    let cluster = Cluster::start("password", 1, &["--requirepass", "secret"]);
    let mut client = cluster.client(0);
    for words in ["GET x", "SET x 1", "INFO", "AUTH wrong", "HELLO 3"] {
        assert!(matches!(client.ask(words), Reply::Error(_)), "{words}");
    }
    assert_eq!(client.ask("AUTH secret"), ok());
    assert_eq!(client.ask("SET x 1"), ok());
    let mut other = cluster.client(0);
    assert!(matches!(other.ask("HELLO 3 AUTH default secret"), Reply::List(_)));
    assert_eq!(other.ask("GET y"), Reply::Nil);
    // Before the password a client may send little.
    let mut third = cluster.client(0);
    third.send(b"*2\r\n$4\r\nAUTH\r\n$5000\r\n").expect("it listens");
    assert!(matches!(third.reply(), Ok(Reply::Error(text)) if text.contains("5000 bytes")));
    assert!(third.reply().is_err(), "the connection has ended");
}

#[test]
fn a_node_that_is_stopped_goes_on_where_it_was() {
    let mut cluster = Cluster::start("stop", 1, &["--sync", "everysec"]);
    let mut client = cluster.client(0);
    for number in 0..50 {
        assert_eq!(client.ask(&format!("SET k{number} {number}")), ok());
    }
    // What is written is the system's, and outlives the process in any case.
    cluster.kill(0);
    cluster.begin(0);
    cluster.wait_until_ready(0);
    let mut client = cluster.client(0);
    for number in 50..100 {
        assert_eq!(client.ask(&format!("SET k{number} {number}")), ok());
    }
    assert_eq!(client.ask("DEL k7"), Reply::Int(1));
    assert!(cluster.stop(0).success());
    assert!(client.reply().is_err(), "the connection has ended");
    cluster.begin(0);
    cluster.wait_until_ready(0);
    let mut client = cluster.client(0);
    assert_eq!(client.ask("MGET k0 k7 k99"), list(&[value("0"), Reply::Nil, value("99")]));
    // Of two processes with one folder the second says so.
    let problem = second_process(&cluster);
    assert!(problem.contains("another process has them open"), "{problem}");
}

/// Another process of the first node, and what it says before it ends.
fn second_process(cluster: &Cluster) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvsim-node"));
    command.args(["--id", "n0", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", "--data"]);
    let out = command.arg(&cluster.folder).output().expect("the program is there");
    assert_eq!(out.status.code(), Some(1));
    String::from_utf8_lossy(&out.stderr).into_owned()
}

#[test]
fn damaged_and_lost_records_are_told() {
    let mut cluster = Cluster::start("damaged", 2, &["--ack", "all"]);
    let mut client = cluster.client(0);
    for number in 0..20 {
        assert_eq!(client.ask(&format!("SET k{number} {number}")), ok());
    }
    cluster.kill(0);
    let (path, records) = (cluster.records(0), std::fs::read(cluster.records(0)).expect("they are there"));
    // What a crash has cut off in the middle was never acknowledged.
    let torn: &[u8] = &[7, 0, 0, 0, 9, 9];
    std::fs::write(&path, [&records, torn].concat()).expect("there is room");
    cluster.begin(0);
    cluster.wait_until_ready(0);
    cluster.until_reply(0, "GET k19", &value("19"));
    cluster.kill(0);
    let ends = |cluster: &mut Cluster, part: &str| {
        cluster.begin(0);
        assert_eq!(cluster.ended(0).code(), Some(1));
        let log = cluster.log(0);
        assert!(log.lines().last().is_some_and(|line| line.contains(part)), "not {part}: {log}");
    };
    // A changed byte, a tail that is missing, all of it gone, an other cluster's.
    let mut changed = records.clone();
    changed[records.len() / 2] ^= 1;
    std::fs::write(&path, changed).expect("there is room");
    ends(&mut cluster, "is not as it was written");
    let half = whole_records(&records, 10);
    std::fs::write(&path, &records[..half]).expect("there is room");
    ends(&mut cluster, "they are lost, or an old copy");
    std::fs::remove_file(&path).expect("it is there");
    ends(&mut cluster, "n1 knows 20 writes of n0, and the records in --data have 0");
    std::fs::write(&path, &records).expect("there is room");
    cluster.begin(0);
    cluster.wait_until_ready(0);
    cluster.until_reply(0, "GET k19", &value("19"));
}

/// Where the record with this number begins.
fn whole_records(records: &[u8], number: usize) -> usize {
    let length = |at: usize| u32::from_le_bytes(records[at..at + 4].try_into().expect("four bytes")) as usize;
    (0..number).fold(0, |at, _| at + 16 + length(at) + 4)
}

#[test]
fn a_new_folder_waits_for_the_others() {
    let mut cluster = Cluster::start("new", 2, &[]);
    assert!(cluster.stop(0).success() && cluster.stop(1).success());
    std::fs::remove_file(cluster.records(0)).expect("it is there");
    cluster.begin(0);
    let mut client = None;
    cluster.until("it listens", |cluster| {
        client = Client::connect(cluster.port(0)).ok();
        client.is_some()
    });
    let reply = client.expect("connected").ask("GET x");
    assert!(matches!(&reply, Reply::Error(text) if text.starts_with("LOADING") && text.contains("n1")), "{reply:?}");
    assert!(cluster.page(0, "/ready").expect("it is served").starts_with("HTTP/1.1 503"));
    // Nothing had been written: it is no loss.
    cluster.begin(1);
    cluster.wait_until_ready(0);
    std::thread::sleep(Duration::from_millis(10));
    assert_eq!(cluster.client(0).ask("SET x 1"), ok());
}

#[test]
fn nodes_of_other_clusters_are_not_talked_to() {
    let cluster = Cluster::start("one", 2, &[]);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvsim-node"));
    let other = cluster.folder.join("other");
    let peers = format!("n1=127.0.0.1:{}", cluster.peer_port(1));
    command.args(["--id", "n0", "--listen", "127.0.0.1:0", "--peer-listen", "127.0.0.1:0", "--cluster", "other"]);
    command.arg("--data").arg(&other).args(["--peers", &peers]).stderr(std::process::Stdio::piped());
    let mut process = command.spawn().expect("the program is there");
    std::thread::sleep(Duration::from_millis(400));
    process.kill().expect("it runs");
    let log = String::from_utf8_lossy(&process.wait_with_output().expect("it ends").stderr).into_owned();
    assert!(log.contains("refused: it is of cluster \"other\", and this node of \"kvsim\""), "{log}");
}

#[test]
fn what_makes_no_sense_on_the_command_line_is_told() {
    for (args, part) in [
        ("--id n0 --data d --listen 0.0.0.0:0", "--requirepass"),
        ("--id n0 --data d --listen 127.0.0.1:0 --peer-listen 0.0.0.0:0", "--unprotected"),
        ("--id n0 --data d --peers n0=127.0.0.1:1", "named twice"),
        ("--id n0 --data d --ack 2", "--ack 2 needs more"),
        ("--id n0", "--data"),
    ] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kvsim-node"));
        let out = command.args(args.split(' ')).output().expect("the program is there");
        let problem = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && problem.contains(part), "{args}: {problem}");
    }
}
