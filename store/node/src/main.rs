//! kvsim-node: the NDC store as a server.
//!
//! Clients speak RESP ([`resp`], [`session`], [`clients`]), nodes Protobuf over TCP ([`wire`], [`peers`]). A thread of its own has the
//! replica ([`store`]), all else waits for sockets.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // a real node lives in real time

mod args;
mod clients;
mod http;
mod metrics;
mod peers;
mod resp;
mod session;
mod store;
mod wire;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use bytes::Bytes;
use clap::Parser;
use kvsim_host::Settings;
use kvsim_host::disk::Folder;
use kvsim_store::NodeId;
use kvsim_store::ndc::{Config, Count, Views};
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use args::{Args, Cluster};
use metrics::Shared;
use peers::Peers;
use resp::Limits;
use session::Rules;
use store::{Input, Life};

/// Exit code of a node whose replica has a bug.
const BUG: u8 = 101;
/// Exit code when the command line makes no sense.
const USAGE: u8 = 2;

/// So long do clients have to take their last replies when the node stops.
const LAST_REPLIES: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    let args = Args::parse();
    let cluster = match args::check_addresses(&args).and_then(|()| Cluster::of(&args)) {
        Ok(cluster) => cluster,
        Err(problem) => {
            eprintln!("kvsim-node: {problem}");
            return ExitCode::from(USAGE);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let ended = runtime.map_err(|problem| problem.to_string()).and_then(|runtime| runtime.block_on(run(args, cluster)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) if problem.is_empty() => ExitCode::from(BUG),
        Err(problem) => {
            eprintln!("kvsim-node: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// A socket that is listened at, and its address.
async fn bind(address: SocketAddr, option: &str) -> Result<(TcpListener, SocketAddr), String> {
    let bound = async {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        io::Result::Ok((listener, address))
    };
    bound.await.map_err(|problem| format!("{option} {address}: {problem}"))
}

async fn run(args: Args, cluster: Cluster) -> Result<(), String> {
    let (for_clients, client_address) = bind(args.listen, "--listen").await?;
    let (for_peers, _) = bind(args.peer_listen, "--peer-listen").await?;
    let for_http = match args.http {
        Some(address) => Some(bind(address, "--http").await?),
        None => None,
    };
    let mut stop = signal(SignalKind::terminate()).map_err(|problem| problem.to_string())?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|problem| problem.to_string())?;

    let shared = Arc::new(Shared::new(cluster.nodes.len()));
    let (store, inputs) = channel();
    let (stopping, stops) = watch::channel(false);
    let (fatal, mut why) = mpsc::unbounded_channel();
    let (links, outgoing) = peers::links(&cluster);
    let (opened, is_open) = oneshot::channel();
    let (over, mut ended) = oneshot::channel();
    let life = life(&args, &cluster);
    std::thread::spawn({
        let shared = shared.clone();
        move || {
            let counted = shared.clone();
            let send = Box::new(move |to: &[NodeId], frame: Bytes| peers::send(&links, to, &frame, &counted.metrics));
            let say = |line: String| eprintln!("kvsim-node: {line}");
            let lived = catch_unwind(AssertUnwindSafe(|| store::live(life, &inputs, &shared, opened, send, &say)));
            // An empty reason: the panic has been told.
            let _ = over.send(lived.unwrap_or_else(|_| Err(String::new())));
        }
    });

    eprintln!(
        "kvsim-node: {} of {}: clients at {client_address}, level {}, acknowledged by {}",
        args.id,
        cluster.nodes.join(", "),
        args.level.name(),
        match &args.ack {
            Count::Number(number) => number.to_string(),
            Count::Word(word) => word.clone(),
        }
    );
    if let Some((_, address)) = &for_http {
        eprintln!("kvsim-node: /ready and /metrics at http://{address}");
    }
    let max_message = args.max_message as usize;
    let peers = Peers { cluster, max_message, store: store.clone(), shared: shared.clone(), fatal };
    let peers = Arc::new(peers);
    tokio::spawn({
        let (peers, stops) = (peers.clone(), stops.clone());
        async move {
            // Before the records are read it is not known which writes are here.
            if is_open.await.is_ok() {
                outgoing.into_iter().for_each(|link| drop(tokio::spawn(link.run(peers.clone(), stops.clone()))));
                peers.listen(for_peers, stops).await;
            }
        }
    });
    if let Some((listener, _)) = for_http {
        tokio::spawn(http::listen(listener, store.clone(), shared.clone(), stops.clone()));
    }
    let service = Arc::new(service(&args, peers.cluster.nodes.len() as u16));
    tokio::spawn(clients::listen(for_clients, service, store.clone(), shared.clone(), stops));

    tokio::select! {
        ended = &mut ended => return ended.unwrap_or_else(|_| Err(String::new())),
        problem = why.recv() => return Err(problem.unwrap_or_default()),
        _ = stop.recv() => {}
        _ = interrupt.recv() => {}
    }
    eprintln!("kvsim-node: stopping");
    finish(&store, &shared, &stopping).await;
    timeout(LAST_REPLIES, ended).await.map_or(Ok(()), |ended| ended.unwrap_or(Ok(())))
}

/// Takes no new requests, lets clients have their replies and peers what they were sent, and ends the store.
async fn finish(store: &Sender<Input>, shared: &Shared, stopping: &watch::Sender<bool>) {
    shared.ready.store(false, Ordering::Release);
    stopping.send_replace(true);
    let gone = async {
        while shared.metrics.clients.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        while shared.metrics.peers_connected.load(Ordering::Relaxed) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Who takes longer has to ask another node.
    let _ = timeout(LAST_REPLIES, gone).await;
    let _ = store.send(Input::Stop);
}

fn life(args: &Args, cluster: &Cluster) -> Life {
    let nodes = cluster.nodes.len() as u16;
    let ns = |ms: u64| ms.saturating_mul(1_000_000);
    let config = Config {
        anti_entropy: IntervalOrOff(Some(ns(args.anti_entropy_ms))),
        strip: Interval(ns(args.strip_ms)),
        views: Some(Views::All),
        ack: args.ack.clone(),
        placement: Placement::all(nodes),
        ..Config::default()
    };
    let settings = Settings { config, node: cluster.me, nodes, priority: store::priority_of, codec: wire::CODEC };
    let form =
        format!("kvsim-node records {} of cluster {}: {}", wire::PROTOCOL, cluster.name, cluster.nodes.join(" "));
    Life {
        settings,
        folder: Folder::new(args.data.clone(), form),
        id: args.id.clone(),
        nodes: cluster.nodes.clone(),
        timeout: Duration::from_millis(args.timeout_ms),
        sync: args.sync,
    }
}

fn service(args: &Args, nodes: u16) -> clients::Service {
    let word = args.max_value as usize;
    clients::Service {
        rules: Rules { password: args.requirepass.clone(), level: args.level, nodes },
        limits: Limits { word, words: 1_024, request: word + (64 << 10) },
        most: args.max_clients,
        memory: args.client_memory,
    }
}
