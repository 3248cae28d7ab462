//! The thread of the disk: it makes records durable, as many at once as have gathered during the last sync, and then lets go what
//! follows from them. The store goes on meanwhile.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use kvsim_host::disk::Disk;
use kvsim_store::NodeId;

use super::commands::Finished;
use crate::metrics::{Metrics, Shared};
use crate::resp::Reply;

/// Brings a frame to peers.
pub type Send = Box<dyn Fn(&[NodeId], Bytes) + std::marker::Send + Sync>;

/// What has happened in some steps.
#[derive(Default)]
pub struct Group {
    /// What is to be durable.
    pub records: Vec<Vec<u8>>,
    /// By node: its last write that is known then; nothing when no more are.
    pub known: Vec<u64>,
    /// What leaves the node then: to clients,
    pub replies: Vec<Finished>,
    /// and to peers.
    pub frames: Vec<(Vec<NodeId>, Bytes)>,
}

/// The other end of the thread.
pub struct Committer {
    groups: SyncSender<Group>,
    out: Arc<Out>,
}

/// Where things go.
struct Out {
    send: Send,
    shared: Arc<Shared>,
    /// Groups that have not left.
    waiting: AtomicUsize,
    /// Why nothing leaves any more.
    problem: Mutex<Option<String>>,
}

/// So many groups wait for the disk before the store does, too.
const WAITING: usize = 4;

impl Committer {
    /// The thread starts.
    pub fn start(disk: Box<dyn Disk>, send: Send, shared: Arc<Shared>) -> Committer {
        let (groups, incoming) = sync_channel(WAITING);
        let out = Out { send, shared, waiting: AtomicUsize::new(0), problem: Mutex::new(None) };
        let out = Arc::new(out);
        std::thread::spawn({
            let out = out.clone();
            move || {
                if let Err(problem) = out.commit_all(disk, &incoming) {
                    *out.problem.lock().expect("nobody panics with it") = Some(problem);
                }
            }
        });
        Committer { groups, out }
    }

    /// Takes what has happened. Where nothing is to be durable before, it leaves at once.
    ///
    /// # Errors
    /// Why nothing leaves any more.
    pub fn take(&self, group: Group) -> Result<(), String> {
        self.check()?;
        if group.records.is_empty() && self.out.waiting.load(Ordering::Acquire) == 0 {
            self.out.let_go(group);
            return Ok(());
        }
        self.out.waiting.fetch_add(1, Ordering::AcqRel);
        self.groups.send(group).or_else(|_| self.check().and(Err("the thread of the disk has ended".to_owned())))
    }

    /// Waits until all has left.
    ///
    /// # Errors
    /// Why nothing leaves any more.
    pub fn wait(&self) -> Result<(), String> {
        while self.out.waiting.load(Ordering::Acquire) > 0 {
            self.check()?;
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        self.out.problem.lock().expect("nobody panics with it").clone().map_or(Ok(()), Err)
    }
}

impl Out {
    fn commit_all(&self, mut disk: Box<dyn Disk>, incoming: &Receiver<Group>) -> Result<(), String> {
        while let Ok(mut first) = incoming.recv() {
            let others: Vec<Group> = incoming.try_iter().collect();
            let mut records = std::mem::take(&mut first.records);
            let mut all = vec![first];
            for mut group in others {
                records.append(&mut group.records);
                all.push(group);
            }
            if !records.is_empty() {
                let before = Instant::now();
                disk.append(&records).map_err(|problem| format!("the disk takes no more records: {problem}"))?;
                let metrics = &self.shared.metrics;
                Metrics::add(&metrics.commits_total, 1);
                Metrics::add(&metrics.records_total, records.len() as u64);
                Metrics::add(&metrics.commit_nanoseconds_total, before.elapsed().as_nanos() as u64);
            }
            for group in all {
                self.let_go(group);
                self.waiting.fetch_sub(1, Ordering::AcqRel);
            }
        }
        Ok(())
    }

    fn let_go(&self, group: Group) {
        let Shared { metrics, known, .. } = &*self.shared;
        // Before anybody can hear of these writes.
        group.known.iter().zip(known).for_each(|(last, known)| known.store(*last, Ordering::Release));
        for (to, frame) in group.frames {
            (self.send)(&to, frame);
        }
        for (respond, replies, seen) in group.replies {
            let errors = replies.iter().filter(|reply| matches!(reply, Reply::Error(_))).count();
            Metrics::add(&metrics.errors_total, errors as u64);
            // A client that is gone needs no answer.
            let _ = respond.send((replies, seen));
        }
    }
}
