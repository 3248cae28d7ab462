//! The vocabulary of a recorded run.
//!
//! An event is a small value of fixed size, so that recording one costs a copy and hashing one a few
//! multiplications. What has a name (keys, sessions, faults) is a number into the tables of the
//! [`Header`](super::Header). An answer with several versions is several events: first one
//! [`What::Returned`] per version, then [`What::Answered`].

use kvsim_types::{Dot, Level, Levels, NodeId, Refusal};
use serde::{Deserialize, Serialize};

/// What an operation asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The versions of a key.
    Read,
    /// A new value.
    Write,
    /// No value any more.
    Delete,
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LostBy {
    /// The link's ordinary loss.
    Chance,
    /// The fault with this number.
    Fault(u16),
}

/// What the host does not accept of what a replica says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objection {
    /// It answers or names an operation that was not asked for.
    Unasked,
    /// It answers an operation a second time.
    AnsweredTwice,
    /// It answers an operation that another node was asked for.
    AnsweredElsewhere,
    /// It answers a read as a write, or the other way round, or gives a read a name.
    WrongKind,
    /// It acknowledges a write that has no name.
    Unnamed,
    /// It names a write after another replica than itself, or after another life of its own.
    ForeignName,
    /// It speaks of a write whose name cannot be: of a node that does not exist, or not counted from 1.
    NoSuchName,
    /// It returns a value that was not written under the name that it returns with it.
    WrongValue,
    /// It sends to a node that does not exist.
    NoSuchNode,
    /// It sends a message of a kind that the store does not have.
    NoSuchKind,
    /// At the end it holds a key that the run does not have.
    NoSuchKey,
    /// It reports more numbers about itself than the store has names for.
    NoSuchGauge,
}

impl Objection {
    /// What the replica has done, to follow its name.
    pub fn text(self) -> &'static str {
        match self {
            Objection::Unasked => "answered or named an operation that was not asked for",
            Objection::AnsweredTwice => "answered an operation a second time",
            Objection::AnsweredElsewhere => "answered an operation that another node was asked for",
            Objection::WrongKind => "answered a read as a write, or a write as a read",
            Objection::Unnamed => "acknowledged a write that has no name",
            Objection::ForeignName => "named a write after another replica",
            Objection::NoSuchName => "spoke of a write whose name cannot be",
            Objection::WrongValue => "returned a value that was not written under the name that came with it",
            Objection::NoSuchNode => "sent to a node that does not exist",
            Objection::NoSuchKind => "sent a message of a kind that the store does not have",
            Objection::NoSuchKey => "holds a key that the run does not have",
            Objection::NoSuchGauge => "reported more numbers about itself than the store has names for",
        }
    }
}

/// What a node that goes down leaves on its disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disk {
    /// Everything that was durable.
    Kept,
    /// Less than was promised: [`What::Forgot`] says what is missing.
    TailLost,
    /// Nothing.
    Lost,
}

/// One thing that happened, at one node, at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Numbered from 1, in the order of happening.
    #[serde(rename = "n")]
    pub number: u64,
    /// Virtual time in nanoseconds.
    #[serde(rename = "at")]
    pub at_ns: u64,
    /// The number of the event that this one follows from; 0 when the plan itself says so. What one step of a
    /// replica does shares a cause.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cause: u64,
    /// Where it happened.
    pub node: NodeId,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// What happened. Serialised as one field named after the variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum What {
    /// A session asks the replica on its node.
    Invoked {
        /// Number of the operation within the run.
        op: u32,
        /// Who asks.
        session: u32,
        /// What for.
        action: Action,
        /// Of which key.
        key: u32,
        /// The value written; a delete has an identity, too; 0 for a read.
        value: u64,
        /// At which level the session reads.
        level: Level,
        /// The write hands back the context of the last answer to the session about the key; if not, of the last answer to
        /// a write of it, if there was one.
        context: bool,
    },
    /// The node took in the write of `op` and named it.
    Wrote {
        /// The operation.
        op: u32,
        /// Its write.
        write: Dot,
    },
    /// The answer to `op`, which follows, holds this version.
    Returned {
        /// The operation.
        op: u32,
        /// The version's write.
        write: Dot,
    },
    /// `op` was answered: done.
    Answered {
        /// The operation.
        op: u32,
    },
    /// `op` was refused and had no effect.
    Refused {
        /// The operation.
        op: u32,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<Refusal>,
    },
    /// The session gave up on `op`, which may or may not have an effect, now or later.
    TimedOut {
        /// The operation.
        op: u32,
    },
    /// The node sent a message to one node or several.
    Sent {
        /// The kind of message.
        kind: u8,
        /// Its identity among those of its kind.
        id: u64,
        /// Its size.
        bytes: u32,
        /// Number of receivers.
        copies: u16,
    },
    /// A copy of the message that is the cause did not get through.
    Lost {
        /// The kind of message.
        kind: u8,
        /// Its identity.
        id: u64,
        /// The receiver.
        to: NodeId,
        /// Why.
        by: LostBy,
    },
    /// The network made a second copy of the message that is the cause.
    Duplicated {
        /// The kind of message.
        kind: u8,
        /// Its identity.
        id: u64,
        /// The receiver.
        to: NodeId,
    },
    /// The message that is the cause arrived.
    Delivered {
        /// The kind of message.
        kind: u8,
        /// Its identity.
        id: u64,
        /// The sender.
        from: NodeId,
    },
    /// A timer of the replica ran out.
    TimerFired,
    /// The write's record has arrived at the replica for the first time, in whatever form.
    Known {
        /// The write.
        write: Dot,
    },
    /// Reads return this write from now on.
    Visible {
        /// At which levels.
        levels: Levels,
        /// The write.
        write: Dot,
    },
    /// The node keeps this write no longer, since others hold its key.
    GaveAway {
        /// The write.
        write: Dot,
    },
    /// Reads no longer return this write.
    Hidden {
        /// At which levels.
        levels: Levels,
        /// The write.
        write: Dot,
    },
    /// The replica has no room to let this write wait for its turn; it has to ask for it again.
    Overflowed {
        /// At which levels.
        levels: Levels,
        /// The write.
        write: Dot,
    },
    /// The replica says that a level lags behind what has arrived from an origin.
    Lagging {
        /// At which level.
        level: Level,
        /// The node whose writes wait.
        origin: NodeId,
        /// For how long, in nanoseconds.
        behind_ns: u64,
    },
    /// A fault begins. The node means nothing.
    FaultOn {
        /// Which.
        fault: u16,
    },
    /// A fault ends. The node means nothing.
    FaultOff {
        /// Which.
        fault: u16,
    },
    /// The node stops, or was never there: it handles nothing until it is up. With it goes all that its replica knew
    /// and showed; what its disk has it announces anew when it is up. Repeated for a node that is already down when its
    /// disk is lost, too.
    Down {
        /// What its disk keeps.
        disk: Disk,
    },
    /// The node starts with what its disk has.
    Up {
        /// Which life of the node, from 1: another one than before when its disk was lost.
        incarnation: u16,
    },
    /// The node's disk, which has just gone down with its node, does not have this write, which the replica knew. Said
    /// by the host, not by the store, and only where the disk as a whole is not [lost](Disk::Lost).
    Forgot {
        /// The write.
        write: Dot,
        /// Its record had been called durable: the disk broke its promise. Otherwise nothing that followed from the
        /// write has left the node, and its name may be given again.
        promised: bool,
    },
    /// The node stands still: what reaches it waits.
    Paused,
    /// The node goes on with what has waited.
    Resumed,
    /// The replica gets to see `op` only now: its node stood still or was behind with its work.
    Reached {
        /// The operation.
        op: u32,
    },
    /// The host does not accept what the replica has just said; said by the host. Where what it said can be recorded, that
    /// follows.
    Objected {
        /// What it does not accept.
        to: Objection,
        /// The operation that it is about, if it is about one that was asked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        op: Option<u32>,
    },
    /// The workload is over and the network is whole: the settling phase begins. The node means nothing.
    Settling,
    /// At the end, a read of `key` would return this version.
    Holds {
        /// At which level.
        level: Level,
        /// Which key.
        key: u32,
        /// The version's write.
        write: Dot,
    },
    /// At the end, the replica reports a number about itself.
    Gauge {
        /// Which number.
        gauge: u8,
        /// How much.
        value: u64,
    },
}

impl What {
    /// The event as three words that no other event shares: the canonical form that is hashed. Frozen: a
    /// change here changes every trace hash.
    #[inline(always)]
    pub(super) fn words(&self) -> [u64; 3] {
        let head = |code: u64, small: u64| code | small << 8;
        let write = |w: &Dot| [u64::from(w.origin.number()), w.counter];
        // The first bit is turned around, so that runs at the eventual level keep the hashes that they had when there
        // was no other level.
        let set = |levels: Levels| u64::from(levels.bits() ^ 1);
        match self {
            What::Invoked { op, session, action, key, value, level, context } => {
                let flags = *action as u64 | u64::from(*context) << 4 | (*level as u64) << 8;
                [head(1, flags << 32 | u64::from(*op)), u64::from(*session) << 32 | u64::from(*key), *value]
            }
            What::Wrote { op, write: w } => [head(2, u64::from(*op)), write(w)[0], write(w)[1]],
            What::Returned { op, write: w } => [head(3, u64::from(*op)), write(w)[0], write(w)[1]],
            What::Answered { op } => [head(4, u64::from(*op)), 0, 0],
            What::Refused { op, why } => {
                // The others came before there were words for them.
                let why = why.filter(|why| matches!(why, Refusal::Unavailable | Refusal::Unsupported));
                [head(5, u64::from(*op)), why.map_or(0, |why| why as u64), 0]
            }
            What::TimedOut { op } => [head(6, u64::from(*op)), 0, 0],
            What::Sent { kind, id, bytes, copies } => {
                [head(7, u64::from(*kind)), *id, u64::from(*bytes) << 16 | u64::from(*copies)]
            }
            What::Lost { kind, id, to, by } => {
                let by = match by {
                    LostBy::Chance => 0,
                    LostBy::Fault(number) => 1 << 16 | u64::from(*number),
                };
                [head(8, u64::from(*kind)), *id, by << 16 | u64::from(to.0)]
            }
            What::Duplicated { kind, id, to } => [head(9, u64::from(*kind)), *id, u64::from(to.0)],
            What::Delivered { kind, id, from } => [head(10, u64::from(*kind)), *id, u64::from(from.0)],
            What::TimerFired => [head(11, 0), 0, 0],
            What::Known { write: w } => [head(12, 0), write(w)[0], write(w)[1]],
            What::Visible { levels, write: w } => [head(13, set(*levels)), write(w)[0], write(w)[1]],
            What::Hidden { levels, write: w } => [head(14, set(*levels)), write(w)[0], write(w)[1]],
            What::FaultOn { fault } => [head(15, u64::from(*fault)), 0, 0],
            What::FaultOff { fault } => [head(16, u64::from(*fault)), 0, 0],
            What::Settling => [head(17, 0), 0, 0],
            What::Holds { level, key, write: w } => {
                [head(18, (*level as u64) << 32 | u64::from(*key)), write(w)[0], write(w)[1]]
            }
            What::Gauge { gauge, value } => [head(19, u64::from(*gauge)), *value, 0],
            What::Overflowed { levels, write: w } => [head(20, set(*levels)), write(w)[0], write(w)[1]],
            What::Lagging { level, origin, behind_ns } => {
                [head(21, (*level as u64) << 16 | u64::from(origin.0)), *behind_ns, 0]
            }
            What::Down { disk } => [head(22, *disk as u64), 0, 0],
            What::Up { incarnation } => [head(23, u64::from(*incarnation)), 0, 0],
            What::Forgot { write: w, promised } => [head(24, u64::from(*promised)), write(w)[0], write(w)[1]],
            What::Paused => [head(25, 0), 0, 0],
            What::Resumed => [head(26, 0), 0, 0],
            What::Reached { op } => [head(27, u64::from(*op)), 0, 0],
            What::GaveAway { write: w } => [head(28, 0), write(w)[0], write(w)[1]],
            What::Objected { to, op } => [head(29, *to as u64), op.map_or(0, |op| u64::from(op) + 1), 0],
        }
    }
}
