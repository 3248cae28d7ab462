//! Configurations: which replicas decide together, one list of members after the other.
//!
//! The library decides the log of one configuration, whose last entry names the members of the next. What was decided before goes
//! along with the next one, to each that enters it. A node that has lost its disk is another replica: it has no voice in
//! configurations that its earlier life was a member of, and enters the first one that names itself.
//!
//! The library has a *stop sign* for the purpose, which it does not count well: one that a follower has accepted when the leader
//! changes is counted twice (`sync_log` adds it to an index that has it already), after which an index is decided that the log
//! does not have, and what was decided before cannot be read any more. So the end of a configuration is an entry like others
//! here, and what stands behind it does not count.

use std::rc::Rc;

use kvsim::store::{NodeId, ReplicaId};
use omnipaxos::util::LogEntry;
use omnipaxos::{ClusterConfig, OmniPaxos, OmniPaxosConfig, ServerConfig};

use crate::disk::Disk;
use crate::entry::{Command, Entry};

/// A list of members, and what earlier ones have decided.
#[derive(Debug)]
pub struct Configuration {
    pub number: u32,
    pub members: Vec<ReplicaId>,
    pub before: Vec<Command>,
}

impl Configuration {
    /// The node of a member, by the number that the library knows it by: its place in the list, from 1.
    pub fn node(&self, member: u64) -> NodeId {
        self.members[member as usize - 1].node
    }
}

/// A replica's part in a configuration.
pub struct Part {
    pub configuration: Rc<Configuration>,
    pub paxos: OmniPaxos<Entry, Disk>,
    applied: usize,
    has_ended: bool,
    /// At which tick its end may be proposed again.
    pub end_again: u64,
}

impl Part {
    /// The part of `me`, if it is a member, with what it has on its disk. The library wants two members at least.
    pub fn new(configuration: &Rc<Configuration>, me: ReplicaId, disk: Disk) -> Option<Part> {
        let place = configuration.members.iter().position(|member| *member == me)?;
        if configuration.members.len() < 2 {
            return None;
        }
        let nodes = (1..=configuration.members.len() as u64).collect();
        let cluster_config =
            ClusterConfig { configuration_id: configuration.number, nodes, ..ClusterConfig::default() };
        let server_config = ServerConfig {
            pid: place as u64 + 1,
            election_tick_timeout: 5,
            resend_message_tick_timeout: 10,
            ..ServerConfig::default()
        };
        let paxos = OmniPaxosConfig { cluster_config, server_config }.build(disk).expect("the settings are right");
        Some(Part { configuration: Rc::clone(configuration), paxos, applied: 0, has_ended: false, end_again: 0 })
    }

    pub fn is_leader(&self) -> bool {
        self.paxos.get_current_leader() == Some((self.paxos.get_pid(), true))
    }

    /// The call of the command that stands at this place of the log.
    pub fn call(&self, place: usize) -> Option<u32> {
        match self.paxos.read(place)? {
            LogEntry::Decided(Entry::Command(command)) | LogEntry::Undecided(Entry::Command(command)) => {
                Some(command.call)
            }
            _ => None,
        }
    }

    /// What has been decided since it was asked last, up to the end of the configuration.
    pub fn decided(&mut self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for decided in self.paxos.read_decided_suffix(self.applied).unwrap_or_default() {
            self.applied += 1;
            if let (false, LogEntry::Decided(entry)) = (self.has_ended, decided) {
                self.has_ended = matches!(entry, Entry::End(_));
                entries.push(entry);
            }
        }
        entries
    }

    /// The configuration that follows, with these members.
    pub fn next(&self, members: &[ReplicaId]) -> Configuration {
        let decided = self.paxos.read_decided_suffix(0).unwrap_or_default().into_iter();
        let commands = decided.map_while(|decided| match decided {
            LogEntry::Decided(Entry::Command(command)) => Some(command),
            _ => None,
        });
        let before = self.configuration.before.iter().cloned().chain(commands).collect();
        Configuration { number: self.configuration.number + 1, members: members.to_vec(), before }
    }
}
