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
    /// The writes that the replica got to know, and how many records the log had when the step was over: with those it
    /// knows the write again.
    known: Vec<(Dot, usize)>,
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
            log.known.push((dot, log.records.len() + appended));
        }
    }

    /// The writes that the replica has got to know.
    pub fn known(&self) -> impl Iterator<Item = Dot> {
        self.log.iter().flat_map(|log| log.known.iter().map(|(dot, _)| *dot))
    }

    /// The replica keeps these writes no longer.
    pub fn forget_known(&mut self, gone: &BTreeSet<Dot>) {
        let log = self.log.as_mut().filter(|_| !gone.is_empty());
        log.into_iter().for_each(|log| log.known.retain(|(dot, _)| !gone.contains(dot)));
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
        let gone = log.known.extract_if(.., |(_, records)| *records > kept);
        gone.map(|(dot, records)| (dot, records <= written)).collect()
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
