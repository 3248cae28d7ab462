//! What nodes send to each other.

use std::rc::Rc;

use kvsim::store::MessageMeta;
use omnipaxos::messages::Message;
use omnipaxos::messages::ballot_leader_election::HeartbeatMsg;
use omnipaxos::messages::sequence_paxos::PaxosMsg;

use crate::configuration::Configuration;
use crate::entry::Entry;

/// A message with its identity, and its place among those of its sender: the library wants links that keep the order of what is
/// said about the log, so a message about it that was overtaken is dropped.
pub struct Letter {
    pub word: Word,
    pub kind: u8,
    pub id: u64,
    /// When the sender's life began, and how many messages it had sent.
    pub place: (u64, u64),
}

/// What is said.
pub enum Word {
    /// A message of the library, in the configuration of this number.
    Paxos(u32, Message<Entry>),
    /// Which configuration is it now?
    Ask,
    /// This.
    Begin(Rc<Configuration>),
}

pub const KINDS: &[&str] = &[
    "request",
    "request-accept",
    "reply-accepted",
    "reply-decide",
    "prepare",
    "accept-all",
    "heartbeat",
    "ask",
    "begin",
];

impl Letter {
    pub fn meta(&self) -> MessageMeta {
        let bytes = match &self.word {
            Word::Begin(configuration) => 16 * configuration.before.len() as u32,
            _ => 0,
        };
        MessageMeta { kind: self.kind, id: self.id, bytes: 64 + bytes, carries: None, is_bulk: false }
    }
}

impl Word {
    pub fn is_ordered(&self) -> bool {
        matches!(self, Word::Paxos(_, Message::SequencePaxos(_)))
    }

    /// Its kind, and what it is about, in 48 bits: the call of the command that it brings or that stands at the place of the log that
    /// it speaks of, as that stays when shrinking leaves others out. `call` is the one at a place.
    pub fn name(&self, call: impl Fn(usize) -> Option<u32>) -> (u8, u64) {
        let of = |entry: Option<&Entry>| match entry {
            Some(Entry::Command(command)) => u64::from(command.call),
            _ => u64::from(u32::MAX),
        };
        let at = |length: usize| length.checked_sub(1).and_then(&call).map_or(u64::from(u32::MAX), u64::from);
        let round = |what: u64, n: u32| what << 32 | u64::from(n);
        match self {
            Word::Ask => (7, 0),
            Word::Begin(configuration) => (8, u64::from(configuration.number)),
            Word::Paxos(_, Message::BLE(heartbeat)) => match &heartbeat.msg {
                HeartbeatMsg::Request(request) => (6, round(0, request.round)),
                HeartbeatMsg::Reply(reply) => (6, round(1, reply.round)),
            },
            Word::Paxos(_, Message::SequencePaxos(paxos)) => match &paxos.msg {
                PaxosMsg::ProposalForward(entries) => (0, of(entries.first())),
                PaxosMsg::AcceptDecide(it) => (1, of(it.entries.last())),
                PaxosMsg::Accepted(it) => (2, at(it.accepted_idx)),
                PaxosMsg::Decide(it) => (3, at(it.decided_idx)),
                PaxosMsg::PrepareReq(it) => (4, round(0, it.n.n)),
                PaxosMsg::Prepare(it) => (4, round(1, it.n.n)),
                PaxosMsg::Promise(it) => (4, round(2, it.n.n)),
                PaxosMsg::NotAccepted(it) => (4, round(3, it.n.n)),
                PaxosMsg::AcceptSync(it) => (5, round(0, it.n.n)),
                _ => (5, round(1, 0)), // of what is not used here
            },
        }
    }
}
