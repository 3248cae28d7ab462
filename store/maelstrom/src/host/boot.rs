//! How a replica starts.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_store::ndc::{self, Ndc};
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff, Size};
use kvsim_store::{Env, NodeId, Outbox, Replica, ReplicaId, Stream};

use super::{Host, MS};
use crate::args::Args;
use crate::clients::Clients;
use crate::disk::Disk;
use crate::names::Names;
use crate::node::Lines;
use crate::protocol::{Code, Refused};
use crate::timers::Timers;

impl Host {
    /// The replica of node `name` starts, with what the disk has. The disk is the host's from then on.
    ///
    /// # Errors
    /// When the list of nodes cannot be, or the disk cannot be read.
    pub fn boot(
        args: &Args,
        disk: &mut Option<Box<dyn Disk>>,
        name: &str,
        nodes: Vec<String>,
        now_ns: u64,
        out: &mut Lines,
    ) -> Result<Host, Refused> {
        let malformed = |problem: String| Refused(Code::MalformedRequest, problem);
        let count = u16::try_from(nodes.len()).map_err(|_| malformed(format!("{} nodes are too many", nodes.len())))?;
        if nodes.iter().collect::<BTreeSet<_>>().len() < nodes.len() {
            return Err(malformed("a name stands in node_ids twice".to_owned()));
        }
        let place = (0..count).zip(&nodes).find(|(_, node)| *node == name).map(|(number, _)| number);
        let number = place.ok_or_else(|| malformed(format!("node_ids does not have this node's name, {name}")))?;
        for (option, needed) in [("--read-quorum", args.read_quorum), ("--ack", args.ack)] {
            if needed > count {
                let problem = format!("{option} {needed} needs more than the {count} nodes that there are");
                return Err(Refused(Code::PreconditionFailed, problem));
            }
        }
        let me = ReplicaId::first(NodeId(number));
        let members: Vec<ReplicaId> = (0..count).map(|node| ReplicaId::first(NodeId(node))).collect();
        let config = ndc::Config {
            anti_entropy: IntervalOrOff(Some(args.anti_entropy_ms.saturating_mul(MS))),
            strip: Interval(args.strip_ms.saturating_mul(MS)),
            views: Some(ndc::Views::All),
            buffer: Size(args.buffer_bytes),
            ack: ndc::Count::Number(args.ack),
            placement: Placement::all(count),
            ..ndc::Config::default()
        };
        let mut names = Names::of_node(number);
        let log = match disk {
            Some(disk) => read_log(&mut **disk, name, &mut names)?,
            None => Vec::new(),
        };
        let mut chance = Stream::new(0, "node", u64::from(number));
        let mut outbox = Outbox::new(disk.is_some());
        let mut env =
            Env { me, members: &members, founding: log.is_empty(), now_ns, chance: &mut chance, outbox: &mut outbox };
        let replica = Ndc::boot(&config, &log, &mut env);
        let mut host = Host {
            nodes,
            members,
            me,
            level: args.level,
            read_quorum: args.read_quorum,
            timeout_ns: args.timeout_ms.saturating_mul(MS),
            reported: args.report_visible.then_some(0),
            replica,
            chance,
            outbox,
            disk: disk.take(),
            disk_problem: None,
            timers: Timers::default(),
            names,
            clients: Clients::default(),
            writes: BTreeMap::new(),
        };
        host.apply_outputs(now_ns, out);
        match host.disk_problem.take() {
            Some(problem) => {
                *disk = host.disk;
                Err(Refused(Code::Crash, format!("the disk takes no records: {problem}")))
            }
            None => Ok(host),
        }
    }
}

/// The records of a node's earlier lives.
fn read_log(disk: &mut dyn Disk, node: &str, names: &mut Names) -> Result<Vec<ndc::Record>, Refused> {
    // It becomes a part of a file's name.
    if !node.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
        let problem = format!("with --data-dir a node's name has letters, digits, - and _, unlike {node:?}");
        return Err(Refused(Code::MalformedRequest, problem));
    }
    let broken = |problem: String| Refused(Code::Crash, format!("the records of {node} cannot be used: {problem}"));
    let lines = disk.open(node).map_err(|problem| broken(problem.to_string()))?;
    let record = |(number, line): (usize, &String)| {
        let packed = serde_json::from_str(line).map_err(|problem| format!("line {number}: {problem}"));
        packed.and_then(|packed| names.unpack(packed).map_err(|problem| format!("line {number}: {problem}")))
    };
    (1..).zip(&lines).map(record).collect::<Result<_, _>>().map_err(broken)
}
