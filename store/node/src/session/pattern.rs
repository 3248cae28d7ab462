//! Patterns of keys.

/// Whether a text looks like a pattern, in which * stands for any bytes, ? for one, [a-c] and [^x] for one of several, and \ takes
/// the meaning from the next one.
pub fn is_like(text: &[u8], pattern: &[u8]) -> bool {
    let (mut at, mut rest) = (0, pattern);
    // The last star: what follows it in the pattern, and where it is tried in the text.
    let mut star: Option<(&[u8], usize)> = None;
    loop {
        if let [b'*', after @ ..] = rest {
            star = Some((after, at));
            rest = after;
            continue;
        }
        match (text.get(at), rest) {
            (None, []) => return true,
            (Some(byte), [_, ..]) => {
                if let Some(after) = is_one(*byte, rest) {
                    (at, rest) = (at + 1, after);
                    continue;
                }
            }
            _ => {}
        }
        match &mut star {
            Some((after, tried)) if *tried < text.len() => {
                *tried += 1;
                (at, rest) = (*tried, after);
            }
            _ => return false,
        }
    }
}

/// What follows in a pattern when its first element stands for the byte.
fn is_one(byte: u8, pattern: &[u8]) -> Option<&[u8]> {
    match pattern {
        [b'?', after @ ..] => Some(after),
        [b'\\', one, after @ ..] => (*one == byte).then_some(after),
        [b'[', inside @ ..] => {
            let end = inside.iter().skip(1).position(|byte| *byte == b']').map(|end| end + 1)?;
            let (not, set) = match &inside[..end] {
                [b'^', set @ ..] => (true, set),
                set => (false, set),
            };
            let mut found = false;
            let mut rest = set;
            while let [first, after @ ..] = rest {
                rest = after;
                if let [b'-', last, after @ ..] = rest {
                    found |= (*first..=*last).contains(&byte);
                    rest = after;
                } else {
                    found |= *first == byte;
                }
            }
            (found != not).then_some(&inside[end + 1..])
        }
        [one, after @ ..] => (*one == byte).then_some(after),
        [] => None,
    }
}
