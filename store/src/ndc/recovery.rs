//! Getting back what a lost disk has taken, or what a replica has yet to get that joins or has been given a range of keys.
//!
//! An acknowledgement of an earlier life may rest on what was on the lost disk, and the only other copy may be with any
//! member. So the replica serves the range, and counts in quorums and acknowledgements for it, when every other member has
//! answered its question under one list of members. Under one: a member that answered before it got what a third one had
//! may be all that is left when that one is gone. Who recovers, too, answers as well: if all do, nobody has more. So do
//! members that do not hold the range; they may have held it.
//!
//! The first members are asked for everything, until a holder that serves has sent it; the others for what is missing then.
//! Who has taken writes in for the range, and still sends them, sends them along: another member that had them, and for
//! which they were acknowledged, may have been the life before this one.
//!
//! A member that holds a range no longer keeps it until all its holders serve it and know all that it knows.

use super::membership::Membership;
use super::message::Repair;
use crate::contract::{NodeId, ReplicaId};

/// How long an answer is waited for before the question is put again, or to another member, in nanoseconds; then twice as
/// long.
pub const PATIENCE_NS: u64 = 50_000_000;

/// The longest wait, as a power of two of the first.
pub const PATIENCE_DOUBLED_MAX: u32 = 4;

/// How far a replica has come that has yet to get everything.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The list of members under which these answers count.
    membership: u64,
    /// Who has answered, and how often it had written.
    heard: Vec<(ReplicaId, u64)>,
    /// One that serves has sent everything.
    has_all: bool,
    /// How often members were asked for everything.
    turn: usize,
}

impl Recovery {
    /// The list of members is this one: under another one all answers are needed again.
    pub fn enter(&mut self, membership: u64) {
        if self.membership != membership {
            *self = Recovery { membership, has_all: self.has_all, ..Recovery::default() };
        }
    }

    /// True when the next question is for everything.
    pub fn wants_all(&self) -> bool {
        !self.has_all
    }

    /// A member, which serves or not, has answered under this list of members, with everything or with what was missing.
    pub fn hear(&mut self, repair: &Repair, membership: u64) {
        self.has_all |= repair.full && repair.serves;
        if membership == self.membership && !self.has_heard(repair.from) {
            self.heard.push((repair.from, repair.issued.last));
        }
    }

    fn has_heard(&self, member: ReplicaId) -> bool {
        self.heard.iter().any(|(from, _)| *from == member)
    }

    /// How often the members that have answered had written.
    pub fn issued(self) -> Vec<(ReplicaId, u64)> {
        self.heard
    }

    /// True when all others have answered.
    pub fn is_over(&self, me: ReplicaId, membership: &Membership) -> bool {
        self.open(me, &membership.members).next().is_none()
    }

    /// Whom to ask now: one member after the other for everything, the holders of the range first, then all that have not
    /// answered.
    pub fn ask(&mut self, me: ReplicaId, range: usize, membership: &Membership) -> Vec<NodeId> {
        let nodes = |open: Vec<&ReplicaId>| open.into_iter().map(|member| member.node).collect::<Vec<NodeId>>();
        if self.has_all {
            return nodes(self.open(me, &membership.members).collect());
        }
        let mut open = nodes(self.open(me, membership.holders(range)).collect());
        if open.is_empty() {
            open = nodes(self.open(me, &membership.members).collect());
        }
        if open.is_empty() {
            return open;
        }
        // Not all new ones begin with the same one.
        self.turn += 1;
        vec![open[(me.node.index() + self.turn) % open.len()]]
    }

    /// Those of `members`, without this replica, that have not answered.
    fn open<'a>(&'a self, me: ReplicaId, members: &'a [ReplicaId]) -> impl Iterator<Item = &'a ReplicaId> {
        members.iter().filter(move |member| **member != me && !self.has_heard(**member))
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::Pull;
    use super::*;

    /// Everything is asked for until one that serves has sent everything.
    #[test]
    fn all_comes_from_one_that_has_it() {
        let me = ReplicaId::first(NodeId(0));
        let asked = Pull {
            from: me,
            range: 0,
            round: 1,
            clock: Default::default(),
            sums: Vec::new(),
            frontiers: Default::default(),
            stubs: Vec::new(),
            recovers: true,
            wants_all: true,
            leaves: false,
            report: None,
        };
        for (full, serves) in [(false, false), (false, true), (true, false), (true, true)] {
            let repair = Repair { full, serves, ..Repair::nothing(me, &asked, 1) };
            let mut recovery = Recovery::default();
            recovery.hear(&repair, 1);
            assert_eq!(recovery.wants_all(), !(full && serves), "{full}, {serves}");
        }
    }
}
