//! Tokens to values.

use std::io::Read;

use super::lexer::{Lexer, Token};
use super::number::{int, number};
use super::text::{Mistake, Place, not_utf8};
use super::{Edn, Float};

/// How much is read at a time, in bytes.
const PIECE_BYTES: usize = 256 << 10;

/// Values within values go no deeper.
pub const NESTING_MAX: usize = 200;

/// Takes values from a text, one after the other.
pub struct Reader<R> {
    lexer: Lexer<R>,
}

/// The sort of a collection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bracket {
    List,
    Vector,
    Map,
    Set,
}

impl Bracket {
    fn of(byte: u8) -> Bracket {
        match byte {
            b'(' | b')' => Bracket::List,
            b'[' | b']' => Bracket::Vector,
            _ => Bracket::Map,
        }
    }

    pub(crate) fn close(self) -> &'static str {
        match self {
            Bracket::List => ")",
            Bracket::Vector => "]",
            Bracket::Map | Bracket::Set => "}",
        }
    }

    fn is_closed_by(self, close: Bracket) -> bool {
        self == close || self == Bracket::Set && close == Bracket::Map
    }
}

/// What comes next: a value without parts, or the beginning or end of one with parts.
#[derive(Debug)]
pub(crate) enum Lead {
    Leaf(Edn),
    Open(Bracket),
    Tag(Box<str>),
    /// A map follows, whose keys are in this namespace.
    Namespace(Box<str>),
    Close(Bracket),
    End,
}

impl<R: Read> Reader<R> {
    /// Reads from `input`, in large pieces.
    pub fn new(input: R) -> Reader<R> {
        Reader { lexer: Lexer::new(input, PIECE_BYTES) }
    }

    /// Where that stands which was read last.
    pub fn place(&self) -> Place {
        self.lexer.place()
    }

    /// What is read now stands in this line, and the text goes on to its end without another.
    pub(crate) fn ends_in_line(&mut self, line: u64) -> bool {
        self.lexer.ends_in_line(line)
    }

    pub(crate) fn mistake(&self, problem: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake::new(self.place(), problem, expected)
    }

    /// The next value; nothing at the end of the text.
    ///
    /// # Errors
    /// What is wrong with the text, and where.
    pub fn read(&mut self) -> Result<Option<Edn>, Mistake> {
        match self.lead(0)? {
            Lead::End => Ok(None),
            lead => self.rest(lead, 0).map(Some),
        }
    }

    fn too_deep(&self) -> Mistake {
        self.mistake(format!("values within values, more than {NESTING_MAX} deep"), "less")
    }

    /// What comes next, at this depth.
    pub(crate) fn lead(&mut self, depth: usize) -> Result<Lead, Mistake> {
        loop {
            let (token, place) = self.lexer.next()?;
            if !matches!(token, Token::Discard) {
                return lead_of(token, place);
            }
            self.value(depth + 1, "a value to discard after #_")?;
        }
    }

    /// What comes next, unless it is a keyword that is `known`. Nothing needs to be stored about that.
    #[inline]
    pub(crate) fn lead_or<T>(
        &mut self,
        depth: usize,
        known: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Result<T, Lead>, Mistake> {
        match self.lexer.next()? {
            (Token::Keyword(name), place) => match known(name) {
                Some(known) => Ok(Ok(known)),
                None => lead_of(Token::Keyword(name), place).map(Err),
            },
            (Token::Discard, _) => {
                self.value(depth + 1, "a value to discard after #_")?;
                self.lead(depth).map(Err)
            }
            (token, place) => lead_of(token, place).map(Err),
        }
    }

    /// A value that has to be there.
    pub(crate) fn value(&mut self, depth: usize, expected: &str) -> Result<Edn, Mistake> {
        if depth > NESTING_MAX {
            return Err(self.too_deep());
        }
        let lead = self.lead(depth)?;
        self.value_from(lead, depth, expected)
    }

    /// The value that begins with `lead`, which has to be one.
    pub(crate) fn value_from(&mut self, lead: Lead, depth: usize, expected: &str) -> Result<Edn, Mistake> {
        match lead {
            Lead::Leaf(leaf) => Ok(leaf),
            Lead::End => Err(self.mistake("the text ends here", expected)),
            Lead::Close(bracket) => Err(self.mistake(format!("{} closes what is open", bracket.close()), expected)),
            lead => self.rest(lead, depth),
        }
    }

    /// The value that begins with `lead`.
    pub(crate) fn rest(&mut self, lead: Lead, depth: usize) -> Result<Edn, Mistake> {
        let place = self.place();
        if depth > NESTING_MAX {
            return Err(self.too_deep());
        }
        match lead {
            Lead::Leaf(leaf) => Ok(leaf),
            Lead::Open(Bracket::Map) => self.map(place, depth, None),
            Lead::Open(bracket) => {
                let mut parts = Vec::new();
                while let Some(part) = self.part(bracket, place, depth)? {
                    parts.push(part);
                }
                match bracket {
                    Bracket::List => Ok(Edn::List(parts)),
                    Bracket::Vector => Ok(Edn::Vector(parts)),
                    _ => {
                        parts.sort_unstable();
                        match parts.windows(2).find(|pair| pair[0] == pair[1]) {
                            None => Ok(Edn::Set(parts)),
                            Some(pair) => {
                                let problem =
                                    format!("{} stands in this set more than once", shown(&pair[0].to_string()));
                                Err(Mistake::new(place, problem, "different elements"))
                            }
                        }
                    }
                }
            }
            Lead::Tag(name) => {
                let value = self.value(depth + 1, "the value that belongs to the tag")?;
                Ok(Edn::Tagged(Box::new((name, value))))
            }
            Lead::Namespace(name) => match self.lead(depth)? {
                Lead::Open(Bracket::Map) => self.map(place, depth, Some(&name)),
                _ => Err(self.mistake(format!("#:{name} stands before something else"), "a map")),
            },
            Lead::Close(bracket) => {
                Err(self.mistake(format!("{} closes nothing", bracket.close()), "a value or the end of the text"))
            }
            Lead::End => Err(self.mistake("the text ends here", "a value")),
        }
    }

    /// The next part of a collection that was opened at `place`; nothing at its end.
    pub(crate) fn part(&mut self, bracket: Bracket, place: Place, depth: usize) -> Result<Option<Edn>, Mistake> {
        let lead = self.lead(depth + 1)?;
        self.part_from(lead, bracket, place, depth)
    }

    /// The part that begins with `lead`, or nothing if that is the end.
    pub(crate) fn part_from(
        &mut self,
        lead: Lead,
        bracket: Bracket,
        place: Place,
        depth: usize,
    ) -> Result<Option<Edn>, Mistake> {
        match lead {
            Lead::Leaf(leaf) => Ok(Some(leaf)),
            Lead::Close(close) if bracket.is_closed_by(close) => Ok(None),
            Lead::Close(close) => {
                let problem = format!("{} does not close what was opened in {}", close.close(), position(place));
                Err(self.mistake(problem, bracket.close()))
            }
            Lead::End => {
                let problem = format!("the text ends within what was opened in {}", position(place));
                Err(self.mistake(problem, bracket.close()))
            }
            lead => self.rest(lead, depth + 1).map(Some),
        }
    }

    fn map(&mut self, place: Place, depth: usize, namespace: Option<&str>) -> Result<Edn, Mistake> {
        let mut parts = Vec::new();
        while let Some(key) = self.part(Bracket::Map, place, depth)? {
            let value = self.value(depth + 1, "a value for this key of a map")?;
            parts.push((within(namespace, key), value));
        }
        parts.sort_unstable();
        match parts.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            None => Ok(Edn::Map(parts)),
            Some(pair) => {
                let problem = format!("the key {} stands in this map more than once", shown(&pair[0].0.to_string()));
                Err(Mistake::new(place, problem, "different keys"))
            }
        }
    }
}

/// The one value of a short text.
///
/// # Errors
/// What is wrong with it.
pub fn value_of(text: &str) -> Result<Edn, Mistake> {
    let mut reader = Reader { lexer: Lexer::new(text.as_bytes(), text.len() + 1) };
    let value = reader.value(0, "a value")?;
    match reader.read()? {
        None => Ok(value),
        Some(_) => Err(reader.mistake("something behind the value", "one value")),
    }
}

/// What a token, which stands at `place`, is or begins.
#[inline]
fn lead_of(token: Token<'_>, place: Place) -> Result<Lead, Mistake> {
    Ok(match token {
        Token::Word(word) => match plain(word) {
            Some(leaf) => Lead::Leaf(leaf),
            None => return unusual(token, place),
        },
        Token::String(text) => Lead::Leaf(Edn::String(text.into())),
        Token::Char(character) => Lead::Leaf(Edn::Char(character)),
        Token::Open(byte) => Lead::Open(Bracket::of(byte)),
        Token::SetOpen => Lead::Open(Bracket::Set),
        Token::Close(byte) => Lead::Close(Bracket::of(byte)),
        Token::End => Lead::End,
        token => return unusual(token, place),
    })
}

/// The most frequent words.
#[inline]
fn plain(word: &[u8]) -> Option<Edn> {
    match word {
        b"nil" => Some(Edn::Nil),
        [b'-', digits @ ..] => int(true, digits).map(Edn::Int),
        digits => int(false, digits).map(Edn::Int),
    }
}

fn unusual(token: Token<'_>, place: Place) -> Result<Lead, Mistake> {
    let (Token::Keyword(bytes)
    | Token::Word(bytes)
    | Token::Tag(bytes)
    | Token::Namespace(bytes)
    | Token::Symbolic(bytes)) = token
    else {
        return Err(Mistake::new(place, "nothing that has a meaning here", "a value"));
    };
    let Ok(word) = std::str::from_utf8(bytes) else { return Err(not_utf8(place)) };
    let (lead, problem, expected) = match token {
        Token::Keyword(_) => (
            keyword(word).map(Lead::Leaf),
            format!(":{} is no keyword", shown(word)),
            "a keyword such as :name or :space/name",
        ),
        Token::Word(_) => (
            leaf(word).map(Lead::Leaf),
            format!("{} is no value", shown(word)),
            "a number, a symbol, or another value of EDN",
        ),
        _ => {
            let symbolic = match word {
                "Inf" => Some(f64::INFINITY),
                "-Inf" => Some(f64::NEG_INFINITY),
                "NaN" => Some(f64::NAN),
                _ => None,
            };
            let lead = match token {
                Token::Symbolic(_) => symbolic.map(|value| Lead::Leaf(Edn::Float(Float::new(value)))),
                Token::Tag(_) => is_name(word).then(|| Lead::Tag(word.into())),
                _ => is_name(word).then(|| Lead::Namespace(word.into())),
            };
            let problem = format!("{} is no name that may follow a #", shown(word));
            (lead, problem, "a tag such as #inst, or ##Inf, ##-Inf, ##NaN")
        }
    };
    lead.ok_or_else(|| Mistake::new(place, problem, expected))
}

fn position(place: Place) -> String {
    format!("line {}, column {}", place.line, place.column)
}

/// A key as it is called in a map with a namespace; `:_/name` has none.
fn within(namespace: Option<&str>, key: Edn) -> Edn {
    let Some(namespace) = namespace else { return key };
    let full = |name: &str| -> Box<str> {
        match name.strip_prefix("_/") {
            Some(bare) => bare.into(),
            None if name.contains('/') => name.into(),
            None => format!("{namespace}/{name}").into(),
        }
    };
    match key {
        Edn::Keyword(name) => Edn::Keyword(full(&name)),
        Edn::Symbol(name) => Edn::Symbol(full(&name)),
        other => other,
    }
}

/// The keyword of this name, if it is one.
pub(crate) fn keyword(name: &str) -> Option<Edn> {
    // Clojure's own reader takes :1 and :a:b, and Jepsen's tests have such names.
    let is_keyword = !name.is_empty() && !name.starts_with(':') && name.chars().all(is_named);
    is_keyword.then(|| Edn::Keyword(name.into()))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_named)
}

/// May stand in a symbol or keyword.
fn is_named(character: char) -> bool {
    character.is_ascii_alphanumeric()
        || ".*+!-_?$%&=<>/:#'|".contains(character)
        // A byte order mark is none, or what is written could not be read at the beginning of a text.
        || !character.is_ascii() && !character.is_control() && character != '\u{feff}'
}

fn leaf(word: &str) -> Option<Edn> {
    let bytes = word.as_bytes();
    let digit = if matches!(bytes.first(), Some(b'+' | b'-')) { bytes.get(1) } else { bytes.first() };
    if digit.is_some_and(u8::is_ascii_digit) {
        return number(word);
    }
    match word {
        "nil" => Some(Edn::Nil),
        "true" => Some(Edn::Bool(true)),
        "false" => Some(Edn::Bool(false)),
        _ => is_name(word).then(|| Edn::Symbol(word.into())),
    }
}

/// A part of a text in a message: without control characters, cut when it is long.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN: usize = 40;
    let short: String = text.chars().take(SHOWN).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(SHOWN).is_some() { short + "..." } else { short }
}
