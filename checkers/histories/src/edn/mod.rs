//! EDN, the extensible data notation of Clojure, in which Jepsen stores histories: a [reader](Reader) that takes a
//! text in pieces and says where it is wrong, and a writer (`Display`).
//!
//! Everything of the notation (github.com/edn-format/edn) is read, with what Clojure's own reader and printer add:
//! ratios, hexadecimal numbers, `##Inf`, octal escapes, maps with a namespace (`#:a{:b 1}`). Not read are octal numbers
//! and numbers of other bases.

mod lexer;
mod number;
mod reader;
mod text;
mod write;

pub use reader::{NESTING_MAX, Reader, value_of};
pub use text::{Mistake, Place};

pub(crate) use reader::{Bracket, Lead, keyword, shown};
pub(crate) use text::is_continuing;

/// A value. What EDN calls equal is equal: numbers have one form each, sets and maps are sorted. Only lists and vectors
/// of equal elements differ here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Edn {
    /// `nil`
    Nil,
    /// `true`, `false`
    Bool(bool),
    /// `42`
    Int(i64),
    /// Whole numbers beyond 64 bits, ratios in lowest terms, and decimals: `12345678901234567890N`, `1/3`, `1.50M`.
    Number(Box<str>),
    /// `1.5`, `##Inf`
    Float(Float),
    /// `\a`, `\newline`
    Char(char),
    /// `"text"`
    String(Box<str>),
    /// `name`, `space/name`
    Symbol(Box<str>),
    /// `:name`, here without the colon
    Keyword(Box<str>),
    /// `(1 2)`
    List(Vec<Edn>),
    /// `[1 2]`
    Vector(Vec<Edn>),
    /// `#{1 2}`: in ascending order, each once
    Set(Vec<Edn>),
    /// `{:a 1}`: by ascending keys, each once
    Map(Vec<(Edn, Edn)>),
    /// `#inst "..."`, `#jepsen.history.Op{...}`
    Tagged(Box<(Box<str>, Edn)>),
}

/// A floating-point number, equal to another if all bits are; there is one not-a-number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Float(u64);

impl Float {
    /// The number as it is stored.
    pub fn new(value: f64) -> Float {
        Float(if value.is_nan() { f64::NAN.to_bits() } else { value.to_bits() })
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}

impl Edn {
    /// What the value is, for messages: `a vector`.
    pub fn kind(&self) -> &'static str {
        match self {
            Edn::Nil => "nil",
            Edn::Bool(_) => "a truth value",
            Edn::Int(_) | Edn::Number(_) | Edn::Float(_) => "a number",
            Edn::Char(_) => "a character",
            Edn::String(_) => "a string",
            Edn::Symbol(_) => "a symbol",
            Edn::Keyword(_) => "a keyword",
            Edn::List(_) => "a list",
            Edn::Vector(_) => "a vector",
            Edn::Set(_) => "a set",
            Edn::Map(_) => "a map",
            Edn::Tagged(_) => "a tagged value",
        }
    }
}
