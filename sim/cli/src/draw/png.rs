//! Draws a drawing in pixels, with plotters and the font that comes along. Floating point is for the heads of arrows and the
//! lengths of dashes only, and inside plotters for letters and smooth edges.

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::shape::{Anchor, At, Drawing, Shape};
use super::style::{Colour, Kind, Theme};
use super::text::{FONT, SIZE, load_font};

/// More pixels than these are too many for a picture with two for each of the drawing's; then it has one.
const SHARP_MAX: i32 = 24_000_000;

type Pixels<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
/// Never an error: everything happens in memory.
type Drawn = Result<(), DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>>;

pub fn write(drawing: &Drawing, theme: Theme) -> Vec<u8> {
    load_font();
    let (width, height) = (drawing.width / drawing.units, drawing.height / drawing.units);
    let scale = if width.saturating_mul(height) * 4 <= SHARP_MAX { 2 } else { 1 };
    let (width, height) = ((width * scale) as u32, (height * scale) as u32);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        let rasterizer = Rasterizer { area: &area, theme, scale, units: drawing.units };
        let drawn = area.fill(&rgb(rasterizer.page())).and_then(|()| {
            drawing.shapes.iter().try_for_each(|shape| rasterizer.shape(shape))?;
            area.present()
        });
        drawn.expect("drawing into memory does not fail");
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::High);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    written.expect("writing into memory does not fail");
    file
}

struct Rasterizer<'a, 'b> {
    area: &'a Pixels<'b>,
    theme: Theme,
    /// Pixels of the picture for each of the drawing's.
    scale: i32,
    units: i32,
}

impl Rasterizer<'_, '_> {
    fn at(&self, (x, y): At) -> At {
        (x * self.scale / self.units, y * self.scale / self.units)
    }

    fn page(&self) -> Colour {
        Kind::Page.style(self.theme).fill.unwrap_or_default()
    }

    fn shape(&self, shape: &Shape) -> Drawn {
        match shape {
            Shape::Rect(kind, from, size) => {
                let (from, to) = (self.at(*from), self.at((from.0 + size.0, from.1 + size.1)));
                self.area.draw(&Rectangle::new([from, to], self.fill(*kind)))
            }
            Shape::Path(kind, points) => {
                let points: Vec<At> = points.iter().map(|point| self.at(*point)).collect();
                match kind.style(self.theme).fill {
                    Some(_) => self.area.draw(&Polygon::new(points, self.fill(*kind))),
                    None => self.line(*kind, points),
                }
            }
            Shape::Message { kind, from, to, arrives, .. } => {
                let (from, to) = (self.at(*from), self.at(*to));
                self.line(*kind, vec![from, to])?;
                if *arrives { self.head(*kind, from, to) } else { Ok(()) }
            }
            Shape::Circle(kind, at, radius) => {
                let (at, radius) = (self.at(*at), radius * self.scale / self.units);
                if let Some((_, tenths)) = kind.style(self.theme).stroke {
                    let rim = tenths as i32 * self.scale / 20;
                    self.area.draw(&Circle::new(at, radius + rim, self.stroke(*kind).filled()))?;
                    return self.area.draw(&Circle::new(at, radius - rim, self.fill(*kind)));
                }
                self.area.draw(&Circle::new(at, radius, self.fill(*kind)))
            }
            Shape::Text(kind, at, anchor, text) => self.text(*kind, self.at(*at), *anchor, text),
        }
    }

    fn fill(&self, kind: Kind) -> ShapeStyle {
        let style = kind.style(self.theme);
        rgb(style.fill.unwrap_or_default()).mix(f64::from(style.opacity) / 100.0).filled()
    }

    fn stroke(&self, kind: Kind) -> ShapeStyle {
        let style = kind.style(self.theme);
        let (colour, tenths) = style.stroke.unwrap_or_default();
        let width = (tenths * self.scale as u32).div_ceil(10);
        rgb(colour).mix(f64::from(style.opacity) / 100.0).stroke_width(width)
    }

    fn line(&self, kind: Kind, points: Vec<At>) -> Drawn {
        let parts = match kind.style(self.theme).dashes {
            [] => vec![points],
            pattern => dashes(&points, pattern, self.scale as u32),
        };
        parts.into_iter().try_for_each(|part| self.area.draw(&PathElement::new(part, self.stroke(kind))))
    }

    /// A triangle whose point is at `to`.
    fn head(&self, kind: Kind, from: At, to: At) -> Drawn {
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        let (long, half) = (f64::from(10 * self.scale), f64::from(5 * self.scale));
        let (ux, uy) = (dx / length, dy / length);
        let corner = |side: f64| {
            let (x, y) = (f64::from(to.0) - ux * long - uy * side, f64::from(to.1) - uy * long + ux * side);
            (x.round() as i32, y.round() as i32)
        };
        self.area.draw(&Polygon::new([to, corner(half), corner(-half)], self.stroke(kind).filled()))
    }

    fn text(&self, kind: Kind, (x, y): At, anchor: Anchor, text: &str) -> Drawn {
        let style = kind.style(self.theme);
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle | Anchor::Upwards => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // plotters moves some letters by a pixel where the size is odd, and the font that comes along has no arrow.
        let size = (style.size * self.scale * SIZE / 100 + 1) / 2 * 2;
        let text = text.replace('\u{2192}', "->");
        // plotters puts the base line half the size below the place of a text.
        let (x, y) = if anchor == Anchor::Upwards { (x - size / 2, y) } else { (x, y - size / 2) };
        let turn = if anchor == Anchor::Upwards { FontTransform::Rotate270 } else { FontTransform::None };
        let styled = |colour: Colour| {
            let font = (FONT, size).into_font().transform(turn.clone());
            font.color(&rgb(colour)).pos(Pos::new(horizontal, VPos::Top))
        };
        if let Some((colour, tenths)) = style.stroke {
            let (rim, out) = (styled(colour), tenths as i32 * self.scale * 3 / 80);
            for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
                self.area.draw(&Text::new(text.as_str(), (x + dx * out, y + dy * out), rim.clone()))?;
            }
        }
        let ink = styled(style.fill.unwrap_or_default());
        // The font that comes along has one weight: bold letters are drawn twice.
        for dx in 0..=i32::from(style.is_bold) {
            self.area.draw(&Text::new(text.as_str(), (x + dx, y), ink.clone()))?;
        }
        Ok(())
    }
}

/// The parts of a line that a pattern of dashes and gaps leaves.
fn dashes(line: &[At], pattern: &[u32], scale: u32) -> Vec<Vec<At>> {
    let mut lengths = pattern.iter().map(|length| f64::from(length * scale)).cycle();
    let mut left = lengths.next().expect("a pattern has a dash");
    let mut drawn = true;
    let (mut parts, mut part) = (Vec::new(), line[..1].to_vec());
    for pair in line.windows(2) {
        let (from, to) = ((f64::from(pair[0].0), f64::from(pair[0].1)), (f64::from(pair[1].0), f64::from(pair[1].1)));
        let length = ((to.0 - from.0) * (to.0 - from.0) + (to.1 - from.1) * (to.1 - from.1)).sqrt();
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let share = done / length;
            let point = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            let point = (point.0.round() as i32, point.1.round() as i32);
            part.push(point);
            if drawn {
                parts.push(std::mem::take(&mut part));
            }
            part = vec![point];
            drawn = !drawn;
            left = lengths.next().expect("a cycle has no end");
        }
        left -= length - done;
        part.push(pair[1]);
    }
    if drawn && part.len() > 1 {
        parts.push(part);
    }
    parts
}

fn rgb([red, green, blue]: Colour) -> RGBColor {
    RGBColor(red, green, blue)
}
