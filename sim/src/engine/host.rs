//! A node: a replica with its timers, its disk and its chance.

use std::collections::VecDeque;

use kvsim_checkers::trace::{self, What, WriteId};
use kvsim_store::{Dot, Env, Level, Levels, NodeId, Observation, Outbox, Output, Replica, ReplicaId, Stream, Version};

/// A node and what belongs to it.
pub struct Host<R: Replica> {
    pub id: ReplicaId,
    pub replica: R,
    chance: Stream,
    /// The armed timers with the number of their arming.
    timers: Vec<(R::Timer, u32)>,
    armings: u32,
    /// When everything appended so far is durable.
    pub durable_ns: u64,
    /// Outputs that wait for records before them, in order.
    pub held: VecDeque<Held<R>>,
}

/// An output that waits until the records before it are durable.
pub struct Held<R: Replica> {
    pub ready_ns: u64,
    pub cause: u64,
    pub output: Output<R>,
    pub targets: Vec<NodeId>,
    pub versions: Vec<Version>,
}

impl<R: Replica> Held<R> {
    pub fn new(ready_ns: u64, cause: u64, output: Output<R>, targets: &[NodeId], versions: &[Version]) -> Held<R> {
        Held { ready_ns, cause, output, targets: targets.to_vec(), versions: versions.to_vec() }
    }
}

impl<R: Replica> Host<R> {
    pub fn new(id: ReplicaId, replica: R, chance: Stream) -> Host<R> {
        Host { id, replica, chance, timers: Vec::new(), armings: 0, durable_ns: 0, held: VecDeque::new() }
    }

    /// The replica, and what it may use in a step.
    pub fn env<'a>(
        &'a mut self,
        members: &'a [ReplicaId],
        now_ns: u64,
        outbox: &'a mut Outbox<R>,
    ) -> (&'a mut R, Env<'a, R>) {
        (&mut self.replica, Env { me: self.id, members, now_ns, chance: &mut self.chance, outbox })
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

    /// The next output whose time has come.
    pub fn next_ready(&mut self, now_ns: u64) -> Option<Held<R>> {
        self.held.front().filter(|held| held.ready_ns <= now_ns)?;
        self.held.pop_front()
    }
}

/// A dot as recordings name it.
pub fn write_id(dot: Dot) -> WriteId {
    WriteId { node: dot.origin.node.0, incarnation: dot.origin.incarnation, counter: dot.counter }
}

/// A level as recordings name it.
pub fn level_out(level: Level) -> trace::Level {
    match level {
        Level::Eventual => trace::Level::Eventual,
        Level::Fifo => trace::Level::Fifo,
        Level::FifoP1 => trace::Level::FifoP1,
        Level::FifoP2 => trace::Level::FifoP2,
        Level::FifoP3 => trace::Level::FifoP3,
        Level::Priority => trace::Level::Priority,
    }
}

/// Levels as recordings name them.
pub fn levels_out(levels: Levels) -> trace::Levels {
    trace::Levels::from_bits(levels.bits())
}

/// A level as stores name it.
pub fn level_in(level: trace::Level) -> Level {
    match level {
        trace::Level::Eventual => Level::Eventual,
        trace::Level::Fifo => Level::Fifo,
        trace::Level::FifoP1 => Level::FifoP1,
        trace::Level::FifoP2 => Level::FifoP2,
        trace::Level::FifoP3 => Level::FifoP3,
        trace::Level::Priority => Level::Priority,
    }
}

/// An observation as recordings say it.
#[inline(always)]
pub fn observed(observation: Observation) -> What {
    match observation {
        Observation::Wrote { call, dot } => What::Wrote { op: call.0, write: write_id(dot) },
        Observation::Known(dot) => What::Known { write: write_id(dot) },
        Observation::Visible { levels, dot } => What::Visible { levels: levels_out(levels), write: write_id(dot) },
        Observation::Hidden { levels, dot } => What::Hidden { levels: levels_out(levels), write: write_id(dot) },
        Observation::Overflowed { levels, dot } => {
            What::Overflowed { levels: levels_out(levels), write: write_id(dot) }
        }
        Observation::Lagging { level, origin, behind_ns } => {
            What::Lagging { level: level_out(level), origin: origin.node.0, behind_ns }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_give_levels_the_same_bits() {
        for level in Level::ALL {
            assert_eq!(level_in(level_out(level)), level);
            assert_eq!(level.name(), level_out(level).name());
            assert_eq!(Levels::only(level).bits(), trace::Levels::only(level_out(level)).bits());
        }
    }
}
