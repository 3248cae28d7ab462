//! Nodes that go down, come up, stand still, are slow, and whose clocks and disks are not as they should be.
//!
//! Any number of faults may concern a node at once. It is down while one of them has it down: a node that is down
//! cannot crash, so that the disk of the first crash counts; but it can leave, with its disk. Otherwise the slowest
//! step and the slowest disk count, and errors of the clock add up.

use std::collections::BTreeSet;

use kvsim_checkers::trace::{Disk, LostBy, NodeId, What};
use kvsim_store::{CallId, Dot, Input, Observation, Replica};

use super::backlog::Waiting;
use super::clock::Error;
use super::{Engine, Scheduled};
use crate::faults::{DiskLoss, NodeFault};
use crate::plan::{FaultKind, FaultPlan};

impl<R: Replica> Engine<'_, R> {
    /// A fault of `node` begins or ends, by the event with number `cause`.
    pub(super) fn apply_fault(&mut self, node: NodeId, number: u16, fault: &NodeFault, begins: bool, cause: u64) {
        let host = &mut self.hosts[node.index()];
        match begins {
            true => host.active_faults.push(number),
            false => host.active_faults.retain(|other| *other != number),
        }
        match fault {
            NodeFault::Crash { .. } | NodeFault::Replace | NodeFault::Absent | NodeFault::Left => {
                if begins {
                    self.go_down(node, fault, cause);
                } else if self.downing_fault(node).is_none() {
                    self.come_up(node, cause);
                }
            }
            NodeFault::Pause | NodeFault::SlowNode { .. } => self.change_pace(node, cause),
            NodeFault::SlowDisk { .. } | NodeFault::FullDisk => self.change_disk(node),
            NodeFault::Clock { .. } => self.change_clock(node),
        }
    }

    /// The faults of `node` that last.
    fn active_faults(&self, node: NodeId) -> impl Iterator<Item = (u16, &FaultPlan, &NodeFault)> {
        self.hosts[node.index()].active_faults.iter().filter_map(|number| {
            let plan = &self.plan.faults[usize::from(*number)];
            match &plan.kind {
                FaultKind::Node { fault, .. } => Some((*number, plan, fault)),
                _ => None,
            }
        })
    }

    /// The first fault that has `node` down.
    fn downing_fault(&self, node: NodeId) -> Option<u16> {
        self.active_faults(node).find(|(_, _, fault)| fault.disk_loss().is_some()).map(|(number, _, _)| number)
    }

    fn go_down(&mut self, node: NodeId, fault: &NodeFault, cause: u64) {
        let now_ns = self.tracer.now_ns;
        let loss = fault.disk_loss().unwrap_or_default();
        let host = &mut self.hosts[node.index()];
        // A node that is absent has not been up before; one that leaves takes its disk along even if it is down.
        let is_news = match fault {
            NodeFault::Absent => host.active_faults.len() == 1,
            NodeFault::Left => host.has_disk,
            _ => host.replica.is_some(),
        };
        if is_news {
            let disk = match loss {
                DiskLoss::Kept => Disk::Kept,
                DiskLoss::TailLost | DiskLoss::Torn => Disk::TailLost,
                DiskLoss::Lost => Disk::Lost,
            };
            let down = self.tracer.emit(node, cause, What::Down { disk });
            if loss == DiskLoss::Lost {
                // The dots that it has issued are not known to it any more.
                host.id.incarnation += u16::from(*fault != NodeFault::Absent);
                host.has_disk = false;
            }
            for (dot, promised) in host.disk.crash(now_ns, loss) {
                self.tracer.emit(node, down, What::Forgot { write: dot, promised });
            }
            host.stop();
            host.blocked = true;
            for waiting in std::mem::take(&mut host.backlog.waiting) {
                self.wait(node, waiting);
            }
        }
        if matches!(fault, NodeFault::Absent | NodeFault::Left) {
            self.members.retain(|member| member.node != node);
            self.tell_members(node, cause);
        }
    }

    fn come_up(&mut self, node: NodeId, cause: u64) {
        let id = self.hosts[node.index()].id;
        let up = self.tracer.emit(node, cause, What::Up { incarnation: id.incarnation });
        let is_news = !self.members.contains(&id);
        if is_news {
            self.members.retain(|member| member.node != id.node);
            self.members.push(id);
            self.members.sort_unstable();
        }
        self.boot(node, up);
        if is_news {
            self.tell_members(node, up);
        }
    }

    /// The replica of `node` starts.
    pub(super) fn boot(&mut self, node: NodeId, cause: u64) {
        let host = &mut self.hosts[node.index()];
        self.in_store = Some(node);
        host.boot(self.config, self.plan.seed, &self.members, self.tracer.now_ns, &mut self.outbox);
        self.in_store = None;
        host.blocked = host.backlog.is_busy();
        // What its disk has is announced again, and what it had of keys that it serves only now.
        self.witness.name_all(&mut self.outbox.observations, std::iter::empty());
        if self.keeps_log {
            let disk = &mut self.hosts[node.index()].disk;
            let had: BTreeSet<Dot> = disk.known().collect();
            for observation in &self.outbox.observations {
                match observation {
                    Observation::Known(dot) if self.witness.is_name(*dot) && !had.contains(dot) => {
                        disk.note_known(*dot, 0)
                    }
                    _ => {}
                }
            }
        }
        self.apply_outputs(node, cause);
    }

    /// All but `node`, which knows it, are told that the list of members has changed.
    fn tell_members(&mut self, node: NodeId, cause: u64) {
        for other in NodeId::all(self.hosts.len() as u16) {
            let host = &self.hosts[other.index()];
            if other == node || host.replica.is_none() {
                continue;
            }
            if host.blocked {
                self.wait(other, Waiting::Members(cause));
            } else {
                self.step(other, cause, Input::Members);
            }
        }
    }

    /// Something reaches a node that cannot take it up now.
    #[cold]
    pub(super) fn wait(&mut self, node: NodeId, what: Waiting<R>) {
        if self.hosts[node.index()].replica.is_some() {
            self.hosts[node.index()].backlog.waiting.push_back(what);
            self.begin_work(node);
        } else if let Waiting::Delivery(slot) = what {
            let fault = self.downing_fault(node).expect("a node is down by a fault");
            let payload = self.payloads.get(slot);
            let (kind, id, from, sent) = (payload.meta.kind, payload.meta.id, payload.from, payload.sent);
            self.tracer.emit(from, sent, What::Lost { kind, id, to: node, by: LostBy::Fault(fault) });
            self.payloads.release(slot);
        }
    }

    /// A slow node works on what waits.
    fn begin_work(&mut self, node: NodeId) {
        if let Some((at_ns, turn)) = self.hosts[node.index()].backlog.begin(self.tracer.now_ns) {
            self.queue.push(at_ns, Scheduled::Work { node, turn });
        }
    }

    pub(super) fn work(&mut self, node: NodeId, turn: u32) {
        if let Some(waiting) = self.hosts[node.index()].backlog.finish(turn) {
            self.take_up(node, waiting);
            self.begin_work(node);
        }
    }

    /// What has waited is handled.
    pub(super) fn take_up(&mut self, node: NodeId, waiting: Waiting<R>) {
        match waiting {
            Waiting::Delivery(slot) => self.deliver(node, slot),
            Waiting::Timer(arming) => self.fire(node, arming),
            Waiting::Members(cause) => self.step(node, cause, Input::Members),
            Waiting::Call { op, call, invoked } => {
                let cause = self.tracer.emit(node, invoked, What::Reached { op });
                let me = self.hosts[node.index()].id;
                if !R::ANNOUNCES
                    && let Some(what) = self.witness.name(op, self.sessions.asked(op, self.plan), me)
                {
                    self.tracer.emit(node, cause, what);
                }
                self.step(node, cause, Input::Call { id: CallId(op), call: call.call() });
            }
        }
    }

    /// The node stands still, goes on, or becomes slower or faster.
    fn change_pace(&mut self, node: NodeId, cause: u64) {
        let paused = self.active_faults(node).any(|(_, _, fault)| *fault == NodeFault::Pause);
        let steps = self.active_faults(node).map(|(_, _, fault)| match fault {
            NodeFault::SlowNode { step } => step.ns(),
            _ => 0,
        });
        let step_ns = steps.max().unwrap_or(0);
        let host = &mut self.hosts[node.index()];
        let was_paused = std::mem::replace(&mut host.backlog.paused, paused);
        host.backlog.step_ns = step_ns;
        // Work that was begun at another pace begins anew.
        host.backlog.turn = None;
        host.blocked = host.replica.is_none() || host.backlog.is_busy();
        if paused != was_paused {
            self.tracer.emit(node, cause, if paused { What::Paused } else { What::Resumed });
        }
        if paused {
            return;
        }
        self.release(node);
        if step_ns > 0 {
            return self.begin_work(node);
        }
        for waiting in std::mem::take(&mut self.hosts[node.index()].backlog.waiting) {
            self.take_up(node, waiting);
        }
    }

    fn change_disk(&mut self, node: NodeId) {
        let (mut write_ns, mut full_until_ns) = (self.plan.disk.write.ns(), 0);
        for (_, plan, fault) in self.active_faults(node) {
            match fault {
                NodeFault::SlowDisk { write } => write_ns = write_ns.max(write.ns()),
                NodeFault::FullDisk => full_until_ns = plan.until_ns.max(full_until_ns),
                _ => {}
            }
        }
        let disk = &mut self.hosts[node.index()].disk;
        (disk.write_ns, disk.full_until_ns) = (write_ns, full_until_ns);
    }

    fn change_clock(&mut self, node: NodeId) {
        let errors = self.active_faults(node).filter_map(|(_, plan, fault)| {
            let (offset_ns, drift_ppm) = fault.clock_error()?;
            Some(Error { since_ns: plan.from_ns, offset_ns, drift_ppm })
        });
        let errors: Vec<Error> = errors.collect();
        self.hosts[node.index()].clock.set(errors.into_iter());
    }
}
