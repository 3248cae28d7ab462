//! Connections between nodes. A node sends to a peer over a connection that it has made itself, and hears it over one that the peer
//! has made. A message that cannot be sent is dropped, as if the network had lost it: the store repairs that.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use kvsim_host::names::Packed;
use kvsim_store::NodeId;
use kvsim_store::ndc::Message as Said;
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::args::Cluster;
use crate::metrics::{Metrics, Shared};
use crate::store::Input;
use crate::wire::{Hello, PROTOCOL, Parcel, frame, read_frame, take_frame};

/// Each node lives its first life: there is no membership service that could tell the others of another one.
const INCARNATION: u32 = 1;

/// Between attempts to connect: at first, and at most.
const AGAIN: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(2)];
/// A handshake takes no longer.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Bytes of a handshake.
const HELLO: usize = 1 << 20;
/// Who takes nothing for so long is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that are written, or handed to the store, at a time; or one message, if that is larger.
const CHUNK: usize = 256 << 10;
/// Bytes that may wait for a peer, or one message, if that is larger.
const QUEUE: u64 = 32 << 20;

/// What connections to peers need.
pub struct Peers {
    /// Who is who.
    pub cluster: Cluster,
    /// The largest message.
    pub max_message: usize,
    /// The store's queue.
    pub store: Sender<Input>,
    /// What is counted, and what is known of whom.
    pub shared: Arc<Shared>,
    /// Why the node cannot go on.
    pub fatal: mpsc::UnboundedSender<String>,
}

/// What waits for a peer.
pub struct Link {
    queue: mpsc::UnboundedSender<Bytes>,
    bytes: Arc<AtomicU64>,
}

/// Links to all nodes, by number; none to this one.
pub type Links = Vec<Option<Link>>;

/// Puts a frame to what waits for each of these nodes.
pub fn send(links: &Links, to: &[NodeId], frame: &Bytes, metrics: &Metrics) {
    for link in to.iter().filter_map(|node| links.get(node.index())?.as_ref()) {
        let (size, waiting) = (frame.len() as u64, link.bytes.load(Ordering::Relaxed));
        if waiting > 0 && waiting + size > QUEUE {
            Metrics::add(&metrics.peer_messages_dropped_total, 1);
            continue;
        }
        link.bytes.fetch_add(size, Ordering::Relaxed);
        // The queue ends with the node.
        let _ = link.queue.send(frame.clone());
    }
}

/// The links, and by peer the other ends of their queues.
pub fn links(cluster: &Cluster) -> (Links, Vec<Outgoing>) {
    let mut links: Links = cluster.nodes.iter().map(|_| None).collect();
    let outgoing = cluster.peers.iter().map(|(node, address)| {
        let (queue, frames) = mpsc::unbounded_channel();
        let bytes = Arc::new(AtomicU64::new(0));
        links[node.index()] = Some(Link { queue, bytes: bytes.clone() });
        Outgoing { node: *node, address: address.clone(), frames, bytes }
    });
    let outgoing = outgoing.collect();
    (links, outgoing)
}

/// What is sent to a peer.
pub struct Outgoing {
    node: NodeId,
    address: String,
    frames: mpsc::UnboundedReceiver<Bytes>,
    bytes: Arc<AtomicU64>,
}

impl Outgoing {
    /// Takes out what waits, up to [`CHUNK`], behind `first`.
    fn gather(&mut self, first: Bytes, metrics: &Metrics) -> BytesMut {
        let mut all = BytesMut::from(first);
        let mut count = 1;
        while all.len() < CHUNK
            && let Ok(frame) = self.frames.try_recv()
        {
            all.extend_from_slice(&frame);
            count += 1;
        }
        self.bytes.fetch_sub(all.len() as u64, Ordering::Relaxed);
        Metrics::add(&metrics.peer_messages_sent_total, count);
        Metrics::add(&metrics.peer_bytes_sent_total, all.len() as u64);
        all
    }

    /// Drops what waits.
    fn drop_all(&mut self, metrics: &Metrics) {
        while let Ok(frame) = self.frames.try_recv() {
            self.bytes.fetch_sub(frame.len() as u64, Ordering::Relaxed);
            Metrics::add(&metrics.peer_messages_dropped_total, 1);
        }
    }

    /// Connects, again and again, and sends, until `stops`.
    pub async fn run(mut self, peers: Arc<Peers>, stops: watch::Receiver<bool>) {
        let [mut pause, longest] = AGAIN;
        let mut told = String::new();
        let name = peers.cluster.node(self.node).to_owned();
        while !*stops.borrow() {
            let connected = timeout(HANDSHAKE, peers.connect(self.node, &self.address)).await;
            match connected.unwrap_or_else(|_| Err("it does not answer".to_owned())) {
                Ok(stream) => {
                    eprintln!("kvsim-node: connected to {name}");
                    (told, pause) = (String::new(), AGAIN[0]);
                    Metrics::add(&peers.shared.metrics.peers_connected, 1);
                    let ended = self.write(stream, &peers.shared.metrics, stops.clone()).await;
                    Metrics::sub(&peers.shared.metrics.peers_connected, 1);
                    if let Err(problem) = ended {
                        eprintln!("kvsim-node: the connection to {name} has ended: {problem}");
                    }
                }
                Err(problem) => {
                    // Once, however long it lasts.
                    if problem != told {
                        eprintln!("kvsim-node: no connection to {name} at {}: {problem}", self.address);
                        told = problem;
                    }
                }
            }
            self.drop_all(&peers.shared.metrics);
            sleep(pause).await;
            pause = (2 * pause).min(longest);
        }
    }

    async fn write(
        &mut self,
        mut stream: TcpStream,
        metrics: &Metrics,
        mut stops: watch::Receiver<bool>,
    ) -> io::Result<()> {
        let mut nothing = [0; 1];
        loop {
            let (mut reader, mut writer) = stream.split();
            let first = tokio::select! {
                frame = self.frames.recv() => frame,
                // Peers say nothing here: it is the end.
                read = reader.read(&mut nothing) => {
                    return read.and(Err(io::Error::other("the other node has closed it")));
                }
                _ = stops.wait_for(|stops| *stops) => None,
            };
            let Some(first) = first else {
                // The last words before the node stops.
                while let Ok(frame) = self.frames.try_recv() {
                    let mut last = self.gather(frame, metrics);
                    timeout(PATIENCE, writer.write_all_buf(&mut last)).await??;
                }
                return Ok(());
            };
            let mut all = self.gather(first, metrics);
            while !all.is_empty() {
                if timeout(PATIENCE, writer.write_buf(&mut all)).await?? == 0 {
                    return Err(io::ErrorKind::WriteZero.into());
                }
            }
        }
    }
}

impl Peers {
    fn hello(&self, to: NodeId) -> Hello {
        Hello {
            protocol: PROTOCOL,
            cluster: self.cluster.name.clone(),
            nodes: self.cluster.nodes.clone(),
            from: u32::from(self.cluster.me.0),
            incarnation: INCARNATION,
            to: u32::from(to.0),
            knows: self.shared.known[to.index()].load(Ordering::Acquire),
            refused: String::new(),
        }
    }

    /// Whether a node that says this is talked to; then its number.
    fn check(&self, hello: &Hello) -> Result<NodeId, String> {
        if hello.protocol != PROTOCOL {
            return Err(format!("it speaks version {} of the protocol, and this node {PROTOCOL}", hello.protocol));
        }
        let Cluster { name, nodes, me, .. } = &self.cluster;
        if hello.cluster != *name {
            return Err(format!("it is of cluster {:?}, and this node of {name:?} (--cluster)", hello.cluster));
        }
        if hello.nodes != *nodes {
            let (theirs, ours) = (hello.nodes.join(", "), nodes.join(", "));
            return Err(format!("its cluster has the nodes {theirs}, and this node's {ours} (--id and --peers)"));
        }
        let from = u16::try_from(hello.from).ok().map(NodeId).filter(|from| from.index() < nodes.len() && from != me);
        let from = from.ok_or_else(|| format!("it says that it is node number {}", hello.from))?;
        if hello.to != u32::from(me.0) {
            return Err(format!("{} takes this node for another one than {}", nodes[from.index()], nodes[me.index()]));
        }
        if hello.incarnation != INCARNATION {
            return Err(format!("it lives life number {}, and a node has one here", hello.incarnation));
        }
        let own = self.shared.known[me.index()].load(Ordering::Acquire);
        if hello.knows > own {
            let (theirs, me) = (&nodes[from.index()], &nodes[me.index()]);
            let problem = format!(
                "{theirs} knows {} writes of {me}, and the records in --data have {own}: they are lost, or an old copy. \
                 {me} cannot come back without them, since its next writes would be taken for those",
                hello.knows
            );
            return Err(problem);
        }
        Ok(from)
    }

    /// Connects to a peer.
    async fn connect(&self, node: NodeId, address: &str) -> Result<TcpStream, String> {
        let mut stream = TcpStream::connect(address).await.map_err(|problem| problem.to_string())?;
        let broken = |problem: io::Error| format!("the handshake has ended: {problem}");
        stream.set_nodelay(true).map_err(broken)?;
        stream.write_all(&frame(&self.hello(node))).await.map_err(broken)?;
        let answer = read_frame(&mut stream, &mut BytesMut::new(), HELLO).await.map_err(broken)?;
        let answer = answer.ok_or("it has hung up; its own log may say why")?;
        let answer = Hello::decode(answer).map_err(|problem| format!("it speaks something else: {problem}"))?;
        if !answer.refused.is_empty() {
            return Err(format!("refused: {}", answer.refused));
        }
        let from = self.check(&answer).inspect_err(|problem| {
            // It stands where --peers says. Who has connected here may be anybody, and is only refused.
            if answer.knows > self.shared.known[self.cluster.me.index()].load(Ordering::Acquire) {
                // The node ends anyhow when the receiver is gone.
                let _ = self.fatal.send(problem.clone());
            }
        })?;
        if from != node {
            return Err(format!("there is {}", self.cluster.node(from)));
        }
        // The node stops when the store does.
        let _ = self.store.send(Input::Met(from));
        Ok(stream)
    }

    /// Hears peers until `stops`.
    pub async fn listen(self: Arc<Self>, listener: TcpListener, mut stops: watch::Receiver<bool>) {
        let all = self.cluster.nodes.iter().map(|_| watch::channel(0u64).0);
        let heard: Arc<Vec<watch::Sender<u64>>> = Arc::new(all.collect());
        let strangers = Arc::new(Semaphore::new(64));
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                _ = stops.changed() => return,
            };
            let (Ok((stream, _)), Ok(place)) = (accepted, strangers.clone().try_acquire_owned()) else {
                sleep(Duration::from_millis(10)).await;
                continue;
            };
            let (peers, heard) = (self.clone(), heard.clone());
            tokio::spawn(async move {
                let mut stream = stream;
                let mut buffer = BytesMut::new();
                let hello = timeout(HANDSHAKE, peers.accept(&mut stream, &mut buffer)).await;
                drop(place);
                match hello.unwrap_or_else(|_| Err("it says nothing".to_owned())) {
                    Ok(from) => {
                        // An older connection of the same peer ends.
                        heard[from.index()].send_modify(|number| *number += 1);
                        let mut newer = heard[from.index()].subscribe();
                        let ended = tokio::select! {
                            ended = peers.hear(from, &mut stream, buffer) => ended,
                            _ = newer.changed() => Ok(()),
                        };
                        if let Err(problem) = ended {
                            eprintln!("kvsim-node: {} is heard no longer: {problem}", peers.cluster.node(from));
                        }
                    }
                    Err(problem) => {
                        Metrics::add(&peers.shared.metrics.peer_connections_refused_total, 1);
                        eprintln!("kvsim-node: a connection to --peer-listen was refused: {problem}");
                    }
                }
            });
        }
    }

    /// The handshake of who has connected.
    async fn accept(&self, stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<NodeId, String> {
        let hello = read_frame(stream, buffer, HELLO).await.map_err(|problem| problem.to_string())?;
        let hello = hello.ok_or("it has hung up")?;
        let hello = Hello::decode(hello).map_err(|problem| format!("it speaks something else: {problem}"))?;
        let from = self.check(&hello);
        let answer = match &from {
            Ok(from) => self.hello(*from),
            Err(problem) => Hello { refused: problem.clone(), ..Hello::default() },
        };
        stream.write_all(&frame(&answer)).await.map_err(|problem| problem.to_string())?;
        from
    }

    /// Takes the messages of a peer, some at a time: the next ones are read when the store has taken them.
    async fn hear(&self, from: NodeId, stream: &mut TcpStream, mut buffer: BytesMut) -> io::Result<()> {
        loop {
            let (mut messages, mut bytes) = (Vec::new(), 0);
            while bytes < CHUNK
                && let Some(frame) = take_frame(&mut buffer, self.max_message)?
            {
                bytes += frame.len();
                let wrong = |problem: String| io::Error::new(io::ErrorKind::InvalidData, problem);
                let parcel = Parcel::decode(frame).map_err(|problem| wrong(problem.to_string()))?;
                let message: Packed<Said> = parcel.open().map_err(wrong)?;
                messages.push(message);
            }
            if !messages.is_empty() {
                Metrics::add(&self.shared.metrics.peer_messages_received_total, messages.len() as u64);
                let (done, taken) = oneshot::channel();
                if self.store.send(Input::Messages { from, messages, done }).is_err() {
                    return Ok(());
                }
                // It is dropped, not sent.
                let _ = taken.await;
                continue;
            }
            if buffer.is_empty() {
                buffer = BytesMut::with_capacity(CHUNK / 4);
            }
            if stream.read_buf(&mut buffer).await? == 0 {
                return Ok(());
            }
        }
    }
}
