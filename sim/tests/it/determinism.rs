//! One seed decides everything.

use crate::common::*;
use kvsim_sim::engine::Nothing;
use kvsim_sim::plan::Plan;
use kvsim_sim::quantity::Duration;
use kvsim_sim::scenario::Settle;
use kvsim_sim::stores;

fn hash(plan: &Plan) -> u64 {
    (stores::BUILT_IN.find(&plan.store.name).unwrap().run)(plan, &mut Nothing).unwrap().trace_hash
}

#[test]
fn the_hash_depends_on_the_seed_and_on_nothing_else() {
    for store in ["ndc", "lww"] {
        let mut scenario = rough();
        scenario.store = stores::BUILT_IN.find(store).unwrap().spec();
        let one = plan(&scenario, 1);
        let first = hash(&one);
        assert_eq!(hash(&one), first, "{store}: again");
        assert_eq!(record(&one).0.trace_hash, first, "{store}: with recording");
        assert_eq!(hash(&plan(&scenario, 1)), first, "{store}: lowered again");
        assert_ne!(hash(&plan(&scenario, 2)), first, "{store}: another seed");
        let text = serde_json::to_string(&one).unwrap();
        let back: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(back, one);
        assert_eq!(hash(&back), first, "{store}: from a stored plan");
    }
}

#[test]
fn hashes_are_the_same_in_every_build_and_every_year() {
    // Frozen. A change here means that stored seeds no longer show what they showed: say so in CHANGELOG.md.
    let mut scenario = rough();
    assert_eq!(hash(&plan(&scenario, 1)), 0x3644_6ad4_325e_6a08, "ndc");
    scenario.store.set("replication", 2);
    assert_eq!(hash(&plan(&scenario, 1)), 0x7b20_2076_4a36_d73e, "ndc on a ring");
    scenario.store.set("replication", "all");
    scenario.disk.write = Duration(3 * MS);
    assert_eq!(hash(&plan(&scenario, 1)), 0xbc0a_9779_4a5a_1b88, "ndc with a slow disk");
    // As long as before.
    scenario.settle = Settle::For(Duration(plan(&scenario, 1).settle_ns));
    scenario.store = stores::BUILT_IN.find("lww").unwrap().spec();
    assert_eq!(hash(&plan(&scenario, 1)), 0x2dc9_09b3_3e10_c950, "lww");
}

#[test]
fn sessions_that_move_ask_for_the_same_at_the_same_time() {
    let mut scenario = rough();
    let stay = plan(&scenario, 1);
    scenario.clients[0].moves = Some(Duration(300 * MS));
    let mut moving = plan(&scenario, 1);
    assert!(moving.sessions.iter().all(|session| session.moves()));
    let (_, recording) = record(&moving);
    recording.validate().expect("the engine records what is valid");
    moving.sessions.iter_mut().flat_map(|session| &mut session.ops).for_each(|op| op.node = None);
    assert_eq!(moving, stay);
}
