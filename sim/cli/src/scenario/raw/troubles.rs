//! Faults of nodes and links in a scenario file.

use schemars::JsonSchema;
use serde::Deserialize;

use super::faults::DiskLossName;
use crate::scenario::quantity::{DelayText, DurationText, Nodes, Percentage, Times};
use crate::scenario::source::At;

/// When a fault lasts, as it is written.
#[derive(Clone, Copy)]
pub struct TimesOf<'a> {
    /// Set beginnings.
    pub at: &'a Option<At<Times>>,
    /// Length.
    pub lasting_for: &'a Option<At<DurationText>>,
    /// Mean distance.
    pub every: &'a Option<At<DurationText>>,
    /// Mean length.
    pub lasting: &'a Option<At<DurationText>>,
}

/// Defines a table with the four fields that say when, and some of its own.
macro_rules! timed {
    ($(#[doc = $doc:literal])* $name:ident { $($fields:tt)* }) => {
        $(#[doc = $doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// When it begins, once or several times. Goes with `for`.
            #[schemars(example = &"3s")]
            pub at: Option<At<Times>>,
            /// How long it lasts each time.
            #[serde(rename = "for")]
            #[schemars(example = &"2s")]
            pub lasting_for: Option<At<DurationText>>,
            /// In place of `at` and `for`, it comes at random times: the mean time from the end of one to the beginning
            /// of the next. Goes with `lasting`.
            #[schemars(example = &"2s")]
            pub every: Option<At<DurationText>>,
            /// How long one of those at random times lasts, on average.
            #[schemars(example = &"500ms")]
            pub lasting: Option<At<DurationText>>,
            $($fields)*
        }

        impl $name {
            /// When.
            pub fn times(&self) -> TimesOf<'_> {
                let $name { at, lasting_for, every, lasting, .. } = self;
                TimesOf { at, lasting_for, every, lasting }
            }
        }
    };
}

/// Defines such a table for nodes.
macro_rules! of_nodes {
    ($(#[doc = $doc:literal])* $name:ident { $($fields:tt)* }) => {
        timed! {
            $(#[doc = $doc])*
            $name {
                /// The node, or several. At random times it is one of these, and one of all when left out.
                #[schemars(example = &"n1")]
                pub node: Option<At<Nodes>>,
                $($fields)*
            }
        }
    };
}

/// Defines such a table for links.
macro_rules! of_links {
    ($(#[doc = $doc:literal])* $name:ident { $($fields:tt)* }) => {
        timed! {
            $(#[doc = $doc])*
            $name {
                /// Only what this node or these nodes send; all senders when left out.
                #[schemars(example = &"n0")]
                pub from: Option<At<Nodes>>,
                /// Only what is sent to this node or these nodes; all receivers when left out.
                #[schemars(example = ["n1", "n2"])]
                pub to: Option<At<Nodes>>,
                $($fields)*
            }
        }
    };
}

of_nodes! {
    /// A node is down for a while: what is sent to it is lost, calls to it time out, and what it had not written to its
    /// disk is gone. Then it starts with what its disk has.
    Crash {
        /// What its disk has then.
        #[serde(default = "kept")]
        pub disk: At<DiskLossName>,
    }
}

fn kept() -> At<DiskLossName> {
    At::by_default(DiskLossName::Kept)
}

of_nodes! {
    /// A node is replaced by an empty one, a new incarnation: it is down for a while, and its disk is lost.
    Replace {}
}

of_nodes! {
    /// A node stands still for a while: what reaches it waits and is taken up in order when it goes on.
    Pause {}
}

of_nodes! {
    /// A node takes up one message, timer or call after the other, each `step` after the one before, or after it came.
    SlowNode {
        /// How long each takes.
        #[schemars(example = &"5ms")]
        pub step: At<DurationText>,
    }
}

of_nodes! {
    /// A node's disk takes longer for a while.
    SlowDisk {
        /// Time until a record is written.
        #[schemars(example = &"50ms")]
        pub write: At<DurationText>,
    }
}

of_nodes! {
    /// A node's disk is full for a while: records wait until there is room, and what follows from one waits for it.
    FullDisk {}
}

of_nodes! {
    /// A node's clock is wrong for a while, and right again afterwards: at least one of `ahead`, `behind`, `fast` and
    /// `slow`. Timers of a clock that is fast or slow are as wrong.
    Clock {
        /// So far it is ahead at first.
        #[schemars(example = &"200ms")]
        pub ahead: Option<At<DurationText>>,
        /// So far it is behind at first. It shows no time before the beginning of the run.
        #[schemars(example = &"200ms")]
        pub behind: Option<At<DurationText>>,
        /// It gains so much, to a millionth.
        #[schemars(example = &"0.1%")]
        pub fast: Option<At<Percentage>>,
        /// It loses so much, to a millionth.
        #[schemars(example = &"0.1%")]
        pub slow: Option<At<Percentage>>,
    }
}

of_links! {
    /// Messages on some links take longer for a while.
    SlowLink {
        /// By so much.
        pub delay: At<DelayText>,
    }
}

of_links! {
    /// For a while more messages are lost.
    LossBurst {
        /// Share of those that are not lost anyway.
        pub loss: At<Percentage>,
    }
}

of_links! {
    /// For a while more messages arrive twice, the second time with a delay of its own.
    DuplicateStorm {
        /// Share of messages.
        pub duplicate: At<Percentage>,
    }
}

of_links! {
    /// For a while some messages are delayed very much, perhaps into the settling phase or beyond a crash.
    Late {
        /// Share of messages; each copy of one on its own.
        pub share: At<Percentage>,
        /// By so much.
        pub delay: At<DelayText>,
    }
}

/// Which nodes become members or cease to be, and when, as it is written.
#[derive(Clone, Copy)]
pub struct MembersOf<'a> {
    /// Which nodes.
    pub node: &'a Option<At<Nodes>>,
    /// A set time.
    pub at: &'a Option<At<DurationText>>,
    /// Mean distance.
    pub every: &'a Option<At<DurationText>>,
}

/// Defines a table for nodes that become members or cease to be.
macro_rules! of_members {
    ($(#[doc = $doc:literal])* $name:ident) => {
        $(#[doc = $doc])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The node, or several. At random times they come one after the other, in random order; when left out, all but
            /// one of the cluster's.
            #[schemars(example = &"n3")]
            pub node: Option<At<Nodes>>,
            /// When. Goes with `node`.
            #[schemars(example = &"2s")]
            pub at: Option<At<DurationText>>,
            /// In place of `at`, it happens at random times: the mean time from one node to the next (exponential). For
            /// those whose turn would come after the end it does not happen.
            #[schemars(example = &"2s")]
            pub every: Option<At<DurationText>>,
        }

        impl $name {
            /// Who and when.
            pub fn members(&self) -> MembersOf<'_> {
                let $name { node, at, every } = self;
                MembersOf { node, at, every }
            }
        }
    };
}

of_members! {
    /// A node joins the cluster in the course of the run. Before that it is not there.
    Join
}

of_members! {
    /// A node leaves the cluster for good.
    Leave
}
