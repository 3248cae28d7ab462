//! Executes a plan: takes the earliest event, hands it to a replica, carries out what the replica says.
//!
//! The engine decides nothing. What the plan does not fix (the fate of a message, a replica's own draws)
//! follows from the plan's seed. The loop allocates nothing per event once its buffers have grown: events and
//! messages live in slots that are used again, and a multicast is one message.

mod backlog;
mod clock;
mod disk;
mod host;
mod node_faults;
mod payloads;
mod queue;
mod sessions;
mod tracer;
mod witness;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use kvsim_checkers::metrics::Sample;
use kvsim_checkers::trace::{FaultName, GaugeName, Header, NodeId, Objection, Together, What};
use kvsim_store::{Answer, Input, Key, Levels, Observation, Outbox, Output, Replica, ReplicaId, Version};
use rustc_hash::FxHashMap;

use crate::faults::NodeFault;
use crate::net::{ClientWays, Delivery, Network, Packet, Ratio, Way};
use crate::plan::{FaultKind, LinkPlan, Plan};

use backlog::{OwnedCall, Waiting};
use disk::Held;
use host::{Host, observed};
use payloads::Payloads;
use queue::ROOM;
use sessions::Sessions;
use tracer::Tracer;
use witness::Witness;

pub use queue::Queue;
pub use tracer::{Nothing, Sink};

/// What a run comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The fingerprint of everything that happened.
    pub trace_hash: u64,
    /// Number of recorded events.
    pub events: u64,
    /// Virtual time at the end, in nanoseconds.
    pub end_ns: u64,
    /// Messages that reached a replica.
    pub deliveries: u64,
    /// Timers that ran out.
    pub timers: u64,
    /// False when the sink ended the run early.
    pub complete: bool,
}

/// A store that stopped with a panic: a finding about the store, not a failure of the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorePanic {
    /// What the store said.
    pub message: String,
    /// Where it happened.
    pub node: NodeId,
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// The run up to there.
    pub until: Outcome,
}

/// The tables of the recording of this run.
pub fn header<R: Replica>(plan: &Plan, config: &R::Config) -> Header {
    let keys = keys(plan);
    let everywhere = |key: &Key| NodeId::all(plan.replicas).all(|node| R::holds(config, node, *key));
    let placement = if keys.iter().all(everywhere) {
        Vec::new()
    } else {
        let holders = |key: &Key| NodeId::all(plan.replicas).filter(|node| R::holds(config, *node, *key)).collect();
        keys.iter().map(holders).collect()
    };
    let priorities: Vec<u8> = keys.iter().map(|key| key.priority() as u8).collect();
    let are_lowest = priorities.iter().all(|priority| *priority == 0);
    let quorums: Vec<u16> = plan.sessions.iter().map(|session| session.quorum).collect();
    let ask_one = quorums.iter().all(|quorum| *quorum == 1);
    let profile = R::profile(config, plan.replicas);
    Header {
        scenario: plan.scenario.clone(),
        seed: plan.seed,
        store: plan.store.name.clone(),
        nodes: plan.replicas,
        sessions: plan.sessions.iter().map(|session| session.name.clone()).collect(),
        quorums: if ask_one { Vec::new() } else { quorums },
        ack: profile.ack,
        alone: profile.alone,
        together: profile.together.and_then(|together| on_this_network(plan, together)),
        silent: !R::ANNOUNCES,
        copies: (profile.copies < plan.replicas).then_some(profile.copies),
        movers: (0..).zip(&plan.sessions).filter(|(_, plan)| plan.moves()).map(|(session, _)| session).collect(),
        keys: plan.keys.clone(),
        priorities: if are_lowest { Vec::new() } else { priorities },
        placement,
        kinds: R::MESSAGE_KINDS.iter().map(|kind| kind.to_string()).collect(),
        faults: plan
            .faults
            .iter()
            .map(|fault| FaultName {
                name: fault.name.clone(),
                place: fault.place.clone(),
                node: if let FaultKind::Node { node, .. } = fault.kind { Some(node) } else { None },
            })
            .collect(),
        gauges: R::GAUGES
            .iter()
            .map(|gauge| GaugeName {
                name: gauge.name.to_string(),
                meaning: gauge.meaning.to_string(),
                residue: gauge.residue,
            })
            .collect(),
        conflict: R::CONFLICT,
        levels: R::levels(config),
        settling_from_ns: (plan.settle_ns > 0).then_some(plan.workload_end_ns),
        end_ns: plan.end_ns(),
    }
}

/// What a store promises of calls that need other replicas, with the time that messages and disks take, there and back
/// by way of one more node, and requests and answers of clients. Nothing where messages are lost by chance, or wait for bandwidth.
fn on_this_network(plan: &Plan, together: Together) -> Option<Together> {
    let is_free = |link: &LinkPlan| link.loss == Ratio::ZERO && link.bandwidth.0.is_none();
    let is_dropped = plan.faults.iter().any(|fault| matches!(fault.kind, FaultKind::Drop(_)));
    if is_dropped || !plan.link_kinds().all(is_free) {
        return None;
    }
    let delays = plan.faults.iter().filter_map(|fault| match fault.kind {
        FaultKind::Delay { takes_ns, .. } => Some(takes_ns),
        _ => None,
    });
    let longest_ns = plan.link_kinds().map(|link| link.delay.longest_ns()).chain(delays).max()?;
    let takes_ns = longest_ns.saturating_mul(4).saturating_add(plan.disk.write.0.saturating_mul(2));
    // A session waits for what is under way between it and its node, too.
    let clients_ns = plan.client_delays().iter().map(|delay| delay.longest_ns()).max().unwrap_or(0);
    let Together { answer_ns, calm_ns } = together;
    let answer_ns = answer_ns.saturating_add(takes_ns).saturating_add(clients_ns.saturating_mul(2));
    Some(Together { answer_ns, calm_ns: calm_ns.saturating_add(takes_ns) })
}

/// Executes `plan` on replicas of type `R`. The plan must be [valid](Plan::validate).
///
/// # Errors
/// When the store panics. A panic of the engine itself passes through.
pub fn run<R: Replica>(plan: &Plan, config: &R::Config, sink: &mut dyn Sink) -> Result<Outcome, StorePanic> {
    let mut engine = Engine::<R>::new(plan, config, sink);
    let result = catch_unwind(AssertUnwindSafe(|| engine.run()));
    match result {
        Ok(()) => Ok(engine.outcome()),
        Err(panic) => match engine.in_store {
            Some(node) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
                let at_ns = engine.tracer.now_ns;
                Err(StorePanic { message: text.to_string(), node, at_ns, until: engine.outcome() })
            }
            None => resume_unwind(panic),
        },
    }
}

/// The store's names for the keys of the plan.
fn keys(plan: &Plan) -> Vec<Key> {
    plan.keys.iter().zip(0..).map(|(name, index)| Key::new(index, kvsim_store::Priority::of_name(name))).collect()
}

/// What happens at a time of its own. Eight bytes, so that the queue stays small.
#[derive(Clone, Copy, Debug)]
enum Scheduled {
    /// A message arrives.
    Delivery {
        to: NodeId,
        payload: u32,
    },
    /// A timer runs out, if it is still armed with this number.
    Timer {
        node: NodeId,
        arming: u32,
    },
    /// A session's next operation falls due.
    Operation {
        session: u32,
    },
    /// A session gives up on an operation, if it still waits for it.
    Timeout {
        op: u32,
    },
    /// A request arrives at the node that was asked.
    Request {
        op: u32,
    },
    /// An answer arrives at the session that asked.
    Reply {
        op: u32,
    },
    /// Records of a node have become durable.
    Durable {
        node: NodeId,
    },
    /// A link whose bandwidth is limited has sent a message.
    Sent {
        from: NodeId,
        to: NodeId,
    },
    /// A slow node is done with an input, if it still works on the one with this number.
    Work {
        node: NodeId,
        turn: u32,
    },
    FaultOn {
        fault: u16,
    },
    FaultOff {
        fault: u16,
    },
    Settling,
}

/// Replicas are told of coming messages in groups of such sizes: in fewer no misses overlap, and what very many
/// messages need does not stay in the cache. The upper bound is a guess: with 50 replicas, whose groups have about
/// 64, a bound of 96 was as good.
const PREFETCH: std::ops::RangeInclusive<usize> = 4..=1024;

struct Engine<'a, R: Replica> {
    plan: &'a Plan,
    config: &'a R::Config,
    tracer: Tracer<'a>,
    queue: Queue<Scheduled>,
    network: Network,
    payloads: Payloads<R::Message>,
    hosts: Vec<Host<R>>,
    members: Vec<ReplicaId>,
    /// Some node crashes, so that logs are read.
    keeps_log: bool,
    sessions: Sessions<R>,
    ways: ClientWays,
    /// By operation, requests and answers under way.
    requests: FxHashMap<u32, Waiting<R>>,
    replies: FxHashMap<u32, Held<R>>,
    witness: Witness,
    keys: Vec<Key>,
    levels: Levels,
    /// Filled by the replica that takes a step, emptied after it.
    outbox: Outbox<R>,
    /// The node whose replica is at work.
    in_store: Option<NodeId>,
    outcome: Outcome,
    /// When replicas are measured next; at the end of time when they are not.
    measure_ns: u64,
    measures_every_ns: Option<u64>,
}

impl<'a, R: Replica> Engine<'a, R> {
    fn new(plan: &'a Plan, config: &'a R::Config, sink: &'a mut dyn Sink) -> Engine<'a, R> {
        let members: Vec<ReplicaId> = NodeId::all(plan.replicas).map(ReplicaId::first).collect();
        let some_node = |has: fn(&NodeFault) -> bool| {
            plan.faults.iter().any(|fault| matches!(&fault.kind, FaultKind::Node { fault, .. } if has(fault)))
        };
        let keeps_log =
            some_node(|fault| matches!(fault, NodeFault::Crash { .. } | NodeFault::Replace | NodeFault::Left));
        let takes_time = some_node(|fault| matches!(fault, NodeFault::SlowDisk { .. } | NodeFault::FullDisk));
        let measures_every_ns = sink.measures_every_ns();
        Engine {
            plan,
            config,
            measure_ns: measures_every_ns.unwrap_or(u64::MAX),
            measures_every_ns,
            tracer: Tracer::new(sink),
            queue: Queue::new(),
            network: Network::new(plan, R::MESSAGE_KINDS),
            payloads: Payloads::new(),
            hosts: members.iter().map(|id| Host::new(*id, plan, keeps_log)).collect(),
            members,
            keeps_log,
            sessions: Sessions::new(plan),
            ways: ClientWays::new(plan),
            requests: FxHashMap::default(),
            replies: FxHashMap::default(),
            witness: Witness::new(plan),
            keys: keys(plan),
            levels: R::levels(config),
            outbox: Outbox::new(plan.disk.write.ns() > 0 || keeps_log || takes_time),
            in_store: None,
            outcome: Outcome { complete: true, ..Outcome::default() },
        }
    }

    fn outcome(&self) -> Outcome {
        let hash = self.tracer.hash();
        Outcome { trace_hash: hash.value(), events: hash.events(), end_ns: self.tracer.now_ns, ..self.outcome }
    }

    fn run(&mut self) {
        self.start();
        let end_ns = self.plan.end_ns();
        let mut taken = 0u32;
        let mut coming = Vec::with_capacity(ROOM);
        while let Some((at_ns, event)) = self.queue.pop_and_tell(&mut |event| coming.push(event))
            && at_ns <= end_ns
        {
            while at_ns > self.measure_ns {
                self.measure();
            }
            if !coming.is_empty() {
                self.tracer.now_ns = at_ns;
                self.prefetch(&coming);
                coming.clear();
            }
            self.tracer.now_ns = at_ns;
            self.dispatch(event);
            taken = taken.wrapping_add(1);
            if taken.is_multiple_of(4096) && !self.tracer.keep_going() {
                self.outcome.complete = false;
                return;
            }
        }
        while end_ns >= self.measure_ns {
            self.measure();
        }
        self.tracer.now_ns = end_ns;
        self.snapshot();
    }

    /// Hands the sink what replicas hold at the time of measurement.
    fn measure(&mut self) {
        for host in &self.hosts {
            let Some(replica) = &host.replica else { continue };
            let node = host.id.node.0;
            self.in_store = Some(NodeId(node));
            let mut gauges = Vec::new();
            replica.gauges(&mut gauges);
            let metadata_bytes = replica.metadata_bytes();
            self.tracer.sink().measured(Sample { at_ns: self.measure_ns, node: NodeId(node), gauges, metadata_bytes });
        }
        self.in_store = None;
        self.measure_ns = self.measure_ns.saturating_add(self.measures_every_ns.unwrap_or(u64::MAX).max(1));
    }

    /// Lets replicas fetch what they will need for the messages that arrive next. With 50 replicas each delivery
    /// meets memory that has left the cache since; this saves a quarter of a run's time.
    fn prefetch(&mut self, coming: &[Scheduled]) {
        if !PREFETCH.contains(&coming.len()) {
            return;
        }
        for depth in 0..2 {
            for event in coming {
                if let Scheduled::Delivery { to, payload } = event
                    && let Some(replica) = &self.hosts[to.index()].replica
                {
                    self.in_store = Some(*to);
                    replica.prefetch(&self.payloads.get(*payload).message, depth);
                }
            }
        }
        self.in_store = None;
    }

    /// Boots the replicas and schedules what the plan fixes.
    fn start(&mut self) {
        let plan = self.plan;
        for (number, fault) in (0..).zip(&plan.faults) {
            match fault.kind {
                // These last as long as clients work, and are looked up by the message.
                FaultKind::Drop(_) | FaultKind::Delay { .. } | FaultKind::Duplicate { .. } => continue,
                FaultKind::Node { fault: NodeFault::Absent, .. } => self.switch(number, true),
                _ => self.queue.push(fault.from_ns, Scheduled::FaultOn { fault: number }),
            }
            // Who has left does not come back.
            if !matches!(fault.kind, FaultKind::Node { fault: NodeFault::Left, .. }) {
                self.queue.push(fault.until_ns, Scheduled::FaultOff { fault: number });
            }
        }
        if plan.settle_ns > 0 {
            self.queue.push(plan.workload_end_ns, Scheduled::Settling);
        }
        for node in NodeId::all(plan.replicas) {
            if self.hosts[node.index()].active_faults.is_empty() {
                self.boot(node, 0);
            }
        }
        for session in 0..self.sessions.len() {
            self.schedule_next(session as u32);
        }
    }

    fn dispatch(&mut self, event: Scheduled) {
        match event {
            Scheduled::Delivery { to, payload } => {
                if self.hosts[to.index()].blocked {
                    return self.wait(to, Waiting::Delivery(payload));
                }
                self.deliver(to, payload);
            }
            Scheduled::Timer { node, arming } => {
                if self.hosts[node.index()].blocked {
                    return self.wait(node, Waiting::Timer(arming));
                }
                self.fire(node, arming);
            }
            Scheduled::Operation { session } => self.invoke(session),
            Scheduled::Timeout { op } => {
                if let Some(session) = self.sessions.finish(op) {
                    let node = self.sessions.node_of(op, self.plan);
                    self.tracer.emit(node, 0, What::TimedOut { op });
                    self.schedule_next(session);
                }
            }
            Scheduled::Request { op } => {
                if let Some(call) = self.requests.remove(&op) {
                    let node = self.sessions.node_of(op, self.plan);
                    match self.hosts[node.index()].blocked {
                        true => self.wait(node, call),
                        false => self.take_up(node, call),
                    }
                }
            }
            Scheduled::Reply { op } => {
                if let Some(Held { cause, output: Output::Answer { answer, .. }, versions, .. }) =
                    self.replies.remove(&op)
                {
                    self.hear(op, cause, answer, &versions);
                }
            }
            Scheduled::Durable { node } => self.release(node),
            Scheduled::Sent { from, to } => {
                if let Some(packet) = self.network.line(from, to).next() {
                    self.leave(from, packet);
                }
            }
            Scheduled::Work { node, turn } => self.work(node, turn),
            Scheduled::FaultOn { fault } => self.switch(fault, true),
            Scheduled::FaultOff { fault } => self.switch(fault, false),
            Scheduled::Settling => {
                self.tracer.emit(NodeId(0), 0, What::Settling);
                self.network.heal();
                self.assert_invariants();
            }
        }
    }

    fn switch(&mut self, fault: u16, begins: bool) {
        let kind = &self.plan.faults[usize::from(fault)].kind;
        self.network.switch(fault, kind, begins);
        let cause =
            self.tracer.emit(NodeId(0), 0, if begins { What::FaultOn { fault } } else { What::FaultOff { fault } });
        if let FaultKind::Node { node, fault: what } = kind {
            self.apply_fault(*node, fault, what, begins, cause);
        }
    }

    fn fire(&mut self, node: NodeId, arming: u32) {
        if let Some(timer) = self.hosts[node.index()].fire(arming) {
            self.outcome.timers += 1;
            let cause = self.tracer.emit(node, 0, What::TimerFired);
            self.step(node, cause, Input::Timer(timer));
        }
    }

    fn deliver(&mut self, to: NodeId, slot: u32) {
        self.outcome.deliveries += 1;
        let payload = self.payloads.get(slot);
        let what = What::Delivered { kind: payload.meta.kind, id: payload.meta.id, from: payload.from };
        let cause = self.tracer.emit(to, payload.sent, what);
        self.in_store = Some(to);
        let (replica, mut env) = self.hosts[to.index()].env(&self.members, self.tracer.now_ns, &mut self.outbox);
        replica.step(Input::Message { from: payload.from, message: &payload.message }, &mut env);
        self.in_store = None;
        self.payloads.release(slot);
        self.flush(to, cause);
    }

    fn step(&mut self, node: NodeId, cause: u64, input: Input<'_, R>) {
        self.in_store = Some(node);
        let (replica, mut env) = self.hosts[node.index()].env(&self.members, self.tracer.now_ns, &mut self.outbox);
        replica.step(input, &mut env);
        self.in_store = None;
        self.flush(node, cause);
    }

    /// A session's next operation begins.
    fn invoke(&mut self, session: u32) {
        let plan = &self.plan.sessions[session as usize];
        let op = self.sessions.begin(session, plan);
        let node = op.node.unwrap_or(plan.node);
        let key = self.keys[op.key as usize];
        let (call, context) = self.sessions.call(session, plan, &op, key);
        let what = What::Invoked {
            op: op.op,
            session,
            action: op.action,
            key: op.key,
            value: op.value,
            level: plan.level,
            context,
        };
        let cause = self.tracer.emit(node, 0, what);
        let host = &mut self.hosts[node.index()];
        if let Some(takes_ns) = self.ways.takes_ns(session, node, op.op, Way::There) {
            let call = OwnedCall::of(&call);
            self.requests.insert(op.op, Waiting::Call { op: op.op, call, invoked: cause });
            self.queue.push(self.tracer.now_ns.saturating_add(takes_ns), Scheduled::Request { op: op.op });
        } else if host.blocked {
            let call = OwnedCall::of(&call);
            self.wait(node, Waiting::Call { op: op.op, call, invoked: cause });
        } else {
            if !R::ANNOUNCES
                && let Some(what) = self.witness.name(op.op, self.sessions.asked(op.op, self.plan), host.id)
            {
                self.tracer.emit(node, cause, what);
            }
            self.in_store = Some(node);
            let (replica, mut env) = host.env(&self.members, self.tracer.now_ns, &mut self.outbox);
            replica.step(Input::Call { id: kvsim_store::CallId(op.op), call }, &mut env);
            self.in_store = None;
            self.flush(node, cause);
        }
        if self.sessions.waits_for(session, op.op) {
            self.queue.push(self.tracer.now_ns.saturating_add(plan.timeout_ns), Scheduled::Timeout { op: op.op });
        }
    }

    fn schedule_next(&mut self, session: u32) {
        let plan = &self.plan.sessions[session as usize];
        if let Some(at_ns) = self.sessions.next_at(session, plan, self.tracer.now_ns)
            && at_ns < self.plan.workload_end_ns
        {
            self.queue.push(at_ns, Scheduled::Operation { session });
        }
    }

    /// Carries out what the step that ended has said.
    fn flush(&mut self, node: NodeId, cause: u64) {
        self.witness.name_all(&mut self.outbox.observations, self.hosts[node.index()].disk.known());
        if self.keeps_log {
            self.note_known(node);
        }
        self.apply_outputs(node, cause);
    }

    /// Carries out what a replica has said that took a step, or played its log again.
    fn apply_outputs(&mut self, node: NodeId, cause: u64) {
        let me = self.hosts[node.index()].id;
        if !R::ANNOUNCES {
            self.outbox.observations.clear();
        }
        for observation in self.outbox.observations.drain(..) {
            let asked = |op| self.sessions.asked(op, self.plan);
            if let Some((to, op)) = self.witness.observed(&observation, me, asked) {
                self.tracer.emit(node, cause, What::Objected { to, op });
                if to != Objection::ForeignName {
                    continue;
                }
            }
            self.tracer.emit(node, cause, observed(observation));
        }
        if self.outbox.outputs.is_empty() {
            return;
        }
        let mut outbox = std::mem::replace(&mut self.outbox, Outbox::new(false));
        for output in outbox.outputs.drain(..) {
            let host = &mut self.hosts[node.index()];
            match output {
                Output::Arm { timer, after_ns } => {
                    let arming = host.arm(timer);
                    let at_ns = self.tracer.now_ns.saturating_add(host.clock.takes(after_ns));
                    self.queue.push(at_ns, Scheduled::Timer { node, arming });
                }
                Output::Disarm(timer) => host.disarm(timer),
                Output::Append(record) => host.disk.append(record, self.tracer.now_ns),
                output if host.disk.durable_ns > self.tracer.now_ns => {
                    let (ready_ns, held) = (host.disk.durable_ns, &mut host.disk.held);
                    if held.back().is_none_or(|held| held.ready_ns < ready_ns) {
                        self.queue.push(ready_ns, Scheduled::Durable { node });
                    }
                    held.push_back(Held::new(ready_ns, cause, output, &outbox.targets, &outbox.versions));
                }
                output => self.release_output(node, cause, output, &outbox.targets, &outbox.versions),
            }
        }
        outbox.clear();
        self.outbox = outbox;
    }

    /// What the disk has to have before the replica knows of these writes after a crash. It may name a write that it does
    /// not get to know, since others hold the key.
    fn note_known(&mut self, node: NodeId) {
        let appended = self.outbox.outputs.iter().filter(|output| matches!(output, Output::Append(_))).count();
        let disk = &mut self.hosts[node.index()].disk;
        let observations = &self.outbox.observations;
        let given = observations.iter().filter_map(|observation| match observation {
            Observation::GaveAway(dot) => Some(*dot),
            _ => None,
        });
        disk.note_given(&given.collect(), appended);
        for observation in observations {
            match observation {
                Observation::Known(dot) if self.witness.is_name(*dot) => disk.note_known(*dot, appended),
                Observation::Wrote { dot, .. }
                    if self.witness.is_name(*dot) && !observations.contains(&Observation::Known(*dot)) =>
                {
                    disk.note_known(*dot, appended);
                }
                _ => {}
            }
        }
    }

    /// Lets out what waited for records that are durable now.
    fn release(&mut self, node: NodeId) {
        if self.hosts[node.index()].backlog.paused {
            return;
        }
        while let Some(held) = self.hosts[node.index()].disk.next_ready(self.tracer.now_ns) {
            self.release_output(node, held.cause, held.output, &held.targets, &held.versions);
        }
    }

    /// An output leaves the replica.
    fn release_output(
        &mut self,
        node: NodeId,
        cause: u64,
        output: Output<R>,
        targets: &[NodeId],
        versions: &[Version],
    ) {
        match output {
            Output::Send { first, count, message } => {
                self.send(node, cause, &targets[first as usize..][..count as usize], message);
            }
            Output::Answer { call, answer } => {
                let op = call.0;
                let objection = self.witness.answered(op, self.sessions.asked(op, self.plan), node, &answer);
                if let Some(to) = objection {
                    let op = (to != Objection::Unasked).then_some(op);
                    self.tracer.emit(node, cause, What::Objected { to, op });
                    if to != Objection::Unnamed {
                        return;
                    }
                }
                let way = self.sessions.of(op).map(|session| self.ways.takes_ns(session, node, op, Way::Back));
                match way.flatten() {
                    Some(takes_ns) => {
                        let at_ns = self.tracer.now_ns.saturating_add(takes_ns);
                        let output = Output::Answer { call, answer };
                        self.replies.insert(op, Held::new(at_ns, cause, output, targets, versions));
                        self.queue.push(at_ns, Scheduled::Reply { op });
                    }
                    None => self.hear(op, cause, answer, versions),
                }
            }
            Output::Arm { .. } | Output::Disarm(_) | Output::Append(_) => unreachable!("these do not leave"),
        }
    }

    /// The session that asked for `op` gets its answer, which follows from the event with the number `cause`.
    fn hear(&mut self, op: u32, cause: u64, answer: Answer<R::Context, R::SessionToken>, versions: &[Version]) {
        // An answer to a session that has given up is dropped.
        let Some(session) = self.sessions.finish(op) else { return };
        let node = self.sessions.node_of(op, self.plan);
        if let Answer::Read { first, count, .. } = &answer {
            let key = self.sessions.asked(op, self.plan).map(|asked| asked.key);
            for version in &versions[*first as usize..][..*count as usize] {
                let (write, objection) = self.witness.returned(version, key, R::ANNOUNCES);
                if let Some(to) = objection {
                    self.tracer.emit(node, cause, What::Objected { to, op: Some(op) });
                }
                if objection != Some(Objection::NoSuchName) {
                    self.tracer.emit(node, cause, What::Returned { op, write });
                }
            }
        }
        let what = match &answer {
            Answer::Refused(why) => What::Refused { op, why: Some(*why) },
            _ => What::Answered { op },
        };
        self.tracer.emit(node, cause, what);
        self.sessions.remember(session, op, &self.plan.sessions[session as usize], answer);
        self.schedule_next(session);
    }

    fn send(&mut self, node: NodeId, cause: u64, targets: &[NodeId], message: R::Message) {
        self.in_store = Some(node);
        let meta = R::meta(&message);
        let brings = if self.measures_every_ns.is_some() { R::repaired_writes(&message) } else { 0 };
        self.in_store = None;
        let (kind, id) = (meta.kind, meta.id);
        if usize::from(kind) >= R::MESSAGE_KINDS.len() {
            self.tracer.emit(node, cause, What::Objected { to: Objection::NoSuchKind, op: None });
            return;
        }
        let what = What::Sent { kind, id, bytes: meta.bytes, copies: targets.len() as u16 };
        let sent = self.tracer.emit(node, cause, what);
        if brings > 0 {
            self.tracer.sink().brings(sent, brings);
        }
        let payload = self.payloads.insert(message, meta, node, sent);
        let (mut copies, now_ns) = (0, self.tracer.now_ns);
        for target in targets {
            let to = *target;
            if !self.witness.is_node(to) {
                self.tracer.emit(node, sent, What::Objected { to: Objection::NoSuchNode, op: None });
                continue;
            }
            match self.network.delivery(self.plan, now_ns, node, to, meta) {
                Delivery::Lost(by) => drop(self.tracer.emit(node, sent, What::Lost { kind, id, to, by })),
                Delivery::Arrives { at_ns, again_at_ns } => {
                    copies += 1 + u32::from(again_at_ns.is_some());
                    if again_at_ns.is_some() {
                        self.tracer.emit(node, sent, What::Duplicated { kind, id, to });
                    }
                    if let Some(sending_ns) = self.network.sending_ns(node, to, meta.bytes) {
                        let (takes_ns, again_takes_ns) = (at_ns - now_ns, again_at_ns.map(|at_ns| at_ns - now_ns));
                        let packet = Packet { to, payload, sending_ns, takes_ns, again_takes_ns };
                        if let Some(packet) = self.network.line(node, to).push(meta, packet) {
                            self.leave(node, packet);
                        }
                        continue;
                    }
                    for at_ns in std::iter::once(at_ns).chain(again_at_ns) {
                        self.queue.push(at_ns, Scheduled::Delivery { to, payload });
                    }
                }
            }
        }
        self.payloads.seal(payload, copies);
    }

    /// A link whose bandwidth is limited begins to send a message.
    fn leave(&mut self, from: NodeId, packet: Packet) {
        let Packet { to, payload, sending_ns, takes_ns, again_takes_ns } = packet;
        let leaves_ns = self.tracer.now_ns.saturating_add(sending_ns);
        self.queue.push(leaves_ns, Scheduled::Sent { from, to });
        for takes_ns in std::iter::once(takes_ns).chain(again_takes_ns) {
            self.queue.push(leaves_ns.saturating_add(takes_ns), Scheduled::Delivery { to, payload });
        }
    }

    fn assert_invariants(&mut self) {
        for host in &self.hosts {
            if let Some(replica) = &host.replica {
                self.in_store = Some(host.id.node);
                replica.assert_invariants();
            }
        }
        self.in_store = None;
    }

    /// What every replica would answer now, and what it says of its memory.
    fn snapshot(&mut self) {
        self.assert_invariants();
        let mut shown = Vec::new();
        let mut gauges = Vec::new();
        for index in 0..self.hosts.len() {
            let node = NodeId(index as u16);
            let Some(replica) = &self.hosts[index].replica else { continue };
            self.in_store = Some(node);
            for level in self.levels.iter() {
                shown.clear();
                replica.visible(level, &mut |key, version| shown.push((key.index(), version)));
                shown.sort_unstable();
                for (key, version) in &shown {
                    let (dot, objection) = match self.witness.returned(version, Some(*key), R::ANNOUNCES) {
                        (dot, _) if *key as usize >= self.keys.len() => (dot, Some(Objection::NoSuchKey)),
                        returned => returned,
                    };
                    if let Some(to) = objection {
                        self.tracer.emit(node, 0, What::Objected { to, op: None });
                        if to != Objection::WrongValue {
                            continue;
                        }
                    }
                    let what = What::Holds { level, key: *key, write: dot };
                    self.tracer.emit(node, 0, what);
                }
            }
            gauges.clear();
            replica.gauges(&mut gauges);
            for (gauge, value) in (0..).zip(&gauges) {
                if usize::from(gauge) >= R::GAUGES.len() {
                    self.tracer.emit(node, 0, What::Objected { to: Objection::NoSuchGauge, op: None });
                    break;
                }
                self.tracer.emit(node, 0, What::Gauge { gauge, value: *value });
            }
        }
        self.in_store = None;
    }
}
