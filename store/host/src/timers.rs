//! What is to happen at which time.

/// Timers of the replica, each armed at most once at a time.
#[derive(Debug)]
pub struct Timers<T>(Vec<(u64, T)>);

impl<T> Default for Timers<T> {
    fn default() -> Timers<T> {
        Timers(Vec::new())
    }
}

impl<T: Copy + Eq> Timers<T> {
    /// Arms a timer, in place of an earlier arming.
    pub fn arm(&mut self, timer: T, at_ns: u64) {
        self.disarm(timer);
        self.0.push((at_ns, timer));
    }

    /// Forgets a timer.
    pub fn disarm(&mut self, timer: T) {
        self.0.retain(|(_, armed)| *armed != timer);
    }

    /// When the next one runs out.
    pub fn next_ns(&self) -> Option<u64> {
        self.0.iter().map(|(at_ns, _)| *at_ns).min()
    }

    /// Takes out the earliest one that has run out.
    pub fn take_due(&mut self, now_ns: u64) -> Option<T> {
        let (place, (at_ns, _)) = self.0.iter().enumerate().min_by_key(|(_, (at_ns, _))| *at_ns)?;
        (*at_ns <= now_ns).then(|| self.0.swap_remove(place).1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_run_out_in_the_order_of_their_times_and_once_per_arming() {
        let mut timers = Timers::default();
        timers.arm('a', 30);
        timers.arm('b', 20);
        timers.arm('c', 10);
        timers.arm('c', 25);
        timers.arm('d', 5);
        timers.disarm('d');
        assert_eq!(timers.next_ns(), Some(20));
        assert_eq!(timers.take_due(19), None);
        assert_eq!([timers.take_due(40), timers.take_due(40), timers.take_due(40)], ['b', 'c', 'a'].map(Some));
        assert_eq!((timers.take_due(40), timers.next_ns()), (None, None));
    }
}
