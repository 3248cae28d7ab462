//! The writes of a recording, in the two orders that ordered levels know: by origin, and by origin and key.

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Facts, Knowledge, RecordedWrite};
use crate::trace::{Disk, Dot, Level, NodeId, What};

/// Number of priorities, and of the views that wait: view `v` carries the writes of priority `v` or above.
pub(crate) const VIEWS: usize = 4;

/// The writes of a recording by origin, and by origin and key.
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
    /// By line: the writes of one origin to one key, in the same order.
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
        for writes in order.chunk_by(|a, b| facts.write(*a).id.origin.number() == facts.write(*b).id.origin.number()) {
            let mut chains: [Vec<u32>; VIEWS] = Default::default();
            let mut lines: FxHashMap<u32, u32> = FxHashMap::default();
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
                let line = *lines.entry(key).or_insert_with(|| {
                    all.lines.push(Vec::new());
                    all.of_key.entry(key).or_default().push(all.lines.len() as u32 - 1);
                    all.lines.len() as u32 - 1
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
