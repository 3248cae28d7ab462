//! A run as a space-time diagram (Lamport, CACM 1978), for papers and screens: an SVG whose bytes follow from the run.
//!
//! Replicas are vertical lines, time runs downwards. Each moment at which something happens has a row of its own, as high
//! as its text needs, so that labels cannot overlap; distances grow with the logarithm of the time between. `director`
//! decides what is drawn of a recording, `scene` is that, `layout` says where on the paper, `svg` writes it.

mod director;
mod layout;
mod scene;
mod svg;

use std::ops::Range;

use kvsim_checkers::Report;
use kvsim_checkers::trace::Recording;
use kvsim_sim::plan::Plan;

/// More rows than these nobody reads.
const ROWS_MAX: usize = 250;

/// Draws what happens within `span_ns`.
///
/// # Errors
/// When there is too much, or nothing, to draw: what to do.
pub fn draw(plan: &Plan, recording: &Recording, reports: &[Report], span_ns: Range<u64>) -> Result<String, String> {
    let scene = director::scene(plan, recording, reports, span_ns);
    match scene.rows.len() {
        0 => Err("there is nothing to draw at that time".to_owned()),
        rows if rows > ROWS_MAX => Err(format!(
            "too much for a diagram: things happen at {rows} moments, and {ROWS_MAX} can be drawn\n  choose a part with --from and --to, or make the run small (kvsim shrink)"
        )),
        _ => Ok(svg::write(&scene)),
    }
}
