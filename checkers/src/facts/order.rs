//! The writes of a recording, in the two orders that ordered levels know: by origin; and by line, the writes of one origin to
//! one key of which each had seen the one before. And which writes had seen which, as far as a recording proves it ([`Seen`]).

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Facts, Knowledge, RecordedWrite};
use crate::trace::{Conflict, Disk, Dot, Level, NodeId, What};

/// Number of priorities, and of the views that wait: view `v` carries the writes of priority `v` or above.
pub(crate) const VIEWS: usize = 4;

/// The writes of a recording by origin, and by line.
#[derive(Default)]
pub(crate) struct WriteOrder {
    /// By write: the priority of its key.
    pub(crate) priorities: Vec<u8>,
    /// By write: the number of its origin.
    pub(crate) origins: Vec<u32>,
    /// By origin and view: the writes that the view carries, in the order in which they were taken in.
    pub(crate) chains: Vec<[Vec<u32>; VIEWS]>,
    /// By write: its line, and its position there, from 1.
    pub(crate) places: Vec<(u32, u32)>,
    /// By line: writes of one origin to one key, in the same order, of which each had seen the one before. Only where ordered
    /// levels are served.
    pub(crate) lines: Vec<Vec<u32>>,
    /// By key: its lines.
    pub(crate) of_key: FxHashMap<u32, Vec<u32>>,
    /// Why the order of an origin's writes is not known: a name is missing among them, or belongs to two.
    pub(crate) gap: Option<String>,
    /// Where disks were lost.
    lost_disks: Vec<(NodeId, usize)>,
}

/// Where a write stands among those of its origin. Between two lives of its node some may have been undone, whose
/// counters are given again.
pub(crate) fn rank(facts: &Facts<'_>, write: u32) -> (u32, u64) {
    let write = facts.write(write);
    (write.life, write.id.counter)
}

impl WriteOrder {
    pub(crate) fn of(facts: &Facts<'_>) -> WriteOrder {
        let count = facts.writes.len();
        let priority = |key: u32| facts.header().priorities.get(key as usize).map_or(0, |priority| (*priority).min(3));
        let mut order: Vec<u32> = (0..count as u32).collect();
        order.sort_unstable_by_key(|write| (facts.write(*write).id.origin.number(), rank(facts, *write)));
        let mut all = WriteOrder {
            priorities: facts.writes.iter().map(|write| priority(write.key)).collect(),
            origins: vec![0; count],
            chains: Vec::new(),
            places: vec![(0, 0); count],
            lines: Vec::new(),
            of_key: FxHashMap::default(),
            gap: given_again(facts),
            lost_disks: lost_disks(facts),
        };
        let is_register = facts.header().conflict == Conflict::LastWriterWins;
        let is_ordered = facts.header().levels.iter().any(|level| level != Level::Eventual);
        let seen = is_ordered.then(|| facts.seen());
        for writes in order.chunk_by(|a, b| facts.write(*a).id.origin.number() == facts.write(*b).id.origin.number()) {
            let mut chains: [Vec<u32>; VIEWS] = Default::default();
            let mut lines: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
            let mut counter = 1;
            for write in writes {
                let RecordedWrite { key, id, undone, .. } = *facts.write(*write);
                if id.counter != counter && undone.is_none() && all.gap.is_none() {
                    let missing = Dot { counter, ..id };
                    all.gap = Some(format!("{missing} was never named, so that the order of its origin is not known"));
                }
                counter += u64::from(undone.is_none());
                let number = *write as usize;
                all.origins[number] = all.chains.len() as u32;
                for chain in &mut chains[..=usize::from(all.priorities[number])] {
                    chain.push(*write);
                }
                let Some(seen) = seen else { continue };
                let of_key = lines.entry(key).or_default();
                let continues = |line: &&u32| {
                    let last = all.lines[**line as usize].last().expect("a line has a write");
                    is_register || seen.had_seen(*write, *last)
                };
                let line = of_key.iter().find(continues).copied().unwrap_or_else(|| {
                    all.lines.push(Vec::new());
                    let line = all.lines.len() as u32 - 1;
                    of_key.push(line);
                    all.of_key.entry(key).or_default().push(line);
                    line
                });
                all.lines[line as usize].push(*write);
                all.places[number] = (line, all.lines[line as usize].len() as u32);
            }
            all.chains.push(chains);
        }
        all
    }

    /// The write at a position of a line.
    pub(crate) fn at(&self, line: u32, position: u32) -> u32 {
        self.lines[line as usize][position as usize - 1]
    }

    /// The view in which `level` reads keys of this priority; none when it does not carry them.
    pub(crate) fn view(level: Level, priority: u8) -> Option<usize> {
        let view = match level {
            Level::Eventual => return None,
            Level::Fifo => 0,
            Level::FifoP1 => 1,
            Level::FifoP2 => 2,
            Level::FifoP3 => 3,
            Level::Priority => priority,
        };
        (view <= priority).then_some(usize::from(view))
    }
}

impl Facts<'_> {
    /// Which writes had seen which.
    pub(crate) fn seen(&self) -> &Seen {
        self.seen.get_or_init(|| Seen::of(self))
    }

    /// What `level` needs before it may show `write`: the writes of its origin that the level carries, up to itself.
    /// Nothing where the level waits for nothing or does not carry the key.
    fn needed(&self, level: Level, write: u32) -> &[u32] {
        let Some(view) = WriteOrder::view(level, self.order.priorities[write as usize]) else { return &[] };
        let chain = &self.order.chains[self.order.origins[write as usize] as usize][view];
        let own = rank(self, write);
        &chain[..chain.partition_point(|other| rank(self, *other) <= own)]
    }

    /// The first write without which `level` of `node` must not show `write` and the node had no record of at
    /// `place`; it may be `write` itself.
    pub(crate) fn missing(&self, (node, level): (NodeId, Level), write: u32, place: usize) -> Option<u32> {
        let is_missing = |other: &u32| self.known_since(node, *other, place).is_none() && !self.is_void(*other, place);
        self.needed(level, write).iter().copied().find(is_missing)
    }

    /// True when at `place` a write can never arrive any more where it is not known: it was undone, or no disk has it and
    /// that of its origin was lost.
    pub(crate) fn is_void(&self, write: u32, place: usize) -> bool {
        let RecordedWrite { id, wrote, undone, .. } = *self.write(write);
        let is_lost = |node: NodeId, since: usize| {
            self.order.lost_disks.iter().any(|(other, lost)| *other == node && (since..=place).contains(lost))
        };
        let has = |known: &Knowledge| known.write == write && known.place <= place && !is_lost(known.node, known.place);
        undone.is_some_and(|undone| undone <= place) || is_lost(id.node(), wrote) && !self.known.iter().any(has)
    }
}

/// A name that its replica has given again after its disk had broken a promise: what is said about one of the two
/// writes cannot be distinguished from what is said about the other.
fn given_again(facts: &Facts<'_>) -> Option<String> {
    if !facts.rare().any(|(_, event)| matches!(event.what, What::Forgot { .. })) {
        return None;
    }
    let mut forgotten: FxHashSet<Dot> = FxHashSet::default();
    facts.recording.events.iter().enumerate().find_map(|(place, event)| match event.what {
        What::Forgot { write, promised: true } if write.node() == event.node => {
            forgotten.insert(write);
            None
        }
        What::Wrote { write, .. } if forgotten.contains(&write) => {
            let is_other = facts.number(write, place).is_none_or(|number| facts.write(number).wrote != place);
            is_other.then(|| format!("a disk broke its promise, and {write} then became the name of a second write"))
        }
        _ => None,
    })
}

/// The nodes that lost their disks, and where in the recording.
fn lost_disks(facts: &Facts<'_>) -> Vec<(NodeId, usize)> {
    let lost = facts.rare().filter(|(_, event)| matches!(event.what, What::Down { disk: Disk::Lost }));
    lost.map(|(place, event)| (event.node, place)).collect()
}

/// Lines with how many of their writes have been seen, in the order of the lines.
pub(crate) type UpTo = Vec<(u32, u32)>;

/// Which writes had seen which.
///
/// A write had seen what the answer told whose context it hands back (what a read returned, or the session's own write) or,
/// where a write replaces whatever its replica holds, what that had taken in before and what it showed; and what those had
/// seen. It is known of writes that were taken in before it. The writes of a key are put into *lines*, in each of which every
/// write had seen the one before: of a line, a write has seen the first few.
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
    fn of(facts: &Facts<'_>) -> Seen {
        let count = facts.writes.len();
        let mut seen = Seen {
            lines: Vec::new(),
            places: vec![None; count],
            up_to: Vec::with_capacity(count),
            lines_of: FxHashMap::default(),
        };
        let held = held(facts);
        let mut last: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        for (write, held) in held.into_iter().enumerate() {
            let info = &facts.writes[write];
            if info.undone.is_some() {
                seen.up_to.push(Vec::new());
                continue;
            }
            let mut parts = held;
            match facts.header().conflict {
                Conflict::Causal => parts.extend(info.context.into_iter().flat_map(|op| facts.handed_out(op))),
                Conflict::LastWriterWins => {
                    parts.extend(last.insert((info.id.origin.number(), info.key), write as u32));
                }
            }
            parts.retain(|part| (*part as usize) < write);
            let mut up_to = seen.joined(&parts);
            let Seen { lines, lines_of, .. } = &mut seen;
            let of_key = lines_of.entry(info.key).or_default();
            let has_seen_all = |line: &&u32| reach(&up_to, **line) as usize == lines[**line as usize].len();
            let line = of_key.iter().find(has_seen_all).copied().unwrap_or_else(|| {
                lines.push(Vec::new());
                of_key.push(lines.len() as u32 - 1);
                lines.len() as u32 - 1
            });
            lines[line as usize].push(write as u32);
            let place = (line, lines[line as usize].len() as u32);
            seen.places[write] = Some(place);
            raise(&mut up_to, place);
            seen.up_to.push(up_to);
        }
        seen
    }

    /// True when `write` had seen `earlier`, or is it.
    pub(crate) fn had_seen(&self, write: u32, earlier: u32) -> bool {
        let place = self.places[earlier as usize];
        place.is_some_and(|(line, position)| reach(&self.up_to[write as usize], line) >= position)
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
        let Some(shown) = shown.get_mut(event.node.index()) else { continue };
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
