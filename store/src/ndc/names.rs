//! The keys and values that a message or a record names. A key's number and a value's identity mean something to one
//! host only; hosts that share nothing have to put their own in the place of the others'.

use std::sync::Arc;

use super::frontier::VIEWS;
use super::message::{Delta, Message, Repair, Reply, Request};
use super::object::Object;
use super::{Ndc, Record};
use crate::contract::{Key, Value, Version};

/// A name that comes from outside.
#[derive(Debug)]
pub enum Named<'a> {
    /// A key, which may be given another number, not another priority.
    Key(&'a mut Key),
    /// A value, unless it is a delete's.
    Value(Value),
}

/// What names keys and values.
pub trait Naming {
    /// Calls `each` for every key and value.
    fn names(&mut self, each: &mut dyn FnMut(Named<'_>));
}

impl Ndc {
    /// What this replica has of a key at the eventual level, with its whole context; nothing where others are to be asked. For a host
    /// that writes in the place of just that.
    pub fn object(&self, key: Key) -> Option<Object> {
        let state = self.at(self.config.placement.range(key)).filter(|state| state.serves())?;
        Some(state.filled(key, None))
    }

    /// Every value that this replica may yet return to a client or name to a peer: a host may forget the contents of all others.
    pub fn values(&self, each: &mut dyn FnMut(Value)) {
        for state in &self.ranges {
            let ordered = state.ordered().into_iter();
            let forked = ordered.clone().flat_map(|ordered| (0..VIEWS).flat_map(|view| ordered.all_forked(view)));
            let objects = state.objects().chain(forked).map(|(_, object)| object);
            objects.flat_map(|object| object.versions.iter()).for_each(|version| each(version.value));
            let waiting = ordered.flat_map(|ordered| ordered.waiting.iter()).filter_map(|(_, waiter)| waiter.delta());
            waiting.for_each(|delta| each(delta.value));
            self.calls.passed_on(state.range).for_each(|delta| each(delta.value));
        }
        self.calls.objects().flat_map(|object| object.versions.iter()).for_each(|version| each(version.value));
    }
}

impl Naming for Message {
    fn names(&mut self, each: &mut dyn FnMut(Named<'_>)) {
        match self {
            Message::Update { delta, .. } => of_delta(delta, each),
            Message::Repair(repair) => of_repair(repair, each),
            Message::Request { key, request, .. } => {
                each(Named::Key(key));
                if let Request::Write { delta, .. } = &mut **request {
                    of_delta(delta, each);
                }
            }
            Message::Reply { reply, .. } => {
                if let Reply::Read { versions, .. } = &**reply {
                    of_versions(versions, each);
                }
            }
            Message::Ack { .. } | Message::Pull(_) => {}
        }
    }
}

impl Naming for Record {
    fn names(&mut self, each: &mut dyn FnMut(Named<'_>)) {
        match self {
            Record::Received(delta) | Record::Sent(delta) => of_delta(delta, each),
            Record::Absorbed(repair) => of_repair(repair, each),
            Record::Booted { .. }
            | Record::Recovered(_)
            | Record::GivenUp(..)
            | Record::Settled(..)
            | Record::Closed(..)
            | Record::Members(_)
            | Record::GivenAway(_)
            | Record::Arrived(..) => {}
        }
    }
}

fn of_delta(delta: &mut Delta, each: &mut dyn FnMut(Named<'_>)) {
    each(Named::Key(&mut delta.key));
    if !delta.delete {
        each(Named::Value(delta.value));
    }
}

fn of_repair(repair: &mut Repair, each: &mut dyn FnMut(Named<'_>)) {
    repair.deltas.iter_mut().for_each(|delta| of_delta(Arc::make_mut(delta), each));
    repair.issued.pending.iter_mut().for_each(|delta| of_delta(delta, each));
    for item in &mut repair.items {
        each(Named::Key(&mut item.key));
        let forked = item.forked.iter().map(|(_, object)| object);
        for Object { versions, .. } in forked.chain([&item.object]) {
            of_versions(versions, each);
        }
    }
    // Who takes it in looks for keys by their numbers.
    repair.items.sort_by_key(|item| item.key);
}

fn of_versions(versions: &[Version], each: &mut dyn FnMut(Named<'_>)) {
    versions.iter().for_each(|version| each(Named::Value(version.value)));
}

#[cfg(test)]
mod tests {
    use super::super::message::RepairItem;
    use super::*;
    use crate::clock::NodeClock;
    use crate::contract::{Dot, NodeId, Priority, ReplicaId};

    #[test]
    fn keys_are_in_order_again_when_they_have_other_numbers() {
        let me = ReplicaId::first(NodeId(0));
        let item = |index: u32| {
            let dot = Dot { origin: me, counter: u64::from(index) + 1 };
            let version = Version { dot, value: Value { id: u64::from(index) * 10, bytes: 1 } };
            let object = Object { versions: [version].into_iter().collect(), ..Object::default() };
            let key = Key::new(index, Priority::P0);
            RepairItem { key, dots: [dot].into(), object, eventual: true, same: [true; 4], forked: Vec::new() }
        };
        let mut message = Message::Repair(Box::new(Repair {
            from: me,
            to: me,
            round: 1,
            range: 0,
            membership: 0,
            serves: true,
            full: true,
            report: None,
            issued: Default::default(),
            lost: Vec::new(),
            clock: NodeClock::default(),
            watermarks: Default::default(),
            frontiers: Default::default(),
            deltas: Vec::new(),
            items: (0..3).map(item).collect(),
        }));
        let mut values = Vec::new();
        message.names(&mut |named| match named {
            Named::Key(key) => *key = Key::new((key.index() + 1) % 3, key.priority()),
            Named::Value(value) => values.push(value.id),
        });
        let Message::Repair(repair) = message else { unreachable!("it was one") };
        assert_eq!(values, [0, 10, 20]);
        assert_eq!(repair.items.iter().map(|item| item.key.index()).collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(repair.items.iter().map(|item| item.object.versions[0].value.id).collect::<Vec<_>>(), [20, 0, 10]);
    }
}
