//! How clients' operations are named in findings.

use kvsim_checkers::describe::Describe;
use kvsim_checkers::history::Ending;
use kvsim_checkers::operations::seconds;
use kvsim_checkers::verdict::TraceLine;

use crate::edn::{Edn, shown};
use crate::jepsen::{Action, Call, Calls};

/// Operations by their places in [`Calls::list`], listed by the indices of their invocations.
impl Describe for Calls {
    fn nouns(&self) -> [&'static str; 2] {
        ["process", "processes"]
    }

    fn session(&self, session: u32) -> String {
        format!("process {}", self.process(session))
    }

    fn number(&self, op: u32) -> u32 {
        self.index(self.call(op).invoked)
    }

    fn writer(&self, write: u32) -> Option<(u32, u64)> {
        Some((self.call(write).session, u64::from(write)))
    }

    fn origin(&self, write: u32) -> String {
        Describe::session(self, self.call(write).session)
    }

    fn view(&self, read: u32) -> String {
        format!("{} saw", Describe::session(self, self.call(read).session))
    }

    /// `x`; where there is only one, `the register`.
    fn key(&self, op: u32) -> String {
        match Calls::key(self, self.call(op).key) {
            Edn::Nil => "the register".to_owned(),
            key => shown(&key.to_string()),
        }
    }

    fn returned(&self, read: u32) -> String {
        let call = self.call(read);
        value(self, if call.action == Action::Cas { call.expected } else { call.value })
    }

    fn written(&self, write: u32) -> String {
        format!("{} ({})", value(self, self.call(write).value), self.name(write))
    }

    /// One line: `process 2 read   #14  "x" -> 5   ok #17 0.104 s`. It stands at the time of the invocation.
    fn line(&self, op: u32) -> TraceLine {
        let call = self.call(op);
        let key = match Calls::key(self, call.key) {
            Edn::Nil => String::new(),
            key => shown(&key.to_string()) + " ",
        };
        let value = |number| value(self, number);
        let what = match (call.action, call.ending) {
            (Action::Read, Ending::Ok) => format!("{key}-> {}", value(call.value)),
            (Action::Read, _) => key,
            (Action::Write, _) => format!("{key}= {}", value(call.value)),
            (Action::Cas, _) => format!("{key}{} => {}", value(call.expected), value(call.value)),
        };
        let ending = match call.ending {
            _ if call.completed == Calls::NEVER => "never completed".to_owned(),
            ending => {
                let word = match ending {
                    Ending::Ok => "ok",
                    Ending::Failed => "fail",
                    Ending::Indeterminate => "info",
                };
                let time =
                    if call.completed_ns > 0 { format!(" {}", seconds(call.completed_ns)) } else { String::new() };
                format!("{word} #{}{time}", self.index(call.completed))
            }
        };
        let (process, action, name) = (Describe::session(self, call.session), call.action.name(), self.name(op));
        TraceLine::new(call.invoked_ns, format!("{process} {action:<5} {name}  {what}   {ending}"))
    }

    fn invoked(&self, op: u32) -> u32 {
        self.call(op).invoked
    }

    fn evidence(&self, op: u32) -> (u64, u64) {
        let call = self.call(op);
        let (place, at_ns) = match call.action {
            Action::Read | Action::Cas if call.completed != Calls::NEVER => (call.completed, call.completed_ns),
            _ => (call.invoked, call.invoked_ns),
        };
        (u64::from(self.index(place)), at_ns)
    }
}

impl Calls {
    /// The operation at a place in [`Calls::list`].
    pub(crate) fn call(&self, op: u32) -> &Call {
        &self.list()[op as usize]
    }
}

fn value(calls: &Calls, number: u64) -> String {
    calls.value(number).map_or_else(|| "several values".to_owned(), |value| shown(&value.to_string()))
}
