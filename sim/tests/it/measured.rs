//! Measuring a run shows what replicas hold, and changes nothing.

use crate::common::*;
use kvsim_checkers::metrics::{Measured, Metrics, Sample};
use kvsim_checkers::trace::{Event, Recording};
use kvsim_sim::engine::Sink;
use kvsim_sim::stores;

#[derive(Default)]
struct Measures {
    events: Vec<Event>,
    measured: Measured,
}

impl Sink for Measures {
    fn event(&mut self, event: &Event) {
        self.events.push(*event);
    }

    fn measures_every_ns(&self) -> Option<u64> {
        Some(100_000_000)
    }

    fn measured(&mut self, sample: Sample) {
        self.measured.samples.push(sample);
    }

    fn brings(&mut self, sent: u64, writes: u32) {
        self.measured.carried.push((sent, writes));
    }
}

#[test]
fn measuring_changes_nothing_and_shows_what_replicas_hold() {
    for store in ["ndc", "lww"] {
        let mut scenario = rough();
        scenario.store = stores::BUILT_IN.find(store).expect("a store").spec();
        let plan = plan(&scenario, 1);
        let entry = stores::BUILT_IN.find(store).expect("a store");
        let mut sink = Measures::default();
        let outcome = (entry.run)(&plan, &mut sink).expect("no panic");
        let (unmeasured, recording) = record(&plan);
        assert_eq!(outcome, unmeasured, "{store}");
        assert_eq!(sink.events, recording.events, "{store}");

        let samples = &sink.measured.samples;
        let times = plan.end_ns() / 100_000_000;
        assert_eq!(samples.len() as u64, times * u64::from(plan.replicas), "{store}: at every replica, all up");
        assert!(samples.is_sorted_by_key(|sample| (sample.at_ns, sample.node)));
        assert!(samples.iter().any(|sample| sample.metadata_bytes > Some(0)), "{store}");

        let recording = Recording { header: recording.header, events: sink.events };
        let metrics = Metrics::of(&recording, &sink.measured, 100_000_000);
        let repairs = &metrics.traffic["repair"];
        assert!(repairs.missing > 0 && repairs.missing <= repairs.carried, "{store}: {repairs:?}");
        assert_eq!(metrics.traffic["update"].carried, 0);
        assert!(metrics.gauges.contains_key("metadata-bytes"));
    }
}
