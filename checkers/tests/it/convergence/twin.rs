//! The convergence checker again, slow and straight from the definitions: sets of names, everything looked up
//! in the events again each time, no digests, no tables. It shares nothing with the checker but the trace types.

use std::collections::BTreeSet;

use kvsim_checkers::trace::{Action, Conflict, Disk, Dot, Event, Level, NodeId, Recording, What};

/// What the checker should report.
#[derive(Debug)]
pub struct Expected {
    pub code: &'static str,
    pub at_ns: u64,
    /// Any of these lists of operations will do.
    pub ops: Vec<Vec<u32>>,
}

struct Twin<'a>(&'a Recording);

struct Write {
    id: Dot,
    op: u32,
    wrote: usize,
    request: Request,
}

#[derive(Clone, Copy)]
struct Request {
    invoked: usize,
    node: NodeId,
    session: u32,
    action: Action,
    key: u32,
    level: Level,
    context: bool,
}

struct Read {
    request: Request,
    answered: usize,
    returned: Vec<Dot>,
}

/// All findings in the checker's order.
pub fn judge(recording: &Recording) -> Vec<Expected> {
    let recording = &with_own_names(recording);
    let twin = Twin(recording);
    let mut all = twin.agreement();
    if recording.header.settling_from_ns.is_some() {
        all.extend(twin.settled());
        all.extend(twin.lost());
    }
    all.extend(twin.dead());
    all.extend(twin.announced());
    if recording.header.settling_from_ns.is_some() {
        all.extend(twin.levels());
    }
    all
}

/// Counters of undone writes have a mark above this bit, so that no two writes share a name rightly.
const MARK: u32 = 40;

fn is_undone(id: Dot) -> bool {
    id.counter >> MARK > 0
}

/// The recording with a name of its own for every write whose node forgot it before anybody heard of it.
fn with_own_names(recording: &Recording) -> Recording {
    let mut named = recording.clone();
    let undoings = recording.events.iter().enumerate().filter_map(|(place, event)| match event.what {
        What::Forgot { write, promised: false } if write.node() == event.node => Some((place, write)),
        _ => None,
    });
    let mut since: Vec<(Dot, usize, u64)> = Vec::new();
    for (place, id) in undoings {
        let (from, count) =
            since.iter().rev().find(|(other, ..)| *other == id).map_or((0, 0), |(_, from, count)| (*from, *count));
        let names_it = |event: &Event| matches!(event.what, What::Wrote { write, .. } if write == id);
        let Some(name) = recording.events[from..place].iter().find(|event| names_it(event)) else { continue };
        let has_told = recording.events[..place].iter().any(|event| match (event.what, name.what) {
            (What::Answered { op }, What::Wrote { op: of, .. }) => op == of,
            (What::Known { write }, _) => write == id && event.node != id.node(),
            _ => false,
        });
        if has_told {
            continue;
        }
        // Without another write of that name, later events still mean this one.
        let is_given_again = recording.events[place..].iter().any(names_it);
        let until = if is_given_again { place + 1 } else { recording.events.len() };
        for event in &mut named.events[from..until] {
            if let What::Wrote { write, .. }
            | What::Returned { write, .. }
            | What::Known { write }
            | What::Visible { write, .. }
            | What::Hidden { write, .. }
            | What::Forgot { write, .. }
            | What::Holds { write, .. } = &mut event.what
                && *write == id
            {
                write.counter |= (count + 1) << MARK;
            }
        }
        since.push((id, place + 1, count + 1));
    }
    named
}

impl Twin<'_> {
    fn events(&self) -> impl Iterator<Item = (usize, &Event)> {
        self.0.events.iter().enumerate()
    }

    fn end_ns(&self) -> u64 {
        self.0.header.end_ns
    }

    fn request(&self, number: u32) -> Request {
        let found = self.events().find_map(|(invoked, event)| match event.what {
            What::Invoked { op, session, action, key, value: _, level, context } if op == number => {
                Some(Request { invoked, node: event.node, session, action, key, level, context })
            }
            _ => None,
        });
        found.expect("valid recordings invoke every operation")
    }

    fn answered(&self, number: u32) -> Option<usize> {
        self.0.events.iter().position(|event| event.what == What::Answered { op: number })
    }

    /// In the order in which they were named; a name belongs to the first that has it.
    fn writes(&self) -> Vec<Write> {
        let mut list: Vec<Write> = Vec::new();
        for (place, event) in self.events() {
            if let What::Wrote { op, write } = event.what
                && !list.iter().any(|other| other.id == write)
            {
                list.push(Write { id: write, op, wrote: place, request: self.request(op) });
            }
        }
        list
    }

    fn reads(&self) -> Vec<Read> {
        let mut list = Vec::new();
        for (answered, event) in self.events() {
            let What::Answered { op } = event.what else { continue };
            let request = self.request(op);
            if request.action == Action::Read {
                let returned = self.events().filter_map(|(_, event)| match event.what {
                    What::Returned { op: of, write } if of == op => Some(write),
                    _ => None,
                });
                list.push(Read { request, answered, returned: returned.collect() });
            }
        }
        list
    }

    fn get<'w>(&self, writes: &'w [Write], id: Dot, place: usize) -> Option<&'w Write> {
        writes.iter().find(|write| write.id == id && write.request.invoked < place)
    }

    /// Where `node` got to know the write in the life that it lives at `at`.
    fn known_in(&self, writes: &[Write], node: NodeId, id: Dot, at: usize) -> Option<usize> {
        let is_down = |event: &Event| event.node == node && matches!(event.what, What::Down { .. });
        let past = &self.0.events[..self.0.events.len().min(at + 1)];
        let born = past.iter().rposition(is_down).map_or(0, |down| down + 1);
        (born..past.len()).find(|place| {
            let event = &past[*place];
            event.node == node && event.what == What::Known { write: id } && self.get(writes, id, *place).is_some()
        })
    }

    /// Where `node` got to know the write, if it knows it at the end.
    fn known_at(&self, writes: &[Write], node: NodeId, id: Dot) -> Option<usize> {
        self.known_in(writes, node, id, self.0.events.len())
    }

    fn is_up_at_end(&self, node: NodeId) -> bool {
        let last = self
            .events()
            .filter(|(_, event)| event.node == node && matches!(event.what, What::Down { .. } | What::Up { .. }));
        last.last().is_none_or(|(_, event)| matches!(event.what, What::Up { .. }))
    }

    /// The holders that are up at the end.
    fn holders(&self, key: u32) -> Vec<NodeId> {
        self.0.header.holders(key).into_iter().filter(|node| self.is_up_at_end(*node)).collect()
    }

    /// How often `node` has gone down between two places.
    fn downs(&self, node: NodeId, from: usize, to: usize) -> usize {
        let is_down = |event: &&Event| event.node == node && matches!(event.what, What::Down { .. });
        self.0.events.get(from..to).unwrap_or_default().iter().filter(is_down).count()
    }

    /// A replica knew the write, and no disk has it at the end.
    fn is_gone(&self, writes: &[Write], id: Dot) -> bool {
        let mut was_known = false;
        let has = |node: NodeId| {
            let mut has = false;
            for (place, event) in self.events().filter(|(_, event)| event.node == node) {
                match event.what {
                    What::Known { write } if write == id && self.get(writes, id, place).is_some() => has = true,
                    What::Forgot { write, promised } if write == id => {
                        let Some(write) = self.get(writes, id, place) else { continue };
                        let is_early = self.answered(write.op).is_some_and(|answered| answered < place);
                        // In its present life it has learned of the write from another node.
                        let is_own = node == id.node() && self.downs(node, write.wrote, place) == 1;
                        has &= !promised && is_own && is_early;
                    }
                    What::Down { disk: Disk::Lost } => has = false,
                    _ => {}
                }
            }
            has && self.is_up_at_end(node)
        };
        for (place, event) in self.events() {
            was_known |= event.what == What::Known { write: id } && self.get(writes, id, place).is_some();
        }
        was_known && !NodeId::all(self.0.header.nodes).any(has)
    }

    /// What `node` shows of `key` after the event at `last`.
    fn shown(&self, writes: &[Write], level: Level, node: NodeId, key: u32, last: usize) -> BTreeSet<Dot> {
        let mut set = BTreeSet::new();
        for (place, event) in self.events().take(last + 1).filter(|(_, event)| event.node == node) {
            let is_asked = |id| self.get(writes, id, place).is_some_and(|write| write.request.key == key);
            match event.what {
                What::Visible { levels, write } if levels.contains(level) && is_asked(write) => {
                    set.insert(write);
                }
                What::Hidden { levels, write } if levels.contains(level) && is_asked(write) => {
                    set.remove(&write);
                }
                What::Down { .. } => set.clear(),
                _ => {}
            }
        }
        set
    }

    /// The steps: node, places of the first and last announcement.
    fn steps(&self) -> Vec<(NodeId, Vec<usize>)> {
        let mut steps: Vec<(NodeId, u64, Vec<usize>)> = Vec::new();
        let mut is_over = true;
        for (place, event) in self.events() {
            is_over |= matches!(event.what, What::Down { .. });
            if announcement(&event.what).is_some() {
                let is_first = std::mem::take(&mut is_over);
                match steps.last_mut() {
                    Some((node, cause, places)) if !is_first && (*node, *cause) == (event.node, event.cause) => {
                        places.push(place);
                    }
                    _ => steps.push((event.node, event.cause, vec![place])),
                }
            }
        }
        steps.into_iter().map(|(node, _, places)| (node, places)).collect()
    }

    fn agreement(&self) -> Vec<Expected> {
        let writes = self.writes();
        let mut found: Vec<(usize, u32, Expected)> = Vec::new();
        for key in 0..self.0.header.keys.len() as u32 {
            let mut moments: Vec<(BTreeSet<Dot>, BTreeSet<Dot>)> = Vec::new();
            for (node, places) in self.steps() {
                let concerned = places.iter().any(|place| {
                    // What other levels show is no matter here.
                    if let What::Visible { levels, .. } | What::Hidden { levels, .. } = self.0.events[*place].what
                        && !levels.contains(Level::Eventual)
                    {
                        return false;
                    }
                    let id = announcement(&self.0.events[*place].what).expect("steps are announcements");
                    self.get(&writes, id, *place).is_some_and(|write| write.request.key == key)
                });
                if !concerned || !self.0.header.holds(node, key) {
                    continue;
                }
                let last = *places.last().expect("steps are not empty");
                let known_now =
                    |write: &&Write| write.request.key == key && self.known_in(&writes, node, write.id, last).is_some();
                let known = writes.iter().filter(known_now).map(|write| write.id).collect();
                let shown = self.shown(&writes, Level::Eventual, node, key, last);
                if let Some((_, before)) = moments.iter().find(|moment| moment.0 == known && moment.1 != shown) {
                    let ops = self.ops(&writes, before.symmetric_difference(&shown));
                    let at_ns = self.0.events[last].at_ns;
                    found.push((last, key, Expected { code: "CONV001", at_ns, ops: vec![ops] }));
                    break;
                }
                moments.push((known, shown));
            }
        }
        found.sort_by_key(|(last, key, _)| (*last, *key));
        found.into_iter().map(|(.., expected)| expected).collect()
    }

    fn ops<'b>(&self, writes: &[Write], ids: impl IntoIterator<Item = &'b Dot>) -> Vec<u32> {
        let list = ids.into_iter().filter_map(|id| writes.iter().find(|write| write.id == *id)).map(|write| write.op);
        let mut list: Vec<u32> = list.collect();
        list.sort_unstable();
        list
    }

    fn held(&self, writes: &[Write], node: NodeId, key: u32) -> BTreeSet<Dot> {
        self.held_at(writes, Level::Eventual, node, key)
    }

    fn held_at(&self, writes: &[Write], at: Level, node: NodeId, key: u32) -> BTreeSet<Dot> {
        let held = self.events().filter_map(|(place, event)| match event.what {
            What::Holds { level, key: k, write } if (level, k) == (at, key) && event.node == node => {
                self.get(writes, write, place).filter(|write| write.request.key == key).map(|write| write.id)
            }
            _ => None,
        });
        held.collect()
    }

    /// Which write was overwritten by which, in the sense that excuses: the least relation that keeps the rules.
    fn seen_generously(&self, writes: &[Write]) -> BTreeSet<(Dot, Dot)> {
        let reads = self.reads();
        let mut seen = BTreeSet::new();
        loop {
            let mut has_grown = false;
            for first in writes {
                for then in writes {
                    if self.is_seen(writes, &reads, first, then, &seen) {
                        has_grown |= seen.insert((first.id, then.id));
                    }
                }
            }
            if !has_grown {
                return seen;
            }
        }
    }

    fn is_seen(
        &self,
        writes: &[Write],
        reads: &[Read],
        first: &Write,
        then: &Write,
        seen: &BTreeSet<(Dot, Dot)>,
    ) -> bool {
        if first.id == then.id || first.request.key != then.request.key || is_undone(then.id) {
            return false;
        }
        if self.0.header.conflict == Conflict::LastWriterWins {
            return self.seen_where_held(writes, first, then);
        }
        let answered = self.answered(first.op).is_some_and(|answered| answered < then.request.invoked);
        if answered && first.request.session == then.request.session {
            return true;
        }
        reads.iter().any(|read| {
            let same = (read.request.session, read.request.key) == (then.request.session, then.request.key);
            if !same || read.answered > then.request.invoked {
                return false;
            }
            // In any life before the read was answered.
            let known_at = |node: NodeId| {
                (0..read.answered).any(|place| self.known_in(writes, node, first.id, place) == Some(place))
            };
            let at_server = if self.0.header.placement.is_empty() {
                known_at(read.request.node)
            } else {
                self.0.header.holders(first.request.key).into_iter().any(known_at)
            };
            // What it returned, what that had seen, what that had seen in turn, and so on.
            let returned = read.returned.iter().filter_map(|id| self.get(writes, *id, read.answered));
            let mut reached: BTreeSet<Dot> =
                returned.filter(|write| write.request.key == read.request.key).map(|write| write.id).collect();
            loop {
                let next = seen.iter().filter(|(_, then)| reached.contains(then)).map(|(first, _)| *first);
                let next: BTreeSet<Dot> = next.filter(|first| !reached.contains(first)).collect();
                if next.is_empty() {
                    break;
                }
                reached.extend(next);
            }
            at_server || NodeId::all(self.0.header.nodes).any(known_at) && reached.contains(&first.id)
        })
    }

    fn seen_where_held(&self, writes: &[Write], first: &Write, then: &Write) -> bool {
        self.known_in(writes, then.id.node(), first.id, then.wrote).is_some_and(|place| {
            // A replica's own write counts from its name on.
            let from = if first.id.node() == then.id.node() { place.max(first.wrote) } else { place };
            from < then.wrote
        })
    }

    /// `first` was overwritten by `then`, in the sense that accuses.
    fn seen_strictly(&self, writes: &[Write], first: &Write, then: &Write) -> bool {
        if first.id == then.id || first.request.key != then.request.key || is_undone(then.id) {
            return false;
        }
        if self.0.header.conflict == Conflict::LastWriterWins {
            return self.seen_where_held(writes, first, then);
        }
        // The last answer of the session about the key, to a read or to a write; of one that writes blindly, to a write.
        let reads = self.reads();
        let reads = reads.iter().map(|read| (read.answered, &read.request, read.returned.clone()));
        let own = writes.iter().filter_map(|write| Some((self.answered(write.op)?, &write.request, vec![write.id])));
        let before = reads.chain(own).filter(|(answered, request, _)| {
            (request.session, request.key) == (then.request.session, then.request.key)
                && *answered < then.request.invoked
                && (then.request.context || request.action != Action::Read)
        });
        let last = before.max_by_key(|(answered, ..)| *answered);
        let told = |(answered, request, told): (usize, &Request, Vec<Dot>)| {
            let writes = told.iter().filter_map(|id| self.get(writes, *id, answered));
            writes.filter(|write| write.request.key == request.key).any(|write| write.id == first.id)
        };
        last.is_some_and(told)
    }

    /// The acknowledged writes that no other write had seen.
    fn owed(&self, writes: &[Write]) -> BTreeSet<Dot> {
        let seen = self.seen_generously(writes);
        let owed = writes.iter().filter(|write| self.answered(write.op).is_some());
        let owed = owed.map(|write| write.id).filter(|id| !seen.iter().any(|(first, _)| first == id));
        owed.filter(|id| !self.is_gone(writes, *id)).collect()
    }

    fn settled(&self) -> Vec<Expected> {
        let (writes, header) = (self.writes(), &self.0.header);
        let owed = self.owed(&writes);
        let mut found = Vec::new();
        let mut explained = BTreeSet::new();
        for write in &writes {
            let key = write.request.key;
            let holders = self.holders(key);
            let is_held = holders.iter().any(|node| self.held(&writes, *node, key).contains(&write.id));
            let is_missing = holders.iter().any(|node| self.known_at(&writes, *node, write.id).is_none());
            let is_owed = header.conflict == Conflict::Causal && owed.contains(&write.id);
            if is_missing && (is_held || is_owed) {
                explained.insert(key);
                found.push(Expected { code: "CONV002", at_ns: self.end_ns(), ops: vec![vec![write.op]] });
            }
        }
        for key in (0..header.keys.len() as u32).filter(|key| !explained.contains(key)) {
            let sets: Vec<BTreeSet<Dot>> =
                self.holders(key).into_iter().map(|node| self.held(&writes, node, key)).collect();
            let union: BTreeSet<Dot> = sets.iter().flatten().copied().collect();
            let different = union.iter().filter(|id| sets.iter().any(|set| !set.contains(id)));
            let ops = self.ops(&writes, different);
            if !ops.is_empty() {
                found.push(Expected { code: "CONV002", at_ns: self.end_ns(), ops: vec![ops] });
            }
        }
        found
    }

    fn lost(&self) -> Vec<Expected> {
        let writes = self.writes();
        let owed = self.owed(&writes);
        let is_lost = |write: &&Write| {
            let key = write.request.key;
            let holders = self.holders(key);
            let is_held = |node: NodeId| self.held(&writes, node, key).contains(&write.id);
            let dropped = |node: NodeId| !is_held(node) && self.known_at(&writes, node, write.id).is_some();
            write.request.action == Action::Write
                && !holders.is_empty()
                && (holders.iter().any(|node| dropped(*node)) || !holders.iter().any(|node| is_held(*node)))
                && owed.contains(&write.id)
        };
        let lost = writes.iter().filter(is_lost);
        lost.map(|write| Expected { code: "CONV003", at_ns: self.end_ns(), ops: vec![vec![write.op]] }).collect()
    }

    fn dead(&self) -> Vec<Expected> {
        let writes = self.writes();
        let mut found = Vec::new();
        for key in 0..self.0.header.keys.len() as u32 {
            for node in self.0.header.holders(key) {
                let held = self.held(&writes, node, key);
                for write in writes.iter().filter(|write| held.contains(&write.id)) {
                    let overwriters = writes.iter().filter(|then| {
                        self.known_at(&writes, node, then.id).is_some() && self.seen_strictly(&writes, write, then)
                    });
                    let ops: Vec<Vec<u32>> =
                        overwriters.map(|then| vec![write.op.min(then.op), write.op.max(then.op)]).collect();
                    if !ops.is_empty() {
                        found.push(Expected { code: "CONV004", at_ns: self.end_ns(), ops });
                    }
                }
            }
        }
        found
    }

    fn levels(&self) -> Vec<Expected> {
        let (writes, header) = (self.writes(), &self.0.header);
        let mut found = Vec::new();
        for key in 0..header.keys.len() as u32 {
            let lowest = |level: Level| match level {
                Level::FifoP1 => 1,
                Level::FifoP2 => 2,
                Level::FifoP3 => 3,
                Level::Eventual | Level::Fifo | Level::Priority => 0,
            };
            let priority = header.priorities.get(key as usize).copied().unwrap_or(0);
            let mut different = BTreeSet::new();
            for level in header.levels.iter().filter(|level| priority >= lowest(*level)) {
                for node in self.holders(key) {
                    let (here, eventual) = (self.held_at(&writes, level, node, key), self.held(&writes, node, key));
                    different.extend(here.symmetric_difference(&eventual).copied());
                }
            }
            if !different.is_empty() {
                let ops = vec![self.ops(&writes, &different)];
                found.push(Expected { code: "CONV006", at_ns: self.end_ns(), ops });
            }
        }
        found
    }

    fn announced(&self) -> Vec<Expected> {
        let (writes, reads) = (self.writes(), self.reads());
        let mut found = Vec::new();
        let mut report = |at_ns: u64, ops: Vec<u32>| found.push(Expected { code: "CONV005", at_ns, ops: vec![ops] });
        for (place, event) in self.events() {
            let (id, op) = match event.what {
                What::Wrote { op, write } | What::Returned { op, write } => (write, Some(op)),
                What::Holds { write, .. } => (write, None),
                What::Answered { op } => {
                    let Some(read) = reads.iter().find(|read| read.answered == place) else { continue };
                    let Request { node, level, key, invoked, .. } = read.request;
                    let asked = |id: &&Dot| self.get(&writes, **id, place).is_some();
                    let mut returned: Vec<Dot> = read.returned.iter().filter(asked).copied().collect();
                    returned.sort_unstable();
                    let reached = self.0.events[..place].iter().rposition(|event| event.what == What::Reached { op });
                    let asked = reached.unwrap_or(invoked);
                    let shown = self.shown(&writes, level, node, key, asked);
                    let is_local = event.cause == self.0.events[asked].number;
                    if is_local && !returned.iter().eq(&shown) {
                        report(event.at_ns, vec![op]);
                    }
                    continue;
                }
                ref what => match announcement(what) {
                    Some(id) => (id, None),
                    None => continue,
                },
            };
            let Some(write) = self.get(&writes, id, place) else {
                report(event.at_ns, op.into_iter().collect());
                continue;
            };
            let key = write.request.key;
            let before =
                |level: Level| place > 0 && self.shown(&writes, level, event.node, key, place - 1).contains(&id);
            let mut breaches = 0;
            let mut ops = vec![write.op];
            match event.what {
                What::Wrote { op, .. } => {
                    let undone = |name: Dot| {
                        let forgets = What::Forgot { write: name, promised: false };
                        is_undone(name) && self.0.events[..place].iter().any(|event| event.what == forgets)
                    };
                    let is_second = self.0.events[..place].iter().any(|other| match other.what {
                        What::Wrote { op: of, write } => write == id || (of == op && !undone(write)),
                        _ => false,
                    });
                    breaches += usize::from(is_second);
                    ops.push(op);
                    ops.sort_unstable();
                    ops.dedup();
                }
                What::Known { .. } => {
                    breaches += usize::from(self.known_in(&writes, event.node, id, place) != Some(place));
                }
                What::Visible { levels, .. } => {
                    breaches += levels.iter().filter(|level| before(*level)).count();
                    let steps = self.steps();
                    let step = steps.iter().find(|(_, places)| places.contains(&place)).expect("it is in a step");
                    let last = *step.1.last().expect("steps are not empty");
                    breaches += usize::from(self.known_in(&writes, event.node, id, last).is_none());
                }
                What::Hidden { levels, .. } => breaches += levels.iter().filter(|level| !before(*level)).count(),
                _ => {}
            }
            (0..breaches).for_each(|_| report(event.at_ns, ops.clone()));
        }
        for key in 0..self.0.header.keys.len() as u32 {
            for node in 0..self.0.header.nodes {
                for level in Level::ALL {
                    let held = self.events().filter_map(|(place, event)| match event.what {
                        What::Holds { level: l, key: k, write }
                            if (l, k) == (level, key) && event.node == NodeId(node) =>
                        {
                            self.get(&writes, write, place).map(|write| write.id)
                        }
                        _ => None,
                    });
                    let mut held: Vec<Dot> = held.collect();
                    held.sort_unstable();
                    let shown = self.shown(&writes, level, NodeId(node), key, self.0.events.len());
                    if !held.iter().eq(&shown) {
                        let held: BTreeSet<Dot> = held.into_iter().collect();
                        report(self.end_ns(), self.ops(&writes, held.symmetric_difference(&shown)));
                    }
                }
            }
        }
        found
    }
}

fn announcement(what: &What) -> Option<Dot> {
    match *what {
        What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. } => Some(write),
        _ => None,
    }
}
