//! What the host sees with its own eyes: what a replica says is compared with what it was asked and what others were told.
//!
//! A store is not believed, and its mistakes do not end the program: what cannot be is an event of the recording
//! ([`What::Objected`](kvsim_checkers::trace::What::Objected)), by which the checker *honest* finds it.

use std::collections::BTreeSet;

use kvsim_checkers::trace::{Action, NodeId, Objection, What};
use kvsim_store::{Answer, Dot, Observation, ReplicaId, Version};
use rustc_hash::{FxHashMap, FxHashSet};

use super::sessions::Asked;
use crate::plan::Plan;

/// What was named and answered so far.
pub struct Witness {
    nodes: u16,
    /// Names of writes with the values that were written under them. A disk that breaks its promise makes a replica give a
    /// name again: then a name has several.
    written: FxHashSet<(Dot, u64)>,
    /// By operation: its write has a name; it has been answered.
    named: Vec<bool>,
    answered: Vec<bool>,
    /// Of stores that announce nothing: by value, the name and the key of its write, and by node how many have been named.
    names: FxHashMap<u64, (Dot, u32)>,
    counts: Vec<u64>,
    /// Writes that some replica had announced before it could no longer name them, see [`Observation::Settled`].
    unnamed: BTreeSet<Dot>,
}

impl Witness {
    pub fn new(plan: &Plan) -> Witness {
        let ops = plan.sessions.iter().flat_map(|session| &session.ops);
        let writes = ops.clone().filter(|op| op.action == Action::Write).count();
        let count = ops.map(|op| op.op as usize + 1).max().unwrap_or(0);
        let written = FxHashSet::with_capacity_and_hasher(writes, Default::default());
        Witness {
            nodes: plan.replicas,
            written,
            named: vec![false; count],
            answered: vec![false; count],
            names: FxHashMap::default(),
            counts: vec![0; usize::from(plan.replicas)],
            unnamed: BTreeSet::new(),
        }
    }

    pub fn is_node(&self, node: NodeId) -> bool {
        node.0 < self.nodes
    }

    pub fn is_name(&self, dot: Dot) -> bool {
        self.is_node(dot.origin.node) && dot.origin.incarnation > 0 && dot.counter > 0
    }

    /// What is wrong with what `me` observes; `asked` tells what an operation is.
    pub fn observed(
        &mut self,
        observation: &Observation,
        me: ReplicaId,
        asked: impl Fn(u32) -> Option<Asked>,
    ) -> Option<(Objection, Option<u32>)> {
        let dot = match *observation {
            Observation::Wrote { call, dot } => {
                let op = Some(call.0);
                let Some(asked) = asked(call.0) else { return Some((Objection::Unasked, None)) };
                if asked.action == Action::Read {
                    return Some((Objection::WrongKind, op));
                }
                if !self.is_name(dot) {
                    return Some((Objection::NoSuchName, op));
                }
                self.named[call.0 as usize] = true;
                if asked.action == Action::Write {
                    self.written.insert((dot, asked.value));
                }
                return (dot.origin != me).then_some((Objection::ForeignName, op));
            }
            Observation::Known(dot)
            | Observation::GaveAway(dot)
            | Observation::Visible { dot, .. }
            | Observation::Hidden { dot, .. }
            | Observation::Overflowed { dot, .. } => dot,
            Observation::Settled(names) | Observation::KnownAll(names) | Observation::GaveAwayAll(names) => {
                Dot { origin: names.last, counter: 1 }
            }
            Observation::Lagging { origin, .. } => Dot { origin, counter: 1 },
        };
        (!self.is_name(dot)).then_some((Objection::NoSuchName, None))
    }

    /// Names each write in the observations of a replica that it cannot name itself; before, it had announced all that is
    /// `known`.
    pub fn name_all(&mut self, observations: &mut Vec<Observation>, known: impl Iterator<Item = Dot>) {
        let is_one = |observation: &Observation| {
            use Observation::{GaveAwayAll, KnownAll, Settled};
            matches!(observation, Settled(_) | KnownAll(_) | GaveAwayAll(_))
        };
        if !observations.iter().any(is_one) {
            return;
        }
        let mut known: BTreeSet<Dot> = known.collect();
        for observation in std::mem::take(observations) {
            match observation {
                Observation::Settled(names) => {
                    self.unnamed.retain(|dot| !names.has(*dot));
                    self.unnamed.extend(known.iter().filter(|dot| names.has(**dot)));
                }
                Observation::KnownAll(names) => {
                    let new = self.unnamed.iter().filter(|dot| names.has(**dot) && !known.contains(dot));
                    let new: Vec<Dot> = new.copied().collect();
                    known.extend(&new);
                    observations.extend(new.into_iter().map(Observation::Known));
                }
                Observation::GaveAwayAll(names) => {
                    let given = known.iter().filter(|dot| names.has(**dot));
                    observations.extend(given.map(|dot| Observation::GaveAway(*dot)));
                }
                other => {
                    if let Observation::Known(dot) = other {
                        known.insert(dot);
                    }
                    observations.push(other);
                }
            }
        }
    }

    /// What is wrong with the answer that `node` gives to an operation. It is given if it can be.
    pub fn answered<C, S>(
        &mut self,
        op: u32,
        asked: Option<Asked>,
        node: NodeId,
        answer: &Answer<C, S>,
    ) -> Option<Objection> {
        let Some(asked) = asked else { return Some(Objection::Unasked) };
        if std::mem::replace(&mut self.answered[op as usize], true) {
            return Some(Objection::AnsweredTwice);
        }
        match answer {
            _ if node != asked.node => Some(Objection::AnsweredElsewhere),
            Answer::Read { .. } if asked.action != Action::Read => Some(Objection::WrongKind),
            Answer::Wrote { .. } if asked.action == Action::Read => Some(Objection::WrongKind),
            Answer::Wrote { .. } if !self.named[op as usize] => Some(Objection::Unnamed),
            _ => None,
        }
    }

    /// Names the write that `me` has been asked for, where the store announces nothing.
    pub fn name(&mut self, op: u32, asked: Option<Asked>, me: ReplicaId) -> Option<What> {
        let asked = asked.filter(|asked| asked.action != Action::Read)?;
        let counter = &mut self.counts[me.node.index()];
        *counter += 1;
        let write = Dot { origin: me, counter: *counter };
        self.names.insert(asked.value, (write, asked.key));
        self.named[op as usize] = true;
        if asked.action == Action::Write {
            self.written.insert((write, asked.value));
        }
        Some(What::Wrote { op, write })
    }

    /// The write of a version that a replica returns for a key, and what is wrong with it.
    pub fn returned(&self, version: &Version, key: Option<u32>, announces: bool) -> (Dot, Option<Objection>) {
        let value = version.value.id;
        let dot = match self.names.get(&value) {
            _ if announces => version.dot,
            Some((dot, of)) if Some(*of) == key => *dot,
            Some((dot, _)) => return (*dot, Some(Objection::WrongValue)),
            None => return (version.dot, Some(Objection::NoSuchName)),
        };
        let objection = match dot {
            dot if !self.is_name(dot) => Some(Objection::NoSuchName),
            dot if !self.written.contains(&(dot, value)) => Some(Objection::WrongValue),
            _ => None,
        };
        (dot, objection)
    }
}
