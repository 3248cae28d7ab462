//! How far the names of writes can have come: of messages, and of the records of a node's own log, which an enemy may have changed, too.

use crate::contract::{Dot, ReplicaId};

use super::super::Record;
use super::super::context::{Context, Stretch};
use super::super::frontier::Frontiers;
use super::super::message::{Delta, Repair};
use super::super::object::Object;
use super::{AHEAD, AHEAD_OF_ALL, COUNTER_END, Checked, is};

/// Whether a node of so many may have written these records: a log has checksums against accidents, and an enemy can compute them, too.
/// Names of writes follow those that the records before them tell of.
///
/// # Errors
/// Which record is wrong, from 1, and what is wrong with it.
pub fn check_records(nodes: u16, log: &[Record]) -> Checked {
    let mut ends = Ends(vec![AHEAD; nodes.into()]);
    let mut numbered = (1..).zip(log);
    numbered
        .try_for_each(|(number, record)| ends.record(record).map_err(|problem| format!("record {number}: {problem}")))
}

/// By node, the last counter that it may have.
pub(super) struct Ends(pub(super) Vec<u64>);

impl Ends {
    /// A repair may be ahead as far as its own clock.
    pub(super) fn widen(&mut self, repair: &Repair) -> Checked {
        for (origin, known) in repair.clock.iter() {
            self.member(origin)?;
            let (last, end) = (known.max(), &mut self.0[origin.node.index()]);
            let most = if repair.full { end.saturating_add(AHEAD_OF_ALL) } else { COUNTER_END };
            is(last < most, || format!("a clock that knows {last} writes of {origin}"))?;
            *end = last.max(*end);
        }
        Ok(())
    }

    pub(super) fn member(&self, id: ReplicaId) -> Checked {
        is(id == ReplicaId::first(id.node) && id.node.index() < self.0.len(), || format!("there is no node {id}"))
    }

    pub(super) fn dot(&self, dot: Dot, least: u64) -> Checked {
        self.member(dot.origin)?;
        let (counter, end) = (dot.counter, self.0[dot.origin.node.index()]);
        is((least..=end).contains(&counter), || format!("a write named {dot}, where numbers up to {end} are possible"))
    }

    pub(super) fn context(&self, context: &Context) -> Checked {
        context.iter().try_for_each(|Stretch { origin, first, last }| {
            self.dot(Dot { origin, counter: first }, 1)?;
            self.dot(Dot { origin, counter: last }, 1)
        })
    }

    pub(super) fn object(&self, object: &Object) -> Checked {
        object.versions.iter().try_for_each(|version| self.dot(version.dot, 1))?;
        self.context(&object.context)
    }

    /// How far a node says that it is with a replica.
    pub(super) fn reached(&self, (origin, counter): (ReplicaId, u64)) -> Checked {
        self.member(origin)?;
        is(counter < COUNTER_END, || format!("{origin} has got to {counter}"))
    }

    pub(super) fn reaches(&self, frontiers: &Frontiers) -> Checked {
        let mut all = frontiers.iter().flat_map(|(origin, reach)| reach.iter().map(move |counter| (origin, *counter)));
        all.try_for_each(|reached| self.reached(reached))
    }

    /// How far the sender of a repair says that replicas are.
    pub(super) fn progress(&self, repair: &Repair) -> Checked {
        repair.watermarks.iter().try_for_each(|(peer, mut bases)| {
            self.member(peer)?;
            bases.try_for_each(|base| self.reached((base.origin, base.counter)))
        })?;
        self.reaches(&repair.frontiers)
    }

    /// The next record of a log.
    fn record(&mut self, record: &Record) -> Checked {
        match record {
            Record::Received(delta) | Record::Sent(delta) => {
                self.write(delta)?;
                self.raise(delta.dot.origin, delta.dot.counter);
                Ok(())
            }
            Record::Absorbed(repair) => {
                self.widen(repair)?;
                self.progress(repair)?;
                repair.deltas.iter().try_for_each(|delta| self.write(delta))?;
                repair.items.iter().try_for_each(|item| {
                    item.dots.iter().try_for_each(|dot| self.dot(*dot, 1))?;
                    item.forked
                        .iter()
                        .map(|(_, object)| object)
                        .chain([&item.object])
                        .try_for_each(|it| self.object(it))
                })?;
                repair.clock.iter().for_each(|(origin, known)| self.raise(origin, known.max()));
                Ok(())
            }
            Record::Closed(_, lost) => lost.iter().try_for_each(|dot| self.dot(*dot, 1)),
            Record::Booted { .. } | Record::Recovered(_) => Ok(()),
            _ => Err("it tells of members that come and go".to_owned()),
        }
    }

    fn write(&self, delta: &Delta) -> Checked {
        self.dot(delta.dot, 1)?;
        self.context(&delta.context)
    }

    /// What comes next is ahead of a write that is known.
    fn raise(&mut self, origin: ReplicaId, counter: u64) {
        let end = &mut self.0[origin.node.index()];
        *end = counter.saturating_add(AHEAD).min(COUNTER_END).max(*end);
    }
}
