//! A network between real nodes that behaves as a plan says: each node reaches each other one through a port of this process, which
//! passes on, loses, delays and doubles whole messages (frames), by the same distributions and chance as a simulated network.
//!
//! A connection between nodes stays, whatever becomes of what is sent on it: a lost message is a frame that is left out, not a packet
//! of TCP, which would be sent again. So the store sees what it sees when it is simulated: messages that come late, out of order, twice
//! or never.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, Instant};

use kvsim_checkers::trace::NodeId;
use kvsim_sim::net::{Delivery, Network};
use kvsim_sim::plan::Plan;
use kvsim_store::MessageMeta;

/// The network.
pub struct Proxy {
    shared: Arc<Shared>,
    /// By sender and receiver: where the sender connects.
    ports: BTreeMap<(u16, u16), u16>,
}

struct Shared {
    plan: Plan,
    network: RwLock<Network>,
    /// When the clients begin. What is sent before arrives at once.
    begin: OnceLock<Instant>,
    passed: AtomicU64,
    lost: AtomicU64,
}

/// A message on its way: when it arrives, and its frame.
type Frame = (Instant, Arc<[u8]>);

/// Bytes of a frame's length, the most significant first.
const LENGTH: usize = 4;

impl Proxy {
    /// Between nodes that listen for each other at these ports.
    ///
    /// # Errors
    /// When this machine has no ports.
    pub fn start(plan: &Plan, peer_ports: &[u16]) -> io::Result<Proxy> {
        let network = RwLock::new(Network::new(plan, &[]));
        let (passed, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        let shared = Arc::new(Shared { plan: plan.clone(), network, begin: OnceLock::new(), passed, lost });
        let mut ports = BTreeMap::new();
        let nodes = || 0..peer_ports.len() as u16;
        for (from, to) in nodes().flat_map(|from| nodes().map(move |to| (from, to))).filter(|(from, to)| from != to) {
            let listener = TcpListener::bind(("127.0.0.1", 0))?;
            ports.insert((from, to), listener.local_addr()?.port());
            let link =
                Arc::new(Link { from: NodeId(from), to: NodeId(to), sent: AtomicU64::new(0), shared: shared.clone() });
            let peer_port = peer_ports[usize::from(to)];
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let link = link.clone();
                    // When a connection breaks, the nodes make another one.
                    std::thread::spawn(move || drop(link.serve(stream, peer_port)));
                }
            });
        }
        Ok(Proxy { shared, ports })
    }

    /// Where `from` reaches `to`.
    pub fn port(&self, from: u16, to: u16) -> u16 {
        self.ports[&(from, to)]
    }

    /// From now on the network is as the plan says.
    pub fn begin(&self, at: Instant) {
        let _ = self.shared.begin.set(at);
    }

    /// A fault of the plan begins or ends.
    pub fn switch(&self, fault: u16, begins: bool) {
        let kind = &self.shared.plan.faults[usize::from(fault)].kind;
        self.shared.network.write().expect("no thread panics with it").switch(fault, kind, begins);
    }

    /// From now on every message arrives, once.
    pub fn heal(&self) {
        self.shared.network.write().expect("no thread panics with it").heal();
    }

    /// How many messages were passed on, and how many lost.
    pub fn counts(&self) -> (u64, u64) {
        (self.shared.passed.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }
}

struct Link {
    from: NodeId,
    to: NodeId,
    /// Messages on it so far: each has a number, which decides about it.
    sent: AtomicU64,
    shared: Arc<Shared>,
}

impl Link {
    fn serve(&self, mut from: TcpStream, port: u16) -> io::Result<()> {
        let mut to = TcpStream::connect(("127.0.0.1", port))?;
        from.set_nodelay(true)?;
        to.set_nodelay(true)?;
        // The handshake is no message.
        to.write_all(&read_frame(&mut from)?)?;
        from.write_all(&read_frame(&mut to)?)?;
        let (frames, late) = channel();
        let sender = from.try_clone()?;
        std::thread::spawn(move || {
            if deliver(&late, &mut to).is_err() {
                // The sender is to see that it is not heard.
                let _ = sender.shutdown(Shutdown::Both);
            }
        });
        loop {
            let frame = read_frame(&mut from)?;
            self.pass(frame.into(), &frames);
        }
    }

    /// Decides about a message.
    fn pass(&self, frame: Arc<[u8]>, frames: &Sender<Frame>) {
        let Shared { plan, network, begin, passed, lost } = &*self.shared;
        // The receiver is gone when its node is: then the message is lost, too.
        let send = |at: Instant| drop(frames.send((at, frame.clone())));
        let Some(begin) = begin.get() else { return send(Instant::now()) };
        let now_ns = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let id = self.sent.fetch_add(1, Ordering::Relaxed);
        let bytes = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let meta = MessageMeta { kind: 0, id, bytes, carries: None, is_bulk: false };
        let network = network.read().expect("no thread panics with it");
        match network.delivery(plan, now_ns, self.from, self.to, meta) {
            Delivery::Lost(_) => drop(lost.fetch_add(1, Ordering::Relaxed)),
            Delivery::Arrives { at_ns, again_at_ns } => {
                passed.fetch_add(1, Ordering::Relaxed);
                let arrivals = std::iter::once(at_ns).chain(again_at_ns);
                arrivals.for_each(|at_ns| send(*begin + Duration::from_nanos(at_ns)));
            }
        }
    }
}

/// A frame with its length.
fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; LENGTH];
    from.read_exact(&mut length)?;
    let mut frame = length.to_vec();
    from.take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut frame)?;
    if frame.len() == LENGTH + u32::from_be_bytes(length) as usize {
        Ok(frame)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

/// Writes each message when its time has come.
fn deliver(frames: &Receiver<Frame>, to: &mut TcpStream) -> io::Result<()> {
    let (mut late, mut number, mut is_over) = (BTreeMap::new(), 0u64, false);
    loop {
        let next: Option<Instant> = late.first_key_value().map(|((at, _), _)| *at);
        let wait = next.map_or(Duration::from_secs(3_600), |at| at.saturating_duration_since(Instant::now()));
        if is_over {
            std::thread::sleep(wait);
        } else {
            match frames.recv_timeout(wait) {
                Ok((at, frame)) => {
                    number += 1;
                    late.insert((at, number), frame);
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => is_over = true,
            }
        }
        while let Some(first) = late.first_entry()
            && first.key().0 <= Instant::now()
        {
            to.write_all(&first.remove())?;
        }
        if is_over && late.is_empty() {
            return Ok(());
        }
    }
}
