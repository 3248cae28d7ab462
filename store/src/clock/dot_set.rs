//! The known counters of one origin.

use smallvec::SmallVec;

const BITS: u64 = 64;

/// A set of counters from 1, dense at the bottom: everything up to `base`, and a bitmap above it.
///
/// Counters mostly arrive in order, so mostly the bitmap is empty and an insertion is an addition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "(u64, Vec<u64>)", into = "(u64, Vec<u64>)"))]
pub struct DotSet {
    base: u64,
    /// Bit `c % 64` of word `c / 64 - base / 64` stands for counter c above the base. No bit at or below the
    /// base is set, and the last word is not 0: equal sets are equal values.
    rest: SmallVec<[u64; 2]>,
}

#[cfg(feature = "serde")]
impl From<DotSet> for (u64, Vec<u64>) {
    fn from(set: DotSet) -> (u64, Vec<u64>) {
        (set.base, set.rest.into_vec())
    }
}

#[cfg(feature = "serde")]
impl TryFrom<(u64, Vec<u64>)> for DotSet {
    type Error = &'static str;

    fn try_from((base, rest): (u64, Vec<u64>)) -> Result<DotSet, Self::Error> {
        if base == super::WHOLE && rest.is_empty() {
            return Ok(DotSet::ALL);
        }
        let fits = (base / BITS).checked_add(rest.len() as u64 + 1).is_some_and(|words| words < u64::MAX / BITS);
        let below = rest.first().is_some_and(|first| first & (u64::MAX >> (BITS - 1 - base % BITS)) != 0);
        let set = DotSet { base, rest: SmallVec::from_vec(rest) };
        if !fits || below || set.rest.last() == Some(&0) || set.contains(base + 1) && !set.rest.is_empty() {
            return Err("a dot set that is not in its one form: a base, and words of 64 bits of what is above it");
        }
        Ok(set)
    }
}

impl DotSet {
    /// Nothing is known.
    pub const EMPTY: DotSet = DotSet { base: 0, rest: SmallVec::new_const() };

    /// Everything is known. Only to ask, or to subtract.
    pub const ALL: DotSet = DotSet { base: super::WHOLE, rest: SmallVec::new_const() };

    /// The largest counter up to which there is no gap.
    pub fn base(&self) -> u64 {
        self.base
    }

    /// The largest counter in the set; 0 when it is empty.
    pub fn max(&self) -> u64 {
        match self.rest.last() {
            None => self.base,
            Some(last) => {
                let word = self.base / BITS + self.rest.len() as u64 - 1;
                word * BITS + (BITS - 1 - u64::from(last.leading_zeros()))
            }
        }
    }

    /// Number of words of the bitmap.
    pub fn words(&self) -> usize {
        self.rest.len()
    }

    /// True when `counter` is in the set.
    pub fn contains(&self, counter: u64) -> bool {
        counter <= self.base || self.rest_word(counter / BITS) >> (counter % BITS) & 1 == 1
    }

    /// Adds `counter`; false when it was there.
    ///
    /// # Panics
    /// When `counter` is 0: counters begin at 1.
    pub fn insert(&mut self, counter: u64) -> bool {
        assert!(counter > 0, "counters begin at 1");
        if counter <= self.base {
            return false;
        }
        if counter == self.base + 1 && self.rest.is_empty() {
            self.base = counter;
            return true;
        }
        let word = (counter / BITS - self.base / BITS) as usize;
        if word >= self.rest.len() {
            self.rest.resize(word + 1, 0);
        }
        let bit = 1 << (counter % BITS);
        if self.rest[word] & bit != 0 {
            return false;
        }
        self.rest[word] |= bit;
        if counter == self.base + 1 {
            self.close_gap();
        }
        true
    }

    /// Adds everything up to `counter`.
    pub fn raise(&mut self, counter: u64) {
        if counter <= self.base {
            return;
        }
        let drop = ((counter / BITS - self.base / BITS) as usize).min(self.rest.len());
        self.rest.drain(..drop);
        self.base = counter;
        if let Some(first) = self.rest.first_mut() {
            // Bits up to the new base; a shift by all 64 bits is one too many for `<<`.
            *first &= !(u64::MAX >> (BITS - 1 - counter % BITS));
        }
        self.close_gap();
    }

    /// The counters that are in this set and not in `other`, ascending.
    pub fn difference<'a>(&'a self, other: &'a DotSet) -> impl Iterator<Item = u64> + 'a {
        let words = other.base / BITS..=self.max() / BITS;
        words.flat_map(move |word| {
            let mut bits = self.word(word) & !other.word(word);
            std::iter::from_fn(move || {
                let bit = u64::from(bits.trailing_zeros());
                (bit < BITS).then(|| {
                    bits &= bits - 1;
                    word * BITS + bit
                })
            })
        })
    }

    /// Moves the base over the run of set bits that begins right above it.
    fn close_gap(&mut self) {
        let first = self.base / BITS;
        loop {
            let next = self.base + 1;
            let Some(word) = self.rest.get_mut((next / BITS - first) as usize) else { break };
            let bit = next % BITS;
            let run = u64::from((*word >> bit).trailing_ones());
            if run == 0 {
                break;
            }
            *word &= !(u64::MAX >> (BITS - run) << bit);
            self.base += run;
            if bit + run < BITS {
                break;
            }
        }
        let drop = ((self.base / BITS - first) as usize).min(self.rest.len());
        self.rest.drain(..drop);
        while self.rest.last() == Some(&0) {
            self.rest.pop();
        }
    }

    /// The bits above the base in the word with this number.
    fn rest_word(&self, word: u64) -> u64 {
        let offset = word.checked_sub(self.base / BITS);
        offset.and_then(|offset| self.rest.get(offset as usize)).copied().unwrap_or(0)
    }

    /// All bits in the word with this number; bit 0 of word 0 is no counter.
    fn word(&self, word: u64) -> u64 {
        let dense = match word.cmp(&(self.base / BITS)) {
            std::cmp::Ordering::Less => u64::MAX,
            std::cmp::Ordering::Equal => u64::MAX >> (BITS - 1 - self.base % BITS),
            std::cmp::Ordering::Greater => 0,
        };
        let no_zero = if word == 0 { !1 } else { u64::MAX };
        (dense | self.rest_word(word)) & no_zero
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "serde")]
    use crate::clock::WHOLE;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[derive(Clone, Debug)]
    enum Change {
        Insert(u64),
        Raise(u64),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let near = prop_oneof![1u64..20, 1u64..300, 60u64..70, 125u64..130];
        let change = prop_oneof![
            9 => near.clone().prop_map(Change::Insert),
            1 => near.prop_map(Change::Raise),
        ];
        prop::collection::vec(change, 0..150)
    }

    /// The set by its definition.
    fn plain(changes: &[Change]) -> BTreeSet<u64> {
        let mut set = BTreeSet::new();
        for change in changes {
            match change {
                Change::Insert(counter) => drop(set.insert(*counter)),
                Change::Raise(counter) => set.extend(1..=*counter),
            }
        }
        set
    }

    fn built(changes: &[Change]) -> DotSet {
        let mut set = DotSet::default();
        for change in changes {
            match change {
                Change::Insert(counter) => {
                    let new = !set.contains(*counter);
                    assert_eq!(set.insert(*counter), new);
                }
                Change::Raise(counter) => set.raise(*counter),
            }
        }
        set
    }

    /// What comes in a message is a set in its one form, or refused.
    #[test]
    #[cfg(feature = "serde")]
    fn a_set_has_one_form_in_messages() {
        let set = built(&[Change::Raise(2), Change::Insert(5)]);
        assert_eq!(<(u64, Vec<u64>)>::from(set.clone()), (2, vec![1 << 5]));
        assert_eq!(DotSet::try_from((2, vec![1 << 5])), Ok(set));
        for one in [DotSet::EMPTY, DotSet::ALL, built(&[Change::Raise(64), Change::Insert(200)])] {
            assert_eq!(DotSet::try_from(<(u64, Vec<u64>)>::from(one.clone())), Ok(one));
        }
        let below_base = (2, vec![1 << 5 | 1 << 2]);
        let behind_base = (2, vec![1 << 3]);
        let no_word_is_empty = (2, vec![1 << 5, 0]);
        let beyond_all = (WHOLE - 70, vec![1 << 63]);
        for wrong in [below_base, behind_base, no_word_is_empty, beyond_all] {
            assert!(DotSet::try_from(wrong.clone()).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn behaves_like_a_plain_set(one in changes(), two in changes()) {
            let (a, b) = (built(&one), built(&two));
            let (plain_a, plain_b) = (plain(&one), plain(&two));
            for counter in 1..400 {
                prop_assert_eq!(a.contains(counter), plain_a.contains(&counter));
            }
            prop_assert_eq!(a.base(), (1..).take_while(|c| plain_a.contains(c)).count() as u64);
            prop_assert_eq!(a.max(), plain_a.last().copied().unwrap_or(0));
            let missing: Vec<u64> = a.difference(&b).collect();
            prop_assert_eq!(missing, plain_a.difference(&plain_b).copied().collect::<Vec<_>>());
        }

        #[test]
        fn equal_sets_are_equal_values(mut one in changes()) {
            let set = built(&one);
            one.reverse();
            let again = built(&one);
            prop_assert_eq!(plain(&one).len(), set.difference(&DotSet::EMPTY).count());
            prop_assert_eq!(set, again);
        }
    }
}
