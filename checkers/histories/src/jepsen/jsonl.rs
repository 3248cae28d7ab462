//! Steps in JSON Lines: an object on each line, with the fields that Jepsen has:
//! `{"index": 0, "time": 17, "type": "invoke", "process": 0, "f": "write", "value": ["x", 1]}`.
//!
//! `null`, truth values, numbers, strings, arrays and objects stand for `nil`, truth values, numbers, strings, vectors
//! and maps whose keys are strings. What JSON has no word for stands there as EDN: `{"edn": "#{1 2}"}`.

use std::fmt;
use std::io::{self, BufRead, Read, Write};

use serde::Serialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};

use super::edn::{Fields, Name};
use super::{Process, Step};
use crate::edn::{self, Edn, Float, Mistake, Place};

/// No line is longer, in bytes.
const LINE_BYTES_MAX: u64 = 64 << 20;

/// Values within values are written as EDN from this depth on: readers of JSON do not go much deeper.
const NESTING_MAX: usize = 100;

/// From here on whole numbers have no 64 bits: 2 to the 63rd.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

/// The key of what is written as EDN.
const AS_EDN: &str = "edn";

/// Takes steps from a text.
pub(super) struct JsonSteps<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
}

impl<R: BufRead> JsonSteps<R> {
    /// Reads from `input`, line by line.
    pub(super) fn new(input: R) -> JsonSteps<R> {
        JsonSteps { input, line: Vec::new(), number: 0 }
    }

    /// The place of a byte of the line, which counts from 1.
    fn place(&self, byte: usize) -> Place {
        let before = &self.line[..byte.saturating_sub(1).min(self.line.len())];
        let columns = before.iter().filter(|byte| **byte & 0xc0 != 0x80).count() as u64;
        Place { line: self.number, column: columns + 1 }
    }

    /// The next step and where it begins; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Step, Place)>, Mistake> {
        loop {
            self.line.clear();
            self.number += 1;
            let mut input = (&mut self.input).take(LINE_BYTES_MAX + 1);
            let read = input.read_until(b'\n', &mut self.line);
            if let Err(error) = read {
                return Err(Mistake::new(self.place(1), format!("the text cannot be read: {error}"), "more of it"));
            }
            if self.line.is_empty() {
                return Ok(None);
            }
            if self.line.len() as u64 > LINE_BYTES_MAX {
                return Err(Mistake::new(self.place(1), "this line is longer than 64 MiB", "a step on each line"));
            }
            let end = self.line.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
            self.line.truncate(end);
            if end > 0 {
                break;
            }
        }
        let start = self.line.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        let mut json = serde_json::Deserializer::from_slice(&self.line);
        let step = StepSeed.deserialize(&mut json).and_then(|step| json.end().map(|()| step));
        step.map(|step| Some((step, self.place(start + 1)))).map_err(|error| {
            let text = error.to_string();
            let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
            let (problem, expected) = problem.split_once("; expected ").unwrap_or((problem, STEP));
            Mistake::new(self.place(error.column().max(1)), problem, expected)
        })
    }
}

const STEP: &str =
    "a step of a history, for instance {\"type\": \"invoke\", \"process\": 0, \"f\": \"read\", \"value\": null}";

struct StepSeed;

impl<'de> DeserializeSeed<'de> for StepSeed {
    type Value = Step;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Step, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for StepSeed {
    type Value = Step;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Step, A::Error> {
        let mut fields = Fields::default();
        while let Some(name) = map.next_key::<String>()? {
            let mut value = map.next_value_seed(EdnSeed)?;
            if let ("type" | "process" | "f", Edn::String(text)) = (name.as_str(), &value) {
                value = edn::keyword(text).ok_or_else(|| {
                    A::Error::custom(format_args!("\"{}\" as \"{name}\"; expected a name", edn::shown(text)))
                })?;
            }
            if edn::keyword(&name).is_none() {
                let problem =
                    format_args!("a field \"{}\"; expected names of letters, digits and signs", edn::shown(&name));
                return Err(A::Error::custom(problem));
            }
            fields
                .set(Name::known(name.as_bytes()).unwrap_or_else(|| Name::Other(name.into())), value)
                .map_err(|problem| as_json::<A::Error>(&problem))?;
        }
        fields.finish().map_err(|problem| as_json::<A::Error>(&problem))
    }
}

fn as_json<E: Error>((problem, expected): &(String, &str)) -> E {
    E::custom(format_args!("{problem}; expected {expected}"))
}

/// A value of JSON as one of EDN.
struct EdnSeed;

impl<'de> DeserializeSeed<'de> for EdnSeed {
    type Value = Edn;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Edn, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EdnSeed {
    type Value = Edn;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Edn, E> {
        Ok(Edn::Nil)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Edn, E> {
        Ok(Edn::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Edn, E> {
        Ok(Edn::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Edn, E> {
        Ok(i64::try_from(value).map_or_else(|_| Edn::Number(format!("{value}N").into()), Edn::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Edn, E> {
        // It may have been a whole number that has lost digits, so that different ones would be equal.
        if value.abs() >= INTEGERS_END {
            let expected = "expected numbers of 64 bits, or larger ones as EDN: {\"edn\": \"18446744073709551616N\"}";
            return Err(E::custom(format_args!("a number beyond 64 bits; {expected}")));
        }
        Ok(Edn::Float(Float::new(value)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Edn, E> {
        Ok(Edn::String(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Edn, A::Error> {
        let mut list = Vec::new();
        while let Some(part) = parts.next_element_seed(EdnSeed)? {
            list.push(part);
        }
        Ok(Edn::Vector(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut parts: A) -> Result<Edn, A::Error> {
        let mut list = Vec::new();
        while let Some(key) = parts.next_key::<String>()? {
            list.push((Edn::String(key.into()), parts.next_value_seed(EdnSeed)?));
        }
        if let [(Edn::String(key), Edn::String(text))] = &list[..]
            && **key == *AS_EDN
        {
            return edn::value_of(text).map_err(|mistake| {
                let Mistake { place, problem, expected } = mistake;
                let (line, column) = (place.line, place.column);
                A::Error::custom(format_args!("in EDN, line {line}, column {column}: {problem}; expected {expected}"))
            });
        }
        list.sort_unstable();
        match list.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            Some(pair) => Err(A::Error::custom(format_args!("two values for the key {}; expected one", pair[0].0))),
            None => Ok(Edn::Map(list)),
        }
    }
}

/// A value of EDN as one of JSON, at a depth.
struct AsJson<'a>(&'a Edn, usize);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let AsJson(value, depth) = *self;
        match value {
            Edn::Nil => return out.serialize_unit(),
            Edn::Bool(value) => return out.serialize_bool(*value),
            Edn::Int(value) => return out.serialize_i64(*value),
            Edn::String(text) => return out.serialize_str(text),
            Edn::Float(value) if survives(*value) => return out.serialize_f64(value.get()),
            Edn::Vector(parts) if depth < NESTING_MAX => {
                return out.collect_seq(parts.iter().map(|part| AsJson(part, depth + 1)));
            }
            Edn::Map(parts) if depth < NESTING_MAX && is_object(parts) => {
                let mut object = out.serialize_map(Some(parts.len()))?;
                for (key, value) in parts {
                    if let Edn::String(key) = key {
                        object.serialize_entry(key, &AsJson(value, depth + 1))?;
                    }
                }
                return object.end();
            }
            _ => {}
        }
        let mut object = out.serialize_map(Some(1))?;
        object.serialize_entry(AS_EDN, &value.to_string())?;
        object.end()
    }
}

/// Its keys are strings, and it is not to be taken for something written as EDN.
fn is_object(parts: &[(Edn, Edn)]) -> bool {
    let is_quoted =
        |(key, value): &(Edn, Edn)| matches!((key, value), (Edn::String(key), Edn::String(_)) if **key == *AS_EDN);
    parts.iter().all(|(key, _)| matches!(key, Edn::String(_))) && !(parts.len() == 1 && is_quoted(&parts[0]))
}

/// Readers of JSON get the same number.
fn survives(value: Float) -> bool {
    let text = serde_json::to_string(&value.get()).unwrap_or_default();
    let read = serde_json::from_str::<serde_json::Number>(&text).ok().filter(serde_json::Number::is_f64);
    value.get().abs() < INTEGERS_END && read.and_then(|number| number.as_f64()).map(Float::new) == Some(value)
}

pub(super) fn write(out: &mut impl Write, step: &Step) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &StepAsJson(step))?;
    out.write_all(b"\n")
}

struct StepAsJson<'a>(&'a Step);

impl Serialize for StepAsJson<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let Step { index, time_ns, kind, process, function, value, error, others } = self.0;
        let mut object = out.serialize_map(None)?;
        if let Some(index) = index {
            object.serialize_entry("index", index)?;
        }
        if let Some(time) = time_ns {
            object.serialize_entry("time", time)?;
        }
        object.serialize_entry("type", kind.name())?;
        match process {
            Process::Client(number) => object.serialize_entry("process", number)?,
            Process::Other(name) => object.serialize_entry("process", name)?,
        }
        object.serialize_entry("f", function.name())?;
        object.serialize_entry("value", &AsJson(value, 1))?;
        if let Some(error) = error {
            object.serialize_entry("error", &AsJson(error, 1))?;
        }
        for (name, value) in others {
            object.serialize_entry(&**name, &AsJson(value, 1))?;
        }
        object.end()
    }
}
