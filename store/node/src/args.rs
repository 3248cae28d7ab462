//! What can be said on the command line, and what follows from it.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kvsim_store::ndc::Count;
use kvsim_store::{Level, NodeId};

use crate::store::Sync;

/// The NDC store as a server: one node of a cluster. Clients speak the protocol of Redis.
#[derive(Clone, Debug, Parser)]
#[command(name = "kvsim-node", version)]
pub struct Args {
    /// The node's own name: letters, digits, - and _.
    #[arg(long, value_name = "NAME")]
    pub id: String,

    /// Where clients connect; port 0 takes a free one, which is told.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7000")]
    pub listen: SocketAddr,

    /// Where the other nodes connect.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7100")]
    pub peer_listen: SocketAddr,

    /// The other nodes, and where each listens for its peers: n1=127.0.0.1:7101,n2=127.0.0.1:7102
    #[arg(long, value_name = "NAME=ADDRESS,...", value_delimiter = ',', value_parser = peer)]
    pub peers: Vec<(String, String)>,

    /// Where the node keeps its records.
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,

    /// When records are synced to the disk.
    #[arg(long, value_enum, value_name = "WHEN", default_value = "always")]
    pub sync: Sync,

    /// Where /ready and /metrics are served.
    #[arg(long, value_name = "ADDRESS")]
    pub http: Option<SocketAddr>,

    /// What reads see, unless a client says KV.LEVEL.
    #[arg(long, value_name = "LEVEL", default_value = "fifo", value_parser = level())]
    pub level: Level,

    /// How many nodes must have a write on their disks before it is answered: a number, majority or all.
    #[arg(long, value_name = "N", default_value = "1", value_parser = ack)]
    pub ack: Count,

    /// The cluster's name. Nodes talk to nodes of the same cluster alone.
    #[arg(long, value_name = "NAME", default_value = "kvsim")]
    pub cluster: String,

    /// What clients must say with AUTH.
    #[arg(long, value_name = "PASSWORD")]
    pub requirepass: Option<String>,

    /// Listen beyond this machine for clients without a password, for peers, who have none, and for HTTP.
    #[arg(long)]
    pub unprotected: bool,

    /// The largest value, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = bytes(1, 512 << 20))]
    pub max_value: u64,

    /// How many clients may be connected.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = bytes(1, 1_000_000))]
    pub max_clients: u64,

    /// Memory for what clients are sending or have asked for and not taken, all together, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, value_parser = bytes(1 << 20, 1 << 40))]
    pub client_memory: u64,

    /// The largest message between nodes, in bytes. After an absence a node gets all that it has missed in one.
    #[arg(long, value_name = "BYTES", default_value_t = 256 << 20, value_parser = bytes(1 << 20, 1 << 32))]
    pub max_message: u64,

    /// How long a request may wait for other nodes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = bytes(1, 3_600_000))]
    pub timeout_ms: u64,

    /// Time between two rounds of anti-entropy, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100, value_parser = bytes(1, 3_600_000))]
    pub anti_entropy_ms: u64,

    /// Time between two clean-ups (stripping), in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = bytes(1, 3_600_000))]
    pub strip_ms: u64,
}

fn bytes(least: u64, most: u64) -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(least..=most)
}

fn level() -> impl TypedValueParser<Value = Level> {
    let named = |name: String| Level::named(&name).unwrap_or(Level::Fifo);
    PossibleValuesParser::new(Level::ALL.map(Level::name)).map(named)
}

fn ack(text: &str) -> Result<Count, String> {
    match (text, text.parse::<u16>()) {
        ("majority" | "all", _) => Ok(Count::Word(text.to_owned())),
        (_, Ok(number)) if number > 0 => Ok(Count::Number(number)),
        _ => Err("expected a number from 1, majority or all".to_owned()),
    }
}

fn peer(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, address)) if !name.is_empty() && address.contains(':') => Ok((name.to_owned(), address.to_owned())),
        _ => Err("expected NAME=HOST:PORT, as in n1=127.0.0.1:7101".to_owned()),
    }
}

/// The nodes of the cluster, in the order that all of them agree about: that of their names.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// The cluster's name.
    pub name: String,
    /// All nodes' names; a node's number is its place.
    pub nodes: Vec<String>,
    /// Which one this node is.
    pub me: NodeId,
    /// The others, and where each listens.
    pub peers: Vec<(NodeId, String)>,
}

impl Cluster {
    /// What the arguments say of it.
    ///
    /// # Errors
    /// What does not fit, and what to do.
    pub fn of(args: &Args) -> Result<Cluster, String> {
        let mut nodes: Vec<String> = args.peers.iter().map(|(name, _)| name.clone()).collect();
        nodes.push(args.id.clone());
        nodes.sort_unstable();
        for pair in nodes.windows(2) {
            if pair[0] == pair[1] {
                return Err(format!(
                    "{} is named twice by --id and --peers: --peers names the others, each once",
                    pair[0]
                ));
            }
        }
        if nodes.len() > 1_000 {
            return Err(format!("{} nodes are more than the 1000 that a cluster may have", nodes.len()));
        }
        let number = |name: &String| NodeId(nodes.binary_search(name).expect("it is one of them") as u16);
        let peers = args.peers.iter().map(|(name, address)| (number(name), address.clone())).collect();
        let me = number(&args.id);
        if let Count::Number(ack) = args.ack
            && usize::from(ack) > nodes.len()
        {
            return Err(format!("--ack {ack} needs more than the {} nodes that --id and --peers name", nodes.len()));
        }
        Ok(Cluster { name: args.cluster.clone(), nodes, me, peers })
    }

    /// The name of a node.
    pub fn node(&self, node: NodeId) -> &str {
        &self.nodes[node.index()]
    }
}

/// Nothing listens beyond this machine unless that is asked for.
///
/// # Errors
/// Which address does, and what to do.
pub fn check_addresses(args: &Args) -> Result<(), String> {
    let is_open = |address: &SocketAddr| !address.ip().is_loopback() && !args.unprotected;
    if is_open(&args.listen) && args.requirepass.is_none() {
        let help = "ask for a password with --requirepass, or say --unprotected";
        return Err(format!("--listen {} lets everybody read and write who reaches this machine: {help}", args.listen));
    }
    if is_open(&args.peer_listen) {
        let help = "see that only the other nodes can reach it, and say --unprotected";
        return Err(format!("--peer-listen {}: peers are not asked for a password: {help}", args.peer_listen));
    }
    match args.http.filter(is_open) {
        Some(http) => Err(format!("--http {http} tells everybody how the node is doing: say --unprotected if it may")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(more: &str) -> Result<Args, String> {
        let words = "kvsim-node --id n1 --data d".split(' ').chain(more.split(' ').filter(|word| !word.is_empty()));
        Args::try_parse_from(words).map_err(|problem| problem.to_string())
    }

    #[test]
    fn nodes_are_numbered_by_their_names() {
        let args = parse("--peers n2=a:1,n0=b:2 --ack majority").expect("right");
        let cluster = Cluster::of(&args).expect("right");
        assert_eq!((cluster.nodes.join(" ").as_str(), cluster.me), ("n0 n1 n2", NodeId(1)));
        assert_eq!(cluster.peers, [(NodeId(2), "a:1".to_owned()), (NodeId(0), "b:2".to_owned())]);
    }

    #[test]
    fn what_does_not_fit_is_told() {
        for (more, part) in
            [("--peers n1=a:1", "n1 is named twice"), ("--ack 2", "--ack 2 needs more than the 1 nodes")]
        {
            let problem = Cluster::of(&parse(more).expect("it can be parsed")).expect_err(more);
            assert!(problem.contains(part), "{problem}");
        }
        for more in ["--peers n2", "--ack 0", "--ack most", "--level casual", "--listen here", "--max-value 0"] {
            assert!(parse(more).is_err(), "{more}");
        }
    }

    #[test]
    fn nothing_listens_beyond_the_machine_unless_asked() {
        for (more, is_fine) in [
            ("", true),
            ("--listen 0.0.0.0:1", false),
            ("--listen 0.0.0.0:1 --requirepass x", true),
            ("--listen [::]:1 --unprotected", true),
            ("--peer-listen 10.0.0.1:1 --requirepass x", false),
            ("--http 10.0.0.1:1", false),
            ("--http [::1]:1", true),
        ] {
            assert_eq!(check_addresses(&parse(more).expect("right")).is_ok(), is_fine, "{more}");
        }
    }
}
