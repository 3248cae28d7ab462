//! Maelstrom's protocol (github.com/jepsen-io/maelstrom, doc/protocol.md and doc/workloads.md): messages as JSON
//! objects, requests of key-value clients, answers and errors.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// A message: a line of text.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Who sends it.
    pub src: String,
    /// Who is to get it.
    pub dest: String,
    /// What it says.
    pub body: Map<String, Json>,
}

/// The number that a client has given to a request; its answer names it.
pub type MsgId = i64;

/// A request of a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Who the node is, and who the others are.
    Init {
        /// Its own name.
        node_id: String,
        /// The names of all, itself included, in the same order everywhere.
        node_ids: Vec<String>,
    },
    /// The value of a key.
    Read {
        /// The key.
        key: Json,
    },
    /// Sets a key.
    Write {
        /// The key.
        key: Json,
        /// To this.
        value: Json,
    },
    /// Compare and set.
    Cas {
        /// The key.
        key: Json,
        /// What it has to be.
        from: Json,
        /// What it becomes.
        to: Json,
        /// A key that does not exist becomes `to`, too.
        create: bool,
    },
}

/// The protocol's errors that this node gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The request may have taken effect, or may take effect yet.
    Timeout = 0,
    /// The request is not understood, or its key not served here.
    NotSupported = 10,
    /// Not now, and nothing was done.
    TemporarilyUnavailable = 11,
    /// The request is not what its type asks for.
    MalformedRequest = 12,
    /// The node has a bug; the request may have taken effect.
    Crash = 13,
    /// Something has come between; nothing was done.
    Abort = 14,
    /// A read, or cas, of a key that was never written.
    KeyDoesNotExist = 20,
    /// The key is not what cas, or the node not who init, expected.
    PreconditionFailed = 22,
}

impl Code {
    /// True when the request has had no effect and will never have one.
    #[cfg(test)]
    pub fn is_definite(self) -> bool {
        !matches!(self, Code::Timeout | Code::Crash)
    }
}

/// Why a request is refused: a code, and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub Code, pub String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}: {}", self.0 as u16, self.1)
    }
}

impl Request {
    /// The request that a message's body makes.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(body: &Map<String, Json>) -> Result<Request, Refused> {
        let malformed = |problem: String| Refused(Code::MalformedRequest, problem);
        let kind = match body.get("type") {
            Some(Json::String(kind)) => kind.as_str(),
            Some(other) => return Err(malformed(format!("type is {other}, and has to be a string"))),
            None => return Err(malformed("the body has no type".to_owned())),
        };
        let field = |name: &str| {
            body.get(name).cloned().ok_or_else(|| malformed(format!("a request of type {kind} needs a field {name}")))
        };
        let text = |name: &str, value: Json| match value {
            Json::String(text) => Ok(text),
            other => Err(malformed(format!("{name} is {other}, and has to be a string"))),
        };
        match kind {
            "init" => {
                let Json::Array(names) = field("node_ids")? else {
                    return Err(malformed("node_ids has to be a list of the names of all nodes".to_owned()));
                };
                let node_ids =
                    names.into_iter().map(|name| text("a name in node_ids", name)).collect::<Result<_, _>>()?;
                Ok(Request::Init { node_id: text("node_id", field("node_id")?)?, node_ids })
            }
            "read" => Ok(Request::Read { key: field("key")? }),
            "write" => Ok(Request::Write { key: field("key")?, value: field("value")? }),
            "cas" => {
                let create = match body.get("create_if_not_exists") {
                    None | Some(Json::Null) => false,
                    Some(Json::Bool(create)) => *create,
                    Some(other) => {
                        return Err(malformed(format!("create_if_not_exists is {other}, and has to be true or false")));
                    }
                };
                Ok(Request::Cas { key: field("key")?, from: field("from")?, to: field("to")?, create })
            }
            other => Err(Refused(
                Code::NotSupported,
                format!("requests of type {other} are not supported: this node knows init, read, write and cas"),
            )),
        }
    }
}

/// The first number in a line of JSON that would not be kept exactly: a whole one of more than 64 bits, or another one of more
/// digits than a floating-point number has.
pub fn inexact(text: &[u8]) -> Option<String> {
    let (mut rest, mut in_string) = (text, false);
    while let Some((&byte, after)) = rest.split_first() {
        let is_number = !in_string && (byte == b'-' || byte.is_ascii_digit());
        if is_number {
            let end = rest.iter().position(|byte| !b"+-.0123456789Ee".contains(byte)).unwrap_or(rest.len());
            let number = String::from_utf8_lossy(&rest[..end]);
            if !is_exact(&number) {
                return Some(number.into_owned());
            }
            rest = &rest[end..];
            continue;
        }
        in_string ^= byte == b'"';
        let is_escape = in_string && byte == b'\\';
        rest = after.get(usize::from(is_escape)..).unwrap_or_default();
    }
    None
}

fn is_exact(number: &str) -> bool {
    if !number.contains(['.', 'e', 'E']) {
        return number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    // Significant digits, and the power of ten of the last one.
    let parts = |number: &str| {
        let lower = number.to_ascii_lowercase();
        let (digits, power) = lower.split_once('e').unwrap_or((&lower, "0"));
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let all = format!("{whole}{part}");
        let significant = all.trim_start_matches(['-', '0']).trim_end_matches('0').to_owned();
        let dropped = all.len() - all.trim_end_matches('0').len();
        let power = power.parse::<i64>().ok()? + dropped as i64 - part.len() as i64;
        Some(if significant.is_empty() { (significant, 0) } else { (significant, power) })
    };
    // The shortest digits that give the same floating-point number.
    number.parse::<f64>().is_ok_and(|kept| kept.is_finite() && parts(&format!("{kept:e}")) == parts(number))
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// To init.
    Init,
    /// To a read: the value.
    Read(Json),
    /// To a write.
    Write,
    /// To cas.
    Cas,
    /// To any.
    Refused(Refused),
}

impl Answer {
    /// The body of the message.
    pub fn body(self, to: MsgId) -> Json {
        match self {
            Answer::Init => json!({"type": "init_ok", "in_reply_to": to}),
            Answer::Read(value) => json!({"type": "read_ok", "in_reply_to": to, "value": value}),
            Answer::Write => json!({"type": "write_ok", "in_reply_to": to}),
            Answer::Cas => json!({"type": "cas_ok", "in_reply_to": to}),
            Answer::Refused(Refused(code, text)) => {
                json!({"type": "error", "in_reply_to": to, "code": code as u16, "text": text})
            }
        }
    }
}

/// A message as a line, without its end.
pub fn line(src: &str, dest: &str, body: &Json) -> String {
    json!({"src": src, "dest": dest, "body": body}).to_string()
}
