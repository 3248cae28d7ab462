//! Text in drawings: its font, how wide it is, and what fits beside each other.

use plotters::style::{FontStyle, IntoFont as _, register_font};

/// The name of the font that comes with the program, so that no machine's fonts matter. Browsers take one of their own, of
/// about the same widths.
pub const FONT: &str = "sans-serif";

/// Makes the font known to plotters.
pub fn load_font() {
    static LOADED: std::sync::Once = std::sync::Once::new();
    static ROBOTO: &[u8] = include_bytes!("../../fonts/Roboto-Regular.subset.ttf");
    LOADED.call_once(|| {
        if register_font(FONT, FontStyle::Normal, ROBOTO).is_err() {
            panic!("the font that comes with the program is one");
        }
    });
}

/// The size that plotters has for letters of `pixels`, in hundredths: it counts the height of a line, CSS that of an em.
pub const SIZE: i32 = 117;

/// How wide a line of text is, in pixels, rounded up.
pub fn text_width(text: &str, pixels: i32) -> i32 {
    load_font();
    let hundredfold = (FONT, pixels * SIZE).into_font().box_size(text);
    hundredfold.map_or(8 * text.len() as i32, |(width, _)| width.div_ceil(100) as i32)
}

/// Places things of these widths one beside the other in rows from `left` to `right`: the row and left end of each.
pub fn flow(widths: impl Iterator<Item = i32>, left: i32, right: i32) -> Vec<(i32, i32)> {
    let (mut row, mut x) = (0, left);
    let place = |width: i32| {
        if x > left && x + width > right {
            (row, x) = (row + 1, left);
        }
        x += width;
        (row, x - width)
    };
    widths.map(place).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_begins_a_row() {
        assert_eq!(flow([40, 50, 20, 200].into_iter(), 10, 110), [(0, 10), (0, 50), (1, 10), (2, 10)]);
    }
}
