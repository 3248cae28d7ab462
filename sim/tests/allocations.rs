//! How often a running simulation asks for memory. Counted with an allocator that wraps the system's.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};

use common::*;
use kvsim_checkers::trace::Event;
use kvsim_sim::engine::{self, Outcome, Sink};
use kvsim_sim::net::Delay;
use kvsim_sim::plan::Plan;
use kvsim_sim::quantity::Duration;
use kvsim_sim::scenario::*;
use kvsim_sim::stores;
use kvsim_store::{
    Call, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Refusal, Replica,
    Version,
};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// An allocator cannot be written without `unsafe`; each call goes to the system's with the same arguments.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: Layout) {
        unsafe { System.dealloc(place, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, place: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        unsafe { System.realloc(place, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Counts events and allocations between two times of the run.
struct Window {
    from_ns: u64,
    until_ns: u64,
    /// Events and allocations at the beginning and at the end.
    samples: [Option<(u64, u64)>; 2],
}

impl Sink for Window {
    fn event(&mut self, event: &Event) {
        let now = || Some((event.number, ALLOCATIONS.load(Ordering::Relaxed)));
        for (sample, at_ns) in self.samples.iter_mut().zip([self.from_ns, self.until_ns]) {
            if sample.is_none() && event.at_ns >= at_ns {
                *sample = now();
            }
        }
    }
}

/// Runs and returns the numbers of events and of allocations in the second half of the run.
fn second_half(plan: &Plan, run: impl FnOnce(&Plan, &mut dyn Sink) -> Outcome) -> (u64, u64) {
    let end_ns = plan.end_ns();
    // The snapshot at the end is not part of it.
    let mut window = Window { from_ns: end_ns / 2, until_ns: end_ns - end_ns / 50, samples: [None; 2] };
    run(plan, &mut window);
    let [Some((events, before)), Some((until, after))] = window.samples else { panic!("the run is too short") };
    (until - events, after - before)
}

fn of_store(plan: &Plan) -> (u64, u64) {
    let store = stores::BUILT_IN.find(&plan.store.name).expect("a store");
    second_half(plan, |plan, sink| (store.run)(plan, sink).expect("no panic"))
}

/// Writes only, one writer per key, no partitions, losses or repair: what is stored does not grow.
fn steady(store: &str) -> Scenario {
    let mut scenario = rough();
    scenario.store = stores::BUILT_IN.find(store).expect("a store").spec().with("anti_entropy", "off");
    scenario.duration = Duration(10_000 * MS);
    scenario.settle = Settle::Off;
    scenario.net.usual.delay = Delay::Uniform { min: MS, max: 10 * MS };
    scenario.net.usual.loss = percent(0);
    scenario.net.usual.duplicate = percent(0);
    scenario.keys.writers = Writers::One;
    scenario.keys.count = 16;
    scenario.clients[0].pace = Pace::Think { think: Duration(5 * MS) };
    scenario.clients[0].mix = Mix { read: 0, write: 1, delete: 0 };
    scenario.faults.clear();
    scenario
}

/// A store that keeps nothing: what it is told it tells everybody, and now and then it says something itself.
struct Parrot {
    said: u64,
}

impl Replica for Parrot {
    type Config = ();
    type Message = u64;
    type Timer = ();
    type SessionToken = (); // nothing for a session that moves
    type Context = ();
    type Record = ();

    const MESSAGE_KINDS: &'static [&'static str] = &["word"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn boot(_: &(), _: &[()], env: &mut Env<'_, Parrot>) -> Parrot {
        env.arm((), MS);
        Parrot { said: 0 }
    }

    fn step(&mut self, input: Input<'_, Parrot>, env: &mut Env<'_, Parrot>) {
        match input {
            Input::Message { .. } | Input::Members => {}
            Input::Timer(()) => {
                self.said += 1;
                env.arm((), MS);
                env.broadcast(self.said);
            }
            Input::Call { id, call: Call::Read { .. } } => env.refuse(id, Refusal::Level),
            Input::Call { id, call: Call::Write { value, .. } } => {
                self.said += 1;
                let dot = kvsim_store::Dot { origin: env.me, counter: self.said };
                env.observe(Observation::Wrote { call: id, dot });
                env.append(|| ());
                env.broadcast(value.id);
                env.answer_write(id, (), None);
            }
        }
    }

    fn meta(message: &u64) -> MessageMeta {
        MessageMeta { kind: 0, id: *message, bytes: 8, carries: None, is_bulk: false }
    }

    fn holds(_: &(), _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, _: &mut dyn FnMut(Key, Version)) {}

    fn gauges(&self, _: &mut Vec<u64>) {}
}

/// One test: the count is of the whole process.
#[test]
fn memory_is_asked_for_to_store_something_and_for_nothing_else() {
    let mut scenario = steady("lww");
    scenario.net.usual.loss = percent(5);
    scenario.net.usual.duplicate = percent(5);
    let (events, allocations) =
        second_half(&plan(&scenario, 1), |plan, sink| engine::run::<Parrot>(plan, &(), sink).expect("no panic"));
    assert!(events > 50_000);
    assert_eq!(allocations, 0, "a store that keeps nothing, {events} events");

    let (events, allocations) = of_store(&plan(&steady("lww"), 1));
    assert!(events > 20_000);
    assert_eq!(allocations, 0, "lww, {events} events");

    let (events, allocations) = of_store(&plan(&steady("ndc"), 1));
    // The dot-key map grows, since no replica says what it has.
    println!("ndc without repair: {allocations} allocations in {events} events");
    assert!(events > 20_000 && allocations * 100 < events, "ndc, {allocations} allocations in {events} events");
    let mut scenario = steady("ndc");
    scenario.store.set("anti_entropy", "100ms");
    let (events, allocations) = of_store(&plan(&scenario, 1));
    println!("ndc with repair: {allocations} allocations in {events} events");
    // Clocks and watermarks of each round, and what was under way in it.
    assert!(allocations * 20 < events, "ndc with repair, {allocations} allocations in {events} events");
}
