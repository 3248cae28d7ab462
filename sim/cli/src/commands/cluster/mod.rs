//! `kvsim cluster`: real nodes of the store on this machine.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // real processes live in real time, and connections in threads

mod clients;
mod compare;
mod nodes;
mod proxy;
mod record;

use std::path::PathBuf;
use std::thread::sleep;

use clap::Subcommand;

use crate::exit::{self, Failure};
use crate::interrupt;
use crate::output::{complain, print};
use crate::scenario::Names;
use crate::text::printable;
use nodes::{Nodes, Ports, Setup};

/// Start real nodes of the store (kvsim-node) on this machine, or run a scenario on them
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ClusterArgs {
    /// What to do
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    Up(UpArgs),
    Record(record::RecordArgs),
}

/// Start nodes that know each other, and stop them on Ctrl-C
#[derive(Debug, clap::Args)]
struct UpArgs {
    /// How many
    #[arg(value_parser = clap::value_parser!(u16).range(1..=100))]
    nodes: u16,
    /// Clients of n0 connect here, those of n1 to the next one and so on; peers 100 further, HTTP 200 further
    #[arg(long, default_value_t = 7_000, value_parser = clap::value_parser!(u16).range(1..=65_200))]
    port: u16,
    /// Where the nodes keep their records and logs
    #[arg(long, value_name = "DIR", default_value = "cluster")]
    data: PathBuf,
    /// Further arguments of each node: -- --level eventual --ack majority
    #[arg(last = true, value_name = "ARGUMENT")]
    more: Vec<String>,
}

pub fn cluster(args: &ClusterArgs, names: &Names) -> Result<u8, Failure> {
    match &args.what {
        What::Up(args) => up(args),
        What::Record(args) => record::record(args, names),
    }
}

fn up(args: &UpArgs) -> Result<u8, Failure> {
    interrupt::stop_gently();
    let ports = |node| {
        let client = args.port + node;
        Ports { client, peer: client + 100, http: client + 200 }
    };
    let setup = Setup { ports: (0..args.nodes).map(ports).collect(), data: &args.data, more: args.more.clone() };
    let mut nodes = Nodes::start(&setup, &|_, peer| ports(peer).peer)?;
    let mut out = String::new();
    for node in 0..args.nodes {
        let port = args.port + node;
        out.push_str(&format!("  n{node}  redis-cli -p {port}  http://127.0.0.1:{}/metrics\n", port + 200));
    }
    let folder = printable(&args.data.display().to_string());
    print(&format!("{out}{} ready; records and logs are in {folder}, Ctrl-C stops them\n", nodes.words()))?;
    while !interrupt::is_requested() && !nodes.is_empty() {
        sleep(interrupt::PATIENCE);
        for (name, status) in nodes.take_ended() {
            complain(&format!("{name} has ended, {status}: see {}\n", nodes.log(&name).display()));
        }
    }
    let is_wanted = interrupt::is_requested();
    nodes.stop();
    Ok(if is_wanted { exit::HOLDS } else { exit::VIOLATED })
}
