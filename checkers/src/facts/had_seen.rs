//! Which writes had seen which, as far as a recording proves it.
//!
//! A write had seen the earlier writes of its replica to its key; what the answer told whose context it hands back (what a
//! read returned, or the session's own write) or, where a write replaces whatever its replica holds, what that showed; and
//! what those had seen. It is known of writes that were taken in before it. So of each *line*, the writes of one replica to one key, a write has seen the first few.

use rustc_hash::FxHashMap;

use super::Facts;
use crate::trace::{Conflict, Level, What};

/// Lines with how many of their writes have been seen, in the order of the lines.
pub(crate) type UpTo = Vec<(u32, u32)>;

pub(crate) struct Seen {
    /// The writes of each line, in the order in which they were taken in.
    pub(crate) lines: Vec<Vec<u32>>,
    /// By write: its line and its position there, from 1; none for one that was undone before any other replica heard of it.
    pub(crate) places: Vec<Option<(u32, u32)>>,
    /// By write: itself and what it had seen.
    pub(crate) up_to: Vec<UpTo>,
    /// By key.
    pub(crate) lines_of: FxHashMap<u32, Vec<u32>>,
}

impl Seen {
    pub(crate) fn of(facts: &Facts<'_>) -> Seen {
        let count = facts.writes.len();
        let mut seen = Seen {
            lines: Vec::new(),
            places: vec![None; count],
            up_to: Vec::with_capacity(count),
            lines_of: FxHashMap::default(),
        };
        let held = held(facts);
        let mut by_name: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        for (write, held) in held.into_iter().enumerate() {
            let info = &facts.writes[write];
            if info.undone.is_some() {
                seen.up_to.push(Vec::new());
                continue;
            }
            let line = *by_name.entry((info.id.origin.number(), info.key)).or_insert_with(|| {
                seen.lines.push(Vec::new());
                let line = seen.lines.len() as u32 - 1;
                seen.lines_of.entry(info.key).or_default().push(line);
                line
            });
            let writes = &mut seen.lines[line as usize];
            let mut parts = held;
            parts.extend(writes.last());
            parts.extend(info.context.into_iter().flat_map(|op| facts.handed_out(op)));
            writes.push(write as u32);
            let place = (line, writes.len() as u32);
            seen.places[write] = Some(place);
            parts.retain(|part| (*part as usize) < write);
            let mut up_to = seen.joined(&parts);
            raise(&mut up_to, place);
            seen.up_to.push(up_to);
        }
        seen
    }

    /// These writes and what they had seen.
    pub(crate) fn joined(&self, writes: &[u32]) -> UpTo {
        match writes {
            [] => Vec::new(),
            [one] => self.up_to[*one as usize].clone(),
            [first, others @ ..] => {
                let mut all = self.up_to[*first as usize].clone();
                others.iter().flat_map(|write| &self.up_to[*write as usize]).for_each(|place| raise(&mut all, *place));
                all
            }
        }
    }
}

/// So many of the line's writes are among `seen`.
pub(crate) fn reach(seen: &UpTo, line: u32) -> u32 {
    seen.binary_search_by_key(&line, |(line, _)| *line).map_or(0, |found| seen[found].1)
}

pub(crate) fn raise(seen: &mut UpTo, (line, position): (u32, u32)) {
    match seen.binary_search_by_key(&line, |(line, _)| *line) {
        Ok(found) => seen[found].1 = seen[found].1.max(position),
        Err(at) => seen.insert(at, (line, position)),
    }
}

/// By write: what its replica showed of its key when it took the write in, where that is what a write replaces.
fn held(facts: &Facts<'_>) -> Vec<Vec<u32>> {
    let mut held = vec![Vec::new(); facts.writes.len()];
    if facts.header().conflict == Conflict::Causal {
        return held;
    }
    let mut shown: Vec<FxHashMap<u32, Vec<u32>>> = vec![FxHashMap::default(); usize::from(facts.header().nodes)];
    for (place, event) in facts.recording.events.iter().enumerate() {
        let shown = &mut shown[event.node.index()];
        match event.what {
            What::Wrote { write, .. } => {
                if let Some(number) = facts.number(write, place)
                    && facts.write(number).wrote == place
                {
                    held[number as usize] = shown.get(&facts.write(number).key).cloned().unwrap_or_default();
                }
            }
            What::Visible { levels, write } if levels.contains(Level::Eventual) => {
                if let Some(number) = facts.number(write, place) {
                    shown.entry(facts.write(number).key).or_default().push(number);
                }
            }
            What::Hidden { levels, write } if levels.contains(Level::Eventual) => {
                if let Some(number) = facts.number(write, place)
                    && let Some(versions) = shown.get_mut(&facts.write(number).key)
                {
                    versions.retain(|version| *version != number);
                }
            }
            What::Down { .. } => *shown = FxHashMap::default(),
            _ => {}
        }
    }
    held
}
