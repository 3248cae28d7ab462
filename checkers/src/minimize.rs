//! Few things that still show something, out of many.

use std::ops::Range;

use crate::Expired;

/// Leaves out parts as long as the rest still shows it: halves first, then quarters, down to single things, from the
/// end, so that what remains is early. `without` leaves out a range, and returns nothing if the rest no longer shows
/// it. When the time is over, what is left stays.
///
/// Where fewer things can only show less, none of those that remain could be left out: what was needed once is needed
/// for ever.
pub fn minimize<T>(
    mut left: T,
    len: impl Fn(&T) -> usize,
    without: impl Fn(&T, Range<usize>) -> Option<T>,
    expired: Expired<'_>,
) -> T {
    let mut size = len(&left).div_ceil(2);
    loop {
        let mut end = len(&left);
        while end > 0 {
            if expired() {
                return left;
            }
            let start = end.saturating_sub(size);
            if let Some(fewer) = without(&left, start..end) {
                left = fewer;
            }
            end = start.min(len(&left));
        }
        if size <= 1 {
            return left;
        }
        size = size.div_ceil(2);
    }
}
