//! A node's clock.

/// Shows virtual time, but for the faults that last: each adds its offset and what it has drifted since it began. What
/// it would show before 0, the beginning of the run, it shows as 0.
#[derive(Default)]
pub struct Clock {
    errors: Vec<Error>,
}

/// A fault of the clock.
#[derive(Clone, Copy)]
pub struct Error {
    pub since_ns: u64,
    pub offset_ns: i64,
    pub drift_ppm: i32,
}

const MILLION: i128 = 1_000_000;

impl Clock {
    /// From now on these faults last.
    pub fn set(&mut self, errors: impl Iterator<Item = Error>) {
        self.errors.clear();
        self.errors.extend(errors);
    }

    /// What it shows at `now_ns`.
    #[inline]
    pub fn shows(&self, now_ns: u64) -> u64 {
        if self.errors.is_empty() { now_ns } else { self.shows_wrongly(now_ns) }
    }

    fn shows_wrongly(&self, now_ns: u64) -> u64 {
        let error = |error: &Error| {
            let since_ns = i128::from(now_ns.saturating_sub(error.since_ns));
            i128::from(error.offset_ns) + since_ns * i128::from(error.drift_ppm) / MILLION
        };
        let shown = i128::from(now_ns) + self.errors.iter().map(error).sum::<i128>();
        u64::try_from(shown.max(0)).unwrap_or(u64::MAX)
    }

    /// How long it takes until the clock has gone on by `after_ns`, if it goes on as fast as now.
    #[inline]
    pub fn takes(&self, after_ns: u64) -> u64 {
        if self.errors.is_empty() { after_ns } else { self.takes_wrongly(after_ns) }
    }

    fn takes_wrongly(&self, after_ns: u64) -> u64 {
        let drift: i128 = self.errors.iter().map(|error| i128::from(error.drift_ppm)).sum();
        // Several drifts together do not make it stand still either.
        let speed = (MILLION + drift).max(MILLION / 10);
        u64::try_from(i128::from(after_ns) * MILLION / speed).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_add_up() {
        let mut clock = Clock::default();
        assert_eq!((clock.shows(7), clock.takes(7)), (7, 7));
        let fast = Error { since_ns: 1_000_000, offset_ns: 500, drift_ppm: 200_000 };
        clock.set([fast].into_iter());
        assert_eq!(clock.shows(1_000_000), 1_000_500);
        assert_eq!(clock.shows(2_000_000), 2_200_500);
        assert_eq!(clock.takes(1_200), 1_000);
        let behind = Error { since_ns: 0, offset_ns: -3_000_000, drift_ppm: 0 };
        clock.set([fast, behind].into_iter());
        assert_eq!(clock.shows(2_000_000), 0, "not before the beginning");
        assert_eq!(clock.shows(4_000_000), 1_600_500);
        let slow = Error { since_ns: 0, offset_ns: 0, drift_ppm: -500_000 };
        clock.set([slow].into_iter());
        assert_eq!((clock.shows(1_000), clock.takes(1_000)), (500, 2_000));
    }
}
