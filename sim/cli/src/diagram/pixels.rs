//! Draws a drawing in pixels, with plotters and the font that comes along. Floating point is for the heads of arrows and the
//! lengths of dashes only.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::look::{Class, Colour};
use super::paper::{Anchor, At, Paper, Shape};
use crate::charts::{self, Theme};

/// More pixels than these are too many for a picture with two for each of the drawing's; then it has one.
const SHARP_MAX: u32 = 24_000_000;

/// The bytes of a PNG file.
pub fn png(paper: &Paper, theme: Theme) -> Vec<u8> {
    let scale = if paper.width.saturating_mul(paper.height) * 4 <= SHARP_MAX { 2 } else { 1 };
    charts::png((paper.width * scale, paper.height * scale), |area| {
        let pen = Pen { area, theme, scale: scale as i32 };
        paper.shapes.iter().try_for_each(|shape| pen.shape(shape))
    })
}

struct Pen<'a, 'b> {
    area: &'a charts::Pixels<'b>,
    theme: Theme,
    scale: i32,
}

type Drawn = Result<(), charts::PixelsFailed>;

impl Pen<'_, '_> {
    fn at(&self, (x, y): At) -> (i32, i32) {
        (x as i32 * self.scale, y as i32 * self.scale)
    }

    fn shape(&self, shape: &Shape) -> Drawn {
        match shape {
            Shape::Rect(class, from, size) => {
                let to = (from.0 + size.0, from.1 + size.1);
                self.area.draw(&Rectangle::new([self.at(*from), self.at(to)], self.fill(*class)))
            }
            Shape::Line(class, from, to) => self.line(*class, self.at(*from), self.at(*to)),
            Shape::Message { class, from, to, arrives, .. } => {
                let (from, to) = (self.at(*from), self.at(*to));
                self.line(*class, from, to)?;
                if *arrives { self.head(*class, from, to) } else { Ok(()) }
            }
            Shape::Circle(class, at, radius) => {
                let radius = *radius as i32 * self.scale;
                if let Some((_, tenths)) = class.look(self.theme).stroke {
                    let rim = tenths as i32 * self.scale / 20;
                    self.area.draw(&Circle::new(self.at(*at), radius + rim, self.stroke(*class).filled()))?;
                    return self.area.draw(&Circle::new(self.at(*at), radius - rim, self.fill(*class)));
                }
                self.area.draw(&Circle::new(self.at(*at), radius, self.fill(*class)))
            }
            Shape::Cross(at) => {
                let ((x, y), arm) = (self.at(*at), 5 * self.scale);
                self.line(Class::Cross, (x - arm, y - arm), (x + arm, y + arm))?;
                self.line(Class::Cross, (x - arm, y + arm), (x + arm, y - arm))
            }
            Shape::Text(class, at, anchor, said) => self.text(*class, *at, *anchor, said),
        }
    }

    fn fill(&self, class: Class) -> ShapeStyle {
        let look = class.look(self.theme);
        rgb(look.fill.unwrap_or_default()).mix(f64::from(look.opacity) / 100.0).filled()
    }

    fn stroke(&self, class: Class) -> ShapeStyle {
        let look = class.look(self.theme);
        let (colour, tenths) = look.stroke.unwrap_or_default();
        let width = (tenths * self.scale as u32).div_ceil(10);
        rgb(colour).mix(f64::from(look.opacity) / 100.0).stroke_width(width)
    }

    fn line(&self, class: Class, from: (i32, i32), to: (i32, i32)) -> Drawn {
        let look = class.look(self.theme);
        if look.dashes.is_empty() {
            return self.area.draw(&PathElement::new([from, to], self.stroke(class)));
        }
        let parts = charts::dashes(&[from, to], look.dashes);
        parts.into_iter().try_for_each(|part| self.area.draw(&PathElement::new(part, self.stroke(class))))
    }

    /// A triangle whose point is at `to`.
    fn head(&self, class: Class, from: (i32, i32), to: (i32, i32)) -> Drawn {
        let (dx, dy) = (f64::from(to.0 - from.0), f64::from(to.1 - from.1));
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        let (long, half) = (f64::from(10 * self.scale), f64::from(5 * self.scale));
        let (ux, uy) = (dx / length, dy / length);
        let corner = |side: f64| {
            let (x, y) = (f64::from(to.0) - ux * long - uy * side, f64::from(to.1) - uy * long + ux * side);
            (x.round() as i32, y.round() as i32)
        };
        let look = class.look(self.theme);
        let colour = rgb(look.stroke.unwrap_or_default().0).mix(f64::from(look.opacity) / 100.0);
        self.area.draw(&Polygon::new([to, corner(half), corner(-half)], colour.filled()))
    }

    /// With a rim in the colour of the ground.
    fn text(&self, class: Class, at: At, anchor: Anchor, said: &str) -> Drawn {
        let look = class.look(self.theme);
        let horizontal = match anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        // plotters moves some letters by a pixel where the size is odd, and the font that comes along has no arrow.
        let size = (look.size as i32 * self.scale + 1) / 2 * 2;
        let said = said.replace('\u{2192}', "->");
        // plotters puts the base line half the size below the place of a text.
        let (x, y) = (self.at(at).0, self.at(at).1 - size / 2);
        let styled = |colour: Colour| {
            let font = (charts::FONT, size).into_font();
            font.color(&rgb(colour)).pos(Pos::new(horizontal, VPos::Top))
        };
        let ground = styled(Class::Ground.look(self.theme).fill.unwrap_or_default());
        for (dx, dy) in [(-1, -1), (0, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (0, 1), (1, 1)] {
            let at = (x + dx * self.scale * 3 / 2, y + dy * self.scale * 3 / 2);
            self.area.draw(&Text::new(said.as_str(), at, ground.clone()))?;
        }
        let ink = styled(look.fill.unwrap_or_default());
        // The font that comes along has one weight: bold letters are drawn twice.
        for dx in 0..=i32::from(look.is_bold) {
            self.area.draw(&Text::new(said.as_str(), (x + dx, y), ink.clone()))?;
        }
        Ok(())
    }
}

fn rgb([red, green, blue]: Colour) -> RGBColor {
    RGBColor(red, green, blue)
}
