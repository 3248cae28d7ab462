//! Where things stand on the paper. Whole pixels only, so that every machine draws the same.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;

use super::scene::Scene;

/// Height of a line of text.
pub const LINE: u32 = 15;
/// Room for times at the left.
pub const LEFT: u32 = 96;
/// Distance of a text from its replica's line.
pub const BESIDE: u32 = 12;
/// Room that a cross takes below its row.
pub const CROSS: u32 = 20;
/// Average width of a letter, in tenths of a pixel.
const LETTER: u32 = 66;

/// Places.
pub struct Layout {
    /// Where replicas' lines begin and end.
    pub top: u32,
    pub bottom: u32,
    pub width: u32,
    /// Distance of two replicas' lines.
    pub lane: u32,
    rows: BTreeMap<u64, u32>,
}

impl Layout {
    /// For a scene whose head takes `head` pixels and that has faults of the network told in so many `band_letters`.
    pub fn of(scene: &Scene, head: u32, band_letters: usize) -> Layout {
        let labels = scene.rows.values().flat_map(|row| row.labels.values()).flatten();
        let letters = labels.map(|label| label.text.chars().count()).max().unwrap_or(0);
        let lane = (width(letters) + BESIDE + 28).clamp(170, 400);
        let top = head + 40;
        let (mut y, mut before) = (top + 22, None::<(u64, bool)>);
        let mut rows = BTreeMap::new();
        for (at_ns, row) in &scene.rows {
            let is_told = !row.labels.is_empty();
            if let Some((before_ns, was_told)) = before {
                let micros = (at_ns - before_ns) / 1_000;
                // Times stand beside rows that are told.
                y += (2 * (micros + 1).ilog2()).clamp(if is_told && was_told { 14 } else { 6 }, 30);
            }
            y += row.lines(true) * LINE;
            rows.insert(*at_ns, y);
            let below = row.lines(false) * LINE;
            y += if row.loses { below.max(CROSS) } else { below };
            before = Some((*at_ns, is_told));
        }
        let bands = if band_letters > 0 { width(band_letters) + 24 } else { 0 };
        let width = LEFT + u32::from(scene.nodes) * lane + bands;
        Layout { top, bottom: y + 26, width: width.max(720), lane, rows }
    }

    /// The line of a replica.
    pub fn x(&self, node: NodeId) -> u32 {
        LEFT + 14 + u32::from(node.0) * self.lane
    }

    /// A moment; between two rows, the next one.
    pub fn y(&self, at_ns: u64) -> u32 {
        self.rows.range(at_ns..).next().map_or(self.bottom, |(_, y)| *y)
    }
}

/// How wide a text is, roughly.
pub fn width(letters: usize) -> u32 {
    (letters as u32 * LETTER).div_ceil(10)
}

/// So many letters fit into a width.
pub fn letters(width: u32) -> usize {
    (width * 10 / LETTER) as usize
}
