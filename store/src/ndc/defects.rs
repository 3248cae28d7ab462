//! Mistakes that can be planted into the store, to see whether somebody notices. All are off unless a scenario names
//! them.

/// A mistake that can be switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Defect {
    /// A read by several replicas at an ordered level merges what each of them shows.
    NaiveQuorumRead,
}

impl Defect {
    /// Every defect.
    pub const ALL: [Defect; 1] = [Defect::NaiveQuorumRead];

    /// As scenarios write it.
    pub fn name(self) -> &'static str {
        match self {
            Defect::NaiveQuorumRead => "naive-quorum-read",
        }
    }

    /// What it breaks, in one line.
    pub fn sentence(self) -> &'static str {
        match self {
            Defect::NaiveQuorumRead => {
                "a quorum read at an ordered level merges the views of replicas that have come differently far, so the \
                 session's next read may fall behind it"
            }
        }
    }
}

/// The defects that are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Defects(u32);

impl Defects {
    /// A store as it should be.
    pub const NONE: Defects = Defects(0);

    /// True when `defect` is on.
    pub fn has(self, defect: Defect) -> bool {
        self.0 >> defect as u32 & 1 == 1
    }
}

impl FromIterator<Defect> for Defects {
    fn from_iter<I: IntoIterator<Item = Defect>>(defects: I) -> Defects {
        Defects(defects.into_iter().fold(0, |all, defect| all | 1 << defect as u32))
    }
}
