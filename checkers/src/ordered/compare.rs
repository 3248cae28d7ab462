//! What a replica shows, compared with what it must show: after each of its steps, and at the end.

use rustc_hash::FxHashSet;

use super::state::Status;
use super::walk::{Breach, Failure, ORDERED, Walk};
use crate::facts::order::WriteOrder;
use crate::trace::{Level, Levels, NodeId};

impl Walk<'_, '_> {
    /// Compares what the replica shows of the writes that changed with what it must show.
    pub(super) fn judge(&mut self, node: NodeId, place: usize) {
        let mut dirty = std::mem::take(&mut self.state.dirty);
        dirty.sort_unstable();
        dirty.dedup();
        for write in dirty.drain(..) {
            let priority = self.facts.order.priorities[write as usize];
            for level in ORDERED.into_iter().filter(|level| self.facts.header().levels.contains(*level)) {
                let mark = self.state.marked(node, write);
                let (is_shown, was_shown) = (mark.shown.contains(level), mark.was_shown.contains(level));
                let status = WriteOrder::view(level, priority)
                    .map_or(Status::Absent, |view| self.state.status(node, write, view));
                let wrong = match status {
                    Status::Absent if is_shown => Some((Failure::Early, write)),
                    Status::Present if !is_shown && was_shown => Some((Failure::Unreflected, write)),
                    Status::Present if !is_shown => Some((Failure::Late, write)),
                    Status::Overwritten(by) if is_shown && mark.was_gone.contains(level) => {
                        Some((Failure::Unreflected, by))
                    }
                    Status::Overwritten(by) if is_shown => Some((Failure::Late, by)),
                    Status::Overwritten(_) => {
                        let mark = self.state.mark(node, write);
                        mark.was_gone = mark.was_gone.with(level);
                        None
                    }
                    _ => None,
                };
                let wrong = wrong.or_else(|| self.is_skipped(node, write, level).then_some((Failure::Skipped, write)));
                self.now(node, write, level, wrong, place);
            }
        }
        self.state.dirty = dirty;
    }

    /// True when the level shows later writes of the origin because the write seemed to be void, and it was not.
    fn is_skipped(&self, node: NodeId, write: u32, level: Level) -> bool {
        let Some(view) = WriteOrder::view(level, self.facts.order.priorities[write as usize]) else { return false };
        !self.state.marked(node, write).known
            && self.state.is_passed(node, write, view)
            && self.state.void(write).is_none()
            && self.passed(node, write, level).is_some()
    }

    /// What is wrong about a write from `place` on.
    pub(super) fn now(&mut self, node: NodeId, write: u32, level: Level, wrong: Option<(Failure, u32)>, place: usize) {
        let key = (node, write, level);
        if !self.open.is_empty()
            && let Some(breach) = self.open.get(&key).copied()
            && wrong.is_none_or(|(kind, _)| kind != breach.kind)
        {
            self.open.remove(&key);
            self.close(breach, level, Some(place));
        }
        if let Some((kind, late)) = wrong {
            let view = WriteOrder::view(level, self.facts.order.priorities[write as usize]);
            let missing =
                view.filter(|_| kind == Failure::Early).and_then(|view| self.state.missing(node, write, view));
            let levels = Levels::only(level);
            let breach = Breach { node, write, levels, kind, late, from: place, until: None, passed: None, missing };
            self.open.entry(key).or_insert(breach);
        }
    }

    /// A breach is over, unless it was none: within a moment of virtual time steps have no order that a client could see.
    fn close(&mut self, mut breach: Breach, level: Level, until: Option<usize>) {
        let lasts_after = |from: usize| until.is_none_or(|end| self.at_ns(end) > self.at_ns(from));
        if !lasts_after(breach.from) {
            return;
        }
        breach.until = until;
        let passed = || self.passed(breach.node, breach.late, level);
        breach.passed = match breach.kind {
            Failure::Late => passed().filter(|passed| lasts_after(*passed)),
            Failure::Skipped => passed(),
            Failure::Early | Failure::Unreflected => None,
        };
        self.found.breaches.push(breach);
    }

    fn at_ns(&self, place: usize) -> u64 {
        self.facts.at_ns(place)
    }

    /// The step after which the level first showed a later write of the origin of `write`, for which `write` must
    /// be reflected.
    pub(super) fn passed(&self, node: NodeId, write: u32, level: Level) -> Option<usize> {
        let (origin, counter) = (self.facts.order.origins[write as usize], self.facts.write(write).id.counter);
        let highest = if level == Level::Priority { self.facts.order.priorities[write as usize] } else { 0 };
        let firsts = (0..=highest).filter_map(|priority| {
            let life = (node, self.state.losses.disks.lives[node.index()]);
            let list = self.highest.0.get(&(life, level, origin, priority))?;
            list.get(list.partition_point(|(shown, _)| *shown <= counter)).map(|(_, place)| *place)
        });
        firsts.min()
    }

    /// The recording has ended.
    pub(super) fn end(&mut self) {
        let end = self.facts.recording.events.len().saturating_sub(1);
        // Whether a replica asks again for what it had no room for is seen only when it had time to.
        let is_settled = self.facts.header().settling_from_ns.is_some();
        for node in NodeId::all(self.facts.header().nodes).filter(|_| is_settled) {
            if self.state.losses.disks.is_down(node).is_none() {
                self.state.end(node);
                self.judge(node, end);
            }
        }
        let open = std::mem::take(&mut self.open);
        open.into_iter().for_each(|((_, _, level), breach)| self.close(breach, level, None));
        let breaches = &mut self.found.breaches;
        breaches.sort_unstable();
        breaches.dedup_by(|other, first| {
            let is_same = Breach { levels: first.levels, missing: first.missing, ..*other } == *first;
            if is_same {
                first.levels = first.levels.and(other.levels);
            }
            is_same
        });
        // That an overwritten version is still shown follows from its overwriter's not being shown.
        let own: FxHashSet<(NodeId, u32, Option<usize>)> =
            breaches.iter().filter(|one| one.write == one.late).map(|one| (one.node, one.write, one.until)).collect();
        breaches.retain(|one| one.write == one.late || !own.contains(&(one.node, one.late, one.until)));
    }
}
