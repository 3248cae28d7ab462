//! Delta debugging.

/// A small subset of `0..count` for which `test` is true, given that it is true for all: none of the numbers that
/// are left can be left out alone (the algorithm `ddmin` of Zeller and Hildebrandt, *Simplifying and isolating
/// failure-inducing input*, IEEE TSE 2002, which begins here with the empty set). `test` gets numbers in ascending
/// order; when it answers nothing, the search ends with what it has.
pub fn ddmin(count: usize, test: &mut dyn FnMut(&[usize]) -> Option<bool>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    let mut parts = 1;
    while !kept.is_empty() {
        parts = parts.min(kept.len());
        let bound = |part: usize| kept.len() * part / parts;
        let single = (0..parts).filter(|_| parts > 1).map(|part| kept[bound(part)..bound(part + 1)].to_vec());
        // Of two parts each is the rest of the other.
        let rests =
            (0..parts).filter(|_| parts != 2).map(|part| [&kept[..bound(part)], &kept[bound(part + 1)..]].concat());
        let fewer = single.map(|part| (part, 2)).chain(rests.map(|rest| (rest, (parts - 1).max(2))));
        let answers = fewer.map(|(fewer, parts)| (test(&fewer), fewer, parts));
        match { answers }.find(|(answer, ..)| *answer != Some(false)) {
            Some((Some(_), fewer, next)) => (kept, parts) = (fewer, next),
            None if parts < kept.len() => parts *= 2,
            Some((None, ..)) | None => break,
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_store::Stream;

    #[test]
    fn finds_what_matters_and_nothing_else() {
        let mut chance = Stream::new(1, "test", 0);
        for count in 0..60 {
            for _ in 0..20 {
                let needed: Vec<usize> = (0..count).filter(|_| chance.below(8) == 0).collect();
                let mut tests = 0;
                let kept = ddmin(count, &mut |kept| {
                    tests += 1;
                    assert!(kept.is_sorted() && kept.len() < count.max(1));
                    Some(needed.iter().all(|number| kept.contains(number)))
                });
                assert_eq!(kept, needed);
                // The bound of the paper, n^2 + 3n, and the empty set.
                assert!(tests <= count * count + 3 * count + 1, "{tests} tests for {count}");
            }
        }
    }

    #[test]
    fn none_of_what_is_left_can_be_left_out_alone() {
        // Shows with an odd number of multiples of 3, whatever else there is.
        let shows = |kept: &[usize]| kept.iter().filter(|number| *number % 3 == 0).count() % 2 == 1;
        let kept = ddmin(99, &mut |kept| Some(shows(kept)));
        assert!(shows(&kept));
        for left_out in &kept {
            let rest: Vec<usize> = kept.iter().copied().filter(|number| number != left_out).collect();
            assert!(!shows(&rest));
        }
    }

    #[test]
    fn ends_when_told() {
        let mut left = 5;
        let kept = ddmin(1_000, &mut |kept| {
            left -= 1;
            (left >= 0).then(|| kept.contains(&700))
        });
        assert!(kept.contains(&700) && kept.len() < 1_000 && left == -1);
    }
}
