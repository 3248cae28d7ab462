//! Delta debugging.

/// A small subset of `0..count` for which `test` is true, given that it is true for all: none of the numbers that
/// are left can be left out alone (the algorithm `ddmin` of Zeller and Hildebrandt, *Simplifying and isolating
/// failure-inducing input*, IEEE TSE 2002, which begins here with the empty set). `test` gets numbers in ascending
/// order; when it answers nothing, the search ends with what it has.
pub fn ddmin(count: usize, test: &mut dyn FnMut(&[usize]) -> Option<bool>) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..count).collect();
    if count == 0 {
        return kept;
    }
    let mut parts = 1;
    loop {
        match smaller(&kept, parts, test) {
            Step::Part(part) => {
                kept = part;
                parts = 2;
            }
            Step::Rest(rest) => {
                kept = rest;
                parts = (parts - 1).max(2);
            }
            Step::Nothing if parts < kept.len() => parts = (parts * 2).min(kept.len()),
            Step::Nothing | Step::Stop => return kept,
        }
        if kept.is_empty() {
            return kept;
        }
        parts = parts.min(kept.len());
    }
}

enum Step {
    Part(Vec<usize>),
    Rest(Vec<usize>),
    Nothing,
    Stop,
}

/// Divides `kept` into `parts`: one of them, or `kept` without one.
fn smaller(kept: &[usize], parts: usize, test: &mut dyn FnMut(&[usize]) -> Option<bool>) -> Step {
    let bounds: Vec<(usize, usize)> =
        (0..parts).map(|part| (kept.len() * part / parts, kept.len() * (part + 1) / parts)).collect();
    if parts > 1 {
        for (from, to) in &bounds {
            match test(&kept[*from..*to]) {
                Some(true) => return Step::Part(kept[*from..*to].to_vec()),
                Some(false) => {}
                None => return Step::Stop,
            }
        }
    }
    // Of two parts each is the rest of the other.
    for (from, to) in bounds.iter().filter(|_| parts != 2) {
        let rest = [&kept[..*from], &kept[*to..]].concat();
        match test(&rest) {
            Some(true) => return Step::Rest(rest),
            Some(false) => {}
            None => return Step::Stop,
        }
    }
    Step::Nothing
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
