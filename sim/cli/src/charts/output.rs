//! Charts as files: SVG, and PNG with a font of our own, so that no machine's fonts matter.

use clap::ValueEnum;
use plotters::coord::Shift;
use plotters::prelude::*;

use super::draw::{self, STEPS, WIDTH};
use super::figure::Figure;
use super::theme::Theme;

/// What the font is called. Browsers take their own, of about the same widths.
pub const FONT: &str = "sans-serif";

/// The form of a chart's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Picture {
    /// Scales, and text stays text
    Svg,
    /// Pixels, two for each of the SVG's
    Png,
}

impl Picture {
    /// Ending of file names.
    pub fn ending(self) -> &'static str {
        match self {
            Picture::Svg => "svg",
            Picture::Png => "png",
        }
    }
}

/// The bytes of a chart's file.
pub fn picture(figure: &Figure, picture: Picture, theme: Theme) -> Vec<u8> {
    register_font();
    match picture {
        Picture::Svg => svg(figure, theme).into_bytes(),
        Picture::Png => png((WIDTH * STEPS, draw::height(figure) * STEPS), |area| draw::draw(area, figure, theme)),
    }
}

fn register_font() {
    static ROBOTO: &[u8] = include_bytes!("../../fonts/Roboto-Regular.subset.ttf");
    if plotters::style::register_font(FONT, FontStyle::Normal, ROBOTO).is_err() {
        panic!("the font that comes with the program is one");
    }
}

fn svg(figure: &Figure, theme: Theme) -> String {
    let (width, height) = (WIDTH, draw::height(figure));
    let mut text = String::new();
    {
        let backend = SVGBackend::with_string(&mut text, (width * STEPS, height * STEPS));
        draw::draw(&backend.into_drawing_area(), figure, theme).expect("drawing into memory does not fail");
    }
    // The area is counted in steps, the picture in pixels; and a name for those who do not see it.
    let inside = compact(text.split_once('>').map_or("", |(_, inside)| inside));
    let (steps_wide, steps_high) = (width * STEPS, height * STEPS);
    let title = figure.title.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {steps_wide} {steps_high}\" role=\"img\">\n<title>{title}</title>{inside}"
    )
}

/// The dashes of a line, and bars that look the same, as one path, and nothing said that is so anyway: a fifth of the bytes.
fn compact(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut open = "";
    for line in svg.lines() {
        let (style, path) = dash(line).or_else(|| bar(line)).unwrap_or_default();
        if style != open && !open.is_empty() {
            out.push_str("\"/>\n");
        }
        if style.is_empty() {
            out.push_str(&line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""));
            out.push('\n');
        } else {
            if style != open {
                let style = style.replace("opacity=\"1\"", "").replace("stroke=\"none\"", "");
                out.push_str(&format!("<path {} d=\"", style.trim()));
            }
            out.push_str(&path);
        }
        open = style;
    }
    out
}

/// The style and the path of a piece of a line.
fn dash(line: &str) -> Option<(&str, String)> {
    let (style, points) = line.strip_prefix("<polyline ")?.strip_suffix(" \"/>")?.split_once("points=\"")?;
    Some((style, format!("M{points}")))
}

/// The style and the path of a bar.
fn bar(line: &str) -> Option<(&str, String)> {
    let mut rest = line.strip_prefix("<rect ")?;
    let mut next = |name: &str| {
        let (number, after) = rest.strip_prefix(name)?.strip_prefix("=\"")?.split_once("\" ")?;
        rest = after;
        Some(number)
    };
    let (x, y, width, height) = (next("x")?, next("y")?, next("width")?, next("height")?);
    Some((rest.strip_suffix("/>")?, format!("M{x} {y}h{width}v{height}h-{width}z")))
}

/// Where pictures in pixels are drawn.
pub type Pixels<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
/// What drawing there may fail with, and does not: it happens in memory.
pub type PixelsFailed = DrawingAreaErrorKind<<BitMapBackend<'static> as DrawingBackend>::ErrorType>;

/// The bytes of a PNG file so wide and high.
pub fn png((width, height): (u32, u32), draw: impl FnOnce(&Pixels<'_>) -> Result<(), PixelsFailed>) -> Vec<u8> {
    register_font();
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        draw(&area).and_then(|()| area.present()).expect("drawing into memory does not fail");
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
