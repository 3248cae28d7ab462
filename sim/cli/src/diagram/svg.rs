//! Writes a scene as SVG.

use std::fmt::{self, Write as _};

use super::layout::{BESIDE, CROSS, LEFT, LINE, Layout, letters, width};
use super::scene::{Arrow, ArrowKind, Point, Scene, Style};

/// Colours for bright and dark surroundings. Text has a rim in the colour of the ground, so that it can be read on lines.
const STYLE: &str = "\
 .ground{fill:#fff} text{fill:#1f2328;font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
 .title{font-size:15px;font-weight:bold} .name{font-size:14px;font-weight:bold} .time,.note{fill:#59636e;font-size:11px}
 .line{stroke:#59636e;stroke-width:1.5} .rule{stroke:#d1d9e0;stroke-width:1}
 .operation{font-weight:600} .found{fill:#bc4c00;font-weight:bold} .shown{fill:#1a7f37} .message{fill:#59636e;font-size:11px}
 .lost{fill:#cf222e;font-size:11px} .trouble{fill:#8250df}
 .point{fill:#1f2328} .named{fill:#fff;stroke:#bc4c00;stroke-width:2.5} .hit{fill:#bc4c00} .wait{stroke:#1f2328;stroke-width:5}
 .arrow{fill:none;stroke:#0969da;stroke-width:1.4} .repair{stroke:#6e7781} .idle{opacity:.45} .again{stroke-dasharray:6 3} .gone{stroke:#cf222e;stroke-dasharray:4 3}
 .head{fill:#0969da} .repair-head{fill:#6e7781} .cross{fill:none;stroke:#cf222e;stroke-width:2.2}
 .down{fill:#8250df;opacity:.22} .still{fill:#8c959f;opacity:.3} .cut{fill:#cf222e;opacity:.09} .weak{fill:#d4a72c;opacity:.14}
 @media (prefers-color-scheme: dark){
 .ground{fill:#0d1117} text{fill:#f0f6fc;stroke:#0d1117} .time,.note,.message{fill:#9198a1} .line{stroke:#9198a1} .rule{stroke:#3d444d}
 .found{fill:#f0883e} .shown{fill:#3fb950} .lost{fill:#ff7b72} .trouble{fill:#d2a8ff} .point{fill:#f0f6fc} .named{fill:#0d1117;stroke:#f0883e}
 .hit{fill:#f0883e} .wait{stroke:#f0f6fc} .arrow{stroke:#58a6ff} .repair{stroke:#9198a1} .gone{stroke:#ff7b72} .head{fill:#58a6ff}
 .repair-head{fill:#9198a1} .cross{stroke:#ff7b72} .down{opacity:.35} .cut{opacity:.2} }
";

const HEADS: &str = "<defs>\
<marker id=\"h\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"head\" d=\"M0 0 8 4 0 8z\"/></marker>\
<marker id=\"r\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"repair-head\" d=\"M0 0 8 4 0 8z\"/></marker>\
</defs>\n";

/// The whole file.
pub fn write(scene: &Scene) -> String {
    let mut out = String::new();
    write_all(&mut out, scene).expect("a string takes everything");
    out
}

fn write_all(out: &mut String, scene: &Scene) -> fmt::Result {
    const FINDINGS: usize = 3;
    let bands = scene.bands.iter().map(|band| band.text.chars().count()).max().unwrap_or(0);
    let draft = Layout::of(scene, 0, bands);
    let shown = scene.findings.iter().take(FINDINGS).flat_map(|finding| wrapped(finding, letters(draft.width - 32)));
    let mut head: Vec<String> = shown.collect();
    if scene.findings.len() > FINDINGS {
        head.push(format!("and {} more kinds of findings", scene.findings.len() - FINDINGS));
    }
    let layout = Layout::of(scene, 34 + head.len() as u32 * LINE, bands);
    let ends = scene.ends.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let legend_y = layout.bottom + 18 + ends * LINE + if ends > 0 { 22 } else { 0 };
    let mut legend = String::new();
    let height = write_legend(&mut legend, scene, &layout, legend_y)?;
    let width = layout.width;
    writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">"
    )?;
    writeln!(out, "<title>{}</title>\n<style>\n{STYLE}</style>", escaped(&scene.title))?;
    out.push_str(HEADS);
    writeln!(out, "<rect class=\"ground\" width=\"{width}\" height=\"{height}\"/>")?;
    text(out, 16, 26, "title", &scene.title)?;
    for (line, place) in head.iter().zip(1..) {
        text(out, 16, 28 + place * LINE, "found", line)?;
    }
    write_ground(out, scene, &layout)?;
    scene.arrows.iter().try_for_each(|arrow| write_arrow(out, &layout, arrow))?;
    write_points(out, scene, &layout)?;
    write_labels(out, scene, &layout)?;
    write_ends(out, scene, &layout)?;
    out.push_str(&legend);
    writeln!(out, "</svg>")
}

/// Replicas, rows, and what lasts.
fn write_ground(out: &mut String, scene: &Scene, layout: &Layout) -> fmt::Result {
    let Layout { top, bottom, lane, .. } = *layout;
    let across = u32::from(scene.nodes) * lane;
    let mut told_at = None;
    for band in &scene.bands {
        let (y, end) = (layout.y(band.from_ns), layout.y(band.until_ns));
        let class = if band.is_partition { "cut" } else { "weak" };
        rect(out, class, (LEFT - 8, y.saturating_sub(6), across + 8, end - y + 12))?;
        // Faults that begin together are told one below the other.
        let mut told = y + 4;
        if let Some(before) = told_at {
            told = told.max(before + LINE);
        }
        told_at = Some(told);
        text(out, LEFT + across + 8, told, "lost", &band.text)?;
    }
    for (at_ns, row) in &scene.rows {
        let y = layout.y(*at_ns);
        let matters = !row.labels.is_empty();
        if matters {
            line(out, "rule", (LEFT - 6, y, LEFT + across, y))?;
            text_ending(out, LEFT - 12, y + 4, "time", &time(*at_ns))?;
        }
    }
    for node in 0..scene.nodes {
        let x = layout.x(node);
        line(out, "line", (x, top + 4, x, bottom))?;
        writeln!(out, "<text class=\"name\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">n{node}</text>", top - 6)?;
    }
    for spell in &scene.spells {
        let (x, y, end) = (layout.x(spell.node), layout.y(spell.from_ns), layout.y(spell.until_ns));
        rect(out, if spell.is_down { "down" } else { "still" }, (x - 7, y, 14, (end - y).max(4)))?;
    }
    for (node, from_ns, until_ns) in &scene.waits {
        let x = layout.x(*node);
        line(out, "wait", (x, layout.y(*from_ns), x, layout.y(*until_ns)))?;
    }
    Ok(())
}

fn write_arrow(out: &mut String, layout: &Layout, arrow: &Arrow) -> fmt::Result {
    let (x1, y1) = (layout.x(arrow.from), layout.y(arrow.sent_ns));
    let (x2, y2) = (layout.x(arrow.to), layout.y(arrow.until_ns));
    if arrow.kind != ArrowKind::Lost {
        let (class, head) = match arrow.kind {
            ArrowKind::Repair => ("arrow repair", "r"),
            ArrowKind::Again => ("arrow again", "h"),
            ArrowKind::Idle => ("arrow repair idle", "r"),
            _ => ("arrow", "h"),
        };
        let x2 = if x2 > x1 { x2 - 3 } else { x2 + 3 };
        return writeln!(
            out,
            "<line class=\"{class}\" marker-end=\"url(#{head})\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>"
        );
    }
    // One that is lost at its receiver, which is down, comes near it.
    let share = if y2 > y1 { 94 } else { 40 };
    let x = if x2 > x1 { x1 + (x2 - x1) * share / 100 } else { x1 - (x1 - x2) * share / 100 };
    let y = if y2 > y1 { y1 + (y2 - y1) * share / 100 } else { y1 + CROSS - 6 };
    line(out, "arrow gone", (x1, y1, x, y))?;
    writeln!(out, "<path class=\"cross\" d=\"M{} {}l10 10m0-10l-10 10\"/>", x - 5, y - 5)
}

fn write_points(out: &mut String, scene: &Scene, layout: &Layout) -> fmt::Result {
    for (at_ns, row) in &scene.rows {
        for (node, point) in &row.points {
            let (class, radius) = match point {
                Point::Usual => ("point", 4),
                Point::Named => ("named", 4),
                Point::Found => ("hit", 6),
            };
            let (x, y) = (layout.x(*node), layout.y(*at_ns));
            writeln!(out, "<circle class=\"{class}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")?;
        }
    }
    Ok(())
}

fn write_labels(out: &mut String, scene: &Scene, layout: &Layout) -> fmt::Result {
    let room = letters(layout.lane - BESIDE - 8);
    for (at_ns, row) in &scene.rows {
        for (node, labels) in &row.labels {
            let y = match row.is_above(*node) {
                true => layout.y(*at_ns) - 7 - (labels.len() as u32 - 1) * LINE,
                false => layout.y(*at_ns) + 13,
            };
            for (label, place) in labels.iter().zip(0..) {
                let class = match label.style {
                    Style::Operation => "operation",
                    Style::Found => "found",
                    Style::Shown => "shown",
                    Style::Message => "message",
                    Style::Lost => "lost",
                    Style::Trouble => "trouble",
                };
                let mut said: String = label.text.chars().take(room).collect();
                if said.len() < label.text.len() {
                    said.push('\u{2026}');
                }
                text(out, layout.x(*node) + BESIDE, y + place * LINE, class, &said)?;
            }
        }
    }
    Ok(())
}

/// What reads return at the end, below the lines.
fn write_ends(out: &mut String, scene: &Scene, layout: &Layout) -> fmt::Result {
    if scene.ends.iter().all(Vec::is_empty) {
        return Ok(());
    }
    text_ending(out, LEFT - 12, layout.bottom + 18, "time", "at the end")?;
    for (node, values) in (0..).zip(&scene.ends) {
        for (value, place) in values.iter().zip(0..) {
            text(out, layout.x(node), layout.bottom + 18 + place * LINE, "shown", value)?;
        }
    }
    Ok(())
}

/// What the signs mean, as far as they occur; returns the height of the whole drawing.
fn write_legend(out: &mut String, scene: &Scene, layout: &Layout, y: u32) -> Result<u32, fmt::Error> {
    let (mut x, mut y) = (16, y);
    line(out, "rule", (16, y - 18, layout.width - 16, y - 18))?;
    let has = |kind: ArrowKind| scene.arrows.iter().any(|arrow| arrow.kind == kind);
    let points = |wanted: Point| scene.rows.values().flat_map(|row| &row.points).any(|(_, point)| *point == wanted);
    let shown = |wanted: bool| scene.spells.iter().any(|spell| spell.is_down == wanted);
    let cuts = |wanted: bool| scene.bands.iter().any(|band| band.is_partition == wanted);
    let mut entry = |out: &mut String, is_used: bool, said: &str, sign: &dyn Fn(u32, u32) -> String| -> fmt::Result {
        if !is_used {
            return Ok(());
        }
        let wide = 34 + width(said.chars().count()) * 5 / 6 + 18;
        if x > 16 && x + wide > layout.width - 8 {
            (x, y) = (16, y + 20);
        }
        out.push_str(&sign(x, y));
        text(out, x + 34, y + 4, "note", said)?;
        x += wide;
        Ok(())
    };
    let circle = |class: &'static str, radius: u32| {
        move |x: u32, y: u32| format!("<circle class=\"{class}\" cx=\"{}\" cy=\"{y}\" r=\"{radius}\"/>\n", x + 14)
    };
    let arrow = |class: &'static str, head: &'static str| {
        move |x: u32, y: u32| {
            let end = x + 28;
            format!("<line class=\"{class}\"{head} x1=\"{x}\" y1=\"{y}\" x2=\"{end}\" y2=\"{y}\"/>\n")
        }
    };
    let patch = |class: &'static str| {
        move |x: u32, y: u32| {
            format!("<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"20\" height=\"12\"/>\n", x + 4, y - 6)
        }
    };
    let sign = |sign: &'static str| {
        move |x: u32, y: u32| format!("<text class=\"shown\" x=\"{}\" y=\"{}\">{sign}</text>\n", x + 6, y + 4)
    };
    let lost = |x: u32, y: u32| {
        let line = format!("<line class=\"arrow gone\" x1=\"{x}\" y1=\"{y}\" x2=\"{}\" y2=\"{y}\"/>\n", x + 20);
        format!("{line}<path class=\"cross\" d=\"M{} {}l10 10m0-10l-10 10\"/>\n", x + 15, y - 5)
    };
    entry(out, points(Point::Usual), "a session asks", &circle("point", 4))?;
    entry(out, points(Point::Named), "a finding names it", &circle("named", 4))?;
    entry(out, points(Point::Found), "it explains the finding", &circle("hit", 6))?;
    entry(out, !scene.waits.is_empty(), "until it is answered", &|x, y| {
        format!("<line class=\"wait\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n", x + 14, y - 7, x + 14, y + 7)
    })?;
    entry(
        out,
        true,
        "reads return it (+) or no longer do (\u{2212}), at all levels that carry the key if none is named",
        &sign("+ \u{2212}"),
    )?;
    entry(out, has(ArrowKind::Direct), "message of an operation", &arrow("arrow", " marker-end=\"url(#h)\""))?;
    entry(out, has(ArrowKind::Repair), "other message", &arrow("arrow repair", " marker-end=\"url(#r)\""))?;
    entry(out, has(ArrowKind::Idle), "it changes nothing", &arrow("arrow repair idle", " marker-end=\"url(#r)\""))?;
    entry(out, has(ArrowKind::Again), "a second copy", &arrow("arrow again", " marker-end=\"url(#h)\""))?;
    entry(out, has(ArrowKind::Lost), "lost", &lost)?;
    entry(out, shown(true), "down", &patch("down"))?;
    entry(out, shown(false), "stands still", &patch("still"))?;
    entry(out, cuts(true), "partition", &patch("cut"))?;
    entry(out, cuts(false), "fault of links", &patch("weak"))?;
    y += 22;
    let mut note = "Time runs downwards; distances are not to scale.".to_owned();
    match scene.left_out {
        0 => {}
        1 => note.push_str(" One message that changed nothing is left out."),
        count => note.push_str(&format!(" {count} messages that changed nothing are left out.")),
    }
    text(out, 16, y + 4, "note", &note)?;
    Ok(y + 20)
}

/// A time in milliseconds, without zeros at the end.
fn time(ns: u64) -> String {
    let micros = format!("{}.{:03}", ns / 1_000_000, ns / 1_000 % 1_000);
    format!("{} ms", micros.trim_end_matches('0').trim_end_matches('.'))
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

fn text(out: &mut String, x: u32, y: u32, class: &str, said: &str) -> fmt::Result {
    writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>", escaped(said))
}

fn text_ending(out: &mut String, x: u32, y: u32, class: &str, said: &str) -> fmt::Result {
    writeln!(out, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{}</text>", escaped(said))
}

fn line(out: &mut String, class: &str, (x1, y1, x2, y2): (u32, u32, u32, u32)) -> fmt::Result {
    writeln!(out, "<line class=\"{class}\" x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>")
}

fn rect(out: &mut String, class: &str, (x, y, width, height): (u32, u32, u32, u32)) -> fmt::Result {
    writeln!(out, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>")
}

fn escaped(said: &str) -> String {
    let said = crate::scenario::printable(said);
    said.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
