//! How often which number occurred.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Merge;

/// Numbers, with how often each occurred: exactly below 512, above in classes whose width is at most 1/256 of what is in
/// them. Number, sum, least and greatest are exact. Two can be merged, and it makes no difference whether numbers were
/// counted together or apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Distribution {
    /// By class.
    counts: BTreeMap<u16, u64>,
    count: u64,
    sum: u128,
    range: Option<(u64, u64)>,
}

/// A distribution as it is stored, which may be anything.
#[derive(Deserialize)]
struct Stored {
    counts: BTreeMap<u16, u64>,
    count: u64,
    sum: u128,
    range: Option<(u64, u64)>,
}

impl TryFrom<Stored> for Distribution {
    type Error = &'static str;

    fn try_from(Stored { counts, count, sum, range }: Stored) -> Result<Distribution, &'static str> {
        let counted = counts.values().try_fold(0u64, |all, count| all.checked_add(*count).filter(|_| *count > 0));
        let classes =
            counts.first_key_value().zip(counts.last_key_value()).map(|((least, _), (most, _))| (*least, *most));
        let fits = |(least, most): (u64, u64)| {
            let between = u128::from(least) * u128::from(count)..=u128::from(most) * u128::from(count);
            between.contains(&sum)
        };
        let is_one = counted == Some(count)
            && count <= COUNT_MAX
            && classes == range.map(|(least, most)| (class(least), class(most)))
            && range.map_or(sum == 0, fits);
        is_one
            .then_some(Distribution { counts, count, sum, range })
            .ok_or("a distribution whose counts do not fit together")
    }
}

/// A stored distribution has no more numbers: no run has, and many can still be merged.
const COUNT_MAX: u64 = 1 << 40;

/// Binary digits that tell classes apart.
const DIGITS: u32 = 8;

fn class(number: u64) -> u16 {
    let dropped = (u64::BITS - number.leading_zeros()).saturating_sub(DIGITS + 1);
    ((u64::from(dropped) << DIGITS) + (number >> dropped)) as u16
}

/// The greatest number of a class.
fn greatest(class: u16) -> u64 {
    let dropped = (u32::from(class) >> DIGITS).saturating_sub(1);
    let digits = u64::from(class) - (u64::from(dropped) << DIGITS);
    (digits << dropped) | ((1 << dropped) - 1)
}

impl Distribution {
    /// Counts a number.
    pub fn add(&mut self, number: u64) {
        *self.counts.entry(class(number)).or_default() += 1;
        self.count += 1;
        self.sum += u128::from(number);
        let (least, greatest) = self.range.unwrap_or((number, number));
        self.range = Some((least.min(number), greatest.max(number)));
    }

    /// How many numbers.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What they add up to.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The least.
    pub fn min(&self) -> Option<u64> {
        self.range.map(|(least, _)| least)
    }

    /// The greatest.
    pub fn max(&self) -> Option<u64> {
        self.range.map(|(_, greatest)| greatest)
    }

    /// The least number that this many of 10,000 do not exceed, at most 1/256 too great.
    pub fn quantile(&self, of_10_000: u16) -> Option<u64> {
        let wanted = (u128::from(self.count) * u128::from(of_10_000)).div_ceil(10_000) as u64;
        let (number, _) = self.cumulative().find(|(_, count)| *count >= wanted.max(1))?;
        Some(number)
    }

    /// In ascending order the numbers, as exactly as classes keep them, with how many do not exceed each.
    pub fn cumulative(&self) -> impl Iterator<Item = (u64, u64)> {
        let mut count = 0;
        self.classes().map(move |(number, more)| {
            count += more;
            (number, count)
        })
    }

    /// In ascending order the numbers, as exactly as classes keep them, with how often each occurred.
    pub fn classes(&self) -> impl Iterator<Item = (u64, u64)> {
        let most = self.max().unwrap_or(0);
        self.counts.iter().map(move |(class, count)| (greatest(*class).min(most), *count))
    }
}

impl Extend<u64> for Distribution {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, numbers: I) {
        numbers.into_iter().for_each(|number| self.add(number));
    }
}

impl FromIterator<u64> for Distribution {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Distribution {
        let mut all = Distribution::default();
        all.extend(numbers);
        all
    }
}

impl Merge for Distribution {
    fn merge_with(&mut self, other: &Distribution) {
        self.counts.merge_with(&other.counts);
        self.count += other.count;
        self.sum += other.sum;
        self.range = match (self.range, other.range) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (mine, theirs) => mine.or(theirs),
        };
    }
}
