//! Consistency levels, and sets of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a session's reads may see. A session has one level for all of its reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Everything received.
    Eventual,
    /// Per origin, an unbroken prefix of its writes (PRAM).
    Fifo,
    /// The same over writes of priority P1 or above; keys below P1 are refused.
    FifoP1,
    /// The same over writes of priority P2 or above; keys below P2 are refused.
    FifoP2,
    /// The same over writes of priority P3; keys below P3 are refused.
    FifoP3,
    /// Each key at the FIFO level of its own priority.
    Priority,
}

impl Level {
    /// Every level.
    pub const ALL: [Level; 6] =
        [Level::Eventual, Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority];

    /// As scenarios and recordings write it.
    pub fn name(self) -> &'static str {
        match self {
            Level::Eventual => "eventual",
            Level::Fifo => "fifo",
            Level::FifoP1 => "fifo-p1",
            Level::FifoP2 => "fifo-p2",
            Level::FifoP3 => "fifo-p3",
            Level::Priority => "priority",
        }
    }

    /// The level with this [name](Level::name).
    pub fn named(name: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.name() == name)
    }

    /// True when sessions of this level may read keys of this priority.
    pub fn carries(self, priority: u8) -> bool {
        priority
            >= match self {
                Level::Eventual | Level::Fifo | Level::Priority => 0,
                Level::FifoP1 => 1,
                Level::FifoP2 => 2,
                Level::FifoP3 => 3,
            }
    }
}

/// A set of levels.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Levels(u8);

impl Levels {
    /// No level.
    pub const NONE: Levels = Levels(0);

    /// Every level.
    pub const ALL: Levels = Levels((1 << Level::ALL.len()) - 1);

    /// One level.
    pub const fn only(level: Level) -> Levels {
        Levels(1 << level as u8)
    }

    /// These and `level`.
    #[must_use]
    pub const fn with(self, level: Level) -> Levels {
        Levels(self.0 | 1 << level as u8)
    }

    /// These and `others`.
    #[must_use]
    pub const fn and(self, others: Levels) -> Levels {
        Levels(self.0 | others.0)
    }

    /// These but for `others`.
    #[must_use]
    pub const fn without(self, others: Levels) -> Levels {
        Levels(self.0 & !others.0)
    }

    /// True when `level` is one of them.
    pub const fn contains(self, level: Level) -> bool {
        self.0 >> level as u8 & 1 == 1
    }

    /// True when there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In the order of [`Level::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Level> {
        Level::ALL.into_iter().filter(move |level| self.contains(*level))
    }

    /// `fifo, priority`
    pub fn names(self) -> String {
        self.iter().map(Level::name).collect::<Vec<_>>().join(", ")
    }

    /// One bit per level, in the order of [`Level::ALL`].
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set with these [bits](Levels::bits); bits beyond the last level are ignored.
    pub const fn from_bits(bits: u8) -> Levels {
        Levels(bits & Levels::ALL.0)
    }
}

impl FromIterator<Level> for Levels {
    fn from_iter<I: IntoIterator<Item = Level>>(levels: I) -> Levels {
        levels.into_iter().fold(Levels::NONE, Levels::with)
    }
}

impl fmt::Debug for Levels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// In recordings a set of levels is a list of their names.
impl Serialize for Levels {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
        let levels: Vec<Level> = Deserialize::deserialize(deserializer)?;
        Ok(levels.into_iter().collect())
    }
}
