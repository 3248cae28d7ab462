//! What a bare history tells: keys are registers, and who writes to one replaces what they know to be in it.

use rustc_hash::FxHashMap;

use super::log::{Clock, Log, Read, Write};
use crate::history::{Ending, History, NOTHING, Op, SEVERAL};

/// No write, or more than one.
const NONE: u32 = u32::MAX;

impl Log {
    /// What a bare history tells.
    pub fn of_history(history: &History) -> Log {
        let mut log = Log { is_register: true, deletes: vec![Vec::new(); history.keys()], ..Log::default() };
        let mut by_value = vec![None; history.values()];
        for (op, place) in history.ops().iter().zip(0..).filter(|(op, _)| op.is_possible_write()) {
            let number = log.writes.len() as u32;
            if op.value == NOTHING {
                log.deletes[op.key as usize].push(number);
            } else {
                let write = &mut by_value[op.value as usize];
                *write = Some(if write.is_none() { number } else { NONE });
            }
            log.writes.push(write(op, place, history.sessions()));
        }
        let mut next_write = 0;
        for session in 0..history.sessions() {
            let mut known: FxHashMap<u32, Clock> = FxHashMap::default();
            for place in history.session(session) {
                let op = &history.ops()[place as usize];
                let known = known.entry(op.key).or_default();
                if op.is_possible_write() {
                    let write = &mut log.writes[next_write];
                    write.seen = known.clone();
                    if write.done.is_some() {
                        known.add(write.id);
                    }
                    next_write += 1;
                } else if op.is_answered_read() {
                    let returned = match op.value {
                        NOTHING => Some(Vec::new()),
                        SEVERAL => None,
                        value => by_value[value as usize].filter(|write| *write != NONE).map(|write| vec![write]),
                    };
                    // What the session itself writes only later.
                    let is_early = |write: &u32| {
                        let write = &log.writes[*write as usize];
                        write.session == session && write.asked > place
                    };
                    let returned = returned.filter(|returned| !returned.iter().any(is_early));
                    let Some(returned) = returned else {
                        log.mute.push(op.number);
                        continue;
                    };
                    returned.iter().for_each(|write| known.add(log.writes[*write as usize].id));
                    log.reads.push(Read {
                        op: op.number,
                        session,
                        key: op.key,
                        view: Some(session),
                        asked: place,
                        seen_at: place,
                        answered: place,
                        until: NONE,
                        returned,
                    });
                }
            }
        }
        log
    }
}

fn write(op: &Op, place: u32, sessions: u32) -> Write {
    let is_done = op.ending == Ending::Ok;
    // One of unknown outcome may take effect late, so that it is in an order of its own.
    let id = if is_done { (op.session, u64::from(place) + 1) } else { (sessions + place, 1) };
    Write {
        op: op.number,
        session: op.session,
        key: op.key,
        is_delete: op.value == NOTHING,
        id,
        asked: place,
        done: is_done.then_some(place),
        seen: Clock::default(),
        told: Vec::new(),
        horizon: 0,
    }
}
