//! Sessions of the schedules for consistency levels, and what their reads must return and when.

use std::collections::BTreeMap;

use kvsim_store::ndc::Handed;
use kvsim_store::ndc::Ndc;
use kvsim_store::ndc::frontier::Frontiers;
use kvsim_store::{CallId, Key, Level, NodeId, Refusal, Stream, Value, Version};

use super::oracle::members;
use super::{CLIENTS, Flaw, PROBE, Set, World, lowest, refused};
use crate::common::{Kind, Reply, Step};

/// A client: what the last answer about each key handed out, and what the oracle says that this means.
pub struct Session {
    home: NodeId,
    read: BTreeMap<Key, (Handed, Set)>,
    /// Of a session that moves: its level, and what its answers gave it.
    pub level: Level,
    seen: Frontiers,
    /// By lowest priority: what its reads have shown it, and its own writes, each with what comes before it.
    must: [Set; 4],
    /// By lowest priority: what was reflected wherever it has been. More than this it need not wait for.
    may: [Set; 4],
}

impl Session {
    pub fn new(home: NodeId, chance: &mut Stream) -> Session {
        let level = [Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority, Level::Priority]
            [chance.below(6) as usize];
        Session { home, read: BTreeMap::new(), level, seen: Default::default(), must: [0; 4], may: [0; 4] }
    }
}

/// A call that is not answered yet.
#[derive(Clone, Debug)]
pub struct Waiting {
    call: CallId,
    node: NodeId,
    session: usize,
    key: Key,
    level: Level,
    pub quorum: u16,
    is_read: bool,
    moving: bool,
    /// What the answer must rest on.
    need: Set,
    /// When this is reflected, there is nothing to wait for.
    enough: Set,
    /// By node: what it had seen of the key when the call was made.
    had: Vec<Set>,
}

impl World {
    fn idle(&self, session: usize) -> bool {
        self.waiting.iter().all(|waiting| waiting.session != session)
    }

    fn some_session(&mut self) -> (usize, NodeId) {
        let session = self.chance.below(u64::from(CLIENTS)) as usize;
        // Mostly at home, sometimes elsewhere, with what was read at home; one that moves is anywhere.
        let elsewhere = self.moving(session) || self.chance.below(4) == 0;
        (session, if elsewhere { self.some_node() } else { self.sessions[session].home })
    }

    pub fn some_write(&mut self) {
        let (session, mut node) = self.some_session();
        let key = self.some_key();
        if self.style.one_writer {
            node = NodeId((key.index() % u32::from(self.style.nodes)) as u16);
        }
        let (delete, blind) = (self.chance.below(4) == 0, self.chance.below(3) == 0);
        if self.idle(session) {
            self.write(session, node, key, delete, blind);
        }
    }

    pub fn some_read(&mut self) {
        let (session, node) = self.some_session();
        if !self.moving(session) {
            let (key, level) = (self.some_key(), Level::ALL[self.chance.below(6) as usize]);
            let several = self.style.moves && level != Level::Eventual && self.chance.below(4) == 0;
            let quorum = if several { 2 } else { 1 };
            if self.idle(session) {
                self.read(session, node, key, level, quorum);
            }
            return;
        }
        // It looks here and there.
        for node in [node, self.some_node()] {
            let level = self.sessions[session].level;
            let mut key = self.some_key();
            if refused(level, key) {
                key = self.some_key();
            }
            let several = self.chance.below(6) == 0;
            let quorum = if several { 1 + self.chance.below(u64::from(self.style.nodes) + 1) as u16 } else { 1 };
            if self.idle(session) {
                self.read(session, node, key, level, quorum);
            }
        }
    }

    /// All clients but the first move, if any do. The others stay and carry nothing.
    fn moving(&self, session: usize) -> bool {
        self.style.moves && (1..PROBE).contains(&session)
    }

    /// A session reads.
    pub fn read(&mut self, session: usize, node: NodeId, key: Key, level: Level, quorum: u16) -> CallId {
        let moving = self.moving(session);
        let mut waiting = self.begin(session, node, key, level);
        (waiting.quorum, waiting.is_read) = (quorum, true);
        if let (true, Some(lowest)) = (moving, lowest(level, key)) {
            let Session { must, may, .. } = &self.sessions[session];
            waiting.need = must[..=lowest].iter().fold(0, |sum, set| sum | set) & self.from(lowest);
            waiting.enough = may[lowest];
        }
        self.waiting.push(waiting);
        self.callers.push((session, 0));
        let mut seen = moving.then(|| self.sessions[session].seen.clone());
        let flaw = self.style.flaw;
        match (flaw, &mut seen) {
            (Some(Flaw::NotAwaited), Some(seen)) => *seen = Frontiers::default(),
            (Some(Flaw::AwaitsAll), Some(seen)) => {
                let all: Vec<_> = seen.iter().map(|(origin, reach)| (origin, reach[0])).collect();
                all.into_iter().for_each(|(origin, last)| (1..4).for_each(|view| seen.raise(origin, view, last)));
            }
            _ => {}
        }
        let asked = if flaw == Some(Flaw::NotRefused) && refused(level, key) { Level::Eventual } else { level };
        let kind = Kind::Read { quorum };
        let (call, mut step) = self.net.ask_at(node, key, kind, asked, &Handed::default(), seen.as_ref());
        if flaw == Some(Flaw::EventualContext) {
            self.callers.push((PROBE, 0));
            let (_, other) = self.net.ask(node, key, Kind::Read { quorum: 1 }, &Handed::default());
            if let ([(_, Reply::Read { context, .. })], [(_, Reply::Read { context: eventual, .. })]) =
                (&mut step.answers[..], &other.answers[..])
            {
                context.clone_from(eventual);
            }
        }
        self.after(node, &step, 0, None);
        self.awaited += u32::from(quorum == 1 && !self.idle(session));
        call
    }

    /// A session writes or deletes; `blind` without what it has read before.
    pub fn write(&mut self, session: usize, node: NodeId, key: Key, delete: bool, blind: bool) -> CallId {
        self.write_value(session, node, key, delete, blind, 8)
    }

    /// A session writes a value of this size.
    pub fn write_value(
        &mut self,
        session: usize,
        node: NodeId,
        key: Key,
        delete: bool,
        blind: bool,
        bytes: u32,
    ) -> CallId {
        let (context, over) = self.sessions[session].read.get(&key).filter(|_| !blind).cloned().unwrap_or_default();
        let waiting = self.begin(session, node, key, Level::Eventual);
        self.waiting.push(waiting);
        self.callers.push((session, over));
        let value = Value { id: self.net.asked.len() as u64, bytes };
        let seen = self.moving(session).then(|| self.sessions[session].seen.clone());
        let (level, kind) = (self.sessions[session].level, Kind::Write { value, delete });
        let (call, step) = self.net.ask_at(node, key, kind, level, &context, seen.as_ref());
        self.after(node, &step, 0, None);
        call
    }

    /// A client of `node` that never reads writes to `key`: it has seen its own last write, and no more.
    pub fn write_blindly(&mut self, node: NodeId, key: Key, bytes: u32) {
        let own = self.blind.get(&(node, key)).cloned().unwrap_or_default();
        let before = self.sessions[0].read.insert(key, own);
        self.write_value(0, node, key, false, false, bytes);
        let own = self.sessions[0].read.remove(&key).expect("the write was answered");
        self.blind.insert((node, key), own);
        before.into_iter().for_each(|before| _ = self.sessions[0].read.insert(key, before));
    }

    fn begin(&self, session: usize, node: NodeId, key: Key, level: Level) -> Waiting {
        let lowest = lowest(level, key).unwrap_or(0);
        let had = self.sites.iter().map(|site| self.seen(site.low[lowest]) & self.of(key)).collect();
        let (call, moving) = (CallId(self.net.asked.len() as u32), self.moving(session));
        let (quorum, is_read) = (1, false);
        Waiting { call, node, session, key, level, quorum, is_read, moving, need: 0, enough: 0, had }
    }

    /// A node that restarts forgets whom it has to answer.
    pub fn forget_calls(&mut self, node: NodeId) {
        self.waiting.retain(|waiting| waiting.node != node);
    }

    /// The answers of a step of `node` are right, and none is missing.
    pub fn check_answers(&mut self, node: NodeId, step: &Step<Ndc>) {
        for (call, reply) in &step.answers {
            let place = self.waiting.iter().position(|waiting| waiting.call == *call);
            let waiting = self.waiting.remove(place.unwrap_or_else(|| panic!("nobody waits for {call:?}")));
            match reply {
                Reply::Refused(why) => {
                    let Waiting { level, key, quorum, is_read, .. } = waiting;
                    assert!(is_read, "a write needs no refusal");
                    match why {
                        Refusal::Level => assert!(refused(level, key) || quorum > 1, "{call:?} need not be refused"),
                        Refusal::Quorum => assert!(quorum > 1, "{call:?} asks one replica"),
                        Refusal::Recovering | Refusal::Unavailable | Refusal::Unsupported => {
                            panic!("{call:?} is refused, but nobody has lost anything")
                        }
                    }
                    continue;
                }
                Reply::Read { versions, context } => self.check_read(&waiting, versions, context),
                Reply::Wrote { context } => self.note_wrote(&waiting, context),
            }
            if waiting.moving {
                let seen = step.seen.iter().find(|(of, _)| of == call).map(|(_, seen)| seen.clone());
                let seen = seen.unwrap_or_else(|| panic!("{call:?} of a session that moves is told what it has seen"));
                for lowest in 0..4 {
                    let reflected = self.prefix(self.sites[node.index()].known, lowest);
                    self.sessions[waiting.session].may[lowest] |= reflected;
                }
                self.sessions[waiting.session].seen = seen;
            }
        }
        for waiting in self.waiting.iter().filter(|waiting| waiting.node == node && waiting.quorum == 1) {
            let reflected = match lowest(waiting.level, waiting.key) {
                None => Set::MAX,
                Some(lowest) => self.sites[node.index()].low[lowest],
            };
            let missing = waiting.enough & !reflected;
            assert!(missing != 0, "{waiting:?} is not answered, though {node} has all that the session has seen");
        }
    }

    fn check_read(&mut self, waiting: &Waiting, versions: &[Version], context: &Handed) {
        let Waiting { call, node, key, level, quorum, .. } = *waiting;
        assert!(!refused(level, key), "{call:?} of {key:?} at {level:?} must be refused");
        assert!(versions.iter().all(|version| *version == self.net.version(version.dot)));
        let shown = self.set(versions.iter().map(|version| version.dot));
        let covered = self.covered(key, &context.context);
        let of_key = self.of(key);
        let fits = |set: &Set| {
            self.live(*set) & of_key == shown && self.seen(*set) & of_key == covered && waiting.need & !set == 0
        };
        let site = &self.sites[node.index()];
        match lowest(level, key) {
            _ if quorum > 1 => self.check_quorum(waiting, shown, covered),
            None => assert!(fits(&site.known), "{call:?} returns {}", self.names(shown)),
            Some(lowest) => {
                let all = &self.fits[node.index()][lowest];
                assert!(
                    all.iter().any(fits),
                    "{call:?} returns {} and says that it has seen {}; it should rest on {}, and on {} for the session",
                    self.names(shown),
                    self.names(covered),
                    self.names(site.low[lowest]),
                    self.names(waiting.need)
                );
            }
        }
        let session = &mut self.sessions[waiting.session];
        session.read.insert(key, (context.clone(), covered));
        if let (true, Some(lowest)) = (waiting.moving, lowest(level, key)) {
            let mut shown_to_it = self.sites[node.index()].low[lowest];
            if quorum > 1 {
                let first = |write: usize| self.up_to(write) & self.from(lowest);
                shown_to_it = members(covered & shown).fold(0, |sum, write| sum | first(write));
                for site in &self.sites {
                    let all = self.prefix(site.known, lowest);
                    self.sessions[waiting.session].may[lowest] |= all;
                }
            }
            self.sessions[waiting.session].must[lowest] |= shown_to_it;
        }
    }

    /// A read by several replicas at an ordered level.
    fn check_quorum(&self, waiting: &Waiting, shown: Set, covered: Set) {
        let Waiting { call, node, key, level, quorum, .. } = *waiting;
        let lowest = lowest(level, key).expect("the schedules ask several only at ordered levels");
        let enough = waiting.had.iter().filter(|had| **had & !covered == 0).count();
        assert!(enough >= usize::from(quorum), "{call:?} rests on {enough} replicas, not {quorum}");
        assert!(waiting.had[node.index()] & !covered == 0, "{call:?} falls behind the asked replica");
        let need = waiting.need & self.of(key) & !covered;
        assert!(need == 0, "{call:?} falls behind its session: {}", self.names(need));
        let here = self.prefix(self.sites[node.index()].known, lowest);
        // A write shown must be in its order with all that was read here: nothing before it may be missing here, or
        // the session's next read could fall behind.
        let ahead = covered & !self.seen(here);
        assert!(waiting.moving || ahead == 0, "{call:?} shows {}, which {node} does not", self.names(ahead));
        assert!(shown & !covered == 0 && shown & self.over(shown) == 0, "{call:?} returns what it has seen dead");
        let killed = shown & self.over(here & covered);
        assert!(killed == 0, "{call:?} returns {}, which is overwritten", self.names(killed));
    }

    fn note_wrote(&mut self, waiting: &Waiting, context: &Handed) {
        let dot = self.net.asked[waiting.call.0 as usize].dot.expect("the network has checked it");
        let write = members(self.set([dot])).next().expect("one write");
        // What was handed in, and the write; what it does not say, a write that it does say had seen, and all have that.
        let covered = self.covered(waiting.key, &context.context);
        let handed = self.callers[waiting.call.0 as usize].1;
        assert!(
            covered >> write & 1 == 1 && covered & !handed & !(1 << write) == 0,
            "{:?} has seen more",
            waiting.call
        );
        let everywhere = self.sites.iter().fold(Set::MAX, |all, site| all & site.known);
        let left_out = handed & !covered & !self.over(covered & everywhere);
        assert!(left_out == 0, "{:?} has seen less", waiting.call);
        self.sessions[waiting.session].read.insert(waiting.key, (context.clone(), covered));
        let Session { level, .. } = self.sessions[waiting.session];
        if waiting.moving && !refused(level, waiting.key) && level != Level::Eventual {
            let lowest = lowest(level, waiting.key).expect("an ordered level");
            let before = self.up_to(write) & self.from(lowest);
            self.sessions[waiting.session].must[lowest] |= before;
        }
    }
}
