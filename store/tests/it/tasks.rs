//! Tasks: in which order they run, what wakes them, and that they do what the same steps by hand would.

use std::cell::RefCell;
use std::rc::Rc;

use kvsim_store::tasks::{Heard, Signal, Task, TaskId, Tasks};
use kvsim_store::{
    Call, CallId, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Outbox, Output, Refusal,
    Replica, ReplicaId, Stream, Version,
};

/// A replica whose tasks write down what they do.
struct Diary {
    tasks: Tasks<Diary>,
}

impl Replica for Diary {
    type Config = ();
    type Message = u32;
    type Timer = TaskId;
    type Context = ();
    type SessionToken = ();
    type Record = u32;

    const MESSAGE_KINDS: &'static [&'static str] = &["number"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot((): &(), _: &[u32], _: &mut Env<'_, Diary>) -> Diary {
        Diary { tasks: Tasks::default() }
    }

    fn step(&mut self, input: Input<'_, Diary>, env: &mut Env<'_, Diary>) {
        match input {
            Input::Call { id, call: Call::Read { .. } } => self.tasks.start(id.into(), |task| echo(task, id)),
            Input::Call { .. } | Input::Members => {}
            // The number says for which task it is.
            Input::Message { from, message } => self.tasks.deliver(TaskId(u64::from(*message)), from, *message),
            Input::Timer(task) => self.tasks.ring(task),
        }
        self.tasks.run(env);
    }

    fn meta(message: &u32) -> MessageMeta {
        MessageMeta { kind: 0, id: u64::from(*message), bytes: 4, carries: None, is_bulk: false }
    }

    fn holds((): &(), _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, _: &mut dyn FnMut(Key, Version)) {}

    fn gauges(&self, _: &mut Vec<u64>) {}
}

/// Asks node 1, up to three times, and writes down how it ended.
async fn echo(task: Task<Diary>, call: CallId) {
    for attempt in 0..3 {
        task.env(|env| env.send(NodeId(1), attempt));
        task.arm(10);
        if let Heard::Message(NodeId(1), number) = task.next().await {
            task.env(|env| env.append(|| number));
            return task.env(|env| env.answer_read(call, [], (), None));
        }
    }
    task.env(|env| env.refuse(call, Refusal::Unavailable));
}

/// What a step says, in words.
fn said(outbox: &mut Outbox<Diary>) -> Vec<String> {
    let said = outbox.outputs.iter().map(|output| match output {
        Output::Send { first, count, message } => {
            let targets = &outbox.targets[*first as usize..(first + count) as usize];
            format!("send {message} to {}", targets.iter().map(NodeId::to_string).collect::<String>())
        }
        Output::Arm { timer, after_ns } => format!("arm {} for {after_ns}", timer.0),
        Output::Disarm(timer) => format!("disarm {}", timer.0),
        Output::Append(record) => format!("append {record}"),
        Output::Answer { call, .. } => format!("answer {}", call.0),
    });
    let said = said.collect();
    outbox.clear();
    said
}

struct Host {
    replica: Diary,
    chance: Stream,
    outbox: Outbox<Diary>,
}

impl Host {
    fn new() -> Host {
        Host {
            replica: Diary { tasks: Tasks::default() },
            chance: Stream::new(1, "test", 0),
            outbox: Outbox::new(true),
        }
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Diary, &mut Env<'_, Diary>) -> T) -> T {
        let members = [0, 1, 2].map(|node| ReplicaId::first(NodeId(node)));
        let (chance, outbox) = (&mut self.chance, &mut self.outbox);
        let mut env = Env { me: members[0], members: &members, founding: true, now_ns: 7, chance, outbox };
        act(&mut self.replica, &mut env)
    }

    fn step(&mut self, input: Input<'_, Diary>) -> Vec<String> {
        self.with(|replica, env| replica.step(input, env));
        said(&mut self.outbox)
    }

    fn read(&mut self, call: u32) -> Vec<String> {
        let key = Key::new(0, kvsim_store::Priority::P0);
        let call_of = Call::Read { key, level: Level::Eventual, quorum: 1, seen: None };
        self.step(Input::Call { id: CallId(call), call: call_of })
    }
}

#[test]
fn a_task_awaits_its_messages_and_its_alarm() {
    let mut host = Host::new();
    assert_eq!(host.read(5), ["send 0 to n1", "arm 5 for 10"]);
    assert_eq!(host.step(Input::Message { from: NodeId(1), message: &6 }), [""; 0], "for nobody");
    assert_eq!(host.step(Input::Timer(TaskId(5))), ["send 1 to n1", "arm 5 for 10"]);
    let end = ["append 5", "answer 5", "disarm 5"];
    assert_eq!(host.step(Input::Message { from: NodeId(1), message: &5 }), end, "its alarm goes with it");
    assert_eq!(host.step(Input::Message { from: NodeId(1), message: &5 }), [""; 0], "it is over");
    assert_eq!(host.step(Input::Timer(TaskId(5))), [""; 0]);
    host.read(8);
    host.step(Input::Timer(TaskId(8)));
    host.step(Input::Timer(TaskId(8)));
    assert_eq!(host.step(Input::Timer(TaskId(8))), ["answer 8"], "three times were in vain; the alarm has rung");
}

#[test]
fn of_what_came_together_messages_come_first_and_an_alarm_that_is_set_anew_does_not_ring() {
    let mut host = Host::new();
    let heard = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&heard);
    host.replica.tasks.start(TaskId(3), |task| async move {
        task.arm(1);
        for count in 0..4 {
            let next = task.next().await;
            list.borrow_mut().push(next);
            if count == 2 {
                task.arm(1); // what rang before is forgotten
            }
        }
    });
    host.with(|replica, env| replica.tasks.run(env));
    host.replica.tasks.ring(TaskId(3));
    host.replica.tasks.deliver(TaskId(3), NodeId(2), 40);
    host.replica.tasks.deliver(TaskId(3), NodeId(1), 41);
    host.with(|replica, env| replica.tasks.run(env));
    let message = |from, number| Heard::Message(NodeId(from), number);
    assert_eq!(*heard.borrow(), [message(2, 40), message(1, 41), Heard::Alarm]);
    assert!(host.replica.tasks.is_running(TaskId(3)));
    host.replica.tasks.ring(TaskId(3));
    host.with(|replica, env| replica.tasks.run(env));
    assert_eq!(heard.borrow().len(), 4);
    assert!(!host.replica.tasks.is_running(TaskId(3)));
}

#[test]
fn tasks_run_in_the_order_of_their_numbers_and_wake_each_other_within_a_step() {
    let mut host = Host::new();
    let (log, gate, is_open) =
        (Rc::new(RefCell::new(Vec::new())), Rc::new(Signal::default()), Rc::new(RefCell::new(false)));
    for number in [9, 2, 7, 4] {
        let (log, gate, is_open) = (Rc::clone(&log), Rc::clone(&gate), Rc::clone(&is_open));
        host.replica.tasks.start(TaskId(number), |task| async move {
            if number == 7 {
                log.borrow_mut().push(70);
                *is_open.borrow_mut() = true;
                gate.notify();
                return;
            }
            log.borrow_mut().push(number);
            gate.until(|| *is_open.borrow()).await;
            log.borrow_mut().push(number * 100);
            task.env(|env| env.append(|| number as u32));
        });
    }
    host.with(|replica, env| {
        env.append(|| 0);
        replica.tasks.run(env);
        env.append(|| 99);
    });
    assert_eq!(*log.borrow(), [2, 4, 70, 200, 400, 9, 900], "9 finds the gate open");
    let told = ["append 0", "append 2", "append 4", "append 9", "append 99"];
    assert_eq!(said(&mut host.outbox), told, "what tasks say stands where they ran");
}

#[test]
fn chance_is_the_replicas_own() {
    let (mut host, mut same) = (Host::new(), Stream::new(1, "test", 0));
    let drawn = Rc::new(RefCell::new(Vec::new()));
    let list = Rc::clone(&drawn);
    host.replica.tasks.start(TaskId(1), |task| async move {
        list.borrow_mut().push(task.env(|env| env.chance.bits()));
    });
    let before = host.with(|_, env| env.chance.bits());
    host.with(|replica, env| replica.tasks.run(env));
    let after = host.with(|_, env| env.chance.bits());
    assert_eq!([before, drawn.borrow()[0], after], [same.bits(), same.bits(), same.bits()]);
}
