//! What findings of different runs have in common.

use std::collections::BTreeSet;

use kvsim_checkers::Finding;

/// The kind of the finding, and what lost the messages of its evidence, but for their numbers: findings of one code that
/// agree in this mostly have one cause. The meaning of the finding's code stands for a kind that it does not have.
pub fn cause(finding: &Finding, meaning: &str) -> String {
    let kind = if finding.kind.is_empty() { meaning } else { &finding.kind };
    let lost_by = finding.evidence.iter().filter_map(|line| line.lost_by.as_deref()?.split('[').next());
    let lost_by: Vec<&str> = lost_by.collect::<BTreeSet<&str>>().into_iter().collect();
    if lost_by.is_empty() { kind.to_owned() } else { format!("{kind}; messages lost by {}", lost_by.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_checkers::verdict::TraceLine;

    #[test]
    fn kind_and_losses_count_but_titles_do_not() {
        let finding = |kind: &str, title: &str, lost_by: &str| Finding {
            code: "CONV002".into(),
            kind: kind.into(),
            title: title.into(),
            evidence: vec![TraceLine { lost_by: Some(lost_by.into()), ..TraceLine::default() }, TraceLine::default()],
            ..Finding::default()
        };
        let one = cause(&finding("a write is missing", "n1 lacks x", "partition[0]"), "");
        assert_eq!(one, "a write is missing; messages lost by partition");
        assert_eq!(cause(&finding("a write is missing", "n2 lacks y", "partition[1]#3"), ""), one);
        assert_ne!(cause(&finding("a write is missing", "n1 lacks x", "chance"), ""), one);
        assert_ne!(cause(&finding("a write is back", "n1 lacks x", "partition[0]"), ""), one);
        let unnamed = cause(&finding("", "n1 lacks x", "chance"), "a write is missing");
        assert_eq!(unnamed, "a write is missing; messages lost by chance");
    }
}
