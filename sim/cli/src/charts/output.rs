//! Charts as files: SVG, and PNG with a font of our own, so that no machine's fonts matter.

use clap::ValueEnum;
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
    static ROBOTO: &[u8] = include_bytes!("../../fonts/Roboto-Regular.subset.ttf");
    if plotters::style::register_font(FONT, FontStyle::Normal, ROBOTO).is_err() {
        panic!("the font that comes with the program is one");
    }
    match picture {
        Picture::Svg => svg(figure, theme).into_bytes(),
        Picture::Png => png(figure, theme),
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

/// The dashes of a line as one path, and nothing said that is so anyway: a fifth of the bytes.
fn compact(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut open = "";
    for line in svg.lines() {
        let dash = line.strip_prefix("<polyline ").and_then(|rest| rest.strip_suffix(" \"/>"));
        let (style, points) = dash.and_then(|dash| dash.split_once("points=\"")).unwrap_or(("", ""));
        if style != open && !open.is_empty() {
            out.push_str("\"/>\n");
        }
        if style.is_empty() {
            out.push_str(&line.replace(" opacity=\"1\"", "").replace(" stroke=\"none\"", ""));
            out.push('\n');
        } else {
            if style != open {
                out.push_str(&format!("<path {}d=\"", style.replace("opacity=\"1\" ", "")));
            }
            out.push('M');
            out.push_str(points);
        }
        open = style;
    }
    out
}

fn png(figure: &Figure, theme: Theme) -> Vec<u8> {
    let (width, height) = (WIDTH * STEPS, draw::height(figure) * STEPS);
    let mut pixels = vec![0; 3 * width as usize * height as usize];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, (width, height));
        draw::draw(&backend.into_drawing_area(), figure, theme).expect("drawing into memory does not fail");
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
