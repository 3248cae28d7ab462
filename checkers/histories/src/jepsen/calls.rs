//! Steps put together: what clients asked for and what came of it.

use rustc_hash::FxHashMap;

use super::names::Names;
use super::{Action, Function, Process, Step, Type};
use crate::edn::{Edn, Mistake, Place, shown};
use kvsim_checkers::history::{Ending, Entry, History, Kind, Value, WriterOrder};

/// Something that a client asked for, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When, in nanoseconds since the beginning; 0 if unknown.
    pub invoked_ns: u64,
    /// When it ended; 0 if unknown.
    pub completed_ns: u64,
    /// What was read or written. Equal numbers are equal values; see [`Calls::value`].
    pub value: u64,
    /// For [`Action::Cas`]: what had to be there.
    pub expected: u64,
    /// The place of its invocation among the steps.
    pub invoked: u32,
    /// The place of its completion among the steps; [`Calls::NEVER`] if there is none.
    pub completed: u32,
    /// Whose, see [`Calls::process`].
    pub session: u32,
    /// Of which key, see [`Calls::key`].
    pub key: u32,
    /// What for.
    pub action: Action,
    /// What came of it.
    pub ending: Ending,
}

/// Whole numbers from 0 stand for themselves, other values have numbers from here.
const OTHERS: u64 = 1 << 63;

/// Operations of a function that is neither read, write nor cas.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its name.
    pub function: Box<str>,
    /// How often it was asked for.
    pub count: u64,
    /// The index of the first step, and where that stands.
    pub first: (u32, Place),
}

/// A history as clients' operations.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    list: Vec<Call>,
    processes: Vec<i64>,
    keys: Names,
    values: Names,
    /// By place: the index that a step says; empty as long as each says its place.
    indices: Vec<u32>,
    steps: u32,
    skipped: u64,
    misfits: Vec<Misfit>,
    /// What keys begin with, if that is not nil.
    initial: Option<u64>,
}

impl Calls {
    /// In place of a completion: there is none.
    pub const NEVER: u32 = u32::MAX;

    /// The number of nil, which every key begins with.
    pub const NIL: u64 = u64::MAX;

    /// The number of what returned several values.
    pub(crate) const SEVERAL: u64 = u64::MAX - 1;

    /// Calls with keys and values that have no names.
    pub(super) fn of_list(list: Vec<Call>) -> Calls {
        Calls { list, ..Calls::default() }
    }

    /// In the order of their invocation.
    pub fn list(&self) -> &[Call] {
        &self.list
    }

    /// How many processes did anything.
    pub fn sessions(&self) -> usize {
        self.processes.len()
    }

    /// The number of the value that every key begins with.
    pub fn initial(&self) -> u64 {
        self.initial.unwrap_or(Calls::NIL)
    }

    /// It is a read that returned several values.
    pub(crate) fn is_several(&self, call: &Call) -> bool {
        call.value == Calls::SEVERAL
    }

    /// The number of a session's process.
    pub fn process(&self, session: u32) -> i64 {
        self.processes[session as usize]
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.list.len()
    }

    /// A key. Where all operations are of one register, that is nil.
    pub fn key(&self, key: u32) -> &Edn {
        &self.keys.list[key as usize]
    }

    /// The value with this number; nothing for what returned several.
    pub fn value(&self, number: u64) -> Option<Edn> {
        match number {
            Calls::NIL => Some(Edn::Nil),
            Calls::SEVERAL => None,
            OTHERS.. => Some(self.values.list[(number - OTHERS) as usize].clone()),
            int => Some(Edn::Int(int as i64)),
        }
    }

    /// The index of a step: what it says itself, or its place.
    pub fn index(&self, place: u32) -> u32 {
        self.indices.get(place as usize).copied().unwrap_or(place)
    }

    /// How many steps there were.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// How many steps of others than clients there were: those of the nemesis.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Operations that no checker knows.
    pub fn misfits(&self) -> &[Misfit] {
        &self.misfits
    }

    /// The history for checkers that know reads and writes only: a successful cas is a read and then a write of its
    /// process; one of unknown outcome is such a write, and one that failed is nothing. The number of an operation is its
    /// place in [`Calls::list`].
    pub fn history(&self) -> History {
        let mut entries = Vec::with_capacity(self.list.len());
        for (call, number) in self.list.iter().zip(0..) {
            let mut add = |kind, value| {
                let Call { session, key, ending, invoked: place, .. } = *call;
                let value = match value {
                    Calls::NIL => Value::Nothing,
                    Calls::SEVERAL => Value::Several,
                    value => Value::One(value),
                };
                entries.push(Entry { session, key, kind, value, ending, origin: None, number, place });
            };
            match (call.action, call.ending) {
                (Action::Read, _) => add(Kind::Read, call.value),
                (Action::Write, _) => add(Kind::Write, call.value),
                (Action::Cas, Ending::Failed) => {}
                (Action::Cas, Ending::Indeterminate) => add(Kind::Write, call.value),
                (Action::Cas, Ending::Ok) => {
                    add(Kind::Read, call.expected);
                    add(Kind::Write, call.value);
                }
            }
        }
        History::from_entries(WriterOrder::Session, &entries)
    }
}

/// What a process is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Nothing,
    Call(u32),
    /// Something of unknown function.
    Misfit(u32),
}

/// Puts steps together, one after the other.
#[derive(Debug, Default)]
pub struct Collector {
    calls: Calls,
    sessions: FxHashMap<i64, u32>,
    doing: Vec<Doing>,
    /// Values are `[k v]`, as the first operation's is.
    keyed: Option<bool>,
    /// Whether steps say which index they have.
    said: bool,
}

impl Collector {
    /// Takes in the next step, which stands at `place`.
    ///
    /// # Errors
    /// The step does not fit to those before, or its value not to what is asked for.
    pub fn take(&mut self, step: &Step, place: Place) -> Result<(), Mistake> {
        let at = self.calls.steps;
        if at == Calls::NEVER - 1 {
            return Err(Mistake::new(place, "more than 4,294,967,294 steps", "fewer"));
        }
        self.calls.steps += 1;
        self.note_index(step, at);
        let Process::Client(process) = step.process else {
            if let (Process::Other(name), Function::Action(action)) = (&step.process, &step.function) {
                let problem = format!("process {}, which is no client, does a {}", shown(name), action.name());
                return Err(Mistake::new(place, problem, "a number for each client, such as :process 0"));
            }
            self.calls.skipped += 1;
            return Ok(());
        };
        let session = match self.sessions.get(&process) {
            Some(session) => *session,
            None => {
                let session = self.doing.len() as u32;
                self.sessions.insert(process, session);
                self.calls.processes.push(process);
                self.doing.push(Doing::Nothing);
                session
            }
        };
        let doing = self.doing[session as usize];
        self.doing[session as usize] = match (step.kind, doing) {
            (Type::Invoke, Doing::Nothing) => self.invoke(step, session, at, place)?,
            (Type::Invoke, Doing::Call(_) | Doing::Misfit(_)) => {
                let problem = format!("process {process} invokes something before its last operation is completed");
                return Err(Mistake::new(place, problem, "its :ok, :fail or :info"));
            }
            (_, Doing::Nothing) => {
                let problem = format!("process {process} completes what it has not invoked");
                return Err(Mistake::new(place, problem, "an :invoke before"));
            }
            (_, Doing::Call(call)) => self.complete(step, call, at, place)?,
            (_, Doing::Misfit(misfit)) => {
                let invoked = &self.calls.misfits[misfit as usize].function;
                if step.function.name() != &**invoked {
                    return Err(other_function(step, process, invoked, place));
                }
                Doing::Nothing
            }
        };
        Ok(())
    }

    fn note_index(&mut self, step: &Step, at: u32) {
        let index = step.index.and_then(|index| u32::try_from(index).ok());
        if index.is_some_and(|index| index != at) && !self.said {
            self.said = true;
            self.calls.indices = (0..at).collect();
        }
        if self.said {
            self.calls.indices.push(index.unwrap_or(at));
        }
    }

    fn invoke(&mut self, step: &Step, session: u32, at: u32, place: Place) -> Result<Doing, Mistake> {
        let action = match &step.function {
            Function::Action(action) => *action,
            Function::Other(name) => {
                let known = self.calls.misfits.iter().position(|misfit| misfit.function == *name);
                let misfit = known.unwrap_or(self.calls.misfits.len());
                if known.is_none() {
                    let first = (self.calls.index(at), place);
                    self.calls.misfits.push(Misfit { function: name.clone(), count: 0, first });
                }
                self.calls.misfits[misfit].count += 1;
                return Ok(Doing::Misfit(misfit as u32));
            }
        };
        let keyed = *self.keyed.get_or_insert_with(|| is_keyed(action, &step.value));
        let (key, value) = match (&step.value, keyed) {
            (Edn::Vector(pair), true) if pair.len() == 2 => (&pair[0], &pair[1]),
            (value, false) => (&Edn::Nil, value),
            (other, true) => {
                let problem = format!("{} {} as :value", other.kind(), shown(&other.to_string()));
                let expected = "a key and a value, [k v], as earlier operations have it";
                return Err(Mistake::new(place, problem, expected));
            }
        };
        let key = self.calls.keys.number(key);
        let (value, expected) = match (action, value) {
            (Action::Read, _) => (Calls::NIL, Calls::NIL),
            (Action::Write, value) => (self.value(value), Calls::NIL),
            (Action::Cas, Edn::Vector(pair)) if pair.len() == 2 => (self.value(&pair[1]), self.value(&pair[0])),
            (Action::Cas, other) => {
                let problem = format!("{} {} for a cas", other.kind(), shown(&other.to_string()));
                return Err(Mistake::new(place, problem, "the old value and the new one, [old new]"));
            }
        };
        let call = self.calls.list.len() as u32;
        self.calls.list.push(Call {
            invoked_ns: time(step),
            completed_ns: 0,
            value,
            expected,
            invoked: at,
            completed: Calls::NEVER,
            session,
            key,
            action,
            ending: Ending::Indeterminate,
        });
        Ok(Doing::Call(call))
    }

    fn complete(&mut self, step: &Step, call: u32, at: u32, place: Place) -> Result<Doing, Mistake> {
        let Call { action, key, session, .. } = self.calls.list[call as usize];
        if step.function != Function::Action(action) {
            return Err(other_function(step, self.calls.process(session), action.name(), place));
        }
        let ending = match step.kind {
            Type::Ok => Ending::Ok,
            Type::Fail => Ending::Failed,
            Type::Info | Type::Invoke => Ending::Indeterminate,
        };
        if (action, ending) == (Action::Read, Ending::Ok) {
            let value = match (&step.value, self.keyed) {
                (Edn::Vector(pair), Some(true)) if pair.len() == 2 && pair[0] == *self.calls.key(key) => &pair[1],
                (value, Some(false)) => value,
                (other, _) => {
                    let problem = format!("{} {} as :value", other.kind(), shown(&other.to_string()));
                    let key = shown(&self.calls.key(key).to_string());
                    return Err(Mistake::new(place, problem, format!("the key that was asked for, [{key} v]")));
                }
            };
            let value = match value {
                // What a store returns that keeps versions side by side.
                Edn::Set(versions) if versions.len() > 1 => Calls::SEVERAL,
                value => self.value(value),
            };
            self.calls.list[call as usize].value = value;
        }
        let call = &mut self.calls.list[call as usize];
        call.completed = at;
        call.completed_ns = time(step);
        call.ending = ending;
        Ok(Doing::Nothing)
    }

    fn value(&mut self, value: &Edn) -> u64 {
        match value {
            Edn::Nil => Calls::NIL,
            Edn::Int(int @ 0..) => *int as u64,
            other => OTHERS | u64::from(self.calls.values.number(other)),
        }
    }

    /// The history. What is still open may have had an effect or not.
    pub fn finish(self) -> Calls {
        self.calls
    }
}

fn time(step: &Step) -> u64 {
    step.time_ns.and_then(|time| u64::try_from(time).ok()).unwrap_or(0)
}

/// Whether values are `[k v]`, to judge by the first operation.
fn is_keyed(action: Action, value: &Edn) -> bool {
    let Edn::Vector(pair) = value else { return false };
    match (action, &pair[..]) {
        (Action::Cas, [_, Edn::Vector(change)]) => change.len() == 2,
        (Action::Cas, _) => false,
        (_, pair) => pair.len() == 2,
    }
}

fn other_function(step: &Step, process: i64, invoked: &str, place: Place) -> Mistake {
    let problem = format!("process {process} completes :{}", step.function.name());
    Mistake::new(place, problem, format!(":{invoked}, which it has invoked"))
}
