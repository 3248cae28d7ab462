//! How many replicas must have a write before it is acknowledged.

use serde::{Deserialize, Serialize};

/// How many of the replicas that hold a key must have a write on their disks before it is acknowledged, the one that took
/// it in included: a number, or a share of those that are members at the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Acks {
    /// This many.
    Number(u16),
    /// What the word says.
    Word(AckWord),
}

/// A share of the replicas that hold a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AckWord {
    /// At least half. More need not be lost for the others to be no majority: then a store that goes on by majorities shows no client
    /// what they have.
    Half,
    /// More than half.
    Majority,
    /// Every one.
    All,
}

impl Acks {
    /// The number, when so many replicas hold the key.
    pub fn of(self, holders: u16) -> u16 {
        match self {
            Acks::Number(number) => number,
            Acks::Word(AckWord::Half) => holders.div_ceil(2),
            Acks::Word(AckWord::Majority) => holders / 2 + 1,
            Acks::Word(AckWord::All) => holders,
        }
    }

    /// One replica is enough, however many hold the key.
    pub fn is_one(&self) -> bool {
        matches!(self, Acks::Number(0 | 1))
    }
}

/// The replica that takes a write in acknowledges it.
impl Default for Acks {
    fn default() -> Acks {
        Acks::Number(1)
    }
}
