//! How a replica starts.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use kvsim_host::disk::Disk;
use kvsim_host::{Host, Settings};
use kvsim_store::NodeId;
use kvsim_store::ndc;
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff, Size};

use super::{MS, Service};
use crate::args::Args;
use crate::clients::Clients;
use crate::json::{CODEC, priority_of};
use crate::node::Lines;
use crate::protocol::{Code, Refused};

impl Service {
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
    ) -> Result<Service, Refused> {
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
        let config = ndc::Config {
            anti_entropy: IntervalOrOff(Some(args.anti_entropy_ms.saturating_mul(MS))),
            strip: Interval(args.strip_ms.saturating_mul(MS)),
            views: Some(ndc::Views::All),
            buffer: Size(args.buffer_bytes),
            ack: ndc::Count::Number(args.ack),
            placement: Placement::all(count),
            ..ndc::Config::default()
        };
        let settings = Settings { config, node: NodeId(number), nodes: count, priority: priority_of, codec: CODEC };
        let mut effects = Vec::new();
        let broken = |problem: String| Refused(Code::Crash, format!("the records of {name} cannot be used: {problem}"));
        let opened = disk.as_mut().map(|disk| disk.open(name)).transpose();
        let records = opened.map_err(|problem| match problem.kind() {
            io::ErrorKind::InvalidInput => malformed(problem.to_string()),
            _ => broken(problem.to_string()),
        })?;
        let host = Host::boot(&settings, records, now_ns, &mut effects).map_err(broken)?;
        let mut service = Service {
            nodes,
            level: args.level,
            read_quorum: args.read_quorum,
            timeout_ns: args.timeout_ms.saturating_mul(MS),
            reported: args.report_visible.then_some(0),
            host,
            effects,
            disk: disk.take(),
            disk_problem: None,
            clients: Clients::default(),
            writes: BTreeMap::new(),
        };
        service.carry_out(now_ns, out);
        match service.disk_problem.take() {
            Some(problem) => {
                *disk = service.disk;
                Err(Refused(Code::Crash, format!("the disk takes no records: {problem}")))
            }
            None => Ok(service),
        }
    }
}
