//! Writes and reads, and what they tell about what was there: the common ground of recordings and bare histories.

/// By line of writes, how many of its writes to a key: sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock(Vec<(u32, u64)>);

impl Clock {
    pub(super) fn add(&mut self, (origin, counter): (u32, u64)) {
        match self.0.binary_search_by_key(&origin, |entry| entry.0) {
            Ok(place) => self.0[place].1 = counter.max(self.0[place].1),
            Err(place) => self.0.insert(place, (origin, counter)),
        }
    }

    pub(super) fn merge(&mut self, other: &Clock) {
        other.0.iter().for_each(|entry| self.add(*entry));
    }

    pub(super) fn covers(&self, (origin, counter): (u32, u64)) -> bool {
        self.0.binary_search_by_key(&origin, |entry| entry.0).is_ok_and(|place| counter <= self.0[place].1)
    }

    fn covers_all(&self, other: &Clock) -> bool {
        other.0.iter().all(|entry| self.covers(*entry))
    }
}

/// A write that took place, or may have.
#[derive(Clone, Debug)]
pub(super) struct Write {
    /// Its operation where it was recorded.
    pub(super) op: u32,
    pub(super) session: u32,
    pub(super) key: u32,
    pub(super) is_delete: bool,
    /// The line of writes that it is in, and its number there. A later write of the same line to the same key has
    /// always seen it.
    pub(super) id: (u32, u64),
    /// When it was asked for.
    pub(super) asked: u32,
    /// When it was acknowledged.
    pub(super) done: Option<u32>,
    /// What it had certainly seen.
    pub(super) seen: Clock,
    /// Writes that it has replaced, with what they had replaced in turn.
    pub(super) told: Vec<u32>,
    /// Of what was asked for before, it can have seen everything. Of no use in registers.
    pub(super) horizon: u32,
}

impl Write {
    /// Nothing is without `earlier` but what is without this write. They are of the same key.
    pub(super) fn stands_for(&self, earlier: &Write) -> bool {
        self.id.0 == earlier.id.0 && self.id.1 >= earlier.id.1 && self.seen.covers_all(&earlier.seen)
    }
}

/// A read that was answered with writes to its key.
#[derive(Clone, Debug)]
pub(super) struct Read {
    pub(super) op: u32,
    pub(super) session: u32,
    pub(super) key: u32,
    /// The view that it shows.
    pub(super) view: Option<u32>,
    pub(super) asked: u32,
    /// When the view was as it shows it.
    pub(super) seen_at: u32,
    pub(super) answered: u32,
    /// What was asked for later was certainly not there.
    pub(super) until: u32,
    pub(super) returned: Vec<u32>,
}

/// The writes and reads of a recording or a bare history. Times are places in it, comparable within a session, and
/// in a recording throughout.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// A read returns one version at most, whichever the replica puts last: keys are registers.
    pub(super) is_register: bool,
    /// What a session had read before a write counts for other observers, too.
    pub(super) has_contexts: bool,
    pub(super) writes: Vec<Write>,
    /// In each view in the order in which they show it.
    pub(super) reads: Vec<Read>,
    /// By key: its deletes.
    pub(super) deletes: Vec<Vec<u32>>,
    /// Answered reads that tell nothing, by their operations: they returned what was never written, or several of
    /// which one has to be chosen.
    pub(super) mute: Vec<u32>,
}

/// Who judges what a write has seen.
#[derive(Clone, Copy, Debug)]
pub(super) enum Observer {
    /// A session, which knows what it has read itself.
    Session(u32),
    /// One who grants that writes follow reads.
    All,
}

impl Log {
    pub(super) fn write(&self, write: u32) -> &Write {
        &self.writes[write as usize]
    }

    fn had_seen(&self, write: u32, earlier: u32, observer: Observer) -> bool {
        let (later, first) = (self.write(write), self.write(earlier));
        let knows_reads = match observer {
            Observer::All => true,
            Observer::Session(session) => self.has_contexts || session == later.session,
        };
        // Without its reads: the acknowledged writes of its session.
        let counts = knows_reads || first.session == later.session && first.done.is_some();
        write != earlier && counts && later.seen.covers(first.id)
    }

    /// Whether it is possible that `write` has replaced `earlier`.
    fn can_replace(&self, write: u32, earlier: u32, observer: Observer) -> bool {
        if self.is_register {
            !self.had_seen(earlier, write, observer)
        } else {
            self.write(earlier).asked < self.write(write).horizon
        }
    }

    /// True when the read returned `version` although `write`, which it did not return, had seen it; unless something
    /// else that it returned had seen the write in turn, and nothing makes sense.
    pub(super) fn is_unreplaced(&self, read: &Read, version: u32, write: u32, observer: Observer) -> bool {
        let is_over = |other: &u32| *other != version && self.had_seen(*other, write, observer);
        let is_shown = |write| read.returned.contains(&write);
        is_shown(version)
            && !is_shown(write)
            && self.had_seen(write, version, observer)
            && !read.returned.iter().any(is_over)
    }

    /// True when the read certainly shows a state without `write`, which is one of its key.
    pub(super) fn is_without(&self, read: &Read, write: u32, observer: Observer) -> bool {
        if read.returned.contains(&write) {
            return false;
        }
        if read.returned.iter().any(|version| self.is_unreplaced(read, *version, write, observer)) {
            return true;
        }
        if self.write(write).is_delete || self.is_register && !read.returned.is_empty() {
            return false;
        }
        let is_replacing = |other: &u32| self.can_replace(*other, write, observer);
        let is_there = |delete: &&u32| **delete != write && self.write(**delete).asked < read.until;
        let deletes = &self.deletes[read.key as usize];
        // The latest first: they are the likely ones.
        !read.returned.iter().any(is_replacing) && !deletes.iter().rev().filter(is_there).any(is_replacing)
    }
}
