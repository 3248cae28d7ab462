//! Any bytes of a client at a real node, in two pieces: the same requests, or the same complaint, as in one.
#![no_main]

use bytes::{Bytes, BytesMut};

#[allow(dead_code)] // a node has use for all of it
#[path = "../../../../store/node/src/resp.rs"]
mod resp;

use resp::{Limits, Reply, take_request};

const LIMITS: Limits = Limits { word: 1_000, words: 10, request: 2_000 };

fn taken(buffer: &mut BytesMut, requests: &mut Vec<Vec<Bytes>>) -> Result<(), String> {
    while let Some(request) = take_request(buffer, LIMITS)? {
        assert!(request.len() <= LIMITS.words);
        requests.push(request);
    }
    Ok(())
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut whole, mut pieces) = (Vec::new(), Vec::new());
    let ended = taken(&mut BytesMut::from(bytes), &mut whole);
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let mut buffer = BytesMut::from(first);
    let in_pieces = taken(&mut buffer, &mut pieces).and_then(|()| {
        buffer.extend_from_slice(second);
        taken(&mut buffer, &mut pieces)
    });
    assert_eq!(whole, pieces);
    assert_eq!(ended.is_ok(), in_pieces.is_ok());
    // A complaint shows what came, and is a line all the same.
    if let Err(problem) = ended {
        let mut reply = BytesMut::new();
        Reply::Error(problem).write(2, &mut reply);
        assert_eq!(reply.iter().filter(|byte| **byte == b'\n').count(), 1);
    }
});
