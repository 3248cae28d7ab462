//! Histories in the form in which Jepsen (github.com/jepsen-io/jepsen) stores them: a list of [`Step`]s. Two of these
//! make an operation, its invocation and its completion. They are read and written as EDN, which is Jepsen's own form,
//! and as JSON Lines; [`Calls`] puts steps together to what the checkers judge.

mod calls;
mod collector;
mod edn;
mod jsonl;
mod names;
mod recorded;

pub use calls::{Call, Calls, Misfit};
pub use collector::Collector;
pub(crate) use recorded::calls_of;
pub use recorded::steps_of;

use std::io::{self, BufRead, Write};
use std::iter;

use crate::edn::{Edn, Mistake, Place};

/// What a step says about an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// It is asked for.
    Invoke,
    /// It was done.
    Ok,
    /// It was not done.
    Fail,
    /// It may have been done, or be done yet; also what a nemesis does.
    Info,
}

impl Type {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Invoke => "invoke",
            Type::Ok => "ok",
            Type::Fail => "fail",
            Type::Info => "info",
        }
    }

    fn named(name: &[u8]) -> Option<Type> {
        let all = [Type::Invoke, Type::Ok, Type::Fail, Type::Info];
        all.into_iter().find(|kind| kind.name().as_bytes() == name)
    }
}

/// Who takes a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Process {
    /// A client; it does one thing at a time. One whose operation ended as [`Type::Info`] does nothing more: another,
    /// of another number, takes its place.
    Client(i64),
    /// Another process: `:nemesis`.
    Other(Box<str>),
}

/// What clients ask of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// To read.
    Read,
    /// To write.
    Write,
    /// To write if the register has the expected value: compare and set.
    Cas,
}

impl Action {
    /// As it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Write => "write",
            Action::Cas => "cas",
        }
    }

    /// The value that an operation needs to be there, if it has this value and, being a cas, expects that one.
    pub(crate) fn needs(self, value: u64, expected: u64) -> Option<u64> {
        match self {
            Action::Read => Some(value),
            Action::Write => None,
            Action::Cas => Some(expected),
        }
    }

    /// The value that an operation with this value leaves.
    pub(crate) fn writes(self, value: u64) -> Option<u64> {
        (self != Action::Read).then_some(value)
    }

    fn named(name: &[u8]) -> Option<Action> {
        [Action::Read, Action::Write, Action::Cas].into_iter().find(|action| action.name().as_bytes() == name)
    }
}

/// What a step is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Function {
    /// An operation of a register.
    Action(Action),
    /// Something else.
    Other(Box<str>),
}

impl Function {
    /// As it is written.
    pub fn name(&self) -> &str {
        match self {
            Function::Action(action) => action.name(),
            Function::Other(name) => name,
        }
    }
}

/// An entry of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its number, if it says one.
    pub index: Option<i64>,
    /// When, in nanoseconds since the beginning, if it says so.
    pub time_ns: Option<i64>,
    /// What it says.
    pub kind: Type,
    /// Who takes it.
    pub process: Process,
    /// What for.
    pub function: Function,
    /// With which value: `v`, or `[k v]` where there are several keys; for cas `[old new]` in place of `v`.
    pub value: Edn,
    /// Why it failed.
    pub error: Option<Edn>,
    /// Whatever else stands there, by name.
    pub others: Vec<(Box<str>, Edn)>,
}

/// Steps one after the other, each with the place where it begins; or what is wrong with the text.
pub type Steps<'a> = Box<dyn Iterator<Item = Result<(Step, Place), Mistake>> + 'a>;

/// The steps of a text, which is JSON if a quote follows the first brace, and EDN otherwise. JSON may be an array.
///
/// # Errors
/// When `input` cannot be read.
pub fn steps<'a>(mut input: impl BufRead + 'a) -> io::Result<Steps<'a>> {
    let mut first = input.fill_buf()?.iter().filter(|byte| !byte.is_ascii_whitespace()).peekable();
    let is_array = first.next_if_eq(&&b'[').is_some();
    let is_json = first.next() == Some(&b'{') && first.next() == Some(&b'"');
    Ok(if is_json {
        let mut steps = jsonl::JsonSteps::new(input, is_array);
        Box::new(iter::from_fn(move || steps.next().transpose()))
    } else {
        let mut steps = edn::EdnSteps::new(input);
        Box::new(iter::from_fn(move || steps.next().transpose()))
    })
}

/// How a history is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As Jepsen does: a map of EDN on each line.
    Edn,
    /// An object of JSON on each line.
    Jsonl,
}

impl Form {
    /// Writes a step and the end of its line.
    ///
    /// # Errors
    /// When `out` fails.
    pub fn write(self, out: &mut impl Write, step: &Step) -> io::Result<()> {
        match self {
            Form::Edn => edn::write(out, step),
            Form::Jsonl => jsonl::write(out, step),
        }
    }
}
