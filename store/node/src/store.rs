//! The thread of the store: it takes commands of clients and messages of peers, many at a time. What follows from them goes to the
//! thread of the disk (`commit`), and leaves the node from there.

mod commands;
mod commit;
mod seen;
mod slot;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use kvsim_host::disk::{Disk, Folder};
use kvsim_host::names::Packed;
use kvsim_host::{Effect, Host, Settings};
use kvsim_store::ndc::{Message, Ndc};
use kvsim_store::{NodeId, Replica, ReplicaId};
use tokio::sync::oneshot;

use crate::metrics::{Metrics, Shared};
use crate::resp::Reply;
use crate::session::Command;
use crate::wire::parcel_frame;
use commands::Commands;
use commit::{Committer, Group};
use seen::Seen;

pub use commands::priority_of;
pub use commit::{Send, Sync};
pub use seen::Seen as Contexts;

/// What comes in.
pub enum Input {
    /// Of a client.
    Batch(Batch),
    /// Messages of a peer; `done` ends when they are taken.
    Messages {
        /// The peer.
        from: NodeId,
        /// Its messages.
        messages: Vec<Packed<Message>>,
        /// Dropped when the next ones may come.
        done: oneshot::Sender<()>,
    },
    /// A peer has been met, and knows nothing of this node that this node does not know itself.
    Met(NodeId),
    /// How is the store doing? Name, meaning and number of its gauges.
    Gauges(oneshot::Sender<Vec<(&'static str, &'static str, u64)>>),
    /// The node is to stop.
    Stop,
}

/// Commands of one client, in their order.
pub struct Batch {
    /// What to do.
    pub commands: Vec<Command>,
    /// What the client has seen.
    pub seen: Seen,
    /// Where the replies go, one for each command, and what the client has seen then.
    pub respond: oneshot::Sender<(Vec<Reply>, Seen)>,
}

/// So many inputs are taken before there is a sync.
const INPUTS: usize = 512;

/// How the node is to be.
pub struct Life {
    /// For the replica.
    pub settings: Settings,
    /// Where its records are.
    pub folder: Folder,
    /// The node's name, and those of all.
    pub id: String,
    /// All nodes' names.
    pub nodes: Vec<String>,
    /// How long a request may wait for other nodes.
    pub timeout: Duration,
    /// When records are synced.
    pub sync: Sync,
}

/// The store at work.
struct Store {
    host: Host,
    commands: Commands,
    effects: Vec<Effect>,
    group: Group,
    committer: Committer,
    shared: Arc<Shared>,
    me: NodeId,
}

/// Lives until it is told to stop. `opened` hears when peers may be met, `send` brings frames to peers, `say` tells people.
///
/// # Errors
/// Why the node cannot go on.
pub fn live(
    mut life: Life,
    inputs: &Receiver<Input>,
    shared: &Arc<Shared>,
    opened: oneshot::Sender<()>,
    send: Send,
    say: &dyn Fn(String),
) -> Result<(), String> {
    let broken = |problem: String| format!("the records of {} in --data cannot be used: {problem}", life.id);
    let records = Disk::open(&mut life.folder, &life.id).map_err(|problem| broken(problem.to_string()))?;
    let mut opened = Some(opened);
    let mut open = || {
        // The node ends when the receiver is gone.
        let _ = opened.take().is_none_or(|opened| opened.send(()).is_ok());
    };
    if records.is_empty() {
        open();
        if !wait_for_peers(&life, inputs, say) {
            return Ok(());
        }
    }
    let begin = Instant::now();
    let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let (mut effects, me) = (Vec::new(), life.settings.node);
    let many = records.len();
    let host = Host::boot(&life.settings, Some(records), now_ns(), &mut effects).map_err(broken)?;
    if many > 0 {
        say(format!("{many} records read in {:.1} s", begin.elapsed().as_secs_f64()));
    }
    let commands = Commands::new(life.timeout, life.settings.nodes);
    let committer = Committer::start(Box::new(life.folder), life.sync, send, shared.clone());
    let mut store = Store { host, commands, effects, group: Group::default(), committer, shared: shared.clone(), me };
    store.run(now_ns());
    store.commit()?;
    store.committer.wait()?;
    open();
    shared.ready.store(true, Ordering::Release);
    loop {
        let next_ns = [store.host.next_ns(), store.commands.next_ns()].into_iter().flatten().min();
        let wait = Duration::from_nanos(next_ns.unwrap_or(u64::MAX).saturating_sub(now_ns()));
        let first = match inputs.recv_timeout(wait) {
            Ok(input) => Some(input),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        let before = Instant::now();
        let (mut taken, mut stops) = (0, false);
        for input in first.into_iter().chain(inputs.try_iter()) {
            stops |= store.take(input, now_ns(), say);
            taken += 1;
            if taken == INPUTS {
                break;
            }
        }
        store.wake(now_ns());
        let metrics = &shared.metrics;
        Metrics::add(&metrics.steps_total, taken as u64);
        Metrics::add(&metrics.step_nanoseconds_total, before.elapsed().as_nanos() as u64);
        store.commit()?;
        store.host.tidy();
        if stops {
            return store.committer.finish();
        }
    }
}

/// A node whose folder is new: either the whole cluster is, or the folder was lost. So all others are to be met first; the one that
/// knows writes of this node tells (see `peers`). False when the node is told to stop before.
fn wait_for_peers(life: &Life, inputs: &Receiver<Input>, say: &dyn Fn(String)) -> bool {
    let mut missing: Vec<NodeId> =
        NodeId::all(life.settings.nodes).filter(|node| *node != life.settings.node).collect();
    let names = |missing: &[NodeId]| {
        missing.iter().map(|node| life.nodes[node.index()].as_str()).collect::<Vec<_>>().join(", ")
    };
    if !missing.is_empty() {
        say(format!("the folder is new: waiting to meet {}", names(&missing)));
    }
    while !missing.is_empty() {
        match inputs.recv() {
            Ok(Input::Met(node)) => missing.retain(|missing| *missing != node),
            Ok(Input::Batch(Batch { commands, seen, respond })) => {
                let problem = format!("LOADING the node's folder is new, and it has yet to meet {}", names(&missing));
                // A client that is gone needs no answer.
                let _ = respond.send((vec![Reply::Error(problem); commands.len()], seen));
            }
            Ok(Input::Gauges(answer)) => drop(answer.send(Vec::new())),
            Ok(Input::Messages { .. }) => {}
            Ok(Input::Stop) | Err(_) => return false,
        }
    }
    true
}

impl Store {
    /// Takes an input. True when the node is to stop.
    fn take(&mut self, input: Input, now_ns: u64, say: &dyn Fn(String)) -> bool {
        match input {
            Input::Batch(batch) => {
                Metrics::add(&self.shared.metrics.requests_total, batch.commands.len() as u64);
                self.commands.begin(batch);
            }
            Input::Messages { from, messages, done } => {
                for message in messages {
                    if let Err(problem) = self.host.take_message(from, message, now_ns, &mut self.effects) {
                        Metrics::add(&self.shared.metrics.peer_messages_refused_total, 1);
                        say(format!("a message of node number {from} that no peer sends ({problem}): dropped"));
                    }
                }
                drop(done);
            }
            Input::Met(_) => {}
            Input::Gauges(answer) => drop(answer.send(self.gauges())),
            Input::Stop => return true,
        }
        self.run(now_ns);
        false
    }

    /// Does what is due.
    fn wake(&mut self, now_ns: u64) {
        self.host.wake(now_ns, &mut self.effects);
        self.run(now_ns);
        let late = self.commands.give_up(now_ns);
        if late > 0 {
            Metrics::add(&self.shared.metrics.timeouts_total, late);
            self.run(now_ns);
        }
    }

    /// Carries on until nothing more follows.
    fn run(&mut self, now_ns: u64) {
        loop {
            for effect in std::mem::take(&mut self.effects) {
                match effect {
                    Effect::Send { to, message } => self.group.frames.push((to, parcel_frame(&message))),
                    Effect::Answer(call, answer, versions) => {
                        self.commands.answer(call, answer, &versions, &self.host);
                    }
                }
            }
            let metrics = &self.shared.metrics;
            let is_done = !self.commands.go_on((&mut self.host, &mut self.effects), metrics, now_ns);
            if is_done && self.effects.is_empty() {
                break;
            }
        }
        self.group.replies.append(&mut self.commands.finished);
    }

    /// Hands all that has happened to the disk.
    fn commit(&mut self) -> Result<(), String> {
        let mut group = std::mem::take(&mut self.group);
        group.records = self.host.take_records();
        if !group.records.is_empty() {
            let (clock, nodes) = (self.host.replica().known(), self.shared.known.len() as u16);
            group.known = NodeId::all(nodes).map(|node| clock.of(ReplicaId::first(node)).max()).collect();
        }
        self.committer.take(group)
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, u64)> {
        let mut numbers = Vec::new();
        self.host.replica().gauges(&mut numbers);
        let gauges = Ndc::GAUGES.iter().zip(numbers).map(|(gauge, number)| (gauge.name, gauge.meaning, number));
        let names = &self.host.names;
        let own = self.shared.known[self.me.index()].load(Ordering::Relaxed);
        let more = [
            ("keys", "keys that have ever been named here", names.keys().len() as u64),
            ("values", "values kept in memory", names.values() as u64),
            ("own-writes", "writes that have come in here", own),
        ];
        gauges.chain(more).collect()
    }
}
