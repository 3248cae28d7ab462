//! Draws a scene: where its layout says, as shapes.

use kvsim_checkers::trace::NodeId;

use super::layout::{BESIDE, CROSS, LEFT, LINE, Layout, letters, width};
use super::scene::{Arrow, Scene};
use crate::draw::{Anchor, At, Drawing, Kind, Shape, flow};
use crate::text::{counted, printable, wrapped};

pub fn draw(scene: &Scene) -> Drawing {
    const FINDINGS: usize = 3;
    let faults = scene.faults.iter().map(|fault| fault.text.chars().count()).max().unwrap_or(0);
    let room = letters(Layout::of(scene, 0, faults).width - 32);
    let mut head: Vec<(Kind, String)> = Vec::new();
    let mut add = |kind: Kind, text: &str| {
        let lines = (0..).zip(wrapped(text, room));
        head.extend(lines.map(|(place, line)| (kind, if place == 0 { line } else { format!("    {line}") })));
    };
    scene.part.iter().for_each(|part| add(Kind::Note, part));
    scene.findings.iter().take(FINDINGS).for_each(|finding| add(Kind::Found, finding));
    if scene.findings.len() > FINDINGS {
        add(
            Kind::Found,
            &format!(
                "and {} of findings",
                counted((scene.findings.len() - FINDINGS) as u64, "more kind", "more kinds")
            ),
        );
    }
    let layout = Layout::of(scene, 34 + head.len() as i32 * LINE, faults);
    let ends = scene.ends.iter().map(Vec::len).max().unwrap_or(0) as i32;
    let mut drawing = Drawing { title: scene.title.clone(), part: scene.part.clone(), units: 1, ..Drawing::default() };
    drawing.width = layout.width;
    drawing.text(Kind::Title, (16, 26), &scene.title);
    for ((kind, line), place) in head.iter().zip(1..) {
        drawing.text(*kind, (16, 28 + place * LINE), line);
    }
    draw_ground(&mut drawing, scene, &layout);
    for arrow in &scene.arrows {
        draw_arrow(&mut drawing, &layout, arrow);
    }
    for (at_ns, row) in &scene.rows {
        for (node, kind) in &row.points {
            draw_point(&mut drawing, *kind, (layout.x(*node), layout.y(*at_ns)));
        }
    }
    draw_labels(&mut drawing, scene, &layout);
    draw_ends(&mut drawing, scene, &layout);
    let legend_y = layout.bottom + 18 + ends * LINE + if ends > 0 { 22 } else { 0 };
    drawing.height = draw_legend(&mut drawing, scene, legend_y);
    drawing
}

/// Replicas, rows, and what lasts.
fn draw_ground(drawing: &mut Drawing, scene: &Scene, layout: &Layout) {
    let Layout { top, bottom, lane, .. } = *layout;
    let across = i32::from(scene.nodes) * lane;
    let mut text_y = 0;
    for fault in &scene.faults {
        let (y, end) = (layout.y(fault.from_ns), layout.y(fault.until_ns));
        drawing.rect(fault.kind, (LEFT - 8, y - 6), (across + 8, end - y + 12));
        // The names of faults that begin together stand one below the other.
        text_y = (y + 4).max(text_y + LINE);
        drawing.text(Kind::Lost, (LEFT + across + 8, text_y), &fault.text);
    }
    for (at_ns, _) in scene.rows.iter().filter(|(_, row)| !row.labels.is_empty()) {
        let y = layout.y(*at_ns);
        drawing.line(Kind::Rule, (LEFT - 6, y), (LEFT + across, y));
        drawing.text_at(Kind::Time, (LEFT - 12, y + 4), Anchor::End, &time(*at_ns));
    }
    for node in NodeId::all(scene.nodes) {
        let x = layout.x(node);
        drawing.line(Kind::Replica, (x, top + 4), (x, bottom));
        drawing.text_at(Kind::Name, (x, top - 6), Anchor::Middle, &node.to_string());
    }
    for downtime in &scene.downtimes {
        let (x, y, end) = (layout.x(downtime.node), layout.y(downtime.from_ns), layout.y(downtime.until_ns));
        drawing.rect(downtime.kind, (x - 7, y), (14, (end - y).max(4)));
    }
    for (node, from_ns, until_ns) in &scene.waits {
        let x = layout.x(*node);
        drawing.line(Kind::Wait, (x, layout.y(*from_ns)), (x, layout.y(*until_ns)));
    }
}

fn draw_arrow(drawing: &mut Drawing, layout: &Layout, arrow: &Arrow) {
    let (x1, y1) = (layout.x(arrow.from), layout.y(arrow.sent_ns));
    let (x2, y2) = (layout.x(arrow.to), layout.y(arrow.until_ns));
    let (kind, text) = (arrow.kind, printable(&arrow.text));
    if kind != Kind::Gone {
        let x2 = if x2 > x1 { x2 - 3 } else { x2 + 3 };
        drawing.shapes.push(Shape::Message { kind, from: (x1, y1), to: (x2, y2), arrives: true, text });
        return;
    }
    // One that is lost at its receiver, which is down, comes near it.
    let share = if y2 > y1 { 94 } else { 40 };
    let x = x1 + (x2 - x1) * share / 100;
    let y = if y2 > y1 { y1 + (y2 - y1) * share / 100 } else { y1 + CROSS - 6 };
    drawing.shapes.push(Shape::Message { kind, from: (x1, y1), to: (x, y), arrives: false, text });
    draw_cross(drawing, (x, y));
}

fn draw_cross(drawing: &mut Drawing, (x, y): At) {
    drawing.line(Kind::Cross, (x - 5, y - 5), (x + 5, y + 5));
    drawing.line(Kind::Cross, (x - 5, y + 5), (x + 5, y - 5));
}

fn draw_point(drawing: &mut Drawing, kind: Kind, at: At) {
    drawing.circle(kind, at, if kind == Kind::Explains { 6 } else { 4 });
}

fn draw_labels(drawing: &mut Drawing, scene: &Scene, layout: &Layout) {
    let room = letters(layout.lane - BESIDE - 8);
    for (at_ns, row) in &scene.rows {
        for (node, labels) in &row.labels {
            let y = match row.is_above(*node) {
                true => layout.y(*at_ns) - 7 - (labels.len() as i32 - 1) * LINE,
                false => layout.y(*at_ns) + 13,
            };
            for (label, place) in labels.iter().zip(0..) {
                let mut text: String = label.text.chars().take(room).collect();
                if text.len() < label.text.len() {
                    text.push('\u{2026}');
                }
                drawing.text(label.kind, (layout.x(*node) + BESIDE, y + place * LINE), &text);
            }
        }
    }
}

/// What reads return at the end, below the lines.
fn draw_ends(drawing: &mut Drawing, scene: &Scene, layout: &Layout) {
    if scene.ends.iter().all(Vec::is_empty) {
        return;
    }
    drawing.text_at(Kind::Time, (LEFT - 12, layout.bottom + 18), Anchor::End, "at the end");
    for (node, values) in (0..).zip(&scene.ends) {
        for (value, place) in values.iter().zip(0..) {
            drawing.text(value.kind, (layout.x(NodeId(node)), layout.bottom + 18 + place * LINE), &value.text);
        }
    }
}

/// A kind of shape and what it means.
type LegendItem = (Kind, &'static str);

const LEGEND: &[LegendItem] = &[
    (Kind::Point, "an operation begins"),
    (Kind::Named, "a finding names it"),
    (Kind::Explains, "it explains the finding"),
    (Kind::Found, "here a promise is broken"),
    (Kind::Wait, "until it ends"),
    (
        Kind::Visible,
        "reads return it (+) or no longer do (\u{2212}), at all levels that carry the key if none is named",
    ),
    (Kind::Direct, "message of an operation"),
    (Kind::Repair, "other message"),
    (Kind::Idle, "it changes nothing"),
    (Kind::Duplicate, "a second copy"),
    (Kind::Gone, "lost"),
    (Kind::Down, "down"),
    (Kind::Paused, "paused"),
    (Kind::Partition, "partition"),
    (Kind::LinkFault, "fault of links"),
];

/// What the kinds of shapes mean, as far as they occur; returns the height of the whole drawing.
fn draw_legend(drawing: &mut Drawing, scene: &Scene, y: i32) -> i32 {
    let right = drawing.width - 8;
    drawing.line(Kind::Rule, (16, y - 18), (right - 8, y - 18));
    let is_used = |kind: Kind| kind == Kind::Visible || drawing.shapes.iter().any(|shape| shape.kind() == kind);
    let items: Vec<&LegendItem> = LEGEND.iter().filter(|(kind, _)| is_used(*kind)).collect();
    let widths = items.iter().map(|(_, text)| 34 + width(text.chars().count()) * 5 / 6 + 18);
    let places = flow(widths, 16, right);
    for ((kind, text), (row, x)) in items.iter().zip(&places) {
        let at = (*x, y + 20 * row);
        draw_symbol(drawing, *kind, at);
        drawing.text(Kind::Note, (at.0 + 34, at.1 + 4), text);
    }
    let y = y + 20 * places.last().map_or(0, |(row, _)| *row) + 22;
    let mut note = "Time runs downwards; distances are not to scale.".to_owned();
    match scene.left_out {
        0 => {}
        1 => note.push_str(" One message that changed nothing is left out."),
        count => note.push_str(&format!(" {count} messages that changed nothing are left out.")),
    }
    drawing.text(Kind::Note, (16, y + 4), &note);
    y + 20
}

fn draw_symbol(drawing: &mut Drawing, kind: Kind, (x, y): At) {
    match kind {
        Kind::Point | Kind::Named | Kind::Explains => draw_point(drawing, kind, (x + 14, y)),
        Kind::Wait => drawing.line(kind, (x + 14, y - 7), (x + 14, y + 7)),
        Kind::Found => drawing.text(kind, (x + 10, y + 4), "\u{d7}"),
        Kind::Visible => drawing.text(kind, (x + 6, y + 4), "+ \u{2212}"),
        Kind::Direct | Kind::Repair | Kind::Idle | Kind::Duplicate => {
            let (to, text) = ((x + 28, y), String::new());
            drawing.shapes.push(Shape::Message { kind, from: (x, y), to, arrives: true, text });
        }
        Kind::Gone => {
            drawing.line(kind, (x, y), (x + 20, y));
            draw_cross(drawing, (x + 20, y));
        }
        _ => drawing.rect(kind, (x + 4, y - 6), (20, 12)),
    }
}

/// A time in milliseconds, without zeros at the end.
fn time(ns: u64) -> String {
    let micros = format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000);
    format!("{} ms", micros.trim_end_matches('0').trim_end_matches('.'))
}
