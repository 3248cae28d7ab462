//! The figures of several seeds together: their median, and an interval for it.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Value {
    /// A number in the unit of its measure.
    Is(u64),
    /// It never came: later than every time.
    Never,
}

impl Value {
    /// Nothing for what never came.
    pub fn number(self) -> Option<u64> {
        if let Value::Is(number) = self { Some(number) } else { None }
    }
}

/// What is known of the median.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The middle value; of an even number the mean of the two in the middle, rounded down.
    pub median: Value,
    /// The lower end of [`interval`].
    pub low: Value,
    pub high: Value,
}

impl Spread {
    /// Of these values; nothing of none.
    pub fn of(values: &[Value]) -> Option<Spread> {
        let mut sorted = values.to_vec();
        sorted.sort();
        let count = sorted.len();
        let (lower, upper) = (*sorted.get(count.checked_sub(1)? / 2)?, sorted[count / 2]);
        let median = match (lower, upper) {
            (Value::Is(lower), Value::Is(upper)) => Value::Is(lower + (upper - lower) / 2),
            _ => Value::Never,
        };
        let from = interval(count as u32) as usize;
        Some(Spread { median, low: sorted[from], high: sorted[count - 1 - from] })
    }
}

/// How many of `count` values are left out at each end of the interval: as many as there can be so that the interval still
/// has the true median in it with a probability of at least 95 %. Whatever the distribution, that is lost when all the
/// values that are left in, and those of one end, lie on one side of it, as when a coin falls: so the probability is that
/// of a binomial distribution (the interval is that of the sign test). With fewer than six values nothing is left out, and
/// the probability is smaller: see [`certainty`].
fn interval(count: u32) -> u32 {
    let out = (0..count / 2).take_while(|out| 40 * tail(count, *out) <= 1 << count).count() as u32;
    out.saturating_sub(1)
}

/// The probability that the interval for `count` values has the true median in it, in parts of 10,000, rounded down.
pub fn certainty(count: u32) -> u16 {
    let all = 1u128 << count;
    let lost = 2 * tail(count, interval(count));
    (all.saturating_sub(lost) * 10_000 / all) as u16
}

/// How many of all sequences of `count` throws of a coin have at most `most` heads.
fn tail(count: u32, most: u32) -> u128 {
    let mut ways = 1u128;
    let mut sum = 0;
    for heads in 0..=most {
        sum += ways;
        ways = ways * u128::from(count - heads) / u128::from(heads + 1);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Straight from the definition: try all intervals, and count sequences of heads and tails one by one.
    fn slow_interval(count: u32) -> (u32, u32) {
        // How many of all sequences have the median between the values number `out` and `count - 1 - out`: those in which
        // more than `out` values lie below the median, and more than `out` above.
        let inside = |out: u32| {
            let between = |word: &u32| word.count_ones() > out && count - word.count_ones() > out;
            (0..1u32 << count).filter(between).count() as u32
        };
        let mut best = 0;
        for out in 0..count.div_ceil(2) {
            if u64::from(inside(out)) * 100 >= 95 << count {
                best = out;
            }
        }
        (best, inside(best))
    }

    #[test]
    fn intervals_are_as_narrow_as_they_may_be() {
        for count in 1..=16 {
            let (out, inside) = slow_interval(count);
            assert_eq!(interval(count), out, "{count} values");
            let certain = (u64::from(inside) * 10_000) >> count;
            assert_eq!(u64::from(certainty(count)), certain, "{count} values");
        }
        // Known from tables of the sign test.
        assert_eq!([5, 6, 8, 9, 10, 20, 30, 100].map(interval), [0, 0, 0, 1, 1, 5, 9, 39]);
        assert_eq!([1, 2, 3, 5, 10, 20].map(certainty), [0, 5_000, 7_500, 9_375, 9_785, 9_586]);
    }

    #[test]
    fn medians_are_in_the_middle_and_never_is_late() {
        let spread = |values: &[u64]| {
            let values: Vec<Value> = values.iter().map(|value| Value::Is(*value)).collect();
            Spread::of(&values).map(|spread| (spread.median, spread.low, spread.high))
        };
        let is = |median, low, high| Some((Value::Is(median), Value::Is(low), Value::Is(high)));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[7]), is(7, 7, 7));
        assert_eq!(spread(&[9, 1]), is(5, 1, 9));
        assert_eq!(spread(&[5, 1, 3]), is(3, 1, 5));
        assert_eq!(spread(&[10, 9, 8, 7, 6, 5, 4, 3, 2, 1]), is(5, 2, 9));
        let late = Spread::of(&[Value::Is(1), Value::Never]).unwrap();
        assert_eq!((late.median, late.low, late.high), (Value::Never, Value::Is(1), Value::Never));
        let mostly = Spread::of(&[Value::Is(4), Value::Never, Value::Is(2)]).unwrap();
        assert_eq!((mostly.median, mostly.high), (Value::Is(4), Value::Never));
    }
}
