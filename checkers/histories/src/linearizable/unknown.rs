//! Operations of unknown outcome: which have been used, and what is left of them.

use rustc_hash::FxHashMap;

use super::op::Op;

/// Operations of unknown outcome that do the same.
struct Class {
    needs: Option<u64>,
    writes: u64,
    /// How many of them have been asked for.
    asked: u32,
    /// For a cas: the class of plain writes of its value, which can do whatever it can.
    write: Option<usize>,
}

/// All of them in classes. What is *used* is the number of those that have had their moment, by class.
pub(super) struct Unknown {
    classes: Vec<Class>,
    /// By operation which class it is in.
    class_of: Vec<usize>,
}

impl Unknown {
    pub(super) fn of(ops: &[Op]) -> Unknown {
        let mut numbers: FxHashMap<(Option<u64>, u64), usize> = FxHashMap::default();
        let mut classes: Vec<Class> = Vec::new();
        let mut class_of = vec![usize::MAX; ops.len()];
        for (place, op) in ops.iter().enumerate().filter(|(_, op)| op.completed == Op::NEVER) {
            let Some(writes) = op.writes() else { continue };
            class_of[place] = *numbers.entry((op.needs(), writes)).or_insert_with(|| {
                classes.push(Class { needs: op.needs(), writes, asked: 0, write: None });
                classes.len() - 1
            });
        }
        for class in classes.iter_mut().filter(|class| class.needs.is_some()) {
            class.write = numbers.get(&(None, class.writes)).copied();
        }
        Unknown { classes, class_of }
    }

    /// Before any is used.
    pub(super) fn unused(&self) -> Vec<u32> {
        vec![0; self.classes.len()]
    }

    /// Notes that an operation was asked for.
    pub(super) fn ask(&mut self, op: u32) {
        if let Some(class) = self.classes.get_mut(self.class_of[op as usize]) {
            class.asked += 1;
        }
    }

    /// Whether who has used `one` can do whatever one can who has used `other`: what has been used more are cas, and for
    /// each of them a write of its value is left more.
    pub(super) fn covers(&self, one: &[u32], other: &[u32]) -> bool {
        let mut owed: FxHashMap<usize, u32> = FxHashMap::default();
        (0..self.classes.len()).filter(|class| one[*class] > other[*class]).all(|class| {
            let Some(write) = self.classes[class].write else { return false };
            let owed = owed.entry(write).or_default();
            *owed += one[class] - other[class];
            one[write] + *owed <= other[write]
        })
    }

    /// What may be used when a register comes from one value to another, without ways that leave less than others do: a
    /// write can do what a cas can, and several in a chain can do what one can that comes as far. Chains have at most
    /// `chain_max` operations. Nothing when the time is over or there are too many.
    pub(super) fn ways(
        &self,
        from: u64,
        to: u64,
        used: &[u32],
        chain_max: usize,
        next: Next<'_>,
    ) -> Option<Vec<Vec<u32>>> {
        let (used_here, path) = (used.to_vec(), vec![from]);
        let mut ways = Ways { unknown: self, to, used: used_here, path, chain_max, found: Vec::new(), next };
        ways.chains()?;
        if self.find(used, Some(from), to).is_some() {
            return Some(ways.found);
        }
        if let Some(write) = self.find(used, None, to) {
            ways.used[write] += 1;
            ways.found.push(ways.used);
            return Some(ways.found);
        }
        for write in (0..self.classes.len()).filter(|class| self.is_left(used, *class, None)) {
            let first = self.classes[write].writes;
            if first != from && self.find(used, Some(from), first).is_none() {
                ways.step(write)?;
            }
        }
        Some(ways.found)
    }

    /// One of the class is left, and needs this.
    fn is_left(&self, used: &[u32], class: usize, needs: Option<u64>) -> bool {
        self.classes[class].needs == needs && used[class] < self.classes[class].asked
    }

    /// A class of which one is left that needs this and writes that.
    fn find(&self, used: &[u32], needs: Option<u64>, writes: u64) -> Option<usize> {
        (0..self.classes.len()).find(|class| self.classes[*class].writes == writes && self.is_left(used, *class, needs))
    }
}

/// Says whether to go on, when so many ways have been found.
pub(super) type Next<'a> = &'a dyn Fn(usize) -> bool;

struct Ways<'a> {
    unknown: &'a Unknown,
    to: u64,
    used: Vec<u32>,
    /// The values so far. None of them comes again.
    path: Vec<u64>,
    chain_max: usize,
    found: Vec<Vec<u32>>,
    next: Next<'a>,
}

impl Ways<'_> {
    /// Chains of cas from the last value on the path.
    fn chains(&mut self) -> Option<()> {
        if !(self.next)(self.found.len()) {
            return None;
        }
        let from = self.path.last().copied();
        if let Some(last) = self.unknown.find(&self.used, from, self.to) {
            let mut used = self.used.clone();
            used[last] += 1;
            self.found.push(used);
            return Some(());
        }
        if self.path.len() >= self.chain_max {
            return Some(());
        }
        for class in 0..self.unknown.classes.len() {
            let is_new = !self.path.contains(&self.unknown.classes[class].writes);
            if is_new && self.unknown.is_left(&self.used, class, from) {
                self.step(class)?;
            }
        }
        Some(())
    }

    /// Goes on by one of a class, and comes back.
    fn step(&mut self, class: usize) -> Option<()> {
        self.used[class] += 1;
        self.path.push(self.unknown.classes[class].writes);
        let result = self.chains();
        self.path.pop();
        self.used[class] -= 1;
        result
    }
}
