//! Mistakes that can be planted into the store, to see whether they are noticed. Each has happened: in Loopy, DottedDB,
//! VerneMQ, or a model. All are off unless a scenario names them, and one that is off costs a test of
//! a bit; without the feature `defects` nothing of them is compiled.

mod rules;

pub(super) use rules::Amnesia;

use kvsim_types::quantity::Wrong;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::settings::DefectInfo;

macro_rules! defects {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal, noticed by $checkers:literal;)+) => {
        /// A mistake that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
        pub enum Defect {
            $(
                $(#[doc = $doc])+
                #[serde(rename = $name)]
                $variant,
            )+
        }

        impl Defect {
            /// Every defect; none in a store that is built without them.
            pub const ALL: &'static [Defect] =
                if cfg!(feature = "defects") { &[$(Defect::$variant),+] } else { &[] };

            /// What people are told about each defect, in the order of [`Defect::ALL`].
            pub const INFO: &'static [DefectInfo] = if cfg!(feature = "defects") {
                &[$(DefectInfo {
                    name: $name,
                    meaning: concat!($($doc),+).trim_ascii(),
                    noticed_by: $checkers,
                }),+]
            } else {
                &[]
            };
        }
    };
}

defects! {
    /// A write is replicated as the object that it was merged into, so it replaces siblings that its writer has not
    /// seen.
    ReplicateMergedObject = "replicate-merged-object", noticed by "convergence";
    /// A peer's whole clock is taken over with its own writes only, so what it knows of others is claimed and not held.
    TrustPeerClock = "trust-peer-clock", noticed by "convergence";
    /// An object without versions is dropped with its context, so a late write to a deleted key comes back.
    DropEmptyContext = "drop-empty-context", noticed by "convergence";
    /// A delete is applied before its turn in ordered views, so they lose what comes after something missing.
    EarlyDelete = "early-delete", noticed by "fifo-visibility, priority";
    /// A write that leaves no version is taken to have had its turn, so the view moves over a gap.
    VacuousTurn = "vacuous-turn", noticed by "fifo-visibility, priority, panic";
    /// A client has one causal context for all keys, so its write destroys versions that it has not seen.
    SharedContext = "shared-context", noticed by "convergence";
    /// A write covers all earlier writes of its replica to the key, as if one client had written them.
    OneLinePerOrigin = "one-line-per-origin", noticed by "convergence, durable, fifo-visibility, priority";
    /// The counter of writes is not on the disk, so names of writes are used again after a crash.
    ReuseDots = "reuse-dots", noticed by "convergence, panic";
    /// The last writes per view are not on the disk, so after a restart narrow views skip gaps.
    VolatilePredecessors = "volatile-predecessors", noticed by "fifo-visibility, priority";
    /// A replica that has lost its disk takes over a clock without the objects, so it claims all and holds nothing.
    NoFullTransfer = "no-full-transfer", noticed by "convergence, fifo-visibility, priority";
    /// A write that is superseded when it arrives is not noted, so its gap stays and holds up all later writes.
    ForgetSupersededDot = "forget-superseded-dot", noticed by "convergence, priority";
    /// Of several waiting writes of one replica to one key only the last is kept, so the view waits for what was here.
    JoinWaiting = "join-waiting", noticed by "priority";
    /// All views share one limit of waiting writes, counted, not measured, so bulk writes push out urgent ones.
    CountedBuffer = "counted-buffer", noticed by "priority";
    /// Ordered views are repaired from the peer's eventual objects, so they show writes from behind a gap.
    RepairFromEventual = "repair-from-eventual", noticed by "fifo-visibility, priority";
    /// Frontiers move before the objects of the same answer are merged, so these seem to be old and are dropped.
    FrontierFirst = "frontier-first", noticed by "fifo-visibility, convergence";
    /// Answers made for the life before a lost disk are taken, so what they leave out as known is missing for good.
    AbsorbLateAnswers = "absorb-late-answers", noticed by "convergence, fifo-visibility, priority";
    /// A write is answered and sent before it is on the disk, so a crash takes back what others have seen.
    EarlyAcknowledgement = "early-acknowledgement", noticed by "convergence, fifo-visibility, priority";
    /// Objects of others are filled from the own clock, so siblings that the peer has not seen are lost.
    FillFromOwnClock = "fill-from-own-clock", noticed by "convergence";
    /// Contexts are stripped up to the last known write, over gaps, so deleted values come back.
    StripBeyondBase = "strip-beyond-base", noticed by "convergence";
    /// Urgent writes wait for less urgent ones before them: a priority inversion.
    LowPredecessors = "low-predecessors", noticed by "priority, panic";
    /// Predecessors are those of a more urgent view, so less urgent writes come out of order.
    HighPredecessors = "high-predecessors", noticed by "fifo-visibility, priority";
    /// What a node's earlier life was known to hold counts for the new one, so keys are forgotten that it misses.
    OldWatermarks = "old-watermarks", noticed by "convergence, fifo-visibility, priority";
    /// What is missing of a dead replica is given up without asking, although another replica may still have it.
    EarlyVoid = "early-void", noticed by "convergence, fifo-visibility, priority";
    /// What is left of a dead replica goes as soon as nothing is missing of it here, although others may have more, or less.
    SettleEarly = "settle-early", noticed by "convergence, fifo-visibility, priority";
    /// What is left of dead replicas never goes, so all messages grow with every lost disk.
    KeepDead = "keep-dead", noticed by "metadata";
    /// Messages of dead replicas still count, so a write that was given up arrives after all, at some, and what has
    /// arrived from behind a gap is remembered for ever.
    AcceptDead = "accept-dead", noticed by "convergence, fifo-visibility, priority, metadata";
    /// A replica serves clients before it has got everything again, so they read old or no values.
    ServeWhileRecovering = "serve-while-recovering", noticed by "convergence, fifo-visibility, priority, pram";
    /// A quorum read at an ordered level merges the views of replicas that have come differently far, so the session's
    /// next read may fall behind it.
    NaiveQuorumRead = "naive-quorum-read", noticed by "fifo-visibility, pram";
    /// Acknowledgements of replicas whose disk is lost still count, so one more lost disk takes the write.
    StaleAcknowledgement = "stale-acknowledgement", noticed by "durable";
    /// A write is answered when the asked replica has it, however many `ack` asks for.
    AckAtOnce = "ack-at-once", noticed by "durable, fresh";
    /// A quorum read is answered by the asked replica alone.
    LoneQuorumRead = "lone-quorum-read", noticed by "fresh";
    /// Answers to writes hand out nothing, so a session's next write leaves its own last one beside it.
    ForgetOwnWrites = "forget-own-writes", noticed by "convergence, fifo-visibility, priority";
    /// What a session's last write had seen is left out of its next one, although not all holders have the former.
    LeaveOutSeen = "leave-out-seen", noticed by "convergence, fifo-visibility, priority";
    /// Writes that are passed on to holders are numbered per node, not per life: those of a new life seem to be there already.
    NumbersPerNode = "numbers-per-node", noticed by "convergence, durable";
    /// A replica that has yet to get everything again answers quorum reads and acknowledges.
    RecoveringCounts = "recovering-counts", noticed by "fresh";
    /// A replica that has lost its disk serves when one peer has sent it everything; what it had acknowledged, only
    /// another one may have.
    RecoverFromOne = "recover-from-one", noticed by "fresh, durable, pram";
    /// Answers count for the recovery whatever list of members they were made under.
    ViewNotCompared = "view-not-compared", noticed by "fresh, durable";
    /// A waiting write takes room for its context, too, so less urgent writes that its session has seen push it out.
    ChargeContext = "charge-context", noticed by "priority";
    /// A range of keys that others are to hold now is dropped at once, before they have it.
    DropRangeAtOnce = "drop-range-at-once", noticed by "convergence";
    /// Replicas that have left still count in what `ack` asks for, so that writes wait for them.
    CountDeparted = "count-departed", noticed by "availability";
    /// A read of a key that is held elsewhere goes to the same holder again, however long that does not answer.
    NoFailOver = "no-fail-over", noticed by "availability";
}

/// The defects that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "Vec<Defect>", into = "Vec<Defect>")]
#[schemars(inline)]
pub struct Defects(#[schemars(with = "Vec<Defect>")] u64);

impl Defects {
    /// A store as it should be.
    pub const NONE: Defects = Defects(0);

    /// True when `defect` is on.
    pub fn has(self, defect: Defect) -> bool {
        cfg!(feature = "defects") && self.0 >> defect as u32 & 1 == 1
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Defects {
        Defects(defects.into_iter().fold(0, |all, defect| all | 1 << defect as u64))
    }
}

impl From<Defects> for Vec<Defect> {
    fn from(defects: Defects) -> Vec<Defect> {
        Defect::ALL.iter().copied().filter(|defect| defects.has(*defect)).collect()
    }
}

impl TryFrom<Vec<Defect>> for Defects {
    type Error = Wrong;

    fn try_from(list: Vec<Defect>) -> Result<Defects, Wrong> {
        if Defect::ALL.is_empty() && !list.is_empty() {
            return Err(Wrong::new("the store is built without planted defects", "none"));
        }
        match list.iter().enumerate().find(|(place, defect)| list[..*place].contains(defect)) {
            Some((_, twice)) => {
                let name = Defect::INFO[*twice as usize].name;
                Err(Wrong::new(format!("defect `{name}` is named twice"), "each defect once"))
            }
            None => Ok(list.into_iter().collect()),
        }
    }
}
