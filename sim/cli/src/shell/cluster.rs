//! A simulated cluster under a person's hands: a plan that grows with what is typed, and the moment up to which it has been
//! run. Each question runs it again from its beginning, which takes milliseconds and makes time travel a matter of
//! forgetting what was typed later.

use std::sync::Arc;

use kvsim_checkers::Finding;
use kvsim_checkers::operations::{Operation, Operations, Outcome};
use kvsim_checkers::trace::{Action, Event, Level, NodeId, Recording, What};
use kvsim_sim::faults::NodeFault;
use kvsim_sim::plan::{Cut, FaultKind, FaultPlan, MessageName, OpPlan, Pace, Plan, SessionPlan, StoreSpec};
use kvsim_sim::scenario::open_settings;
use kvsim_sim::shrink::normal_form;
use kvsim_sim::stores::StoreEntry;

use crate::judge::{self, Judged};
use crate::load;
use crate::recorder::Keep;
use crate::text::{exact, seconds};

/// A session can last for so long, one hour of virtual time; faults without an end last until then.
const FAR_NS: u64 = 3_600_000_000_000;

/// How long an operation waits for its answer.
const TIMEOUT_NS: u64 = 1_000_000_000;

/// The cluster at a moment, with all that has led to it.
#[derive(Clone)]
pub struct Cluster {
    store: &'static StoreEntry,
    /// The store as the scenario has it, with what follows from the sessions left open.
    spec: StoreSpec,
    plan: Plan,
    /// When the scenario's own clients have finished.
    workload_end_ns: u64,
    pub now_ns: u64,
    /// Which node the next operation asks, and how.
    pub node: NodeId,
    pub level: Level,
    pub quorum: u16,
    pub context: bool,
}

impl Cluster {
    /// The cluster of a plan, at its beginning.
    pub fn new(store: &'static StoreEntry, plan: Plan) -> Cluster {
        let workload_end_ns = plan.workload_end_ns;
        let mut cluster = Cluster {
            store,
            spec: open_settings(&plan),
            plan: Plan { workload_end_ns: FAR_NS.max(workload_end_ns), ..plan },
            workload_end_ns,
            now_ns: 0,
            node: NodeId(0),
            level: Level::Eventual,
            quorum: 1,
            context: true,
        };
        // What replicas keep follows from the levels of the sessions, so all that there can be are there from the beginning.
        for level in store.levels.iter() {
            cluster.level = level;
            let _ = cluster.session();
        }
        cluster.level = Level::Eventual;
        cluster
    }

    /// Number of nodes.
    pub fn nodes(&self) -> u16 {
        self.plan.replicas
    }

    /// The node called `name`.
    pub fn node_called(&self, name: &str) -> Result<NodeId, String> {
        let nodes = self.plan.replicas;
        load::node_called(name, nodes).ok_or_else(|| format!("there is no node {name}; expected n0 to n{}", nodes - 1))
    }

    /// The session that asks as the next operation is to: a new one where none does.
    fn session(&mut self) -> Result<usize, String> {
        let Cluster { level, quorum, context, .. } = *self;
        let is_it = |session: &SessionPlan| {
            session.name.starts_with(NAMES)
                && (session.level, session.quorum, session.context) == (level, quorum, context)
        };
        if let Some(found) = self.plan.sessions.iter().position(is_it) {
            return Ok(found);
        }
        let mut name = format!("{NAMES}{}", level.name());
        if quorum > 1 {
            name.push_str(&format!("-q{quorum}"));
        }
        if !context {
            name.push_str("-blind");
        }
        let (timeout_ns, ops) = (TIMEOUT_NS, Vec::new());
        let (node, pace) = (NodeId(0), Pace::Open);
        let (region, latency, of_store) = (None, None, false);
        let session =
            SessionPlan { name, node, level, quorum, context, region, latency, timeout_ns, pace, of_store, ops };
        let mut plan = self.plan.clone();
        plan.sessions.push(session);
        let fitted = self.spec.fitted(&plan.cluster());
        plan.store = fitted.map_err(|misfits| misfits.iter().map(|misfit| misfit.wrong.line()).collect::<String>())?;
        if self.now_ns > 0 && plan.store != self.plan.store {
            return Err(
                "such a session changes what replicas keep from the beginning on: give the scenario one".to_owned()
            );
        }
        plan.validate().map_err(|error| error.to_string())?;
        self.plan = plan;
        Ok(self.plan.sessions.len() - 1)
    }

    /// The next whole microsecond: no two things that are typed happen at the same time.
    fn tick(&mut self) -> u64 {
        self.now_ns = (self.now_ns / 1_000 + 1) * 1_000;
        self.now_ns
    }

    /// Asks for one operation and goes on until it has ended. Gives the time that it took, too.
    pub fn ask(&mut self, action: Action, key: &str) -> Result<(Operation, u64, Arc<Recording>), String> {
        if key.chars().any(char::is_control) {
            return Err("expected a key's name without control characters".to_owned());
        }
        let session = self.session()?;
        let key = match self.plan.keys.iter().position(|known| known == key) {
            Some(known) => known,
            None => {
                self.plan.keys.push(key.to_owned());
                self.plan.keys.len() - 1
            }
        };
        let all = || self.plan.sessions.iter().flat_map(|session| &session.ops);
        let number = all().map(|op| op.op + 1).max().unwrap_or(0);
        let value = match action {
            Action::Read => 0,
            Action::Write | Action::Delete => all().map(|op| op.value + 1).max().unwrap_or(1).max(1),
        };
        let node = Some(self.node).filter(|node| *node != self.plan.sessions[session].node);
        let (wait_ns, bytes) = (self.tick(), if action == Action::Write { 8 } else { 0 });
        let op = OpPlan { op: number, wait_ns, node, action, key: key as u32, value, bytes };
        let before = self.plan.clone();
        self.plan.sessions[session].ops.push(op);
        if let Err(error) = self.plan.validate() {
            self.plan = before;
            return Err(error.to_string());
        }
        let recording = self.run(wait_ns + TIMEOUT_NS).recording;
        let operation = Operations::of(&recording).get(number).cloned();
        let operation = operation.ok_or("the run has ended before it was asked")?;
        let ended = match operation.outcome {
            Outcome::Open => None,
            Outcome::Answered(place) | Outcome::Refused(place) | Outcome::TimedOut(place) => Some(place),
        };
        self.now_ns = ended.map_or(wait_ns + TIMEOUT_NS, |place| recording.events[place].at_ns);
        Ok((operation, self.now_ns - wait_ns, recording))
    }

    /// What happens up to a time, from the beginning on.
    pub fn run(&self, until_ns: u64) -> Judged {
        judge::run(self.store, &self.plan, Keep::Everything, until_ns)
    }

    /// Goes on to a time and says what happens on the way.
    pub fn go_to(&mut self, to_ns: u64) -> Result<(Vec<Event>, Arc<Recording>), String> {
        if to_ns >= self.plan.workload_end_ns {
            return Err(format!("a session lasts for {} at most", seconds(self.plan.workload_end_ns)));
        }
        let from_ns = std::mem::replace(&mut self.now_ns, to_ns);
        let recording = self.run(to_ns).recording;
        let new = recording.events.iter().filter(|event| event.at_ns > from_ns || from_ns == 0).copied().collect();
        Ok((new, recording))
    }

    /// Loses a message that is still to be sent to these nodes, to all if there are none.
    pub fn drop(&mut self, kind: &str, id: u64, to: Vec<NodeId>) -> Result<(), String> {
        let kinds = &self.store.message_kinds;
        let number = kinds.iter().position(|known| *known == kind);
        let number = number.ok_or_else(|| format!("there is no message {kind}; expected {}", kinds.join(", ")))?;
        let recording = self.run(self.now_ns).recording;
        let is_it = |event: &&Event| matches!(event.what, What::Sent { kind, id: sent, .. } if (usize::from(kind), sent) == (number, id));
        if let Some(sent) = recording.events.iter().find(is_it) {
            return Err(format!("{kind} {id} was sent at {}: go back to a time before", exact(sent.at_ns)));
        }
        self.begin(FaultKind::Drop(MessageName { kind: kind.to_owned(), id, from: None, to }))
    }

    /// Lets nothing pass between the two sides, or only from the second to the first.
    pub fn cut(&mut self, from: Vec<NodeId>, to: Vec<NodeId>, both: bool) -> Result<(), String> {
        if from.is_empty() || to.is_empty() || from.iter().any(|node| to.contains(node)) {
            return Err("expected a node on each side, and none on both".to_owned());
        }
        let back = both.then(|| Cut { from: to.clone(), to: from.clone() });
        self.begin(FaultKind::Partition { cuts: [Cut { from, to }].into_iter().chain(back).collect() })
    }

    /// Lets a node be down or stand still.
    pub fn stop(&mut self, node: NodeId, fault: NodeFault) -> Result<(), String> {
        let now_ns = self.now_ns;
        let is_it = |kind: &FaultKind| matches!(kind, FaultKind::Node { node: other, .. } if *other == node);
        if self.plan.faults.iter().any(|fault| fault.until_ns > now_ns && is_it(&fault.kind)) {
            return Err(format!("{node} is down or paused already"));
        }
        self.begin(FaultKind::Node { node, fault })
    }

    /// Begins a fault, which lasts until it is ended.
    fn begin(&mut self, kind: FaultKind) -> Result<(), String> {
        let word = match &kind {
            FaultKind::Partition { .. } => "partition",
            FaultKind::Drop(_) => "drop",
            FaultKind::Node { fault: NodeFault::Pause, .. } => "pause",
            _ => "crash",
        };
        let name = format!("{word}[{}]", self.plan.faults.iter().filter(|fault| fault.name.starts_with(word)).count());
        // A message has one fate, whenever it is sent.
        let (from_ns, until_ns) = (if kind.message().is_some() { 0 } else { self.tick() }, self.plan.workload_end_ns);
        let before = self.plan.clone();
        self.plan.faults.push(FaultPlan { name, place: String::new(), from_ns, until_ns, kind });
        self.plan.validate().map_err(|error| {
            self.plan = before;
            error.to_string()
        })
    }

    /// Ends the faults that last and are `meant`; how many.
    pub fn end(&mut self, meant: impl Fn(&FaultKind) -> bool) -> usize {
        let now_ns = self.tick();
        let lasting = self.plan.faults.iter_mut().filter(|fault| fault.until_ns > now_ns && meant(&fault.kind));
        lasting.map(|fault| fault.until_ns = now_ns).count()
    }

    /// The plan as it stands, with an end: what lasts ends with the workload.
    fn closed(&self) -> Plan {
        let mut plan = self.plan.clone();
        plan.workload_end_ns = self.workload_end_ns.max((self.now_ns / 1_000 + 1) * 1_000);
        plan.sessions.retain(|session| !session.ops.is_empty());
        for fault in &mut plan.faults {
            fault.until_ns = fault.until_ns.min(plan.workload_end_ns);
        }
        plan
    }

    /// What the checkers find if nothing more is typed.
    pub fn findings(&self) -> Vec<Finding> {
        let judged =
            judge::judge(self.store, &Plan { sessions: self.plan.sessions.clone(), ..self.closed() }, Keep::Everything);
        let mut findings: Vec<Finding> = judged.reports.into_iter().flat_map(|report| report.findings).collect();
        findings.sort_by_key(|finding| finding.at_ns);
        findings
    }

    /// All that was typed, to be written as a scenario.
    pub fn plan(&self) -> Plan {
        let mut plan = self.closed();
        // Some messages that were to be lost have not come to be.
        let written: Vec<u64> = plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.value).collect();
        let is_named = |name: &MessageName| name.kind != "update" || written.contains(&name.id);
        plan.faults.retain(|fault| fault.kind.message().is_none_or(is_named));
        normal_form(&plan)
    }
}

/// What the names of the shell's own sessions begin with.
const NAMES: &str = "you-";
