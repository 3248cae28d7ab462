//! A node's disk: when records are durable, what waits for them, and what a crash leaves.

use std::collections::{BTreeSet, VecDeque};

use kvsim_store::{Dot, NodeId, Output, Replica, Version};

use crate::faults::DiskLoss;

/// An output that waits until the records before it are durable.
pub struct Held<R: Replica> {
    pub ready_ns: u64,
    pub cause: u64,
    pub output: Output<R>,
    pub targets: Vec<NodeId>,
    pub versions: Vec<Version>,
}

impl<R: Replica> Held<R> {
    pub fn new(ready_ns: u64, cause: u64, output: Output<R>, targets: &[NodeId], versions: &[Version]) -> Held<R> {
        Held { ready_ns, cause, output, targets: targets.to_vec(), versions: versions.to_vec() }
    }
}

pub struct Disk<R: Replica> {
    /// How long a record takes.
    pub write_ns: u64,
    /// No record is written before.
    pub full_until_ns: u64,
    /// Distance of two syncs; absent when each record is synced as it is written.
    sync_ns: Option<u64>,
    /// When everything appended so far is durable.
    pub durable_ns: u64,
    /// Outputs that wait for records before them, in order.
    pub held: VecDeque<Held<R>>,
    /// `None` when no node of the run ever crashes or leaves: then it is never read.
    log: Option<Log<R::Record>>,
}

struct Log<T> {
    records: Vec<T>,
    /// When each record is written; ascending.
    written_ns: Vec<u64>,
    /// The writes that the replica got to know.
    known: Vec<KnownWrite>,
}

struct KnownWrite {
    dot: Dot,
    /// How many records the log had when the step was over: with those the replica knows the write again.
    since: usize,
    /// The same for the step in which it gave the write away; absent when it has not.
    until: Option<usize>,
}

/// A write that a disk does not have although the replica knew it, and whether its record had been called durable.
pub type Forgotten = (Dot, bool);

impl<R: Replica> Disk<R> {
    pub fn new(write_ns: u64, sync_ns: Option<u64>, keeps_log: bool) -> Disk<R> {
        let log = || Log { records: Vec::new(), written_ns: Vec::new(), known: Vec::new() };
        Disk { write_ns, full_until_ns: 0, sync_ns, durable_ns: 0, held: VecDeque::new(), log: keeps_log.then(log) }
    }

    /// A record goes to the disk.
    pub fn append(&mut self, record: R::Record, now_ns: u64) {
        let written_ns = now_ns.max(self.full_until_ns).saturating_add(self.write_ns);
        self.durable_ns = self.durable_ns.max(written_ns);
        if let Some(log) = &mut self.log {
            log.records.push(record);
            log.written_ns.push(self.durable_ns);
        }
    }

    /// The replica gets to know a write in a step that appends this many records.
    pub fn note_known(&mut self, dot: Dot, appended: usize) {
        if let Some(log) = &mut self.log {
            log.known.push(KnownWrite { dot, since: log.records.len() + appended, until: None });
        }
    }

    /// The writes that the replica has got to know and not given away.
    pub fn known(&self) -> impl Iterator<Item = Dot> {
        let known = self.log.iter().flat_map(|log| &log.known);
        known.filter(|write| write.until.is_none()).map(|write| write.dot)
    }

    /// The replica gives these writes away in a step that appends this many records: without those it has them again.
    pub fn note_given(&mut self, given: &BTreeSet<Dot>, appended: usize) {
        let Some(log) = self.log.as_mut().filter(|_| !given.is_empty()) else { return };
        let until = Some(log.records.len() + appended);
        let known = log.known.iter_mut().filter(|write| write.until.is_none() && given.contains(&write.dot));
        known.for_each(|write| write.until = until);
    }

    /// The next output whose time has come.
    pub fn next_ready(&mut self, now_ns: u64) -> Option<Held<R>> {
        self.held.front().filter(|held| held.ready_ns <= now_ns)?;
        self.held.pop_front()
    }

    /// The node goes down: outputs that waited are gone, and so are some records. Returns the writes that go with them;
    /// with the disk as a whole everything goes, and nothing is returned.
    pub fn crash(&mut self, now_ns: u64, loss: DiskLoss) -> Vec<Forgotten> {
        self.held.clear();
        self.durable_ns = 0;
        let Some(log) = &mut self.log else { return Vec::new() };
        let by = |at_ns: u64| log.written_ns.partition_point(|written_ns| *written_ns <= at_ns);
        let written = by(now_ns);
        let synced = self.sync_ns.map_or(written, |every_ns| by(now_ns - now_ns % every_ns));
        let kept = match loss {
            DiskLoss::Kept => written,
            DiskLoss::TailLost => synced,
            DiskLoss::Torn => synced.saturating_sub(1),
            DiskLoss::Lost => 0,
        };
        log.records.truncate(kept);
        log.written_ns.clear();
        log.written_ns.resize(kept, 0);
        if loss == DiskLoss::Lost {
            log.known.clear();
        }
        // What was given away stays so, or comes back with the records that said so.
        log.known.retain(|write| write.until.is_none_or(|until| until > kept && write.since <= kept));
        log.known.iter_mut().for_each(|write| write.until = None);
        let gone = log.known.extract_if(.., |write| write.since > kept);
        gone.map(|write| (write.dot, write.since <= written)).collect()
    }

    /// The records, for a replica that boots; to be [put back](Disk::put_back).
    pub fn take_records(&mut self) -> Vec<R::Record> {
        self.log.as_mut().map(|log| std::mem::take(&mut log.records)).unwrap_or_default()
    }

    pub fn put_back(&mut self, records: Vec<R::Record>) {
        if let Some(log) = &mut self.log {
            log.records = records;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvsim_store::{ReplicaId, lww::Lww};

    fn dot(counter: u64) -> Dot {
        Dot { origin: ReplicaId::first(NodeId(0)), counter }
    }

    /// A disk on which two writes are, whose record that the first is given away takes until 30 ns.
    fn disk() -> Disk<Lww> {
        let mut disk: Disk<Lww> = Disk::new(10, None, true);
        let log = disk.log.as_mut().unwrap();
        log.written_ns = vec![10, 20, 30];
        log.known = [1, 2].map(|counter| KnownWrite { dot: dot(counter), since: counter as usize, until: None }).into();
        disk.note_given(&[dot(1)].into(), 3);
        assert_eq!(disk.known().collect::<Vec<_>>(), [dot(2)]);
        disk
    }

    #[test]
    fn what_was_given_away_comes_back_with_the_records_that_said_so() {
        let mut early = disk();
        assert_eq!(early.crash(25, DiskLoss::Kept), []);
        assert_eq!(early.known().collect::<Vec<_>>(), [dot(1), dot(2)]);
        let mut late = disk();
        assert_eq!(late.crash(30, DiskLoss::Kept), []);
        assert_eq!(late.known().collect::<Vec<_>>(), [dot(2)]);
        // Nor is it missed where the record of having got it is gone, too.
        let mut first = disk();
        assert_eq!(first.crash(10, DiskLoss::Kept), [(dot(2), false)]);
        assert_eq!(first.known().collect::<Vec<_>>(), [dot(1)]);
    }
}
