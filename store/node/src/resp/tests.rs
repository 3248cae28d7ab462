//! Requests, whole and in pieces, right and wrong.

use kvsim_store::Stream;

use super::*;

const LIMITS: Limits = Limits { word: 1_000, words: 10, request: 2_000 };

fn all(bytes: &[u8]) -> Result<Vec<Vec<String>>, String> {
    let mut buffer = BytesMut::from(bytes);
    let mut requests = Vec::new();
    while let Some(words) = take_request(&mut buffer, LIMITS)? {
        requests.push(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect());
    }
    Ok(requests)
}

#[test]
fn requests_are_arrays_or_lines() {
    let requests =
        all(b"*2\r\n$3\r\nGET\r\n$1\r\nx\r\nset x  'a b' \"c\\x41\\n\\\"\"\r\n\r\n*0\r\nPING\n*1\r\n$4\r\nPI").unwrap();
    let expected: [&[&str]; 5] = [&["GET", "x"], &["set", "x", "a b", "cA\n\""], &[], &[], &["PING"]];
    assert_eq!(requests, expected);
}

#[test]
fn what_is_wrong_is_told() {
    for (bytes, part) in [
        (&b"*x\r\n"[..], "expected a number, got 'x'"),
        (b"*11\r\n", "11 words, where up to 10"),
        (b"*1\r\n:3\r\nGET\r\n", "expected '$', got ':'"),
        (b"*1\r\n$1001\r\n", "1001 bytes, where up to 1000"),
        (b"*1\r\n$-5\r\n", "expected a number, got '-5'"),
        (b"*1\r\n$99999999999999999999\r\n", "expected a number"),
        (b"*1\r\n$999999999999999999999999999", "expected a number"),
        (b"*1\r\n$3\r\nGETxx", "does not end"),
        (b"*3\r\n$900\r\n", ""),
        (b"GET \"x\r\n", "not closed"),
        (b"GET 'x'y\r\n", "right behind"),
        (b"1 2 3 4 5 6 7 8 9 10 11\r\n", "11 words"),
        (&[b'x'; 3_000], "a line of more than 2000 bytes"),
        (&[&b"*3\r\n"[..], &[&b"$900\r\n"[..], &[b'x'; 900], b"\r\n"].concat().repeat(3)].concat(), "more than 2000"),
    ] {
        match all(bytes) {
            Ok(requests) => assert!(part.is_empty() && requests.is_empty(), "{}", String::from_utf8_lossy(bytes)),
            Err(problem) => assert!(!part.is_empty() && problem.contains(part), "{problem}, not {part}"),
        }
    }
}

/// Whatever comes, in whatever pieces: the same requests, or the same complaint; and no more is kept than the limits say.
#[test]
fn pieces_and_random_bytes_do_no_harm() {
    let words: [&[u8]; 12] = [
        b"*2\r\n",
        b"$3\r\nGET\r\n",
        b"$1\r\nx\r\n",
        b"\r\n",
        b"PING\r\n",
        b"*",
        b"$",
        b"\n",
        b"'",
        b"\"",
        b"-1",
        b"1000",
    ];
    for seed in 0..20_000 {
        let mut chance = Stream::new(seed, "test", 0);
        let mut bytes = Vec::new();
        for _ in 0..chance.below(12) {
            match chance.below(8) {
                0 => bytes.extend((0..chance.below(9)).map(|_| chance.bits() as u8)),
                _ => bytes.extend(words[chance.below(12) as usize]),
            }
        }
        let whole = all(&bytes);
        let (mut buffer, mut requests, mut rest) = (BytesMut::new(), Vec::<Vec<String>>::new(), &bytes[..]);
        let pieces = loop {
            match take_request(&mut buffer, LIMITS) {
                Err(problem) => break Err(problem),
                Ok(Some(words)) => {
                    requests.push(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect());
                }
                Ok(None) if rest.is_empty() => break Ok(requests),
                Ok(None) => {
                    let (piece, after) = rest.split_at(1 + chance.below(rest.len() as u64) as usize);
                    buffer.extend_from_slice(piece);
                    rest = after;
                }
            }
        };
        assert_eq!(whole.is_ok(), pieces.is_ok(), "seed {seed}: {:?}", String::from_utf8_lossy(&bytes));
        if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
            assert_eq!(whole, pieces);
        }
    }
}

#[test]
fn replies_are_written_in_both_versions() {
    let reply = Reply::List(vec![
        Reply::OK,
        Reply::error("no\r\nway"),
        Reply::Int(-7),
        Reply::Value(Name::from(&b"a\r\n"[..])),
        Reply::Nil,
        Reply::Map(vec![("k", Reply::Text(String::new()))]),
    ]);
    for (version, expected) in [
        (2, "*6\r\n+OK\r\n-ERR no  way\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n$1\r\nk\r\n$0\r\n\r\n"),
        (3, "*6\r\n+OK\r\n-ERR no  way\r\n:-7\r\n$3\r\na\r\n\r\n_\r\n%1\r\n$1\r\nk\r\n$0\r\n\r\n"),
    ] {
        let mut out = BytesMut::new();
        reply.write(version, &mut out);
        assert_eq!(String::from_utf8_lossy(&out), expected);
    }
}
