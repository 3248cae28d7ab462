//! CONV004, nothing back from the dead: no version is held at the end by a holder that knows a write which must
//! have overwritten it.

use crate::CodeInfo;
use crate::facts::Facts;
use crate::facts::overwritten::Covers;
use crate::trace::{Conflict, Level, Levels, NodeId, What};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV004", meaning: "a version is back although a write that had seen it is known" };

/// A version that `node` holds although it knows its overwriter `by`.
pub(super) struct Undead {
    node: NodeId,
    write: u32,
    by: u32,
    place: usize,
}

pub(super) fn breaches(facts: &Facts<'_>) -> Vec<Undead> {
    let covers = Covers::of(facts);
    let undead = facts.held.iter().filter_map(|held| {
        let by = covers.overwriter(held.node, held.write)?;
        Some(Undead { node: held.node, write: held.write, by, place: held.place })
    });
    undead.collect()
}

impl Undead {
    pub(super) fn describe(&self, facts: &Facts<'_>) -> Finding {
        let Undead { node, write, by, place } = *self;
        let at_ns = facts.header().end_ns;
        let title = format!(
            "{node} holds {} at the end, although it knows {}, which had overwritten it",
            facts.title(write),
            facts.title(by)
        );
        let mut evidence = vec![facts.describe(write)];
        let why = match facts.write(by).context.and_then(|read| facts.operations.get(read)) {
            Some(read) if facts.header().conflict == Conflict::Causal => {
                evidence.push(facts.operations.describe(read));
                format!("handing back the context of #{}", read.number)
            }
            _ => format!("at {}, which had it", facts.write(by).id.node()),
        };
        let mut line = facts.describe(by);
        line.text.push_str(&format!("   {why}"));
        evidence.push(line);
        let mut events = Vec::new();
        let is_old = |levels: Levels, id| id == facts.write(write).id && levels.contains(Level::Eventual);
        let announced = facts.recording.events.iter().filter(|event| event.node == node);
        for event in announced {
            let verb = match event.what {
                What::Known { write: id } if id == facts.write(by).id => "knows the overwriter",
                What::Visible { levels, write: id } if is_old(levels, id) => "shows the old version",
                What::Hidden { levels, write: id } if is_old(levels, id) => "no longer shows the old version",
                _ => continue,
            };
            evidence.push(TraceLine::new(event.at_ns, format!("{node} {verb}")));
            events.push(event.number);
        }
        evidence.sort_by_key(|line| line.at_ns);
        evidence.truncate(10);
        events.truncate(10);
        events.push(facts.event(place).number);
        Finding::new(&CODE, title, at_ns)
            .kind(if facts.write(by).delete {
                "a version is back although a delete that had seen it is known"
            } else {
                ""
            })
            .evidence(evidence)
            .events(events)
            .ops([write, by].map(|write| facts.write(write).op))
    }
}
