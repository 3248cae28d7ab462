//! Any frames of two peers at a real node that has written something: each is refused, or taken, and the node lives on.
#![no_main]

use bytes::BytesMut;
use kvsim_host::{Host, Settings};
use kvsim_store::ndc::{Config, Handed, Message as Said, Views};
use kvsim_store::placement::Placement;
use kvsim_store::{Call, CallId, NodeId, Priority};
use prost::Message;

#[allow(dead_code)] // a node has use for all of it
#[path = "../../../../store/node/src/wire.rs"]
mod wire;

use wire::Parcel;

/// Bytes of a frame; more only costs time.
const MOST: usize = 1 << 16;
const MS: u64 = 1_000_000;

fn boot() -> Host {
    let config = Config { views: Some(Views::All), placement: Placement::all(3), ..Config::default() };
    let settings = Settings { config, node: NodeId(0), nodes: 3, priority: |_| Priority::P2, codec: wire::CODEC };
    Host::boot(&settings, None, 0, &mut Vec::new()).expect("without a disk")
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut host, mut effects) = (boot(), Vec::new());
    for id in 0..3 {
        let key = host.names.key(b"k").expect("few keys");
        let value = host.names.new_value([id as u8].into());
        let call = Call::Write { key, value, delete: false, context: &Handed::default(), seen: None };
        host.call(CallId(id), call, 0, &mut effects);
    }
    let mut buffer = BytesMut::from(bytes);
    for number in 1.. {
        let Ok(Some(frame)) = wire::take_frame(&mut buffer, MOST) else { break };
        let Ok(message) = Parcel::decode(frame).map_err(drop).and_then(|parcel| parcel.open::<Said>().map_err(drop))
        else {
            continue;
        };
        let _ = host.take_message(NodeId(1 + number % 2), message, u64::from(number) * 10 * MS, &mut effects);
        host.wake(u64::from(number) * 10 * MS, &mut effects);
        effects.clear();
        host.take_records();
    }
});
