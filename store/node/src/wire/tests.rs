//! Messages and records of a small cluster in which much is lost, as bytes and back; and bytes that an enemy wrote.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_host::{Effect, Host, Settings};
use kvsim_store::ndc::{Config, Handed, Message as Said, Views};
use kvsim_store::placement::Placement;
use kvsim_store::{Call, CallId, Level, NodeId, Stream};

use super::*;

mod enemy;

const MS: u64 = 1_000_000;

fn boot(node: u16) -> Host {
    boot_with(node, 16 << 20)
}

/// With room of so many bytes for writes that wait.
fn boot_with(node: u16, room: u64) -> Host {
    let mut config = Config { views: Some(Views::All), placement: Placement::all(3), ..Config::default() };
    config.buffer.0 = room;
    let priority = crate::store::priority_of;
    let settings = Settings { config, node: NodeId(node), nodes: 3, priority, codec: CODEC };
    Host::boot(&settings, None, 0, &mut Vec::new()).expect("without a disk")
}

/// A client does something at a host.
fn act(host: &mut Host, chance: &mut Stream, step: u32, now_ns: u64, effects: &mut Vec<Effect>) {
    let name = [b"P0".as_slice(), b"P3 alarm", b"", &[0, 255]][chance.below(4) as usize];
    let key = host.names.key(name).expect("few keys");
    let quorum = 1 + chance.below(3) as u16;
    match chance.below(6) {
        0 => host.call(CallId(step), Call::Read { key, level: Level::Fifo, quorum, seen: None }, now_ns, effects),
        1 => host.call(CallId(step), Call::Read { key, level: Level::Eventual, quorum, seen: None }, now_ns, effects),
        kind => {
            let context = match kind {
                2 => Handed::default(),
                _ => Handed::new(host.replica().object(key).unwrap_or_default().context),
            };
            let delete = kind == 5;
            let content = (0..chance.below(9)).map(|_| chance.bits() as u8).collect();
            let value = if delete { host.names.new_delete() } else { host.names.new_value(content) };
            host.call(CallId(step), Call::Write { key, value, delete, context: &context, seen: None }, now_ns, effects);
        }
    }
}

/// What hosts say to each other in a while: from, to, message.
fn said(seed: u64, steps: u32) -> Vec<(NodeId, NodeId, Packed<Said>)> {
    let mut all = Vec::new();
    talk(seed, steps, [0, 1, 2].map(boot), |host, from, message, now_ns, effects| {
        all.push((from, host.node(), message.clone()));
        host.take_message(from, message, now_ns, effects).expect("peers are honest");
    });
    all
}

/// Hosts talk in a network that loses much; `deliver` does it.
fn talk(
    seed: u64,
    steps: u32,
    mut hosts: [Host; 3],
    mut deliver: impl FnMut(&mut Host, NodeId, Packed<Said>, u64, &mut Vec<Effect>),
) {
    let mut chance = Stream::new(seed, "test", 0);
    let mut under_way = Vec::<(NodeId, NodeId, Packed<Said>)>::new();
    for step in 0..steps {
        let now_ns = u64::from(step) * 5 * MS;
        let mut at = chance.below(3) as usize;
        let mut effects = Vec::new();
        match chance.below(4) {
            0 => act(&mut hosts[at], &mut chance, step, now_ns, &mut effects),
            1 => hosts[at].wake(now_ns, &mut effects),
            _ if under_way.is_empty() => {}
            _ => {
                let (from, to, message) = under_way.swap_remove(chance.below(under_way.len() as u64) as usize);
                at = to.index();
                deliver(&mut hosts[at], from, message, now_ns, &mut effects);
            }
        }
        for effect in effects {
            if let Effect::Send { to, message } = effect {
                let came = to.into_iter().filter(|_| chance.below(4) > 0);
                under_way.extend(came.map(|to| (NodeId(at as u16), to, message.clone())));
            }
        }
    }
}

fn bytes_of<T: Serialize>(packed: &Packed<T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    parcel(packed, &mut bytes);
    bytes
}

#[test]
fn what_is_written_is_read_and_is_protobuf() {
    let mut kinds = BTreeSet::new();
    for seed in 0..10 {
        for (.., message) in said(seed, 400) {
            let bytes = bytes_of(&message);
            let parcel = Parcel::decode(&bytes[..]).expect("Protobuf");
            assert_eq!(parcel.encode_to_vec().len(), bytes.len() - empty_fields(&message), "as prost writes it");
            let again: Packed<Said> = parcel.open().expect("it was written here");
            assert_eq!(format!("{again:?}"), format!("{message:?}"));
            kinds.insert(again.what.meta().kind);
            let framed = parcel_frame(&message);
            let mut buffer = BytesMut::from(&framed[..]);
            assert_eq!(take_frame(&mut buffer, bytes.len()).expect("small enough").as_deref(), Some(&bytes[..]));
            assert!(take_frame(&mut BytesMut::from(&framed[..]), bytes.len() - 1).is_err());
            assert_eq!(take_frame(&mut BytesMut::from(&framed[..framed.len() - 1]), bytes.len()).expect("short"), None);
        }
    }
    assert!(kinds.len() >= 5, "{kinds:?}");
}

/// Protobuf leaves out what is 0 or empty; read, both are the same.
fn empty_fields(message: &Packed<Said>) -> usize {
    let of_value = |(id, content): &(u64, Name)| 2 * usize::from(*id == 0) + 2 * usize::from(content.is_empty());
    message.values.iter().map(of_value).sum()
}

/// What is said may not change its form without another [`PROTOCOL`]: nodes of different builds would misunderstand each other, and
/// their own disks. When this fails, count [`PROTOCOL`] up and let `UPDATE_EXPECT=1 cargo test -p kvsim-node` write the file anew.
#[test]
fn the_protocol_is_what_its_number_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/wire/frozen.txt");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    if std::env::var("UPDATE_EXPECT").is_ok() {
        // Of each kind the longest, which has most of what there can be in it.
        let mut longest: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
        for (.., message) in said(1, 600) {
            let (kind, bytes) = (longest.entry(message.what.meta().kind).or_default(), bytes_of(&message));
            if bytes.len() > kind.len() && bytes.len() < 600 {
                *kind = bytes;
            }
        }
        let lines = longest.values().map(|bytes| hex(bytes) + "\n").collect::<String>();
        std::fs::write(path, format!("{PROTOCOL}\n{lines}")).expect("it can be written");
    }
    let frozen = std::fs::read_to_string(path).expect("it is there");
    let (protocol, messages) = frozen.split_once('\n').expect("lines");
    assert_eq!(protocol, PROTOCOL.to_string());
    let byte = |place: usize, line: &str| u8::from_str_radix(&line[place..place + 2], 16).expect("hexadecimal");
    let mut kinds = BTreeSet::new();
    for line in messages.lines() {
        let bytes: Vec<u8> = (0..line.len()).step_by(2).map(|place| byte(place, line)).collect();
        let again: Packed<Said> = Parcel::decode(&bytes[..]).expect("Protobuf").open().expect("as it was");
        assert_eq!(hex(&bytes_of(&again)), line, "as it was");
        kinds.insert(again.what.meta().kind);
    }
    assert!(kinds.len() >= 5, "{kinds:?}");
}
