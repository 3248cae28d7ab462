//! RESP, the protocol of Redis (redis.io/docs/latest/develop/reference/protocol-spec): requests as clients send them, arrays of
//! strings or lines of words, and replies in version 2 or 3.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use kvsim_host::names::Name;

/// What a request may have.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of a word.
    pub word: usize,
    /// Words.
    pub words: usize,
    /// Bytes of all words together.
    pub request: usize,
}

/// Bytes of a line of words, as people write them.
const LINE: usize = 64 << 10;
/// Bytes of a line with a number.
const NUMBER: usize = 24;

/// Takes a request out of the buffer: its words, none of them for an empty line; nothing when it has not arrived whole.
///
/// # Errors
/// What is wrong with it. What follows cannot be understood.
pub fn take_request(buffer: &mut BytesMut, limits: Limits) -> Result<Option<Vec<Bytes>>, String> {
    match buffer.first() {
        None => Ok(None),
        Some(b'*') => take_array(buffer, limits),
        Some(_) => take_line(buffer, limits),
    }
}

/// The number in the line at `at`, which begins with a sign, and where the next line begins.
fn number(bytes: &[u8], at: usize, sign: u8) -> Result<Option<(usize, usize)>, String> {
    let Some((first, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) else { return Ok(None) };
    let shown = |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(NUMBER)]).escape_debug().to_string();
    if *first != sign {
        return Err(format!("expected '{}', got '{}'", char::from(sign), shown(&[*first])));
    }
    let Some(end) = rest.iter().take(NUMBER).position(|byte| *byte == b'\n') else {
        let is_long = rest.len() >= NUMBER;
        return if is_long { Err(format!("expected a number, got '{}'", shown(rest))) } else { Ok(None) };
    };
    let digits = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
    let number = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match number.and_then(|digits| digits.parse().ok()) {
        Some(number) => Ok(Some((number, at + 1 + end + 1))),
        // What Redis takes for no request, too.
        None if sign == b'*' && digits == b"-1" => Ok(Some((0, at + 1 + end + 1))),
        None => Err(format!("expected a number, got '{}'", shown(digits))),
    }
}

fn take_array(buffer: &mut BytesMut, limits: Limits) -> Result<Option<Vec<Bytes>>, String> {
    let Some((count, mut at)) = number(buffer, 0, b'*')? else { return Ok(None) };
    if count > limits.words {
        return Err(format!("a request of {count} words, where up to {} are taken", limits.words));
    }
    let mut places = Vec::with_capacity(count.min(buffer.len() / 4));
    let mut sum = 0;
    for _ in 0..count {
        let Some((length, begin)) = number(buffer, at, b'$')? else { return Ok(None) };
        if length > limits.word {
            return Err(format!("a word of {length} bytes, where up to {} are taken (--max-value)", limits.word));
        }
        sum += length;
        if sum > limits.request {
            return Err(format!("a request of more than {} bytes", limits.request));
        }
        match buffer.get(begin + length..begin + length + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(format!("a word of {length} bytes does not end where it should")),
            None => return Ok(None),
        }
        places.push((begin, length));
        at = begin + length + 2;
    }
    let whole = buffer.split_to(at).freeze();
    Ok(Some(places.into_iter().map(|(begin, length)| whole.slice(begin..begin + length)).collect()))
}

fn take_line(buffer: &mut BytesMut, limits: Limits) -> Result<Option<Vec<Bytes>>, String> {
    let longest = LINE.min(limits.request);
    let Some(end) = buffer.iter().take(longest).position(|byte| *byte == b'\n') else {
        return if buffer.len() >= longest { Err(format!("a line of more than {longest} bytes")) } else { Ok(None) };
    };
    let line = buffer.split_to(end);
    buffer.advance(1);
    let words = words(&line)?;
    if words.len() > limits.words {
        return Err(format!("a request of {} words, where up to {} are taken", words.len(), limits.words));
    }
    Ok(Some(words))
}

/// The words of a line: quoted ones may have spaces, and in double quotes \n, \r, \t, \b, \a, \xHH.
fn words(line: &[u8]) -> Result<Vec<Bytes>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.first().copied() {
        let mut word = Vec::new();
        if first == b'"' || first == b'\'' {
            rest = &rest[1..];
            loop {
                let Some((byte, after)) = rest.split_first() else {
                    return Err("a quote that is not closed".to_owned());
                };
                rest = after;
                match (*byte, after) {
                    (byte, _) if byte == first => break,
                    (b'\\', [b'\'', after @ ..]) if first == b'\'' => {
                        word.push(b'\'');
                        rest = after;
                    }
                    (b'\\', [b'x', high, low, after @ ..])
                        if first == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
                    {
                        let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or(0) as u8;
                        word.push(digit(*high) << 4 | digit(*low));
                        rest = after;
                    }
                    (b'\\', [escaped, after @ ..]) if first == b'"' => {
                        word.push(match escaped {
                            b'n' => b'\n',
                            b'r' => b'\r',
                            b't' => b'\t',
                            b'b' => 8,
                            b'a' => 7,
                            other => *other,
                        });
                        rest = after;
                    }
                    (byte, _) => word.push(byte),
                }
            }
            if rest.first().is_some_and(|byte| !byte.is_ascii_whitespace()) {
                return Err("a quote with something right behind it".to_owned());
            }
        } else {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word.into());
        rest = rest.trim_ascii_start();
    }
    Ok(words)
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// A word of the protocol.
    Simple(&'static str),
    /// What is wrong: a word in capitals, and a sentence.
    Error(String),
    /// A number.
    Int(i64),
    /// A value.
    Value(Name),
    /// Text that the node has made.
    Text(String),
    /// No value.
    Nil,
    /// Several.
    List(Vec<Reply>),
    /// Pairs.
    Map(Vec<(&'static str, Reply)>),
}

impl Reply {
    /// `OK`.
    pub const OK: Reply = Reply::Simple("OK");

    /// An error of the usual kind.
    pub fn error(text: impl AsRef<str>) -> Reply {
        Reply::Error(format!("ERR {}", text.as_ref()))
    }

    /// Writes it in version 2 or 3 of the protocol.
    pub fn write(&self, version: u8, out: &mut BytesMut) {
        let bulk = |bytes: &[u8], out: &mut BytesMut| {
            head(b'$', bytes.len(), out);
            out.put_slice(bytes);
            out.put_slice(b"\r\n");
        };
        match self {
            Reply::Simple(word) => {
                out.put_u8(b'+');
                out.put_slice(word.as_bytes());
                out.put_slice(b"\r\n");
            }
            Reply::Error(text) => {
                out.put_u8(b'-');
                // A line it must be, whatever a client has sent that is shown in it.
                out.extend(text.bytes().map(|byte| if byte.is_ascii_control() { b' ' } else { byte }));
                out.put_slice(b"\r\n");
            }
            Reply::Int(number) => out.put_slice(format!(":{number}\r\n").as_bytes()),
            Reply::Value(value) => bulk(value, out),
            Reply::Text(text) => bulk(text.as_bytes(), out),
            Reply::Nil => out.put_slice(if version == 3 { b"_\r\n" } else { b"$-1\r\n" }),
            Reply::List(all) => {
                head(b'*', all.len(), out);
                all.iter().for_each(|reply| reply.write(version, out));
            }
            Reply::Map(pairs) => {
                if version == 3 {
                    head(b'%', pairs.len(), out);
                } else {
                    head(b'*', 2 * pairs.len(), out);
                }
                for (name, reply) in pairs {
                    bulk(name.as_bytes(), out);
                    reply.write(version, out);
                }
            }
        }
    }
}

/// The head of what has so many parts or bytes.
pub fn head(sign: u8, count: usize, out: &mut BytesMut) {
    out.put_u8(sign);
    let mut digits = [0; 20];
    let (mut first, mut rest) = (digits.len(), count);
    loop {
        first -= 1;
        digits[first] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.put_slice(&digits[first..]);
    out.put_slice(b"\r\n");
}

#[cfg(test)]
mod tests;
