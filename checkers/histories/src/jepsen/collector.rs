//! Steps put together.

use rustc_hash::FxHashMap;

use super::calls::{Call, Calls, Misfit, OTHERS};
use super::{Action, Function, Process, Step, Type};
use crate::edn::{Edn, Mistake, Place, shown};
use kvsim_checkers::history::Ending;

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
    /// What steps say about their index.
    numbering: Numbering,
    /// Places in the list of misfits.
    misfits: FxHashMap<(Box<str>, bool), u32>,
    /// The first value that does not fit to a register.
    odd_value: Option<Mistake>,
    nil_is_unknown: bool,
}

/// What steps say about their index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Numbering {
    /// Their places, or nothing.
    #[default]
    Places,
    /// Others, in ascending order.
    Ascending,
    /// Nothing by which they could be named.
    Useless,
}

impl Collector {
    /// Keys begin with this value in place of nil.
    #[must_use]
    pub fn beginning_with(mut self, value: &Edn) -> Collector {
        self.calls.initial = Some(self.value(value));
        self
    }

    /// A read that was answered with nil says nothing, as if it had not been answered.
    #[must_use]
    pub fn with_nil_unknown(self) -> Collector {
        Collector { nil_is_unknown: true, ..self }
    }

    /// Takes in the next step, which stands at `place`.
    ///
    /// # Errors
    /// The step does not fit to those before.
    pub fn take(&mut self, step: &Step, place: Place) -> Result<(), Mistake> {
        let taken = self.step(step, place);
        taken.map_err(|mistake| self.odd_value.take().filter(|_| self.misfits.is_empty()).unwrap_or(mistake))
    }

    fn step(&mut self, step: &Step, place: Place) -> Result<(), Mistake> {
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
            (Type::Invoke, Doing::Nothing) => self.invoke(step, session, at, place),
            (Type::Invoke, Doing::Call(_) | Doing::Misfit(_)) => {
                let problem = format!("process {process} invokes something before its last operation is completed");
                return Err(Mistake::new(place, problem, "its :ok, :fail or :info"));
            }
            (_, Doing::Nothing) => {
                let problem = format!("process {process} completes what it has not invoked");
                return Err(Mistake::new(place, problem, "an :invoke before"));
            }
            (_, doing) => {
                let invoked = match doing {
                    Doing::Misfit(misfit) => &self.calls.misfits[misfit as usize].function,
                    Doing::Call(call) => self.calls.list[call as usize].action.name(),
                    Doing::Nothing => "",
                };
                if step.function.name() != invoked {
                    let problem = format!("process {process} completes :{}", step.function.name());
                    let expected = format!(":{invoked}, which it has invoked");
                    return Err(Mistake::new(place, problem, expected));
                }
                if let Doing::Call(call) = doing {
                    self.complete(step, call, at, place);
                }
                Doing::Nothing
            }
        };
        Ok(())
    }

    fn note_index(&mut self, step: &Step, at: u32) {
        let said = step.index.and_then(|index| u32::try_from(index).ok());
        let (last, calls) = (at.checked_sub(1).map(|before| self.calls.index(before)), &mut self.calls);
        let index = said.or(last.map_or(Some(0), |last| last.checked_add(1)));
        self.numbering = match (self.numbering, index) {
            (Numbering::Useless, _) | (_, None) => Numbering::Useless,
            (_, Some(index)) if last.is_some_and(|last| last >= index) => Numbering::Useless,
            (Numbering::Places, Some(index)) if index == at => Numbering::Places,
            (before, Some(index)) => {
                if before == Numbering::Places {
                    calls.indices = (0..at).collect();
                }
                calls.indices.push(index);
                Numbering::Ascending
            }
        };
        if self.numbering == Numbering::Useless {
            calls.indices = Vec::new();
        }
    }

    /// Counts an operation that no checker knows.
    fn misfit(&mut self, function: &str, is_transaction: bool, first: (u32, Place)) -> Doing {
        let next = self.calls.misfits.len() as u32;
        let number = *self.misfits.entry((function.into(), is_transaction)).or_insert(next);
        if number == next {
            self.calls.misfits.push(Misfit { function: function.into(), is_transaction, count: 0, first });
        }
        self.calls.misfits[number as usize].count += 1;
        Doing::Misfit(number)
    }

    fn invoke(&mut self, step: &Step, session: u32, at: u32, place: Place) -> Doing {
        let is_transaction = is_transaction(&step.value);
        let Function::Action(action) = step.function else {
            return self.misfit(step.function.name(), is_transaction, (at, place));
        };
        if is_transaction {
            return self.misfit(action.name(), true, (at, place));
        }
        let keyed = *self.keyed.get_or_insert_with(|| is_keyed(action, &step.value));
        let (key, parts) = match &step.value {
            Edn::Vector(parts) if keyed => parts.split_first().unwrap_or((&Edn::Nil, &[])),
            _ if keyed => (&Edn::Nil, &[][..]),
            value => (&Edn::Nil, std::slice::from_ref(value)),
        };
        let key = self.calls.keys.number(key);
        let (value, expected) = match (action, parts) {
            (Action::Read, [_]) => (Calls::NIL, Calls::NIL),
            (Action::Write, [value]) => (self.value(value), Calls::NIL),
            (Action::Cas, [Edn::Vector(change)]) if change.len() == 2 => {
                (self.value(&change[1]), self.value(&change[0]))
            }
            (Action::Cas, [old, new]) => (self.value(new), self.value(old)),
            _ => {
                let expected = match (action, keyed) {
                    (Action::Cas, true) => "a key with the old value and the new one, [k [old new]]",
                    (Action::Cas, false) => "the old value and the new one, [old new], or with keys [k [old new]]",
                    _ => "a key and a value, [k v], as earlier operations have it",
                };
                self.odd(step, place, expected);
                (Calls::NIL, Calls::NIL)
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
        Doing::Call(call)
    }

    /// Notes a value that does not fit.
    fn odd(&mut self, step: &Step, place: Place, expected: impl Into<String>) {
        let (kind, text) = (step.value.kind(), shown(&step.value.to_string()));
        let problem = format!("{kind} {text} as :value of a {}", step.function.name());
        self.odd_value.get_or_insert_with(|| Mistake::new(place, problem, expected));
    }

    fn complete(&mut self, step: &Step, call: u32, at: u32, place: Place) {
        let Call { action, key, .. } = self.calls.list[call as usize];
        let mut ending = match step.kind {
            Type::Ok => Ending::Ok,
            Type::Fail => Ending::Failed,
            Type::Info | Type::Invoke => Ending::Indeterminate,
        };
        if is_transaction(&step.value) {
            self.misfit(action.name(), true, (at, place));
        } else if (action, ending) == (Action::Read, Ending::Ok) {
            let value = match (&step.value, self.keyed) {
                (Edn::Vector(pair), Some(true)) if pair.len() == 2 && pair[0] == *self.calls.key(key) => &pair[1],
                (value, Some(false)) => value,
                _ => {
                    let key = shown(&self.calls.key(key).to_string());
                    self.odd(step, place, format!("the key that was asked for, [{key} v]"));
                    &Edn::Nil
                }
            };
            let value = match value {
                // What a store returns that keeps versions side by side.
                Edn::Set(versions) if versions.len() > 1 => Calls::SEVERAL,
                value => self.value(value),
            };
            if value == Calls::NIL && self.nil_is_unknown {
                ending = Ending::Indeterminate;
            }
            self.calls.list[call as usize].value = value;
        }
        let call = &mut self.calls.list[call as usize];
        call.completed = at;
        call.completed_ns = time(step);
        call.ending = ending;
    }

    fn value(&mut self, value: &Edn) -> u64 {
        match value {
            Edn::Nil => Calls::NIL,
            Edn::Int(int @ 0..) => *int as u64,
            other => OTHERS | u64::from(self.calls.values.number(other)),
        }
    }

    /// The history. What is still open may have had an effect or not.
    ///
    /// # Errors
    /// A value does not fit to what is asked for. Where there are [misfits](Calls::misfits), that is no wonder.
    pub fn finish(self) -> Result<Calls, Mistake> {
        match self.odd_value {
            Some(mistake) if self.misfits.is_empty() => Err(mistake),
            _ => Ok(self.calls),
        }
    }
}

fn time(step: &Step) -> u64 {
    step.time_ns.and_then(|time| u64::try_from(time).ok()).unwrap_or(0)
}

/// Whether values are `[k v]`, to judge by the first operation. With a key, a cas has `[k [old new]]` or `[k old new]`.
fn is_keyed(action: Action, value: &Edn) -> bool {
    let Edn::Vector(parts) = value else { return false };
    match (action, &parts[..]) {
        (Action::Cas, [_, Edn::Vector(change)]) => change.len() == 2,
        (Action::Cas, parts) => parts.len() == 3,
        (_, parts) => parts.len() == 2,
    }
}

/// Whether a value, or what follows its key, is a list of micro-operations such as `[:r 1 nil]`, `[:append 2 5]`.
fn is_transaction(value: &Edn) -> bool {
    let is_micro = |part: &Edn| match part {
        Edn::Vector(parts) => matches!(&parts[..], [Edn::Keyword(name) | Edn::String(name), _, _]
            if matches!(&**name, "r" | "w" | "append" | "read" | "write")),
        _ => false,
    };
    let is_list = |value: &Edn| matches!(value, Edn::Vector(parts) if !parts.is_empty() && parts.iter().all(is_micro));
    is_list(value) || matches!(value, Edn::Vector(pair) if pair.len() == 2 && is_list(&pair[1]))
}
