//! What a node keeps on its disk: in which configuration it takes part, and what the library keeps for that.

use std::cell::RefCell;
use std::rc::Rc;

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{NoSnapshot, StopSign, Storage, StorageOp, StorageResult};

use crate::configuration::Configuration;
use crate::entry::Entry;

/// A change of the disk.
#[derive(Clone, Debug)]
pub enum Change {
    /// The node takes part in this configuration, and has said nothing in it.
    Enter(Rc<Configuration>),
    /// The log of the configuration from this place on.
    Log(usize, Vec<Entry>),
    Promise(Ballot),
    Accepted(Ballot),
    Decided(usize),
}

/// What a step has changed: all of it is on the disk or nothing, as the library wants it.
pub type Record = Vec<Change>;

/// The library's part of the disk, in memory; what changes on it is handed to kvsim after each step.
#[derive(Debug, Default)]
pub struct Disk {
    log: Vec<Entry>,
    promise: Option<Ballot>,
    accepted: Option<Ballot>,
    decided: usize,
    changes: Rc<RefCell<Record>>,
}

impl Disk {
    /// As it is when a configuration begins.
    pub fn new(changes: Rc<RefCell<Record>>) -> Disk {
        Disk { changes, ..Disk::default() }
    }

    /// The configuration in which a node takes part that has these records, if any, and the disk for it.
    pub fn of(records: &[Record], changes: Rc<RefCell<Record>>) -> Option<(Rc<Configuration>, Disk)> {
        let (mut configuration, mut disk) = (None, Disk::default());
        for change in records.iter().flatten() {
            match change {
                Change::Enter(entered) => (configuration, disk) = (Some(Rc::clone(entered)), Disk::default()),
                change => disk.apply(change),
            }
        }
        disk.changes = changes;
        Some((configuration?, disk))
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Enter(_) => {}
            Change::Log(from, entries) => {
                self.log.truncate(*from);
                self.log.extend(entries.iter().cloned());
            }
            Change::Promise(ballot) => self.promise = Some(*ballot),
            Change::Accepted(ballot) => self.accepted = Some(*ballot),
            Change::Decided(index) => self.decided = *index,
        }
    }

    fn change(&mut self, change: Change) -> StorageResult<()> {
        self.apply(&change);
        self.changes.borrow_mut().push(change);
        Ok(())
    }
}

impl Storage<Entry> for Disk {
    fn write_atomically(&mut self, ops: Vec<StorageOp<Entry>>) -> StorageResult<()> {
        for op in ops {
            match op {
                StorageOp::AppendEntry(entry) => self.append_entry(entry)?,
                StorageOp::AppendEntries(entries) => self.append_entries(entries)?,
                StorageOp::AppendOnPrefix(from, entries) => self.append_on_prefix(from, entries)?,
                StorageOp::SetPromise(ballot) => self.set_promise(ballot)?,
                StorageOp::SetDecidedIndex(index) => self.set_decided_idx(index)?,
                StorageOp::SetAcceptedRound(ballot) => self.set_accepted_round(ballot)?,
                other => return Err(format!("not used here: {other:?}").into()),
            }
        }
        Ok(())
    }

    fn append_entry(&mut self, entry: Entry) -> StorageResult<()> {
        self.change(Change::Log(self.log.len(), vec![entry]))
    }

    fn append_entries(&mut self, entries: Vec<Entry>) -> StorageResult<()> {
        self.change(Change::Log(self.log.len(), entries))
    }

    fn append_on_prefix(&mut self, from: usize, entries: Vec<Entry>) -> StorageResult<()> {
        self.change(Change::Log(from, entries))
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.change(Change::Promise(ballot))
    }

    fn set_decided_idx(&mut self, index: usize) -> StorageResult<()> {
        self.change(Change::Decided(index))
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.change(Change::Accepted(ballot))
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.decided)
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.accepted)
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Entry>> {
        Ok(self.log.get(from..to).unwrap_or_default().to_vec())
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.log.len())
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Entry>> {
        Ok(self.log.get(from..).unwrap_or_default().to_vec())
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.promise)
    }

    // The log is never cut, and ends otherwise (see `Entry::End`).

    fn set_stopsign(&mut self, _: Option<StopSign>) -> StorageResult<()> {
        Ok(())
    }

    fn get_stopsign(&self) -> StorageResult<Option<StopSign>> {
        Ok(None)
    }

    fn trim(&mut self, _: usize) -> StorageResult<()> {
        Ok(())
    }

    fn set_compacted_idx(&mut self, _: usize) -> StorageResult<()> {
        Ok(())
    }

    fn get_compacted_idx(&self) -> StorageResult<usize> {
        Ok(0)
    }

    fn set_snapshot(&mut self, _: Option<NoSnapshot>) -> StorageResult<()> {
        Ok(())
    }

    fn get_snapshot(&self) -> StorageResult<Option<NoSnapshot>> {
        Ok(None)
    }
}
