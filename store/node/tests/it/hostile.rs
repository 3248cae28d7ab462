//! Those who send nonsense, too much, or nothing.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use kvsim_store::Stream;

use super::client::{Client, Reply, ok, value};
use super::cluster::Cluster;

/// Random bytes to a port, some of them like what is spoken there.
fn nonsense(port: u16, like: &[&[u8]], seed: u64) {
    let mut chance = Stream::new(seed, "hostile", 0);
    let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)) else { panic!("nothing listens at {port}") };
    stream.set_read_timeout(Some(Duration::from_millis(1))).expect("a time");
    for _ in 0..chance.below(8) {
        let bytes: Vec<u8> = match chance.below(3) {
            0 => (0..chance.below(300)).map(|_| chance.bits() as u8).collect(),
            _ => {
                let mut bytes = like[chance.below(like.len() as u64) as usize].to_vec();
                for _ in 0..chance.below(3) {
                    let place = chance.below(bytes.len() as u64) as usize;
                    bytes[place] = chance.bits() as u8;
                }
                bytes
            }
        };
        // The node may have hung up.
        if stream.write_all(&bytes).is_err() {
            return;
        }
        let _ = stream.read(&mut [0; 4096]);
    }
}

fn flood(name: &str, lasts: Duration) {
    let mut cluster = Cluster::start(name, 2, &[]);
    let mut client = cluster.client(0);
    // Of a name that nonsense does not hit: some of it are writes.
    assert_eq!(client.ask("SET a-key-of-its-own 1"), ok());
    let requests = [
        Client::request(&[b"GET", b"x"]),
        Client::request(&[b"SET", b"y", b"1"]),
        Client::request(&[b"MGET", b"x", b"y"]),
        Client::request(&[b"SCAN", b"0"]),
        Client::request(&[b"KV.CONTEXT", b"y", b"[[0,1,1]]"]),
        Client::request(&[b"KV.GET", b"y"]),
        Client::request(&[b"HELLO", b"3"]),
        b"PING\r\nGET \"x\"\r\n".to_vec(),
        b"*1000000\r\n".to_vec(),
        b"*2\r\n$3\r\nGET\r\n$999999999\r\n".to_vec(),
    ];
    let requests: Vec<&[u8]> = requests.iter().map(Vec::as_slice).collect();
    // A length, and fields that a handshake may have.
    let hello: &[&[u8]] = &[
        b"\0\0\0\x1d\x08\x01\x12\x05kvsim\x1a\x02n0\x1a\x02n1\x20\x01\x28\x01\x38\x00\x42\x00",
        b"\0\0\0\x18\x08\x01\x12\x05kvsim\x1a\x02n0\x1a\x02n1\x20\x01\x28\x01",
        b"\xff\xff\xff\xff",
        b"\0\x0f\xff\xff",
        b"GET / HTTP/1.1\r\n\r\n",
    ];
    let (begin, mut seed) = (Instant::now(), 0);
    while begin.elapsed() < lasts {
        seed += 1;
        nonsense(cluster.port(0), &requests, seed);
        nonsense(cluster.peer_port(0), hello, seed);
    }
    println!("{} connections each, {} kB", seed, cluster.memory_kb(0));
    assert_eq!(client.ask("GET a-key-of-its-own"), value("1"));
    assert_eq!(client.ask("SET a-key-of-its-own 2"), ok());
    cluster.until_reply(1, "GET a-key-of-its-own", &value("2"));
    assert!(!cluster.log(0).contains("panicked"), "{}", cluster.log(0));
    assert!(cluster.memory_kb(0) < 100_000, "{} kB", cluster.memory_kb(0));
}

#[test]
fn nonsense_at_both_ports_does_no_harm() {
    flood("nonsense", Duration::from_secs(2));
}

#[test]
#[ignore = "takes ten minutes"]
fn ten_minutes_of_nonsense() {
    flood("nonsense-long", Duration::from_secs(600));
}

#[test]
fn what_is_too_large_is_refused() {
    let cluster = Cluster::start("large", 1, &["--max-value", "1000", "--max-clients", "3"]);
    let mut client = cluster.client(0);
    assert_eq!(client.ask(&format!("SET x {}", "v".repeat(1_000))), ok());
    let reply = client.ask(&format!("SET x {}", "v".repeat(1_001)));
    assert!(matches!(&reply, Reply::Error(text) if text.contains("--max-value")), "{reply:?}");
    assert!(client.reply().is_err(), "the connection has ended");
    let mut others: Vec<Client> = (0..3).map(|_| cluster.client(0)).collect();
    assert!(others.iter_mut().all(|client| client.ask("PING") == Reply::Simple("PONG".to_owned())));
    let mut one_more = cluster.client(0);
    assert!(matches!(one_more.reply(), Ok(Reply::Error(text)) if text.contains("--max-clients")));
}

/// Who asks and does not listen, and who asks without an end, holds up itself alone.
#[test]
fn slow_and_flooding_clients_stop_nobody_else() {
    let cluster = Cluster::start("slow", 1, &["--max-value", "100000"]);
    let mut client = cluster.client(0);
    assert_eq!(client.ask(&format!("SET big {}", "v".repeat(100_000))), ok());
    let before_kb = cluster.memory_kb(0);
    let asks = Client::request(&[b"GET", b"big"]).repeat(5_000);
    let deaf: Vec<std::thread::JoinHandle<()>> = (0..10)
        .map(|_| {
            let mut client = cluster.client(0);
            let asks = asks.clone();
            client.0.get_mut().set_write_timeout(Some(Duration::from_secs(2))).expect("a time");
            // 500 MB are asked for, and nothing is read.
            std::thread::spawn(move || drop(client.send(&asks)))
        })
        .collect();
    let begin = Instant::now();
    let mut longest = Duration::ZERO;
    while begin.elapsed() < Duration::from_millis(1_500) {
        let asked = Instant::now();
        assert_eq!(client.ask("SET x 1"), ok());
        longest = longest.max(asked.elapsed());
    }
    let more_kb = cluster.memory_kb(0).saturating_sub(before_kb);
    println!("the longest write took {longest:?}; {more_kb} kB more");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(more_kb < 60_000, "{more_kb} kB");
    deaf.into_iter().for_each(|client| client.join().expect("it ends"));
}

#[test]
#[ignore = "takes 10,000 files here and there: ulimit -n 20000"]
fn ten_thousand_idle_clients_take_little() {
    let cluster = Cluster::start("idle", 1, &["--max-clients", "11000"]);
    let before_kb = cluster.memory_kb(0);
    let mut clients: Vec<Client> = (0..10_000)
        .map(|_| {
            // Without a reader's buffer here.
            let stream = TcpStream::connect(("127.0.0.1", cluster.port(0))).expect("it listens");
            Client(std::io::BufReader::with_capacity(64, stream))
        })
        .collect();
    // Each has asked something once.
    assert!(clients.iter_mut().all(|client| client.ask("SET x 1") == ok()));
    let after_kb = cluster.memory_kb(0);
    println!("{before_kb} kB before, {after_kb} kB with 10,000 clients");
    assert!(after_kb < 200_000);
}
