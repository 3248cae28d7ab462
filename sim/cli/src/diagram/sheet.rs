//! Puts a scene on paper.

use super::layout::{BESIDE, CROSS, LEFT, LINE, Layout, letters, width};
use super::look::Class;
use super::paper::{Anchor, Paper, Shape};
use super::scene::{Arrow, ArrowKind, Point, Scene, Style};
use kvsim_checkers::trace::NodeId;

/// All of it.
pub fn lay(scene: &Scene) -> Paper {
    const FINDINGS: usize = 3;
    let bands = scene.bands.iter().map(|band| band.text.chars().count()).max().unwrap_or(0);
    let draft = Layout::of(scene, 0, bands);
    let mut paper = Paper { title: scene.title.clone(), part: scene.part.clone(), ..Paper::default() };
    let part = scene.part.as_deref().map(|part| wrapped(part, letters(draft.width - 32))).unwrap_or_default();
    let shown = scene.findings.iter().take(FINDINGS).flat_map(|finding| wrapped(finding, letters(draft.width - 32)));
    let mut head: Vec<(Class, String)> = part.into_iter().map(|line| (Class::Note, line)).collect();
    head.extend(shown.map(|line| (Class::Found, line)));
    if scene.findings.len() > FINDINGS {
        head.push((Class::Found, format!("and {} more kinds of findings", scene.findings.len() - FINDINGS)));
    }
    let layout = Layout::of(scene, 34 + head.len() as u32 * LINE, bands);
    let ends = scene.ends.iter().map(Vec::len).max().unwrap_or(0) as u32;
    // How high it is turns out with the legend.
    paper.width = layout.width;
    paper.rect(Class::Ground, (0, 0), (layout.width, 0));
    paper.text(Class::Title, (16, 26), &scene.title);
    for ((class, line), place) in head.iter().zip(1..) {
        paper.text(*class, (16, 28 + place * LINE), line);
    }
    draw_ground(&mut paper, scene, &layout);
    for arrow in &scene.arrows {
        draw_arrow(&mut paper, &layout, arrow);
    }
    draw_points(&mut paper, scene, &layout);
    draw_labels(&mut paper, scene, &layout);
    draw_ends(&mut paper, scene, &layout);
    let legend_y = layout.bottom + 18 + ends * LINE + if ends > 0 { 22 } else { 0 };
    paper.height = draw_legend(&mut paper, scene, &layout, legend_y);
    paper.shapes[0] = Shape::Rect(Class::Ground, (0, 0), (paper.width, paper.height));
    paper
}

/// Replicas, rows, and what lasts.
fn draw_ground(paper: &mut Paper, scene: &Scene, layout: &Layout) {
    let Layout { top, bottom, lane, .. } = *layout;
    let across = u32::from(scene.nodes) * lane;
    let mut told_at = None;
    for band in &scene.bands {
        let (y, end) = (layout.y(band.from_ns), layout.y(band.until_ns));
        let class = if band.is_partition { Class::Cut } else { Class::Weak };
        paper.rect(class, (LEFT - 8, y.saturating_sub(6)), (across + 8, end - y + 12));
        // Faults that begin together are told one below the other.
        let mut told = y + 4;
        if let Some(before) = told_at {
            told = told.max(before + LINE);
        }
        told_at = Some(told);
        paper.text(Class::Lost, (LEFT + across + 8, told), &band.text);
    }
    for (at_ns, row) in &scene.rows {
        let y = layout.y(*at_ns);
        let matters = !row.labels.is_empty();
        if matters {
            paper.line(Class::Rule, (LEFT - 6, y), (LEFT + across, y));
            paper.text_at(Class::Time, (LEFT - 12, y + 4), Anchor::End, &time(*at_ns));
        }
    }
    for node in NodeId::all(scene.nodes) {
        let x = layout.x(node);
        paper.line(Class::Line, (x, top + 4), (x, bottom));
        paper.text_at(Class::Name, (x, top - 6), Anchor::Middle, &node.to_string());
    }
    for spell in &scene.spells {
        let (x, y, end) = (layout.x(spell.node), layout.y(spell.from_ns), layout.y(spell.until_ns));
        paper.rect(if spell.is_down { Class::Down } else { Class::Still }, (x - 7, y), (14, (end - y).max(4)));
    }
    for (node, from_ns, until_ns) in &scene.waits {
        let x = layout.x(*node);
        paper.line(Class::Wait, (x, layout.y(*from_ns)), (x, layout.y(*until_ns)));
    }
}

fn draw_arrow(paper: &mut Paper, layout: &Layout, arrow: &Arrow) {
    let (x1, y1) = (layout.x(arrow.from), layout.y(arrow.sent_ns));
    let (x2, y2) = (layout.x(arrow.to), layout.y(arrow.until_ns));
    let (class, said) = (arrow.kind.class(), crate::text::printable(&arrow.said));
    if arrow.kind != ArrowKind::Lost {
        let x2 = if x2 > x1 { x2 - 3 } else { x2 + 3 };
        paper.shapes.push(Shape::Message { class, from: (x1, y1), to: (x2, y2), arrives: true, said });
        return;
    }
    // One that is lost at its receiver, which is down, comes near it.
    let share = if y2 > y1 { 94 } else { 40 };
    let x = if x2 > x1 { x1 + (x2 - x1) * share / 100 } else { x1 - (x1 - x2) * share / 100 };
    let y = if y2 > y1 { y1 + (y2 - y1) * share / 100 } else { y1 + CROSS - 6 };
    paper.shapes.push(Shape::Message { class, from: (x1, y1), to: (x, y), arrives: false, said });
    paper.shapes.push(Shape::Cross((x, y)));
}

fn draw_points(paper: &mut Paper, scene: &Scene, layout: &Layout) {
    for (at_ns, row) in &scene.rows {
        for (node, point) in &row.points {
            let (class, radius) = match point {
                Point::Usual => (Class::Point, 4),
                Point::Named => (Class::Named, 4),
                Point::Found => (Class::Hit, 6),
            };
            paper.shapes.push(Shape::Circle(class, (layout.x(*node), layout.y(*at_ns)), radius));
        }
    }
}

fn draw_labels(paper: &mut Paper, scene: &Scene, layout: &Layout) {
    let room = letters(layout.lane - BESIDE - 8);
    for (at_ns, row) in &scene.rows {
        for (node, labels) in &row.labels {
            let y = match row.is_above(*node) {
                true => layout.y(*at_ns) - 7 - (labels.len() as u32 - 1) * LINE,
                false => layout.y(*at_ns) + 13,
            };
            for (label, place) in labels.iter().zip(0..) {
                let class = match label.style {
                    Style::Operation => Class::Operation,
                    Style::Found => Class::Found,
                    Style::Shown => Class::Shown,
                    Style::Message => Class::Message,
                    Style::Lost => Class::Lost,
                    Style::Trouble => Class::Trouble,
                };
                let mut said: String = label.text.chars().take(room).collect();
                if said.len() < label.text.len() {
                    said.push('\u{2026}');
                }
                paper.text(class, (layout.x(*node) + BESIDE, y + place * LINE), &said);
            }
        }
    }
}

/// What reads return at the end, below the lines.
fn draw_ends(paper: &mut Paper, scene: &Scene, layout: &Layout) {
    if scene.ends.iter().all(Vec::is_empty) {
        return;
    }
    paper.text_at(Class::Time, (LEFT - 12, layout.bottom + 18), Anchor::End, "at the end");
    for (node, values) in (0..).zip(&scene.ends) {
        for (value, place) in values.iter().zip(0..) {
            paper.text(Class::Shown, (layout.x(NodeId(node)), layout.bottom + 18 + place * LINE), value);
        }
    }
}

/// What a sign of the legend looks like.
#[derive(Clone, Copy)]
enum Sign {
    Circle(Class, u32),
    Wait,
    Shown,
    Arrow(Class),
    Lost,
    Patch(Class),
}

/// What the signs mean, as far as they occur; returns the height of the whole drawing.
fn draw_legend(paper: &mut Paper, scene: &Scene, layout: &Layout, y: u32) -> u32 {
    let (mut x, mut y) = (16, y);
    paper.line(Class::Rule, (16, y - 18), (layout.width - 16, y - 18));
    let has = |kind: ArrowKind| scene.arrows.iter().any(|arrow| arrow.kind == kind);
    let points = |wanted: Point| scene.rows.values().flat_map(|row| &row.points).any(|(_, point)| *point == wanted);
    let shown = |wanted: bool| scene.spells.iter().any(|spell| spell.is_down == wanted);
    let cuts = |wanted: bool| scene.bands.iter().any(|band| band.is_partition == wanted);
    let entries = [
        (points(Point::Usual), Sign::Circle(Class::Point, 4), "a session asks"),
        (points(Point::Named), Sign::Circle(Class::Named, 4), "a finding names it"),
        (points(Point::Found), Sign::Circle(Class::Hit, 6), "it explains the finding"),
        (!scene.waits.is_empty(), Sign::Wait, "until it is answered"),
        (
            true,
            Sign::Shown,
            "reads return it (+) or no longer do (\u{2212}), at all levels that carry the key if none is named",
        ),
        (has(ArrowKind::Direct), Sign::Arrow(Class::Arrow), "message of an operation"),
        (has(ArrowKind::Repair), Sign::Arrow(Class::Repair), "other message"),
        (has(ArrowKind::Idle), Sign::Arrow(Class::Idle), "it changes nothing"),
        (has(ArrowKind::Again), Sign::Arrow(Class::Again), "a second copy"),
        (has(ArrowKind::Lost), Sign::Lost, "lost"),
        (shown(true), Sign::Patch(Class::Down), "down"),
        (shown(false), Sign::Patch(Class::Still), "stands still"),
        (cuts(true), Sign::Patch(Class::Cut), "partition"),
        (cuts(false), Sign::Patch(Class::Weak), "fault of links"),
    ];
    for (_, sign, said) in entries.into_iter().filter(|(is_used, ..)| *is_used) {
        let wide = 34 + width(said.chars().count()) * 5 / 6 + 18;
        if x > 16 && x + wide > layout.width - 8 {
            (x, y) = (16, y + 20);
        }
        draw_sign(paper, sign, (x, y));
        paper.text(Class::Note, (x + 34, y + 4), said);
        x += wide;
    }
    y += 22;
    let mut note = "Time runs downwards; distances are not to scale.".to_owned();
    match scene.left_out {
        0 => {}
        1 => note.push_str(" One message that changed nothing is left out."),
        count => note.push_str(&format!(" {count} messages that changed nothing are left out.")),
    }
    paper.text(Class::Note, (16, y + 4), &note);
    y + 20
}

fn draw_sign(paper: &mut Paper, sign: Sign, (x, y): (u32, u32)) {
    let arrow =
        |class, end, arrives| Shape::Message { class, from: (x, y), to: (end, y), arrives, said: String::new() };
    match sign {
        Sign::Circle(class, radius) => paper.shapes.push(Shape::Circle(class, (x + 14, y), radius)),
        Sign::Wait => paper.line(Class::Wait, (x + 14, y - 7), (x + 14, y + 7)),
        Sign::Shown => paper.text(Class::Shown, (x + 6, y + 4), "+ \u{2212}"),
        Sign::Arrow(class) => paper.shapes.push(arrow(class, x + 28, true)),
        Sign::Lost => {
            paper.shapes.push(arrow(Class::Gone, x + 20, false));
            paper.shapes.push(Shape::Cross((x + 20, y)));
        }
        Sign::Patch(class) => paper.rect(class, (x + 4, y - 6), (20, 12)),
    }
}

impl ArrowKind {
    fn class(self) -> Class {
        match self {
            ArrowKind::Direct => Class::Arrow,
            ArrowKind::Repair => Class::Repair,
            ArrowKind::Again => Class::Again,
            ArrowKind::Idle => Class::Idle,
            ArrowKind::Lost => Class::Gone,
        }
    }
}

/// A time in milliseconds, without zeros at the end.
fn time(ns: u64) -> String {
    format!("{} ms", crate::text::decimal(ns / 1_000, 1_000))
}

/// Lines of at most so many letters, broken at spaces.
fn wrapped(said: &str, letters: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in said.split(' ').filter(|word| !word.is_empty()) {
        let last = lines.last_mut().expect("there is one");
        if !last.is_empty() && last.chars().count() + 1 + word.chars().count() > letters {
            lines.push(format!("    {word}"));
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}
