//! Getting back what a lost disk has taken, or what a replica that joins has yet to get.
//!
//! An acknowledgement of an earlier life may rest on what was on the lost disk, and the only other copy may be with any
//! member. So the replica serves again, and counts in quorums and acknowledgements again, when every other member has
//! answered its question under one list of members. Under one: a member that answered before it got what a third one had
//! may be all that is left when that one is gone. Who recovers, too, answers as well: if all do, nobody has more.
//!
//! The first members are asked for everything, until one that serves has sent it; the others for what is missing then.

use super::dead::is_member;
use crate::contract::{NodeId, ReplicaId};
use crate::random::scatter;

/// How long the first answer is waited for before another member is asked, in nanoseconds; then twice as long.
const PATIENCE_NS: u64 = 50_000_000;

/// The longest wait, in nanoseconds.
const PATIENCE_NS_MAX: u64 = 800_000_000;

/// A list of members in short: who goes by equal lists has equal numbers.
pub fn view_of(members: &[ReplicaId]) -> u64 {
    let add = |view: u64, member: &ReplicaId| {
        scatter(view ^ (u64::from(member.node.0) << 16 | u64::from(member.incarnation)))
    };
    members.iter().fold(members.len() as u64, add)
}

/// How far a replica has come that has yet to get everything.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The list of members under which these answers count.
    view: u64,
    /// Who has answered.
    heard: Vec<ReplicaId>,
    /// One that serves has sent everything.
    has_all: bool,
    /// How often members were asked since the last answer.
    tries: u32,
}

impl Recovery {
    /// The list of members is this one: under another one all answers are needed again.
    pub fn enter(&mut self, members: &[ReplicaId]) {
        let view = view_of(members);
        if self.view != view {
            *self = Recovery { view, has_all: self.has_all, ..Recovery::default() };
        }
    }

    /// True when the next question is for everything.
    pub fn wants_all(&self) -> bool {
        !self.has_all
    }

    /// `from`, which serves or not, has answered under this list of members, with everything or with what was missing.
    pub fn hear(&mut self, from: ReplicaId, view: u64, is_all: bool, serves: bool) {
        self.has_all |= is_all && serves;
        self.tries = 0;
        if view == self.view && !self.heard.contains(&from) {
            self.heard.push(from);
        }
    }

    /// True when all others have answered.
    pub fn is_over(&self, me: ReplicaId, members: &[ReplicaId]) -> bool {
        self.open(me, members).next().is_none()
    }

    /// Whom to ask now, and how long to wait for the answers, in nanoseconds: one member after the other for everything,
    /// then all that have not answered.
    pub fn ask(&mut self, me: ReplicaId, members: &[ReplicaId]) -> (Vec<NodeId>, u64) {
        let mut open: Vec<NodeId> = self.open(me, members).map(|member| member.node).collect();
        if self.wants_all() && !open.is_empty() {
            // Not all new ones begin with the same one.
            let turn = me.node.index() + self.tries as usize;
            open = vec![open[turn % open.len()]];
        }
        let patience_ns = PATIENCE_NS << self.tries.min(8);
        self.tries += 1;
        (open, patience_ns.min(PATIENCE_NS_MAX))
    }

    /// The other members that have not answered.
    fn open<'a>(&'a self, me: ReplicaId, members: &'a [ReplicaId]) -> impl Iterator<Item = &'a ReplicaId> {
        debug_assert!(is_member(members, me), "who boots is a member");
        members.iter().filter(move |member| **member != me && !self.heard.contains(member))
    }
}
