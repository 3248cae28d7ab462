//! Replicas that are no more: a node that has come back without its disk, or has left for good.
//!
//! Writes that such a replica has issued and that no other has received can never arrive: a gap for ever. But they must
//! not be given up too early, as long as another replica may still know them. So every member reports what it knows of
//! each dead replica, together with the list of members that it goes by. When all members under one list have reported
//! the same, no one can learn more: what they know only ever comes from each other, and messages of dead replicas are
//! refused. Then the missing writes are *void*. Who learns that from another member may take it over: its own report
//! was among those that agreed. If it has joined since then, it may do so when it has got all that they knew.
//!
//! The same holds for a dead replica that is only mentioned, none of whose writes is known: by a causal context, or a
//! session that moves and waits for what it has seen there. Both may mention writes that are lost. Once their origin is
//! void, they mean nothing any more.
//!
//! **What is left of the dead goes.** Who has given up what is missing of a dead replica has all of it in all views, and says so in
//! its reports. When all holders have said so under one list of members, nobody will ask for a write of it again: it is *settled*
//! ([`Settled`]). Its entries go from clocks, frontiers, watermarks and the dot-key map, and a number for each node says that all
//! its lives up to there are covered. What follows is that *whoever serves has all of what anyone has settled*:
//!
//! - Who was a holder under that list has said so itself, and forgets nothing.
//! - Who began to serve later has heard all members under a later list, after they had all of it. One that has settled something
//!   which the asker has not sends it everything, as it cannot name what may be missing.
//!
//! So one that serves takes over what another has settled when both go by the same list; whoever gets everything takes that over with
//! it. (Who does not know that it is to hold the range no longer goes by an older list. Who has lost a range and is to hold it again
//! begins anew: some holder under any list without it has heard it under such a list, so that it knows.)
//!
//! No life between two of a node may be left out. Of one that no holder has reported none has anything, and nothing can come: what
//! was known of it when the last holder learnt this list is in a report.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::clock::{DotSet, NodeClock, ReplicaMap, Settled};
use crate::contract::{Dot, ReplicaId};

/// What a member knows of dead replicas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Report {
    /// The members that it goes by.
    members: Vec<ReplicaId>,
    /// Per dead replica: its known writes. One that is missing has none.
    known: SmallVec<[(ReplicaId, DotSet); 1]>,
    /// Per dead replica that all agreed about: its known writes.
    void: SmallVec<[(ReplicaId, DotSet); 1]>,
}

impl Report {
    fn of(&self, dead: ReplicaId) -> &DotSet {
        static NONE: DotSet = DotSet::EMPTY;
        self.known.iter().find(|(id, _)| *id == dead).map_or(&NONE, |(_, known)| known)
    }

    /// The dead replicas of which it says anything.
    fn origins(&self) -> impl Iterator<Item = ReplicaId> {
        self.known.iter().chain(&self.void).map(|(origin, _)| *origin)
    }

    /// Size when sent.
    pub fn wire_bytes(&self) -> u32 {
        let known = self.known.iter().chain(&self.void).map(|(_, known)| 12 + 8 * known.words() as u32);
        4 * self.members.len() as u32 + known.sum::<u32>()
    }

    /// True when `dot` was given up: no replica has it, though clocks have its number.
    pub fn is_void(&self, dot: Dot) -> bool {
        self.void.iter().any(|(origin, known)| *origin == dot.origin && !known.contains(dot.counter))
    }
}

/// What is agreed about dead replicas, and what members have reported.
#[derive(Clone, Debug, Default)]
pub struct Dead {
    reports: ReplicaMap<Report>,
    /// Per dead replica: all agree that these are all of its writes that will ever be known.
    void: ReplicaMap<DotSet>,
    /// Dead replicas that contexts and sessions mention.
    mentioned: Vec<ReplicaId>,
}

impl Dead {
    /// True when what is missing of `origin` was given up.
    pub fn is_void(&self, origin: ReplicaId) -> bool {
        self.void.get(origin).is_some()
    }

    /// What is agreed, by dead replica.
    pub fn void(&self) -> &ReplicaMap<DotSet> {
        &self.void
    }

    /// True when `dot` was given up: no replica has it, though clocks have its number.
    pub fn is_void_dot(&self, dot: Dot) -> bool {
        self.void.get(dot.origin).is_some_and(|known| !known.contains(dot.counter))
    }

    /// What this replica has to report, if it or another replica knows of a dead one that is not settled.
    pub fn report(&self, members: &[ReplicaId], clock: &NodeClock) -> Option<Box<Report>> {
        let mut of_others = self.reports.iter().flat_map(|(_, report)| report.origins());
        let is_silent = self.void.is_empty()
            && self.open(members, clock).next().is_none()
            && of_others.all(|origin| clock.settled().has(origin));
        if is_silent {
            return None;
        }
        let known = self.open(members, clock);
        Some(Box::new(Report {
            members: members.to_vec(),
            known: known.map(|(origin, known)| (origin, known.clone())).collect(),
            void: self.void.iter().map(|(origin, known)| (origin, known.clone())).collect(),
        }))
    }

    /// Takes in what `from` has reported. Only those that serve, `me` and `from`, agree with the others. Returns what is to be
    /// given up now: per dead replica what is known of it.
    pub fn learn(
        &mut self,
        me: ReplicaId,
        (serves, from_serves): (bool, bool),
        (members, holders): (&[ReplicaId], &[ReplicaId]),
        clock: &NodeClock,
        from: ReplicaId,
        report: &Report,
    ) -> Vec<(ReplicaId, DotSet)> {
        if from_serves {
            *self.reports.entry(from) = report.clone();
        }
        let is_known = |origin| self.is_void(origin) || clock.settled().has(origin);
        let is_open = |origin: ReplicaId| !is_member(members, origin) && !is_known(origin);
        // One that has joined since then may still have to get what they knew.
        let has_all = |origin: ReplicaId, known: &DotSet| known.difference(clock.of(origin)).next().is_none();
        let mut all = if serves { self.agreed(me, members, holders, clock) } else { Vec::new() };
        let taken_over = report.void.iter().filter(|(origin, known)| is_open(*origin) && has_all(*origin, known));
        all.extend(taken_over.cloned());
        all.sort_by_key(|(origin, _)| *origin);
        all.dedup_by_key(|(origin, _)| *origin);
        all
    }

    /// What all `holders` agree about, under this list of members, and is still to be given up: per dead replica what is
    /// known of it.
    pub fn agreed(
        &self,
        me: ReplicaId,
        members: &[ReplicaId],
        holders: &[ReplicaId],
        clock: &NodeClock,
    ) -> Vec<(ReplicaId, DotSet)> {
        let agreed = self.open(members, clock).filter(|(origin, known)| {
            holders.iter().filter(|member| **member != me).all(|member| {
                let report = self.reports.get(*member).filter(|report| report.members == members);
                report.is_some_and(|report| report.of(*origin) == *known)
            })
        });
        agreed.map(|(origin, known)| (origin, known.clone())).collect()
    }

    /// What all `holders` have all of, under this list of members, by what they have reported: the last such life of each node.
    pub fn settled(
        &self,
        me: ReplicaId,
        members: &[ReplicaId],
        holders: &[ReplicaId],
        clock: &NodeClock,
    ) -> Vec<ReplicaId> {
        let others = || holders.iter().filter(|holder| **holder != me);
        let reports: Vec<&Report> = others()
            .filter_map(|holder| self.reports.get(*holder).filter(|report| report.members == members))
            .collect();
        if self.void.is_empty() || reports.len() < others().count() {
            return Vec::new();
        }
        let reported = reports.iter().flat_map(|report| report.origins());
        let lives: BTreeSet<ReplicaId> = (reported.chain(self.void.iter().map(|(origin, _)| origin)))
            .chain(self.open(members, clock).map(|(origin, _)| origin))
            .filter(|origin| !clock.settled().has(*origin))
            .collect();
        let has_all = |report: &&Report, life| report.void.iter().any(|(origin, _)| *origin == life);
        let is_settled = |life| self.is_void(life) && reports.iter().all(|report| has_all(report, life));
        let lives: Vec<ReplicaId> = lives.into_iter().collect();
        let mut settled = Vec::new();
        for lives in lives.chunk_by(|a, b| a.node == b.node) {
            let present = members.iter().find(|member| member.node == lives[0].node);
            let is_dead = |life: &ReplicaId| present.is_none_or(|present| life.incarnation < present.incarnation);
            let count = lives.iter().take_while(|life| is_dead(life) && is_settled(**life)).count();
            let last = match present {
                // Nobody has anything of those in between.
                Some(present) if count == lives.len() => ReplicaId { incarnation: present.incarnation - 1, ..*present },
                _ if count > 0 => lives[count - 1],
                _ => continue,
            };
            settled.push(last);
        }
        settled
    }

    /// These dead replicas are settled: nothing needs to be remembered of them.
    pub fn settle(&mut self, settled: &Settled) {
        self.void.retain(|origin| !settled.has(origin));
        self.mentioned.retain(|origin| !settled.has(*origin));
    }

    /// How many dead replicas are remembered.
    pub fn remembered(&self, members: &[ReplicaId], clock: &NodeClock) -> usize {
        let open = self.open(members, clock).map(|(origin, _)| origin);
        self.void.iter().map(|(origin, _)| origin).chain(open).count()
    }

    /// The dead replicas that nothing is agreed about, with what is known of each.
    pub fn open<'a>(
        &'a self,
        members: &'a [ReplicaId],
        clock: &'a NodeClock,
    ) -> impl Iterator<Item = (ReplicaId, &'a DotSet)> {
        static NONE: DotSet = DotSet::EMPTY;
        let mentioned = self.mentioned.iter().filter(|origin| !clock.has(**origin)).map(|origin| (*origin, &NONE));
        let all = clock.iter().chain(mentioned);
        all.filter(|(origin, _)| !is_member(members, *origin) && !self.is_void(*origin))
    }

    /// Notes dead replicas whose writes were seen somewhere, known here or not.
    pub fn mention(&mut self, origins: impl Iterator<Item = ReplicaId>) {
        self.mentioned.extend(origins);
        self.mentioned.sort_unstable();
        self.mentioned.dedup();
    }

    /// What is missing of `origin` beside `known` is given up.
    pub fn give_up(&mut self, origin: ReplicaId, known: &DotSet) {
        self.void.entry(origin).clone_from(known);
    }

    /// Takes over what the sender of `report` has given up, together with all that it has, but what is `settled` here.
    pub fn take_over(&mut self, report: &Report, settled: &Settled) {
        let news = report.void.iter().filter(|(origin, _)| !settled.has(*origin));
        news.for_each(|(origin, known)| self.give_up(*origin, known));
    }

    /// Forgets what replicas reported that are members no more.
    pub fn forget_reports(&mut self, members: &[ReplicaId]) {
        self.reports.retain(|id| is_member(members, id));
    }
}

/// True when `id` is one of `members`, which are in the order of their nodes.
pub fn is_member(members: &[ReplicaId], id: ReplicaId) -> bool {
    // Mostly every node is a member.
    members.get(id.node.index()) == Some(&id) || members.binary_search(&id).is_ok()
}
