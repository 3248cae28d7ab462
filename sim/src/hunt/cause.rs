//! What findings of different runs have in common.

use std::collections::BTreeSet;

use kvsim_checkers::Finding;

/// The finding's title without names and numbers, and what lost the messages of its story: findings of one code that
/// agree in this mostly have one cause.
pub fn cause(finding: &Finding) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in finding.title.split_whitespace() {
        let after_not = words.last().is_some_and(|last| last == "not");
        words.push(if word.contains(|c: char| c.is_ascii_digit()) { unnamed(word) } else { singular(word, after_not) });
        shorten(&mut words);
    }
    let lost_by: BTreeSet<&str> = finding
        .story
        .iter()
        .filter_map(|line| line.text.split("lost (").nth(1)?.split(['[', ',', ')']).next())
        .map(|by| by.trim_start_matches("by "))
        .collect();
    let lost_by: Vec<&str> = lost_by.into_iter().collect();
    let text = words.join(" ").replace(NUMBER, "…");
    match lost_by.as_slice() {
        [] => text,
        by => format!("{text}; messages lost by {}", by.join(", ")),
    }
}

/// A word with a number in it, but for the signs around it.
fn unnamed(word: &str) -> String {
    let is_sign = |c: char| !c.is_alphanumeric() && c != '#';
    let lead = &word[..word.len() - word.trim_start_matches(is_sign).len()];
    let trail = &word[word.trim_end_matches(is_sign).len()..];
    // A number is no name: in `2 at n0, 3 at n1` the items of the list are not `n0` and `3`.
    let middle = &word[lead.len()..word.len() - trail.len()];
    let sign = if middle.contains(char::is_alphabetic) { "…" } else { NUMBER };
    format!("{lead}{sign}{trail}")
}

/// Stands for a number until the lists are shortened.
const NUMBER: &str = "\u{1}";

/// Several replicas *hold* what one *holds*.
fn singular(word: &str, after_not: bool) -> String {
    match word {
        "do" => "does",
        "hold" if !after_not => "holds",
        "know" if !after_not => "knows",
        "show" if !after_not => "shows",
        word => word,
    }
    .to_string()
}

/// A list is as good as its last item: `… at …, … at …` becomes `… at …`.
fn shorten(words: &mut Vec<String>) {
    let bare = |word: &str| word.trim_end_matches([',', ':', ';', ')']).to_string();
    for length in 1..=3 {
        let Some(second) = words.len().checked_sub(length) else { return };
        let Some(first) = second.checked_sub(length) else { return };
        let (one, other) = (&words[first..second], &words[second..]);
        let is_list = one.last().is_some_and(|word| word.ends_with(','));
        if is_list && one.iter().zip(other).all(|(one, other)| bare(one) == bare(other)) {
            words.drain(first..second);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_checkers::verdict::StoryLine;

    fn finding(title: &str, story: &[&str]) -> Finding {
        let story = story.iter().map(|text| StoryLine { at_ns: 0, text: text.to_string() }).collect();
        Finding { code: "CONV002".into(), title: title.into(), at_ns: 0, story, events: Vec::new(), ops: Vec::new() }
    }

    #[test]
    fn names_and_numbers_do_not_count_but_what_lost_the_messages_does() {
        let one = "n1 does not know k38 = 1540 (#3066 of app-6, n2:77), which n0 holds at the end";
        let other = "n1, n3 do not know k7 = 1 (#0 of app-4, n0:1), which n0, n1, n2 hold at the end";
        let by_chance = ["n2 -> n1  update 1540  lost (by chance)"];
        let by_fault = ["n2 -> n1  update 1540  lost (random_partition[0]#3, rough.toml:23)", "n1  shows it"];
        assert_eq!(cause(&finding(one, &by_chance)), cause(&finding(other, &by_chance)));
        assert_ne!(cause(&finding(one, &by_chance)), cause(&finding(one, &by_fault)));
        let text = cause(&finding(one, &by_fault));
        assert!(text.ends_with("which … holds at the end; messages lost by random_partition"), "{text}");
        assert_ne!(cause(&finding("n1 shows 2 values", &[])), cause(&finding("n1 lost 2 values", &[])));
    }

    #[test]
    fn a_list_is_as_good_as_one_item() {
        let titles = [
            "dot-keys should be 0 at rest, but is 1 at n3: entries of the map",
            "dot-keys should be 0 at rest, but is 196 at n0, 115 at n1, 191 at n2: entries of the map",
        ];
        for title in titles {
            let expected = "dot-keys should be … at rest, but is … at …: entries of the map";
            assert_eq!(cause(&finding(title, &[])), expected);
        }
    }
}
