//! `report.html` of a sweep or a hunt: what many runs came to, as a page that needs nothing else.

use std::fmt::Write as _;

use super::drawn::figure;
use super::{fill, table};
use crate::draw::Drawing;
use crate::text::{capital, escaped, program};

/// A page in the making.
pub struct BatchPage {
    name: String,
    about: String,
    contents: String,
    sections: String,
    first: Option<&'static str>,
}

impl BatchPage {
    /// Of a sweep or hunt of this name, with lines about it.
    pub fn new(name: &str, about: &[&str]) -> BatchPage {
        let about = about.iter().filter(|line| !line.is_empty());
        let about = about.fold(String::new(), |out, line| out + &format!("<p>{}</p>\n", escaped(line)));
        BatchPage { name: name.to_owned(), about, contents: String::new(), sections: String::new(), first: None }
    }

    /// A section, unless it is empty.
    pub fn section(&mut self, id: &'static str, title: &str, html: &str) {
        if html.is_empty() {
            return;
        }
        self.first.get_or_insert(id);
        let title = escaped(title);
        let _ = writeln!(self.contents, "<li><a href=\"#{id}\">{title}</a></li>");
        let _ = writeln!(
            self.sections,
            "<section id=\"{id}\" aria-labelledby=\"{id}-head\">\n<h2 id=\"{id}-head\">{title}</h2>\n{html}</section>"
        );
    }

    /// The bytes of the page.
    pub fn html(&self) -> String {
        fill(
            include_str!("batch.html"),
            &[
                ("name", &escaped(&self.name)),
                ("style", include_str!("style.css")),
                ("first", self.first.unwrap_or_default()),
                ("about", &self.about),
                ("contents", &self.contents),
                ("sections", &self.sections),
                ("made_by", &escaped(&format!("{} {}", program(), env!("CARGO_PKG_VERSION")))),
            ],
        )
    }
}

/// A table of plain text, that can be moved where it is wide.
pub fn text_table(heads: &[String], rows: &[Vec<String>]) -> String {
    let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(|cell| escaped(cell)).collect()).collect();
    let table = table("stack", "", &heads, &rows);
    format!("<div class=\"wide\" tabindex=\"0\" role=\"region\" aria-label=\"Table of results\">\n{table}</div>\n")
}

/// A list of remarks; nothing of none.
pub fn list(lines: &[String]) -> String {
    let items = lines.iter().fold(String::new(), |out, line| out + &format!("<li>{}</li>\n", escaped(line)));
    if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") }
}

/// Text as it stands in a file, or commands to copy.
pub fn preformatted(label: &str, text: &str) -> String {
    let label = escaped(label);
    format!("<pre class=\"long\" tabindex=\"0\" role=\"region\" aria-label=\"{label}\">{}</pre>\n", escaped(text))
}

/// A chart with its name.
pub fn chart(name: &str, drawing: &Drawing) -> String {
    figure(name, &capital(&name.replace('-', " ")), "", drawing)
}
