//! What judging costs: runs that are not judged, and the same runs with the default checkers, in one process, in turn.
//!
//! `cargo bench -p kvsim-sim --bench judge`: a row for each workload, with what recording and what recording and judging
//! cost, as multiples of the run alone.

#[path = "common/mod.rs"]
mod common;
#[path = "../tests/common/mod.rs"]
mod scenarios;

use common::{interleaved, median, ratio};
use kvsim_checkers::trace::{Event, Recording, What};
use kvsim_checkers::{CHECKERS, Facts, Verdict};
use kvsim_sim::engine::{Nothing, Sink};
use kvsim_sim::net::Delay;
use kvsim_sim::plan::Plan;
use kvsim_sim::quantity::Duration;
use kvsim_sim::scenario::{Mix, Pace, Scenario};
use kvsim_sim::stores;
use scenarios::{MS, percent, plan, rough};

const ROUNDS: usize = 7;

/// Reads and writes of blind clients on a network that loses nothing.
fn scenario(replicas: u16, think: u64, lasting: u64) -> Scenario {
    let mut scenario = rough();
    scenario.replicas = replicas;
    scenario.duration = Duration(lasting);
    scenario.keys.count = 1_000;
    scenario.faults.clear();
    scenario.net.usual.loss = percent(0);
    scenario.net.usual.duplicate = percent(0);
    scenario.net.usual.delay = Delay::Uniform { min: MS, max: 10 * MS };
    let clients = &mut scenario.clients[0];
    (clients.sessions, clients.context) = (50, false);
    clients.mix = Mix { read: 1, write: 1, delete: 0 };
    clients.pace = Pace::Think { think: Duration(think) };
    scenario
}

/// Keeps what verdicts follow from.
#[derive(Default)]
struct Judged(Vec<Event>);

impl Sink for Judged {
    fn event(&mut self, event: &Event) {
        let is_of_network = matches!(
            event.what,
            What::Sent { .. } | What::Lost { .. } | What::Duplicated { .. } | What::Delivered { .. } | What::TimerFired
        );
        if !is_of_network {
            self.0.push(*event);
        }
    }
}

fn alone(plan: &Plan) -> u64 {
    let store = stores::BUILT_IN.find(&plan.store.name).expect("a store");
    (store.run)(plan, &mut Nothing).expect("the store does not panic").events
}

fn recorded(plan: &Plan) -> (u64, Recording) {
    let store = stores::BUILT_IN.find(&plan.store.name).expect("a store");
    let mut sink = Judged::default();
    let outcome = (store.run)(plan, &mut sink).expect("the store does not panic");
    (outcome.events, Recording { header: (store.header)(plan), events: sink.0 })
}

fn judged(plan: &Plan) -> u64 {
    let (events, recording) = recorded(plan);
    let facts = Facts::of(&recording);
    for checker in CHECKERS.iter().filter(|checker| (checker.by_default)(&recording.header)) {
        let report = (checker.check)(&facts, &|_| None);
        assert_ne!(report.verdict, Verdict::Violated, "{report:?}");
    }
    events
}

fn main() {
    println!("processor time, as multiples of the run alone; medians of {ROUNDS} rounds");
    let workloads = [
        ("50 replicas, 60,000 operations", 50, 17 * MS, 20_000 * MS),
        ("5 replicas, 200,000 operations", 5, 5 * MS, 20_000 * MS),
    ];
    for (name, replicas, think, lasting) in workloads {
        let plan = plan(&scenario(replicas, think, lasting), 1);
        let rates = interleaved(
            ROUNDS,
            &mut [
                ("alone", &mut || alone(&plan)),
                ("recorded", &mut || recorded(&plan).0),
                ("judged", &mut || judged(&plan)),
            ],
        );
        let [recorded, judged] = [1, 2].map(|way| ratio(&rates[0], &rates[way]));
        let (count, rate) = (plan.operations(), median(&rates[0]) / 1e6);
        println!("  {name} ({count}): alone {rate:.2} million events/s, recorded {recorded:.2}, judged {judged:.2}");
    }
}
