//! What the library keeps on its disk, as records that kvsim keeps for it.

use std::cell::RefCell;
use std::rc::Rc;

use omnipaxos::ballot_leader_election::Ballot;
use omnipaxos::storage::{NoSnapshot, StopSign, Storage, StorageOp, StorageResult};

use crate::Command;

/// A change of the disk.
#[derive(Clone, Debug)]
pub enum Record {
    /// The log from this place on.
    Log(usize, Vec<Command>),
    Promise(Ballot),
    Accepted(Ballot),
    Decided(usize),
}

/// The disk in memory; what changes on it is handed to kvsim after each step.
#[derive(Debug, Default)]
pub struct Disk {
    log: Vec<Command>,
    promise: Option<Ballot>,
    accepted: Option<Ballot>,
    decided: usize,
    changes: Rc<RefCell<Vec<Record>>>,
}

impl Disk {
    pub fn of(records: &[Record], changes: Rc<RefCell<Vec<Record>>>) -> Disk {
        let mut disk = Disk::default();
        records.iter().for_each(|record| disk.apply(record));
        disk.changes = changes;
        disk
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Log(from, commands) => {
                self.log.truncate(*from);
                self.log.extend(commands.iter().cloned());
            }
            Record::Promise(ballot) => self.promise = Some(*ballot),
            Record::Accepted(ballot) => self.accepted = Some(*ballot),
            Record::Decided(index) => self.decided = *index,
        }
    }

    fn change(&mut self, record: Record) -> StorageResult<()> {
        self.apply(&record);
        self.changes.borrow_mut().push(record);
        Ok(())
    }
}

impl Storage<Command> for Disk {
    fn write_atomically(&mut self, ops: Vec<StorageOp<Command>>) -> StorageResult<()> {
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

    fn append_entry(&mut self, entry: Command) -> StorageResult<()> {
        self.change(Record::Log(self.log.len(), vec![entry]))
    }

    fn append_entries(&mut self, entries: Vec<Command>) -> StorageResult<()> {
        self.change(Record::Log(self.log.len(), entries))
    }

    fn append_on_prefix(&mut self, from: usize, entries: Vec<Command>) -> StorageResult<()> {
        self.change(Record::Log(from, entries))
    }

    fn set_promise(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.change(Record::Promise(ballot))
    }

    fn set_decided_idx(&mut self, index: usize) -> StorageResult<()> {
        self.change(Record::Decided(index))
    }

    fn set_accepted_round(&mut self, ballot: Ballot) -> StorageResult<()> {
        self.change(Record::Accepted(ballot))
    }

    fn get_decided_idx(&self) -> StorageResult<usize> {
        Ok(self.decided)
    }

    fn get_accepted_round(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.accepted)
    }

    fn get_entries(&self, from: usize, to: usize) -> StorageResult<Vec<Command>> {
        Ok(self.log.get(from..to).unwrap_or_default().to_vec())
    }

    fn get_log_len(&self) -> StorageResult<usize> {
        Ok(self.log.len())
    }

    fn get_suffix(&self, from: usize) -> StorageResult<Vec<Command>> {
        Ok(self.log.get(from..).unwrap_or_default().to_vec())
    }

    fn get_promise(&self) -> StorageResult<Option<Ballot>> {
        Ok(self.promise)
    }

    // The log is never cut, and the cluster stays as it is.

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
