//! Where things stand, in whole pixels.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;

use super::scene::Scene;

/// Height of a line of text.
pub const LINE: i32 = 15;
/// Room for times at the left.
pub const LEFT: i32 = 96;
/// Distance of a text from its replica's line.
pub const BESIDE: i32 = 12;
/// Room that a cross takes below its row.
pub const CROSS: i32 = 20;
/// Average width of a letter, in tenths of a pixel.
const LETTER: i32 = 66;

pub struct Layout {
    /// Where replicas' lines begin and end.
    pub top: i32,
    pub bottom: i32,
    pub width: i32,
    /// Distance of two replicas' lines.
    pub lane: i32,
    rows: BTreeMap<u64, i32>,
}

impl Layout {
    /// For a scene whose head takes `head` pixels and whose names of network faults have `fault_letters`.
    pub fn of(scene: &Scene, head: i32, fault_letters: usize) -> Layout {
        let labels = scene.rows.values().flat_map(|row| row.labels.values()).flatten();
        let letters = labels.map(|label| label.text.chars().count()).max().unwrap_or(0);
        let lane = (width(letters) + BESIDE + 28).clamp(170, 400);
        let top = head + 40;
        let (mut y, mut before) = (top + 22, None::<(u64, bool)>);
        let mut rows = BTreeMap::new();
        for (at_ns, row) in &scene.rows {
            let has_labels = !row.labels.is_empty();
            if let Some((before_ns, had_labels)) = before {
                let micros = (at_ns - before_ns) / 1_000;
                // Times stand beside rows with labels.
                y += (2 * (micros + 1).ilog2() as i32).clamp(if has_labels && had_labels { 14 } else { 6 }, 30);
            }
            y += row.lines(true) * LINE;
            rows.insert(*at_ns, y);
            let below = row.lines(false) * LINE;
            y += if row.loses { below.max(CROSS) } else { below };
            before = Some((*at_ns, has_labels));
        }
        let faults = if fault_letters > 0 { width(fault_letters) + 24 } else { 0 };
        let width = LEFT + i32::from(scene.nodes) * lane + faults;
        Layout { top, bottom: y + 26, width: width.max(720), lane, rows }
    }

    /// The line of a replica.
    pub fn x(&self, node: NodeId) -> i32 {
        LEFT + 14 + i32::from(node.0) * self.lane
    }

    /// A moment; between two rows, the next one.
    pub fn y(&self, at_ns: u64) -> i32 {
        self.rows.range(at_ns..).next().map_or(self.bottom, |(_, y)| *y)
    }
}

/// How wide a text is, roughly.
pub fn width(letters: usize) -> i32 {
    (letters as i32 * LETTER + 9) / 10
}

/// How many letters fit into a width.
pub fn letters(width: i32) -> usize {
    (width * 10 / LETTER) as usize
}
