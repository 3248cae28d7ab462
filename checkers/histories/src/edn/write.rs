//! Values to text, in the form in which Clojure prints them.

use std::fmt::{Display, Formatter, Result, Write};

use super::{Edn, Float};

impl Display for Edn {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Edn::Nil => f.write_str("nil"),
            Edn::Bool(value) => write!(f, "{value}"),
            Edn::Int(value) => write!(f, "{value}"),
            Edn::Number(text) | Edn::Symbol(text) => f.write_str(text),
            Edn::Float(value) => write!(f, "{value}"),
            Edn::Char(value) => character(*value, f),
            Edn::String(text) => string(text, f),
            Edn::Keyword(name) => write!(f, ":{name}"),
            Edn::List(parts) => collection("(", parts, ")", f),
            Edn::Vector(parts) => collection("[", parts, "]", f),
            Edn::Set(parts) => collection("#{", parts, "}", f),
            Edn::Map(parts) => {
                f.write_char('{')?;
                for (place, (key, value)) in parts.iter().enumerate() {
                    write!(f, "{}{key} {value}", if place == 0 { "" } else { ", " })?;
                }
                f.write_char('}')
            }
            Edn::Tagged(tagged) => write!(f, "#{} {}", tagged.0, tagged.1),
        }
    }
}

impl Display for Float {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let value = self.get();
        match value {
            _ if value.is_nan() => f.write_str("##NaN"),
            f64::INFINITY => f.write_str("##Inf"),
            f64::NEG_INFINITY => f.write_str("##-Inf"),
            // With a point or an exponent, and as many digits as tell it from its neighbours.
            _ => write!(f, "{value:?}"),
        }
    }
}

fn collection(open: &str, parts: &[Edn], close: &str, f: &mut Formatter<'_>) -> Result {
    f.write_str(open)?;
    for (place, part) in parts.iter().enumerate() {
        write!(f, "{}{part}", if place == 0 { "" } else { " " })?;
    }
    f.write_str(close)
}

fn string(text: &str, f: &mut Formatter<'_>) -> Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            _ if character.is_control() => write!(f, "\\u{:04x}", u32::from(character))?,
            _ => f.write_char(character)?,
        }
    }
    f.write_char('"')
}

fn character(value: char, f: &mut Formatter<'_>) -> Result {
    match value {
        '\n' => f.write_str("\\newline"),
        ' ' => f.write_str("\\space"),
        '\t' => f.write_str("\\tab"),
        '\r' => f.write_str("\\return"),
        '\u{c}' => f.write_str("\\formfeed"),
        '\u{8}' => f.write_str("\\backspace"),
        _ if value.is_control() => write!(f, "\\u{:04x}", u32::from(value)),
        _ => write!(f, "\\{value}"),
    }
}
