//! What goes to standard output, and its colours.

use std::io::Write as _;

use crate::exit::Failure;
use crate::text::disturbs;

/// Red and bold, for what is wrong.
pub const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
/// Green, for what holds.
pub const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
/// Yellow, for what is not known.
pub const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
/// Bold, for headings.
pub const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Back to normal.
pub const PLAIN: anstyle::Reset = anstyle::Reset;

/// The text, in which nothing but line ends, tabs and our own colours controls a terminal, whatever names are in it.
fn tame(text: &str) -> String {
    let colours = [RED, GREEN, YELLOW, BOLD].map(|style| style.to_string()).into_iter().chain([PLAIN.to_string()]);
    let colours: Vec<String> = colours.collect();
    let mut tame = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(disturbs) {
        let (before, from) = rest.split_at(at);
        tame.push_str(before);
        let c = from.chars().next().unwrap_or_default();
        let colour = colours.iter().find(|colour| from.starts_with(colour.as_str()));
        let kept = if matches!(c, '\n' | '\t') { 1 } else { colour.map_or(0, String::len) };
        tame.push_str(if kept > 0 { &from[..kept] } else { "?" });
        rest = &from[kept.max(c.len_utf8())..];
    }
    tame + rest
}

/// Prints a result in one piece; colours are left out where the output is no terminal. A reader that has seen enough
/// (`| head`) changes neither the result nor the exit code that says it.
pub fn print(text: &str) -> Result<(), Failure> {
    put(&tame(text))
}

/// Says on standard error what is wrong, in whole lines.
pub fn complain(text: &str) {
    anstream::eprint!("{}", tame(text));
}

fn put(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    // JSON has a form for what would disturb a terminal: it stands within strings alone.
    let mut tame = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c {
            c if c != '\n' && disturbs(c) => tame.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => tame.push(c),
        }
    }
    put(&(tame + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_control_a_terminal() {
        let text = format!("{RED}violated{PLAIN}\tn0\u{1b}[2J\u{9b}31m\u{7}\r\u{202e}k\n");
        assert_eq!(tame(&text), format!("{RED}violated{PLAIN}\tn0?[2J?31m???k\n"));
    }
}
