//! A node: a replica with its timers, its disk, its clock and its chance.

use kvsim_checkers::trace::What;
use kvsim_store::{Env, Observation, Outbox, Replica, ReplicaId, Stream};

use super::backlog::Backlog;
use super::clock::Clock;
use super::disk::Disk;
use crate::plan::Plan;
use crate::quantity::Duration;

/// A node and what belongs to it.
pub struct Host<R: Replica> {
    pub id: ReplicaId,
    /// Nothing while the node is down.
    pub replica: Option<R>,
    /// Its disk is there, or what a crash has left of it.
    pub has_disk: bool,
    chance: Stream,
    /// The armed timers with the number of their arming.
    timers: Vec<(R::Timer, u32)>,
    armings: u32,
    pub disk: Disk<R>,
    pub clock: Clock,
    pub backlog: Backlog<R>,
    /// The faults of this node that last, by number.
    pub active_faults: Vec<u16>,
    /// Inputs cannot be handled as they come: the node is down, stands still, or is slow. Follows from the rest; on its
    /// own, so that the usual case costs one look.
    pub blocked: bool,
    /// How often it has started.
    boots: u64,
}

impl<R: Replica> Host<R> {
    /// A node that has never started.
    pub fn new(id: ReplicaId, plan: &Plan, keeps_log: bool) -> Host<R> {
        Host {
            id,
            replica: None,
            has_disk: true,
            chance: Stream::new(plan.seed, "node", u64::from(id.node.0)),
            timers: Vec::new(),
            armings: 0,
            disk: Disk::new(plan.disk.write.ns(), plan.disk.sync.0.map(Duration::ns), keeps_log),
            clock: Clock::default(),
            backlog: Backlog::new(),
            active_faults: Vec::new(),
            blocked: true,
            boots: 0,
        }
    }

    /// The replica starts with what the disk has.
    pub fn boot(&mut self, config: &R::Config, seed: u64, members: &[ReplicaId], now_ns: u64, outbox: &mut Outbox<R>) {
        // Each life draws for itself.
        self.chance = Stream::new(seed, "node", u64::from(self.id.node.0) | self.boots << 16);
        self.has_disk = true;
        let founding = self.boots == 0 && now_ns == 0;
        self.boots += 1;
        let log = self.disk.take_records();
        let now_ns = self.clock.shows(now_ns);
        let mut env = Env { me: self.id, members, founding, now_ns, chance: &mut self.chance, outbox };
        self.replica = Some(R::boot(config, &log, &mut env));
        self.disk.put_back(log);
    }

    /// The process is gone, with everything but the disk and the backlog.
    pub fn stop(&mut self) {
        self.replica = None;
        self.timers.clear();
        self.backlog.turn = None;
    }

    /// The replica, and what it may use in a step.
    pub fn env<'a>(
        &'a mut self,
        members: &'a [ReplicaId],
        now_ns: u64,
        outbox: &'a mut Outbox<R>,
    ) -> (&'a mut R, Env<'a, R>) {
        let replica = self.replica.as_mut().expect("a node that is down takes no step");
        let now_ns = self.clock.shows(now_ns);
        (replica, Env { me: self.id, members, founding: false, now_ns, chance: &mut self.chance, outbox })
    }

    /// Arms a timer, in place of an earlier arming; returns the number by which it fires.
    pub fn arm(&mut self, timer: R::Timer) -> u32 {
        self.armings = self.armings.wrapping_add(1);
        match self.timers.iter_mut().find(|(armed, _)| *armed == timer) {
            Some((_, arming)) => *arming = self.armings,
            None => self.timers.push((timer, self.armings)),
        }
        self.armings
    }

    pub fn disarm(&mut self, timer: R::Timer) {
        self.timers.retain(|(armed, _)| *armed != timer);
    }

    /// The timer that was armed with this number, unless it was disarmed or armed again since.
    pub fn fire(&mut self, arming: u32) -> Option<R::Timer> {
        let at = self.timers.iter().position(|(_, armed)| *armed == arming)?;
        Some(self.timers.swap_remove(at).0)
    }
}

/// An observation as recordings say it.
#[inline(always)]
pub fn observed(observation: Observation) -> What {
    match observation {
        Observation::Wrote { call, dot } => What::Wrote { op: call.0, write: dot },
        Observation::Known(dot) => What::Known { write: dot },
        Observation::GaveAway(dot) => What::GaveAway { write: dot },
        Observation::Visible { levels, dot } => What::Visible { levels, write: dot },
        Observation::Hidden { levels, dot } => What::Hidden { levels, write: dot },
        Observation::Overflowed { levels, dot } => What::Overflowed { levels, write: dot },
        Observation::Settled(_) | Observation::KnownAll(_) | Observation::GaveAwayAll(_) => {
            unreachable!("the host has named the writes")
        }
        Observation::Lagging { level, origin, behind_ns } => What::Lagging { level, origin: origin.node, behind_ns },
    }
}
