//! Steps in EDN: one map after the other, or all in one vector or list; maps may be records, `#jepsen.history.Op{...}`.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use super::{Action, Function, Process, Step, Type};
use crate::edn::{Bracket, Edn, Lead, Mistake, Place, Reader, shown};

/// Takes steps from a text.
pub(super) struct EdnSteps<R> {
    reader: Reader<R>,
    /// What all steps stand in, and where that was opened.
    within: Option<(Bracket, Place)>,
    /// That has been closed.
    closed: bool,
}

const STEP: &str = "a step of a history, for instance {:type :invoke, :process 0, :f :read, :value nil}";

/// In place of a line of history.txt, such as `0 :invoke :write 1`.
const NO_TABLE: &str =
    "a map for each step; this looks like Jepsen's history.txt: give the history.edn that lies beside it";

impl<R: Read> EdnSteps<R> {
    /// Reads from `input`, in large pieces.
    pub(super) fn new(input: R) -> EdnSteps<R> {
        EdnSteps { reader: Reader::new(input), within: None, closed: false }
    }

    /// How deep a step's parts are nested.
    fn depth(&self) -> usize {
        1 + usize::from(self.within.is_some())
    }

    /// A step whose brace is open.
    fn step(&mut self, place: Place) -> Result<Step, Mistake> {
        let depth = self.depth();
        let mut fields = Fields::default();
        loop {
            let name = match self.reader.lead_or(depth, Name::known)? {
                Ok(name) => name,
                Err(lead) => match self.reader.part_from(lead, Bracket::Map, place, depth - 1)? {
                    None => break,
                    Some(Edn::Keyword(name)) => Name::Other(name),
                    Some(key) => {
                        let problem = format!("{} {}", key.kind(), shown(&key.to_string()));
                        let expected = "a name of a field, such as :type, :process, :f or :value";
                        return Err(self.reader.mistake(problem, expected));
                    }
                },
            };
            const VALUE: &str = "a value for this field";
            let value = match name {
                Name::Type => self.reader.lead_or(depth, |name| Type::named(name).map(Known::Type))?,
                Name::Function => self.reader.lead_or(depth, |name| Action::named(name).map(Known::Action))?,
                _ => Err(self.reader.lead(depth)?),
            };
            let place = self.reader.place();
            let set = match value {
                Ok(known) => fields.set_known(known),
                Err(lead) => {
                    let value = self.reader.value_from(lead, depth, VALUE)?;
                    fields.set(name, value)
                }
            };
            set.map_err(|problem| Mistake::new(place, problem.0, problem.1))?;
        }
        fields.finish().map_err(|problem| Mistake::new(place, problem.0, problem.1))
    }

    /// The next step and where it begins; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Step, Place)>, Mistake> {
        let mut start = Place::default();
        let next = self.next_from(&mut start);
        next.map_err(|mistake| Mistake { is_cut: self.reader.ends_in_line(start.line), ..mistake })
    }

    fn next_from(&mut self, start: &mut Place) -> Result<Option<(Step, Place)>, Mistake> {
        loop {
            let lead = self.reader.lead(self.depth() - 1);
            let mut place = self.reader.place();
            *start = place;
            let mut lead = lead?;
            if let Lead::Tag(_) = lead {
                lead = self.reader.lead(self.depth() - 1)?;
                if !matches!(lead, Lead::Open(Bracket::Map)) {
                    return Err(Mistake::new(place, "a tagged value that is no record", STEP));
                }
                place = self.reader.place();
            }
            match (lead, self.within) {
                (Lead::End, None) => return Ok(None),
                (Lead::End, Some((bracket, open))) if !self.closed => {
                    let problem =
                        format!("the text ends within what was opened in line {}, column {}", open.line, open.column);
                    return Err(self.reader.mistake(problem, bracket.close()));
                }
                (Lead::End, _) => return Ok(None),
                (_, Some(_)) if self.closed => {
                    return Err(Mistake::new(place, "something behind the history", "the end of the text"));
                }
                (Lead::Open(Bracket::Map), _) => return Ok(Some((self.step(place)?, place))),
                (Lead::Open(bracket @ (Bracket::Vector | Bracket::List)), None) => self.within = Some((bracket, place)),
                (Lead::Close(close), Some((bracket, _))) if close == bracket => self.closed = true,
                (Lead::Close(close), _) => {
                    return Err(Mistake::new(place, format!("{} closes nothing", close.close()), STEP));
                }
                (Lead::Leaf(leaf), within) => {
                    let problem = format!("{} {}", leaf.kind(), shown(&leaf.to_string()));
                    let is_table = within.is_none() && matches!(self.reader.lead(0), Ok(Lead::Leaf(Edn::Keyword(_))));
                    return Err(Mistake::new(place, problem, if is_table { NO_TABLE } else { STEP }));
                }
                _ => return Err(Mistake::new(place, "something else than a map", STEP)),
            }
        }
    }
}

/// What is wrong, and what was expected.
pub(super) type Problem = (String, &'static str);

/// The name of a field.
pub(super) enum Name {
    Index,
    Time,
    Type,
    Process,
    Function,
    Value,
    Error,
    Other(Box<str>),
}

impl Name {
    pub(super) fn known(name: &[u8]) -> Option<Name> {
        match name {
            b"index" => Some(Name::Index),
            b"time" => Some(Name::Time),
            b"type" => Some(Name::Type),
            b"process" => Some(Name::Process),
            b"f" => Some(Name::Function),
            b"value" => Some(Name::Value),
            b"error" => Some(Name::Error),
            _ => None,
        }
    }
}

/// A value that is known by its name.
enum Known {
    Type(Type),
    Action(Action),
}

/// The fields of a step so far.
#[derive(Default)]
pub(super) struct Fields {
    index: Option<i64>,
    time_ns: Option<i64>,
    kind: Option<Type>,
    process: Option<Process>,
    function: Option<Function>,
    value: Option<Edn>,
    error: Option<Edn>,
    others: Vec<(Box<str>, Edn)>,
    /// The names of those.
    known: BTreeSet<Box<str>>,
}

impl Fields {
    pub(super) fn set(&mut self, name: Name, value: Edn) -> Result<(), Problem> {
        let (is_new, name) = match name {
            Name::Index => (put(&mut self.index, whole("index", value)?), "index"),
            Name::Time => (put(&mut self.time_ns, whole("time", value)?), "time"),
            Name::Type => (put(&mut self.kind, Some(kind(&value)?)), "type"),
            Name::Process => (put(&mut self.process, Some(process(value)?)), "process"),
            Name::Function => (put(&mut self.function, Some(function(value)?)), "f"),
            Name::Value => (put(&mut self.value, Some(value)), "value"),
            Name::Error => (put(&mut self.error, Some(value)), "error"),
            Name::Other(name) => {
                let is_new = self.known.insert(name.clone());
                self.others.push((name, value));
                (is_new, self.others.last().map_or("", |(name, _)| name))
            }
        };
        if is_new { Ok(()) } else { Err(twice(name)) }
    }

    fn set_known(&mut self, value: Known) -> Result<(), Problem> {
        let (is_new, name) = match value {
            Known::Type(kind) => (put(&mut self.kind, Some(kind)), "type"),
            Known::Action(action) => (put(&mut self.function, Some(Function::Action(action))), "f"),
        };
        if is_new { Ok(()) } else { Err(twice(name)) }
    }

    pub(super) fn finish(self) -> Result<Step, Problem> {
        let Fields { index, time_ns, kind, process, function, value, error, others, known: _ } = self;
        let missing = |name: &str| (format!("this step has no field :{name}"), "the fields :type, :process and :f");
        let (mut value, mut others) = (value.unwrap_or(Edn::Nil), others);
        // Some write the key beside the value, in place of `[k v]`. To leave it out would make all keys one.
        if let (Some(Function::Action(_)), Some(at)) = (&function, others.iter().position(|(name, _)| &**name == "key"))
        {
            value = Edn::Vector(vec![others.remove(at).1, value]);
        }
        Ok(Step {
            index,
            time_ns,
            kind: kind.ok_or_else(|| missing("type"))?,
            process: process.ok_or_else(|| missing("process"))?,
            function: function.ok_or_else(|| missing("f"))?,
            value,
            error,
            others,
        })
    }
}

fn twice(name: &str) -> Problem {
    (format!("a second field :{name}"), "each field once")
}

/// Sets a field; false if it is set already.
fn put<T>(field: &mut Option<T>, value: Option<T>) -> bool {
    let is_new = field.is_none();
    *field = value;
    is_new
}

fn found(value: &Edn, name: &str) -> String {
    format!("{} {} as :{name}", value.kind(), shown(&value.to_string()))
}

fn whole(name: &str, value: Edn) -> Result<Option<i64>, Problem> {
    match value {
        Edn::Int(value) => Ok(Some(value)),
        Edn::Nil => Ok(None),
        // Times of simulations may be such.
        Edn::Float(value) if name == "time" && value.get().abs() < 9e18 => Ok(Some(value.get() as i64)),
        other => Err((found(&other, name), "a whole number of 64 bits")),
    }
}

fn kind(value: &Edn) -> Result<Type, Problem> {
    let kind = match value {
        Edn::Keyword(name) => Type::named(name.as_bytes()),
        _ => None,
    };
    kind.ok_or_else(|| (found(value, "type"), ":invoke, :ok, :fail or :info"))
}

fn process(value: Edn) -> Result<Process, Problem> {
    match value {
        Edn::Int(number) => Ok(Process::Client(number)),
        Edn::Keyword(name) => Ok(Process::Other(name)),
        other => Err((found(&other, "process"), "the number of a client, or a keyword such as :nemesis")),
    }
}

fn function(value: Edn) -> Result<Function, Problem> {
    match value {
        Edn::Keyword(name) => Ok(Action::named(name.as_bytes()).map_or(Function::Other(name), Function::Action)),
        other => Err((found(&other, "f"), "a keyword such as :read, :write or :cas")),
    }
}

pub(super) fn write(out: &mut impl Write, step: &Step) -> io::Result<()> {
    let Step { index, time_ns, kind, process, function, value, error, others } = step;
    write!(out, "{{")?;
    if let Some(index) = index {
        write!(out, ":index {index}, ")?;
    }
    if let Some(time) = time_ns {
        write!(out, ":time {time}, ")?;
    }
    write!(out, ":type :{}, :process ", kind.name())?;
    match process {
        Process::Client(number) => write!(out, "{number}")?,
        Process::Other(name) => write!(out, ":{name}")?,
    }
    write!(out, ", :f :{}, :value {value}", function.name())?;
    if let Some(error) = error {
        write!(out, ", :error {error}")?;
    }
    for (name, value) in others {
        write!(out, ", :{name} {value}")?;
    }
    writeln!(out, "}}")
}
