//! The thread of the disk: it makes records durable, as many at once as have gathered during the last sync, and then lets go what
//! follows from them. The store goes on meanwhile.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::ValueEnum;
use kvsim_host::disk::Disk;
use kvsim_store::NodeId;

use super::commands::Finished;
use crate::metrics::{Metrics, Shared};
use crate::resp::Reply;

/// Brings a frame to peers.
pub type Send = Box<dyn Fn(&[NodeId], Bytes) + std::marker::Send + std::marker::Sync>;

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
    thread: JoinHandle<()>,
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

/// When records are synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Sync {
    /// Before anything follows from them: a power failure loses nothing.
    Always,
    /// Once a second: a power failure may lose the last one, and if other nodes know of it, the node cannot come back. The end of
    /// the process alone loses nothing.
    Everysec,
}

/// How long records may stay unsynced at [`Sync::Everysec`].
const LATER: Duration = Duration::from_secs(1);

/// So many groups wait for the disk before the store does, too.
const WAITING: usize = 4;

impl Committer {
    /// The thread starts.
    pub fn start(disk: Box<dyn Disk>, sync: Sync, send: Send, shared: Arc<Shared>) -> Committer {
        let (groups, incoming) = sync_channel(WAITING);
        let out = Out { send, shared, waiting: AtomicUsize::new(0), problem: Mutex::new(None) };
        let out = Arc::new(out);
        let thread = std::thread::spawn({
            let out = out.clone();
            move || {
                if let Err(problem) = out.commit_all(disk, sync, &incoming) {
                    *out.problem.lock().expect("no thread panics with it") = Some(problem);
                }
            }
        });
        Committer { groups, out, thread }
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
        self.groups.send(group).or_else(|_| self.check().and(Err(ENDED.to_owned())))
    }

    /// Waits until all has left.
    ///
    /// # Errors
    /// Why nothing leaves any more.
    pub fn wait(&self) -> Result<(), String> {
        while self.out.waiting.load(Ordering::Acquire) > 0 {
            self.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Ends the thread, when all is durable and has left.
    ///
    /// # Errors
    /// Why that is not so.
    pub fn finish(self) -> Result<(), String> {
        let Committer { groups, out, thread } = self;
        drop(groups);
        thread.join().map_err(|_| ENDED.to_owned())?;
        out.check()
    }

    fn check(&self) -> Result<(), String> {
        self.out.check()
    }
}

const ENDED: &str = "the thread of the disk has ended";

impl Out {
    fn check(&self) -> Result<(), String> {
        self.problem.lock().expect("no thread panics with it").clone().map_or(Ok(()), Err)
    }

    fn commit_all(&self, mut disk: Box<dyn Disk>, sync: Sync, incoming: &Receiver<Group>) -> Result<(), String> {
        let full = |problem: io::Error| format!("the disk takes no more records: {problem}");
        // When the oldest record was written that is not synced.
        let mut unsynced: Option<Instant> = None;
        loop {
            let (first, is_over) = match unsynced {
                Some(since) => match incoming.recv_timeout(LATER.saturating_sub(since.elapsed())) {
                    Err(RecvTimeoutError::Disconnected) => (None, true),
                    first => (first.ok(), false),
                },
                None => incoming.recv().map_or((None, true), |first| (Some(first), false)),
            };
            let mut all: Vec<Group> = first.into_iter().chain(incoming.try_iter()).collect();
            let mut records = Vec::new();
            all.iter_mut().for_each(|group| records.append(&mut group.records));
            let before = Instant::now();
            if !records.is_empty() {
                disk.append(&records).map_err(full)?;
                unsynced.get_or_insert(before);
            }
            if unsynced.is_some_and(|since| sync == Sync::Always || is_over || since.elapsed() >= LATER) {
                disk.sync().map_err(full)?;
                unsynced = None;
                Metrics::add(&self.shared.metrics.commits_total, 1);
            }
            Metrics::add(&self.shared.metrics.records_total, records.len() as u64);
            Metrics::add(&self.shared.metrics.commit_nanoseconds_total, before.elapsed().as_nanos() as u64);
            for group in all {
                self.let_go(group);
                self.waiting.fetch_sub(1, Ordering::AcqRel);
            }
            if is_over {
                return Ok(());
            }
        }
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
