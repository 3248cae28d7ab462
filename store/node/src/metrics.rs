//! What the node counts.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

macro_rules! metrics {
    ($($name:ident: $kind:literal, $help:literal;)+) => {
        /// What is counted; each has the name that Prometheus shows, without the `kvsim_` in front of it.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $(#[doc = $help] pub $name: AtomicU64,)+
        }

        impl Metrics {
            /// Calls `each` with name, kind, help and number.
            fn all(&self, mut each: impl FnMut(&str, &str, &str, u64)) {
                $(each(stringify!($name), $kind, $help, self.$name.load(Ordering::Relaxed));)+
            }
        }
    };
}

metrics! {
    clients: "gauge", "Clients that are connected.";
    clients_accepted_total: "counter", "Clients that have connected.";
    clients_refused_total: "counter", "Clients that were turned away, since there were too many.";
    clients_ended_total: "counter", "Connections of clients that the node has ended: protocol errors, no room, replies not read.";
    client_bytes: "gauge", "Bytes that clients are sending or have not taken, beyond small ones.";
    requests_total: "counter", "Requests of clients.";
    errors_total: "counter", "Requests that were answered with an error.";
    timeouts_total: "counter", "Requests that have waited too long for other nodes.";
    commits_total: "counter", "Times that records were synced to the disk.";
    commit_nanoseconds_total: "counter", "Time that this has taken.";
    records_total: "counter", "Records that were synced.";
    steps_total: "counter", "Inputs that the store has taken.";
    step_nanoseconds_total: "counter", "Time that the store has taken for them, disk and network not included.";
    peers_connected: "gauge", "Nodes that this one sends to.";
    peer_messages_sent_total: "counter", "Messages that were sent to other nodes.";
    peer_bytes_sent_total: "counter", "Bytes of them.";
    peer_messages_dropped_total: "counter", "Messages for other nodes that were dropped: no connection, or no room.";
    peer_messages_received_total: "counter", "Messages of other nodes that have arrived.";
    peer_messages_refused_total: "counter", "Messages that no honest node sends.";
    peer_connections_refused_total: "counter", "Connections that are of no node of this cluster.";
}

impl Metrics {
    /// Adds to a number.
    pub fn add(number: &AtomicU64, more: u64) {
        number.fetch_add(more, Ordering::Relaxed);
    }

    /// Takes from a number.
    pub fn sub(number: &AtomicU64, less: u64) {
        number.fetch_sub(less, Ordering::Relaxed);
    }

    /// As Prometheus reads it; `gauges` are those of the store.
    pub fn text(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::new();
        let mut put = |name: &str, kind: &str, help: &str, number: u64| {
            let _ = writeln!(text, "# HELP kvsim_{name} {help}\n# TYPE kvsim_{name} {kind}\nkvsim_{name} {number}");
        };
        self.all(&mut put);
        for (name, help, number) in gauges {
            put(&format!("store_{}", name.replace('-', "_")), "gauge", help, *number);
        }
        text
    }
}

/// What the parts of the node share.
#[derive(Debug, Default)]
pub struct Shared {
    /// What is counted.
    pub metrics: Metrics,
    /// The store serves clients.
    pub ready: AtomicBool,
    /// By node: the number of its last write that is known here, on the disk.
    pub known: Vec<AtomicU64>,
}

impl Shared {
    /// For so many nodes.
    pub fn new(nodes: usize) -> Shared {
        Shared { known: (0..nodes).map(|_| AtomicU64::new(0)).collect(), ..Shared::default() }
    }
}
