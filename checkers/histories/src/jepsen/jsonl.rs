//! Steps in JSON Lines: an object on each line, with the fields that Jepsen has:
//! `{"index": 0, "time": 17, "type": "invoke", "process": 0, "f": "write", "value": ["x", 1]}`. An array of such
//! objects is read, too, whatever its lines are.
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
use crate::edn::{self, Edn, Float, Mistake, Place, is_continuing};

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
    /// The text of a step, and where it begins.
    text: Vec<u8>,
    start: Place,
    /// What was read last in an array; nothing where each line is a step.
    array: Option<ArrayPlace>,
    /// The end has been reached without the end of a line.
    is_cut: bool,
}

/// How far an array is read.
#[derive(Default)]
struct ArrayPlace {
    at: Place,
    is_open: bool,
    is_closed: bool,
}

impl<R: BufRead> JsonSteps<R> {
    /// Reads from `input`: step by step from an array, otherwise line by line.
    pub(super) fn new(input: R, is_array: bool) -> JsonSteps<R> {
        let at = Place { line: 1, column: 0 };
        let array = is_array.then(|| ArrayPlace { at, ..ArrayPlace::default() });
        JsonSteps { input, text: Vec::new(), start: Place { line: 0, column: 1 }, array, is_cut: false }
    }

    /// The place of a byte of the text; both count from 1.
    fn place(&self, line: usize, byte: usize) -> Place {
        let text = self.text.split(|byte| *byte == b'\n').nth(line.saturating_sub(1)).unwrap_or_default();
        let before = &text[..byte.saturating_sub(1).min(text.len())];
        let columns = before.iter().filter(|byte| !is_continuing(byte)).count() as u64;
        let from = if line <= 1 { self.start.column } else { 1 };
        Place { line: self.start.line + line.saturating_sub(1) as u64, column: from + columns }
    }

    /// The next step and where it begins; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Step, Place)>, Mistake> {
        let is_there = if self.array.is_some() { self.object() } else { self.line() };
        if !is_there.map_err(|error| self.cut_short(error))? {
            return Ok(None);
        }
        let mut json = serde_json::Deserializer::from_slice(&self.text);
        let step = StepSeed.deserialize(&mut json).and_then(|step| json.end().map(|()| step));
        let start = self.text.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        step.map(|step| Some((step, self.place(1, start + 1)))).map_err(|error| {
            let text = error.to_string();
            let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
            let (problem, expected) = problem.split_once("; expected ").unwrap_or((problem, STEP));
            self.cut_short(Mistake::new(self.place(error.line(), error.column().max(1)), problem, expected))
        })
    }

    fn cut_short(&self, mistake: Mistake) -> Mistake {
        Mistake { is_cut: self.is_cut, ..mistake }
    }

    /// Reads the next line that is not empty; false at the end.
    fn line(&mut self) -> Result<bool, Mistake> {
        loop {
            self.text.clear();
            self.start.line += 1;
            let mut input = (&mut self.input).take(LINE_BYTES_MAX + 1);
            let read = input.read_until(b'\n', &mut self.text);
            if let Err(error) = read {
                return Err(Mistake::new(self.start, format!("the text cannot be read: {error}"), "more of it"));
            }
            if self.text.is_empty() {
                return Ok(false);
            }
            self.check_length()?;
            self.is_cut = self.text.last() != Some(&b'\n');
            let end = self.text.iter().rposition(|byte| !byte.is_ascii_whitespace()).map_or(0, |last| last + 1);
            self.text.truncate(end);
            if end > 0 {
                return Ok(true);
            }
        }
    }

    fn check_length(&self) -> Result<(), Mistake> {
        let is_long = self.text.len() as u64 > LINE_BYTES_MAX;
        if is_long { Err(Mistake::new(self.start, "this step is longer than 64 MiB", "a step")) } else { Ok(()) }
    }

    /// Reads the next object of the array, to its end; false behind the last.
    fn object(&mut self) -> Result<bool, Mistake> {
        self.text.clear();
        let (mut depth, mut in_string, mut is_escaped) = (0_u32, false, false);
        loop {
            let next = self.input.fill_buf().map(|buffer| buffer.first().copied());
            let array = self.array.get_or_insert_default();
            let cannot = |error| Mistake::new(array.at, format!("the text cannot be read: {error}"), "more of it");
            let Some(byte) = next.map_err(cannot)? else { break };
            self.input.consume(1);
            array.at.column += u64::from(!is_continuing(&&byte));
            let at = array.at;
            if byte == b'\n' {
                array.at = Place { line: at.line + 1, column: 0 };
            }
            if depth == 0 {
                match byte {
                    b'[' if !array.is_open => array.is_open = true,
                    b']' if array.is_open && !array.is_closed => array.is_closed = true,
                    b'{' if !array.is_closed => (self.start, depth) = (at, 1),
                    b',' if !array.is_closed => {}
                    _ if byte.is_ascii_whitespace() => {}
                    _ if array.is_closed => {
                        return Err(Mistake::new(at, "something behind the history", "the end of the text"));
                    }
                    _ => return Err(Mistake::new(at, "something else than an object", STEP)),
                }
                self.text.extend((depth > 0).then_some(byte));
                continue;
            }
            self.text.push(byte);
            self.check_length()?;
            match byte {
                _ if is_escaped => is_escaped = false,
                b'\\' => is_escaped = in_string,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(true);
            }
        }
        let ArrayPlace { at, is_closed, .. } = *self.array.get_or_insert_default();
        self.is_cut = at.line == self.start.line;
        match depth {
            0 if is_closed => Ok(false),
            0 => Err(Mistake::new(at, "the text ends within the array of steps", "]")),
            // What is wrong with it is found when it is taken for a step.
            _ => Ok(true),
        }
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
                let Mistake { place, problem, expected, .. } = mistake;
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
