//! Random small histories, legal ones by really carrying out an order for each session.

use std::collections::BTreeSet;

use kvsim_checkers::history::{Ending, Entry, Kind, Value, WriterOrder};
use kvsim_checkers::pram::Order;

use super::twin::Case;
use crate::chance::Chance;

/// What random histories may contain.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub ops_max: usize,
    pub keys_max: usize,
    pub deletes: bool,
    /// Operations that fail or end unknown.
    pub doubt: bool,
    /// Values that are written twice.
    pub twice: bool,
}

/// A history that was really carried out.
pub fn legal(chance: &mut Chance, shape: Shape) -> Case {
    let sessions = 2 + chance.below(2) as u32;
    let keys = 2 + chance.below(shape.keys_max - 1);
    let writer_order = if chance.one_in(2) { WriterOrder::Session } else { WriterOrder::Origin };
    let order = if chance.one_in(3) { Order::Priority } else { Order::Pram };
    let priorities = if chance.one_in(4) { Vec::new() } else { (0..keys).map(|_| chance.below(3) as u8).collect() };
    let mut entries = Vec::new();
    let count = shape.ops_max / 2 + chance.below(shape.ops_max - shape.ops_max / 2) + 1;
    for number in 0..count as u32 {
        let kind = if chance.one_in(2) { Kind::Read } else { Kind::Write };
        let ending = match chance.below(8) {
            0 if shape.doubt => Ending::Failed,
            1 | 2 if shape.doubt => Ending::Indeterminate,
            _ => Ending::Ok,
        };
        let value = match kind {
            Kind::Write if shape.deletes && chance.one_in(4) => Value::Nothing,
            Kind::Write if shape.twice && chance.one_in(6) => Value::One(7),
            Kind::Write => Value::One(100 + u64::from(number)),
            Kind::Read => Value::Nothing,
        };
        let (session, key) = (chance.below(sessions as usize) as u32, chance.below(keys) as u32);
        entries.push(Entry { session, key, kind, value, ending, origin: None, number, place: number });
    }
    entries.sort_by_key(|entry| entry.session);
    let mut case = Case { writer_order, order, priorities, entries };
    name_origins(&mut case, chance);

    let choices = case.choices();
    let happened = &choices[chance.below(choices.len())];
    for session in case.sessions() {
        carry_out(&mut case, session, happened, chance);
    }
    case
}

/// Each session writes through one origin, now and then through another; counters go up along each session.
fn name_origins(case: &mut Case, chance: &mut Chance) {
    if case.writer_order == WriterOrder::Session {
        return;
    }
    let mut left: Vec<usize> = (0..case.entries.len()).collect();
    let mut counter = 0;
    while !left.is_empty() {
        // Any session's next; a write of unknown outcome may be taken in late.
        let chosen = chance.below(left.len());
        let session = case.entries[left[chosen]].session;
        let is_next = |index: &usize| case.entries[*index].session == session;
        let first = left.iter().position(is_next).expect("chosen among them");
        let is_late = case.entries[left[chosen]].ending == Ending::Indeterminate;
        let index = left.remove(if is_late { chosen } else { first });
        counter += 1;
        let origin = if chance.one_in(8) { 9 } else { session / 2 };
        let entry = &mut case.entries[index];
        if entry.kind == Kind::Write && !chance.one_in(12) {
            entry.origin = Some((origin, counter));
        }
    }
}

/// Carries out a random order of what the session's order consists of, and has its reads return what they find.
fn carry_out(case: &mut Case, session: u32, happened: &BTreeSet<usize>, chance: &mut Chance) {
    let mut left = case.parts(session, happened);
    let mut placed = Vec::new();
    while !left.is_empty() {
        let is_first = |next: &usize| left.iter().all(|other| !case.must_precede(session, *other, *next));
        let first: Vec<usize> = left.iter().copied().filter(is_first).collect();
        // Taking in a late write before what its session did earlier leaves no way on.
        let Some(next) = (!first.is_empty()).then(|| first[chance.below(first.len())]) else { return };
        left.retain(|other| *other != next);
        if case.entries[next].kind == Kind::Read {
            case.entries[next].value = case.read(&placed, case.entries[next].key);
        }
        placed.push(next);
    }
}

/// Changes what some reads returned.
pub fn spoil(case: &mut Case, chance: &mut Chance) {
    let reads: Vec<usize> = (0..case.entries.len()).filter(|i| case.entries[*i].kind == Kind::Read).collect();
    if reads.is_empty() {
        return;
    }
    for _ in 0..1 + chance.below(3) {
        let read = reads[chance.below(reads.len())];
        let key = case.entries[read].key;
        let was = case.entries[read].value;
        let same_key = |entry: &&Entry| (entry.key == key && entry.value != was) || chance.one_in(30);
        let values: Vec<Value> = case.entries.iter().filter(same_key).map(|entry| entry.value).collect();
        case.entries[read].value = match chance.below(24) {
            _ if values.is_empty() => Value::Nothing,
            0 => Value::Nothing,
            1 if chance.one_in(4) => Value::Several,
            2 if chance.one_in(4) => Value::One(1),
            _ => values[chance.below(values.len())],
        };
    }
}
