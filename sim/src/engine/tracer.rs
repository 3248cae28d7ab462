//! Numbering, hashing and handing on what happens.

use kvsim_checkers::metrics::Sample;
use kvsim_checkers::trace::{Event, NodeId, TraceHash, What};

/// Takes the events of a run, in order.
pub trait Sink {
    /// The next event.
    fn event(&mut self, event: &Event);

    /// OwnedCall now and then: false ends the run early.
    fn keep_going(&self) -> bool {
        true
    }

    /// Distance of the times at which replicas are to be measured; `None` for no measurements. What is measured is
    /// no event: it has no number and does not change the trace hash.
    fn measures_every_ns(&self) -> Option<u64> {
        None
    }

    /// What a replica held.
    fn measured(&mut self, _: Sample) {}

    /// The anti-entropy message of the [`What::Sent`] event with this number brings this many writes. Only said when
    /// replicas are [measured](Sink::measures_every_ns).
    fn brings(&mut self, _sent: u64, _writes: u32) {}
}

/// Keeps everything.
impl Sink for Vec<Event> {
    fn event(&mut self, event: &Event) {
        self.push(*event);
    }
}

/// Takes nothing: for runs whose trace hash alone matters.
pub struct Nothing;

impl Sink for Nothing {
    fn event(&mut self, _: &Event) {}
}

/// Gives each event its number, hashes it and hands it on.
pub(super) struct Tracer<'a> {
    pub now_ns: u64,
    hash: TraceHash,
    sink: &'a mut dyn Sink,
}

impl<'a> Tracer<'a> {
    pub fn new(sink: &'a mut dyn Sink) -> Tracer<'a> {
        Tracer { now_ns: 0, hash: TraceHash::default(), sink }
    }

    /// Something happens now; returns its number.
    #[inline(always)] // a known kind of event is hashed from registers; as a copy in memory it took 30 ns longer
    pub fn emit(&mut self, node: NodeId, cause: u64, what: What) -> u64 {
        let number = self.hash.events() + 1;
        let event = Event { number, at_ns: self.now_ns, cause, node, what };
        self.hash.event(&event);
        self.sink.event(&event);
        number
    }

    pub fn keep_going(&self) -> bool {
        self.sink.keep_going()
    }

    pub fn sink(&mut self) -> &mut dyn Sink {
        self.sink
    }

    pub fn hash(&self) -> &TraceHash {
        &self.hash
    }
}
