use kvsim_checkers::Report;
use kvsim_checkers::trace::Recording;
use kvsim_sim::plan::Plan;
pub fn draw(_: &Plan, _: &Recording, _: &[Report], _: std::ops::Range<u64>) -> Result<String, String> {
    Err("todo".into())
}
