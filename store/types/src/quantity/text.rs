//! Numbers and names in messages.

/// `number / unit`, exactly; the unit is a power of ten.
pub fn decimal(number: u64, unit: u64) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0digits$}", number / unit, number % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Control characters, those that change the direction of what follows, and those that no page may have.
pub fn disturbs(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{fffe}' | '\u{ffff}')
}

/// The text in one line, without what would disturb a terminal or a page.
pub fn printable(text: &str) -> String {
    text.replace(disturbs, "?")
}

/// A text for use in a message: without control characters, cut when it is long.
pub fn shown(text: &str) -> String {
    const MAX: usize = 40;
    let mut short = printable(&text.chars().take(MAX).collect::<String>());
    if text.chars().nth(MAX).is_some() {
        short.push_str("...");
    }
    short
}

/// The candidate that `name` is most likely a slip of.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // No name of that length is a slip, and the distance takes quadratic time.
    if name.len() > 100 {
        return None;
    }
    let plain = |name: &str| name.to_lowercase().replace('_', "-");
    let name = plain(name);
    let candidates: Vec<(&str, String)> = candidates.into_iter().map(|one| (one, plain(one))).collect();
    let distances = candidates.iter().map(|(one, plain)| {
        // The first letter is seldom wrong.
        (strsim::damerau_levenshtein(&name, plain), !plain.starts_with(name.get(..1).unwrap_or("")), *one)
    });
    let (distance, _, best) = distances.min_by_key(|(distance, first_differs, _)| (*distance, *first_differs))?;
    let letters = best.chars().count();
    if distance <= (letters / 3).max(1) && distance < letters {
        return Some(best);
    }
    let begins = |(_, plain): &&(&str, String)| name.len() >= 3 && plain.starts_with(&name);
    candidates.iter().find(begins).map(|(one, _)| *one)
}

/// "a, b and c", each in backquotes.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>, word: &str) -> String {
    let quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => "nothing".to_owned(),
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {word} {last}", others.join(", ")),
    }
}
