//! Axes: where numbers are, and how they are called. In whole numbers, so that charts are the same to the byte everywhere.

use std::ops::Range;

use crate::text::{decimal, duration};

/// What the numbers of an axis are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Nanoseconds.
    Time,
    Count,
    Thousandths,
    /// Parts of 10,000, shown as percent.
    Share,
    Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Scale {
    Linear,
    /// Linear: the virtual time of runs.
    VirtualTime,
    Log,
    /// Places with names.
    Names(Vec<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    what: String,
    unit: Unit,
    scale: Scale,
    from: u64,
    to: u64,
    /// Numbers below the first one are drawn there.
    clamps: bool,
    /// Numbers are per second.
    is_rate: bool,
    /// Numbers with names of their own, and no others.
    named: Vec<(u64, String)>,
}

const SECOND: u64 = 1_000_000_000;

impl Axis {
    pub fn time(range: Range<u64>) -> Axis {
        let axis = Axis::linear("virtual time", Unit::Time, range.end);
        Axis { from: range.start, scale: Scale::VirtualTime, ..axis }
    }

    /// From 0 to a round number at or above `most`.
    pub fn up_to(what: &str, unit: Unit, most: u64) -> Axis {
        let least = match unit {
            Unit::Time => 1_000_000,
            Unit::Thousandths => 100,
            _ => 10,
        };
        let most = most.max(least);
        let step = round_step(most, 5);
        Axis::linear(what, unit, most.div_ceil(step) * step)
    }

    /// From 0 to 100 %.
    pub fn share(what: &str) -> Axis {
        Axis::linear(what, Unit::Share, 10_000)
    }

    fn linear(what: &str, unit: Unit, to: u64) -> Axis {
        let (what, scale, named) = (what.to_string(), Scale::Linear, Vec::new());
        Axis { what, unit, scale, from: 0, to, clamps: false, is_rate: false, named }
    }

    /// Powers of ten around these times. Those below `bound`, a power of ten, are drawn at the beginning, so that what took
    /// no time does not need endless room.
    pub fn log(what: &str, bound: u64, numbers: impl Iterator<Item = u64>) -> Axis {
        let (mut least, mut most, mut clamps) = (u64::MAX, bound, false);
        for number in numbers {
            clamps |= number < bound;
            least = least.min(number.max(bound));
            most = most.max(number);
        }
        let below = |number: u64| 10u64.pow(number.max(1).ilog10());
        let (from, to) = (below(least.min(most)), below(most - 1).saturating_mul(10));
        // What took no time is drawn a step before the least of the others.
        let from = if clamps { bound } else { from };
        Axis { scale: Scale::Log, from, clamps, ..Axis::linear(what, Unit::Time, to.max(from.saturating_mul(100))) }
    }

    /// From the first to the last of these numbers, ascending, which have names of their own; by their logarithms where
    /// they lie far apart.
    pub fn values(what: &str, named: Vec<(u64, String)>) -> Axis {
        const FAR: u64 = 16;
        let (from, to) = match (named.first(), named.last()) {
            (Some((first, _)), Some((last, _))) => (*first, *last),
            _ => (0, 1),
        };
        let scale = if from > 0 && to / from >= FAR { Scale::Log } else { Scale::Linear };
        let what = if scale == Scale::Log { format!("{what} (logarithmic)") } else { what.to_string() };
        Axis { scale, from, named, ..Axis::linear(&what, Unit::Count, to) }
    }

    /// One place for each name, from above.
    pub fn names(what: &str, names: Vec<String>) -> Axis {
        let to = names.len() as u64;
        Axis { scale: Scale::Names(names), ..Axis::linear(what, Unit::Count, to) }
    }

    /// What the axis shows, with its unit.
    pub fn title(&self) -> String {
        let unit = match (&self.scale, self.unit) {
            (Scale::Names(_), _) | (Scale::Log, Unit::Time) | (_, Unit::Count | Unit::Thousandths) => "",
            (_, Unit::Time) => self.time_unit().1,
            (_, Unit::Share) => "%",
            (_, Unit::Bytes) => self.byte_unit().1,
        };
        let per = if self.is_rate { "/s" } else { "" };
        if unit.is_empty() { self.what.clone() } else { format!("{} ({unit}{per})", self.what) }
    }

    /// The same of so many per second.
    #[must_use]
    pub fn per_second(self) -> Axis {
        Axis { is_rate: true, ..self }
    }

    pub fn start(&self) -> u64 {
        self.from
    }

    pub fn end(&self) -> u64 {
        self.to
    }

    /// True when it is one of [`Axis::time`].
    pub fn is_virtual_time(&self) -> bool {
        self.scale == Scale::VirtualTime
    }

    /// The numbers with a name, about `count` of them at most.
    pub fn ticks(&self, count: usize) -> Vec<u64> {
        match &self.scale {
            _ if !self.named.is_empty() => {
                // Names that would lie on each other are left out.
                const APART: i32 = 14;
                let mut last = i32::MIN / 2;
                let places = self.named.iter().map(|(number, _)| (*number, self.place(*number, 100)));
                let far = places.filter(|(_, place)| {
                    let is_far = place - last >= 100 / APART;
                    last = if is_far { *place } else { last };
                    is_far
                });
                far.map(|(number, _)| number).collect()
            }
            Scale::Names(names) => (0..names.len() as u64).collect(),
            Scale::Log => {
                let all = std::iter::successors(Some(self.from), |tick| tick.checked_mul(10));
                all.take_while(|tick| *tick <= self.to).collect()
            }
            Scale::Linear | Scale::VirtualTime => {
                let step = round_step(self.to - self.from, count as u64);
                let first = self.from.div_ceil(step) * step;
                (0..).map(|number| first + number * step).take_while(|tick| *tick <= self.to).collect()
            }
        }
    }

    /// What a number is called.
    pub fn name(&self, number: u64) -> String {
        if let Some((_, name)) = self.named.iter().find(|(named, _)| *named == number) {
            return name.clone();
        }
        let text = match (&self.scale, self.unit) {
            (Scale::Names(names), _) => return names.get(number as usize).cloned().unwrap_or_default(),
            (Scale::Log, Unit::Time) => duration(number),
            (_, Unit::Time) => decimal(number, self.time_unit().0),
            (_, Unit::Share) => decimal(number, 100),
            (_, Unit::Thousandths) => decimal(number, 1_000),
            (_, Unit::Bytes) => decimal(number, self.byte_unit().0),
            (_, Unit::Count) => number.to_string(),
        };
        if self.clamps && number == self.from { format!("\u{2264}\u{2009}{text}") } else { text }
    }

    fn time_unit(&self) -> (u64, &'static str) {
        match self.to {
            0..10_000 => (1, "ns"),
            10_000..10_000_000 => (1_000, "\u{b5}s"),
            10_000_000..SECOND => (1_000_000, "ms"),
            _ => (SECOND, "s"),
        }
    }

    fn byte_unit(&self) -> (u64, &'static str) {
        match self.to {
            0..10_000 => (1, "B"),
            10_000..10_000_000 => (1_000, "kB"),
            _ => (1_000_000, "MB"),
        }
    }

    /// Where a number is, of `length` steps.
    pub fn place(&self, number: u64, length: i32) -> i32 {
        let number = number.clamp(self.from, self.to);
        let share = |part: u64, whole: u64| (i128::from(part) * i128::from(length) / i128::from(whole.max(1))) as i32;
        match &self.scale {
            Scale::Linear | Scale::VirtualTime => share(number - self.from, self.to - self.from),
            Scale::Log => share(log2(number) - log2(self.from), log2(self.to) - log2(self.from)),
            // In the middle of its row, and rows from above; half rows have odd numbers.
            Scale::Names(names) => length - share(2 * number + 1, 2 * names.len() as u64),
        }
    }

    /// The names of [`Axis::names`].
    pub fn names_of_rows(&self) -> &[String] {
        if let Scale::Names(names) = &self.scale { names } else { &[] }
    }

    /// The height of a row of [`Axis::names`], of `length` steps.
    pub fn row(&self, length: i32) -> i32 {
        length / self.to.max(1) as i32
    }

    pub fn has(&self, number: u64) -> bool {
        (self.from..=self.to).contains(&number)
    }
}

/// 1, 2 or 5 times a power of ten, so that about `count` fill the range.
pub fn round_step(range: u64, count: u64) -> u64 {
    let rough = range.div_ceil(count.max(1)).max(1);
    let power = 10u64.pow(rough.ilog10());
    [1, 2, 5, 10].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(10 * power)
}

/// The logarithm to the base 2, with 16 binary places.
fn log2(number: u64) -> u64 {
    let whole = u64::from(number.max(1).ilog2());
    // From 1 to 2, with 62 binary places: each squaring gives one place of the logarithm.
    let mut rest = u128::from(number.max(1)) << (62 - whole.min(62)) >> whole.saturating_sub(62);
    let mut log = whole;
    for _ in 0..16 {
        rest = (rest * rest) >> 62;
        log <<= 1;
        if rest >= 1 << 63 {
            rest >>= 1;
            log |= 1;
        }
    }
    log
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_round_names_and_equal_distances() {
        let axis = Axis::time(0..14_000_000_000);
        assert_eq!(axis.title(), "virtual time (s)");
        assert_eq!(
            axis.ticks(8).iter().map(|tick| axis.name(*tick)).collect::<Vec<_>>(),
            ["0", "2", "4", "6", "8", "10", "12", "14"]
        );
        assert_eq!(axis.place(7_000_000_000, 200), 100);
        assert_eq!(Axis::up_to("writes", Unit::Count, 37).end(), 40);
        assert_eq!(Axis::up_to("age", Unit::Time, 1_234_000_000).title(), "age (s)");
    }

    #[test]
    fn logarithms_are_even_and_hold_what_took_no_time() {
        let axis = Axis::log("latency", 1_000, [0, 3_000_000, 90_000_000].into_iter());
        assert_eq!((axis.start(), axis.end()), (1_000, 100_000_000));
        let ticks = axis.ticks(0);
        assert_eq!(axis.name(ticks[0]), "\u{2264}\u{2009}1\u{2009}\u{b5}s");
        let places: Vec<i32> = ticks.iter().map(|tick| axis.place(*tick, 500)).collect();
        assert_eq!(places, [0, 100, 200, 300, 400, 500]);
        assert_eq!(axis.place(0, 500), 0);
    }

    #[test]
    fn logarithms_of_products_are_sums() {
        assert!((0..64).all(|power| log2(1 << power) == power << 16));
        for (one, other) in [(3, 5), (1_000, 999_937), (7, 1 << 40), (123_456_789, 987_654_321)] {
            assert!(log2(one * other).abs_diff(log2(one) + log2(other)) <= 2, "{one} {other}");
        }
        // 10 to the 19th: 19 times 3.321928...
        assert_eq!(log2(10_000_000_000_000_000_000), 19 * 3_321_928_095 * 65_536 / 1_000_000_000);
    }

    #[test]
    fn values_keep_their_names_and_distances() {
        let named = |numbers: &[u64]| numbers.iter().map(|number| (*number, format!("<{number}>"))).collect();
        let even = Axis::values("loss", named(&[0, 1, 10, 20, 40]));
        let places = |axis: &Axis, numbers: &[u64]| -> Vec<i32> {
            numbers.iter().map(|number| axis.place(*number, 400)).collect()
        };
        assert_eq!(places(&even, &[0, 10, 20, 40]), [0, 100, 200, 400]);
        let names: Vec<String> = even.ticks(8).iter().map(|tick| even.name(*tick)).collect();
        assert_eq!(names, ["<0>", "<10>", "<20>", "<40>"], "the name of 1 would lie on that of 0");
        let far = Axis::values("replicas", named(&[2, 8, 32]));
        assert_eq!(places(&far, &[2, 8, 32]), [0, 200, 400]);
        assert_eq!((even.title(), far.title()), ("loss".into(), "replicas (logarithmic)".into()));
    }

    #[test]
    fn rows_go_down() {
        let axis = Axis::names("session", vec!["a".into(), "b".into()]);
        assert_eq!((axis.place(0, 400), axis.place(1, 400)), (300, 100));
        assert_eq!(axis.name(1), "b");
    }
}
