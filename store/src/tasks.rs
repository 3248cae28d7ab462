//! Replicas written with async/await: a task for each call, which awaits messages and its alarm.
//!
//! [`Tasks`] is an executor without threads and without a clock of its own. A replica keeps one, starts a task in the step that
//! brings a call, hands it the messages and alarms that are meant for it, and ends each step with [`Tasks::run`], which goes on
//! with those tasks that have something to go on with, in the order of their numbers. So a replica stays what the contract wants:
//! what a step does follows from its input and the state alone, and what tasks send, append and answer leaves in the order in which
//! they do it. After a crash there are no tasks, as there are no calls.
//!
//! Futures of other crates may be awaited (joins, selections, channels), as long as it is a task or a step that wakes them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use kvsim_types::{NodeId, ReplicaId};

use crate::contract::{CallId, Env, Outbox, Replica};
use crate::random::Stream;

/// The number of a task. Serves as a replica's type of timers, or is made into one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub u64);

/// The task of a call. Numbers from 2^32 on are free for others.
impl From<CallId> for TaskId {
    fn from(call: CallId) -> TaskId {
        TaskId(u64::from(call.0))
    }
}

/// What a task awaits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<M> {
    /// A message that the replica has handed on to it, with its sender.
    Message(NodeId, M),
    /// The time is over for which it has armed its alarm.
    Alarm,
}

/// The tasks of a replica.
pub struct Tasks<R: Replica> {
    step: Rc<RefCell<Option<Step<R>>>>,
    running: BTreeMap<TaskId, Running<R>>,
}

struct Running<R: Replica> {
    future: Pin<Box<dyn Future<Output = ()>>>,
    inbox: Rc<Inbox<R>>,
    is_awake: Arc<Awake>,
}

/// What an [`Env`] is made of, for the time in which tasks run.
struct Step<R: Replica> {
    me: ReplicaId,
    members: Vec<ReplicaId>,
    founding: bool,
    now_ns: u64,
    chance: Stream,
    outbox: Outbox<R>,
}

struct Inbox<R: Replica> {
    messages: RefCell<VecDeque<(NodeId, R::Message)>>,
    rings: Cell<bool>,
    is_armed: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl<R: Replica> Inbox<R> {
    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// The task has something to go on with.
struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl<R: Replica> Default for Tasks<R> {
    fn default() -> Tasks<R> {
        Tasks { step: Rc::default(), running: BTreeMap::new() }
    }
}

impl<R: Replica> std::fmt::Debug for Tasks<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Tasks").field(&self.running.keys()).finish()
    }
}

impl<R: Replica<Timer: From<TaskId>>> Tasks<R> {
    /// Starts a task, in place of one that has the same number. It begins with the next [`Tasks::run`].
    pub fn start<F: Future<Output = ()> + 'static>(&mut self, id: TaskId, task: impl FnOnce(Task<R>) -> F) {
        let inbox = Rc::new(Inbox {
            messages: RefCell::default(),
            rings: Cell::new(false),
            is_armed: Cell::new(false),
            waker: RefCell::default(),
        });
        let future = Box::pin(task(Task { id, step: Rc::clone(&self.step), inbox: Rc::clone(&inbox) }));
        self.running.insert(id, Running { future, inbox, is_awake: Arc::new(Awake(AtomicBool::new(true))) });
    }

    /// True from the start of the task to its end.
    pub fn is_running(&self, id: TaskId) -> bool {
        self.running.contains_key(&id)
    }

    /// Hands a message on to a task, unless that has come to its end.
    pub fn deliver(&mut self, id: TaskId, from: NodeId, message: R::Message) {
        if let Some(task) = self.running.get(&id) {
            task.inbox.messages.borrow_mut().push_back((from, message));
            task.inbox.wake();
        }
    }

    /// A task's timer has run out.
    pub fn ring(&mut self, id: TaskId) {
        if let Some(task) = self.running.get(&id) {
            task.inbox.is_armed.set(false);
            task.inbox.rings.set(true);
            task.inbox.wake();
        }
    }

    /// Goes on with the tasks until all of them await something. Belongs at the end of each step.
    pub fn run(&mut self, env: &mut Env<'_, R>) {
        let outbox = Outbox::new(env.outbox.has_disk);
        *self.step.borrow_mut() = Some(Step {
            me: env.me,
            members: env.members.to_vec(),
            founding: env.founding,
            now_ns: env.now_ns,
            chance: env.chance.clone(),
            outbox: std::mem::replace(env.outbox, outbox),
        });
        let is_awake = |task: &Running<R>| task.is_awake.0.swap(false, Ordering::Relaxed);
        let mut ended = Vec::new();
        while let Some((id, task)) = self.running.iter_mut().find(|(_, task)| is_awake(task)) {
            let waker = Waker::from(Arc::clone(&task.is_awake));
            if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                let id = *id;
                let is_armed = self.running.remove(&id).is_some_and(|task| task.inbox.is_armed.get());
                ended.extend(is_armed.then_some(id));
            }
        }
        if let Some(Step { chance, outbox, .. }) = self.step.take() {
            *env.chance = chance;
            *env.outbox = outbox;
        }
        ended.into_iter().for_each(|id| env.disarm(id.into()));
    }
}

/// What a task has of its replica.
pub struct Task<R: Replica> {
    id: TaskId,
    step: Rc<RefCell<Option<Step<R>>>>,
    inbox: Rc<Inbox<R>>,
}

impl<R: Replica> std::fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Task").field(&self.id).finish()
    }
}

impl<R: Replica<Timer: From<TaskId>>> Task<R> {
    /// Its number.
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// The environment of the step in which the task runs at the moment: sends, appends, answers, the list of members. Between two
    /// awaits it is the same.
    ///
    /// # Panics
    /// Within another such call.
    pub fn env<T>(&self, act: impl FnOnce(&mut Env<'_, R>) -> T) -> T {
        let mut step = self.step.borrow_mut();
        let Step { me, members, founding, now_ns, chance, outbox } = step.as_mut().expect("tasks run within steps");
        act(&mut Env { me: *me, members, founding: *founding, now_ns: *now_ns, chance, outbox })
    }

    /// Sets the task's alarm, in place of an earlier one.
    pub fn arm(&self, after_ns: u64) {
        self.inbox.rings.set(false);
        self.inbox.is_armed.set(true);
        self.env(|env| env.arm(self.id.into(), after_ns));
    }

    /// The next message, in the order in which they came, or the alarm when there is none.
    pub async fn next(&self) -> Heard<R::Message> {
        poll_fn(|context| {
            if let Some((from, message)) = self.inbox.messages.borrow_mut().pop_front() {
                return Poll::Ready(Heard::Message(from, message));
            }
            if self.inbox.rings.take() {
                return Poll::Ready(Heard::Alarm);
            }
            *self.inbox.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

/// What tasks can wait for together: that something about their replica has become so.
#[derive(Debug, Default)]
pub struct Signal(RefCell<Vec<Waker>>);

impl Signal {
    /// All who wait look again.
    pub fn notify(&self) {
        self.0.take().into_iter().for_each(Waker::wake);
    }

    /// Waits until `is_so`, which is asked at once and then after each [`Signal::notify`].
    pub async fn until(&self, mut is_so: impl FnMut() -> bool) {
        poll_fn(|context| {
            if is_so() {
                return Poll::Ready(());
            }
            self.0.borrow_mut().push(context.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
