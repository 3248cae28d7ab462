//! A run as a space-time diagram (Lamport, CACM 1978), for papers and screens: a picture whose bytes follow from the run.
//!
//! Replicas are vertical lines, time runs downwards. Each moment at which something happens has a row of its own, as high
//! as its text needs, so that labels cannot overlap; distances grow with the logarithm of the time between. `builder`
//! decides what is drawn of a recording, `scene` is that, `layout` says where, and `drawing` makes shapes of it.

mod builder;
mod drawing;
mod layout;
mod part;
mod scene;

use std::ops::Range;

use kvsim_checkers::Report;
use kvsim_checkers::trace::Recording;
use kvsim_sim::plan::Plan;

use crate::draw::Drawing;
use crate::text::program;

pub use part::part;

/// More rows than these are too many to read.
const ROWS_MAX: usize = 250;

/// Draws what happens within `span_ns`.
///
/// # Errors
/// When there is too much, or nothing, to draw: what to do.
pub fn draw(plan: &Plan, recording: &Recording, reports: &[Report], span_ns: Range<u64>) -> Result<Drawing, String> {
    let scene = builder::scene(plan, recording, reports, span_ns);
    match scene.rows.len() {
        0 => Err("there is nothing to draw at that time".to_owned()),
        rows if rows > ROWS_MAX => Err(format!(
            "too much for a diagram: things happen at {rows} moments, and {ROWS_MAX} can be drawn\n  choose a part with --from and --to, let {kvsim} plot --kind messages choose one, or make the run small ({kvsim} shrink)",
            kvsim = program()
        )),
        _ => Ok(drawing::draw(&scene)),
    }
}
