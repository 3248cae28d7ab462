//! Text to tokens. The text is held only around the token at hand.

use std::borrow::Cow;
use std::io::{ErrorKind, Read};

use super::text::{Mistake, Place, hexadecimal, is_continuing, not_utf8, place_in, unescaped};

/// No token is longer, in bytes: one that is comes from a quote that was never closed.
const TOKEN_BYTES_MAX: usize = 64 << 20;

/// The smallest parts that mean something. What follows a `#` is left for later where it may be a value, and whether
/// words are UTF-8 until they are used.
#[derive(Debug)]
pub(super) enum Token<'a> {
    Open(u8),
    Close(u8),
    String(Cow<'a, str>),
    Char(char),
    /// Without the colon.
    Keyword(&'a [u8]),
    /// Symbols and numbers.
    Word(&'a [u8]),
    /// `#{`
    SetOpen,
    /// `#_`
    Discard,
    /// `#name`
    Tag(&'a [u8]),
    /// `##name`
    Symbolic(&'a [u8]),
    /// `#:name`, before a map
    Namespace(&'a [u8]),
    End,
}

pub(super) struct Lexer<R> {
    input: R,
    buffer: Vec<u8>,
    /// What is not read yet is `buffer[at..filled]`.
    at: usize,
    filled: usize,
    begun: bool,
    ended: bool,
    /// Where `buffer` begins in the text.
    base: u64,
    line: u64,
    /// Where the line begins in the text, and how many bytes of it so far only continue a character.
    line_start: u64,
    continued: u64,
    /// Of the token read last.
    place: Place,
}

/// Ends a word.
const fn is_end(byte: u8) -> bool {
    is_space(byte) || matches!(byte, b'{' | b'}' | b'[' | b']' | b'(' | b')' | b'"' | b';' | b'\\')
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b',' | b'\t'..=b'\r' | 0x1c..=0x1f)
}

const ENDS: [bool; 256] = {
    let mut ends = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        ends[byte] = is_end(byte as u8);
        byte += 1;
    }
    ends
};

impl<R: Read> Lexer<R> {
    /// Reads `piece_bytes` at a time.
    pub(super) fn new(input: R, piece_bytes: usize) -> Lexer<R> {
        Lexer {
            input,
            buffer: vec![0; piece_bytes],
            at: 0,
            filled: 0,
            begun: false,
            ended: false,
            base: 0,
            line: 1,
            line_start: 0,
            continued: 0,
            place: Place::default(),
        }
    }

    /// Of the token read last.
    pub(super) fn place(&self) -> Place {
        self.place
    }

    fn here(&self) -> Place {
        let column = self.base + self.at as u64 - self.line_start - self.continued + 1;
        Place { line: self.line, column }
    }

    fn mistake(&self, problem: impl Into<String>, expected: impl Into<String>) -> Mistake {
        Mistake::new(self.place, problem, expected)
    }

    /// Reads another piece behind what is not read yet. False at the end of the text.
    #[cold]
    fn refill(&mut self) -> Result<bool, Mistake> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.at..self.filled, 0);
        self.base += self.at as u64;
        self.filled -= self.at;
        self.at = 0;
        if self.filled == self.buffer.len() {
            if self.filled > TOKEN_BYTES_MAX {
                return Err(self.mistake("this is longer than 64 MiB", "an end of it (is a quote missing?)"));
            }
            self.buffer.resize(2 * self.buffer.len(), 0);
        }
        let bytes = loop {
            match self.input.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Mistake::new(self.here(), format!("the text cannot be read: {error}"), "more of it"));
                }
                Ok(bytes) => break bytes,
            }
        };
        self.filled += bytes;
        self.ended = bytes == 0;
        Ok(bytes > 0)
    }

    /// The byte `ahead` of the current one.
    fn peek(&mut self, ahead: usize) -> Result<Option<u8>, Mistake> {
        while self.at + ahead >= self.filled {
            if !self.refill()? {
                return Ok(None);
            }
        }
        Ok(Some(self.buffer[self.at + ahead]))
    }

    /// What is read now stands in this line, and the text goes on to its end without another.
    pub(super) fn ends_in_line(&mut self, line: u64) -> bool {
        while self.line == line && !self.buffer[self.at..self.filled].contains(&b'\n') {
            match self.refill() {
                Ok(true) => {}
                Ok(false) => return true,
                Err(_) => return false,
            }
        }
        false
    }

    fn end_line(&mut self) {
        self.line += 1;
        self.line_start = self.base + self.at as u64;
        self.continued = 0;
    }

    #[inline]
    fn skip_space(&mut self) -> Result<(), Mistake> {
        loop {
            while self.at < self.filled {
                match self.buffer[self.at] {
                    b'\n' => {
                        self.at += 1;
                        self.end_line();
                    }
                    byte if is_space(byte) => self.at += 1,
                    b';' => self.skip_comment()?,
                    _ => return Ok(()),
                }
            }
            if !self.refill()? {
                return Ok(());
            }
        }
    }

    fn skip_comment(&mut self) -> Result<(), Mistake> {
        while let Some(byte) = self.peek(0)?
            && byte != b'\n'
        {
            self.at += 1;
            self.continued += u64::from(is_continuing(&&byte));
        }
        Ok(())
    }

    /// Steps over a byte order mark.
    #[cold]
    fn begin(&mut self) -> Result<(), Mistake> {
        self.begun = true;
        self.peek(2)?;
        if self.buffer[..self.filled].starts_with(b"\xef\xbb\xbf") {
            self.at = 3;
            self.line_start = 3;
        }
        Ok(())
    }

    /// The next token, and where it stands.
    #[inline]
    pub(super) fn next(&mut self) -> Result<(Token<'_>, Place), Mistake> {
        if !self.begun {
            self.begin()?;
        }
        self.skip_space()?;
        let place = self.here();
        self.place = place;
        if self.at == self.filled {
            return Ok((Token::End, place));
        }
        let first = self.buffer[self.at];
        let token = match first {
            b':' => Token::Keyword(self.word(1)?),
            b'{' | b'[' | b'(' => {
                self.at += 1;
                Token::Open(first)
            }
            b'}' | b']' | b')' => {
                self.at += 1;
                Token::Close(first)
            }
            b'"' => Token::String(self.string()?),
            b'\\' => Token::Char(self.character()?),
            b'#' => self.dispatch()?,
            _ => Token::Word(self.word(0)?),
        };
        Ok((token, place))
    }

    fn dispatch(&mut self) -> Result<Token<'_>, Mistake> {
        match self.peek(1)? {
            Some(b'{') => {
                self.at += 2;
                Ok(Token::SetOpen)
            }
            Some(b'_') => {
                self.at += 2;
                Ok(Token::Discard)
            }
            Some(b'#') => Ok(Token::Symbolic(self.word(2)?)),
            Some(b':') => Ok(Token::Namespace(self.word(2)?)),
            Some(byte) if byte.is_ascii_alphabetic() || byte >= 0x80 => Ok(Token::Tag(self.word(1)?)),
            Some(b'"') => Err(self.mistake("a regular expression is no EDN", "a value")),
            _ => {
                Err(self
                    .mistake("nothing can be made of this #", "#{ for a set, #_ to discard, or a tag such as #inst"))
            }
        }
    }

    /// What stands before the next end of a word, without its first bytes.
    #[inline]
    fn word(&mut self, skipped: usize) -> Result<&[u8], Mistake> {
        let mut length = skipped;
        let mut all = 0;
        loop {
            let rest = &self.buffer[self.at..self.filled];
            while length < rest.len() && !ENDS[usize::from(rest[length])] {
                all |= rest[length];
                length += 1;
            }
            if length < rest.len() || !self.refill()? {
                break;
            }
        }
        let word = &self.buffer[self.at + skipped..self.at + length];
        self.at += length;
        if all >= 0x80 {
            self.continued += word.iter().filter(is_continuing).count() as u64;
        }
        Ok(word)
    }

    /// The character behind a backslash, by itself or by its name.
    fn character(&mut self) -> Result<char, Mistake> {
        // The first may be one that ends a word.
        let expected = "a character, for instance \\a, \\newline or \\u03b1";
        let first = self.peek(1)?.ok_or_else(|| self.mistake("the text ends after a backslash", expected))?;
        let width = if first < 0x80 { 1 } else { (first.leading_ones() as usize).clamp(1, 4) };
        let place = self.place;
        if self.peek(width)?.is_none() {
            return Err(not_utf8(place));
        }
        let text = self.word(1 + width)?.to_vec();
        let Ok(text) = String::from_utf8(text) else { return Err(not_utf8(place)) };
        let start = self.at - text.len() - width;
        let Some(first) = std::str::from_utf8(&self.buffer[start..start + width]).ok().and_then(|c| c.chars().next())
        else {
            return Err(not_utf8(place));
        };
        self.continued += width as u64 - 1;
        if first == '\n' {
            self.end_line();
        }
        let unknown = || Mistake::new(place, format!("there is no character \\{first}{text}"), expected);
        match (first, text.as_str()) {
            (_, "") => Ok(first),
            ('n', "ewline") => Ok('\n'),
            ('s', "pace") => Ok(' '),
            ('t', "ab") => Ok('\t'),
            ('r', "eturn") => Ok('\r'),
            ('f', "ormfeed") => Ok('\u{c}'),
            ('b', "ackspace") => Ok('\u{8}'),
            ('u', code) if code.len() == 4 => hexadecimal(code.as_bytes()).and_then(char::from_u32).ok_or_else(unknown),
            ('o', code) if code.len() <= 3 && code.bytes().all(|byte| matches!(byte, b'0'..=b'7')) => {
                u32::from_str_radix(code, 8).ok().and_then(char::from_u32).ok_or_else(unknown)
            }
            _ => Err(unknown()),
        }
    }

    fn string(&mut self) -> Result<Cow<'_, str>, Mistake> {
        let mut length = 1;
        let (mut has_escapes, mut has_lines, mut all) = (false, false, 0);
        loop {
            let rest = &self.buffer[self.at..self.filled];
            while length < rest.len() && rest[length] != b'"' && rest[length] != b'\\' {
                has_lines |= rest[length] == b'\n';
                all |= rest[length];
                length += 1;
            }
            match self.peek(length)? {
                None => return Err(self.mistake("the text ends within this string", "a closing quote")),
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    length += 1;
                    let escaped = self.peek(length)?.unwrap_or(0);
                    has_lines |= escaped == b'\n';
                    all |= escaped;
                    length += 1;
                }
                // Behind what was there so far.
                Some(_) => {}
            }
        }
        let range = self.at + 1..self.at + length;
        let raw = &self.buffer[range.clone()];
        let place = self.place;
        let Ok(text) = std::str::from_utf8(raw) else {
            let valid = std::str::from_utf8(raw).map_or_else(|error| error.valid_up_to(), str::len);
            return Err(not_utf8(place_in(place, &raw[..valid])));
        };
        self.at += length + 1;
        if has_lines {
            let last = raw.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
            self.line += raw.iter().filter(|byte| **byte == b'\n').count() as u64;
            self.line_start = self.base + (range.start + last + 1) as u64;
            self.continued = raw[last..].iter().filter(is_continuing).count() as u64;
        } else if all >= 0x80 {
            self.continued += raw.iter().filter(is_continuing).count() as u64;
        }
        if has_escapes { unescaped(text, place).map(Cow::Owned) } else { Ok(Cow::Borrowed(text)) }
    }
}
