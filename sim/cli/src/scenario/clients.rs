//! Client groups and scripted sessions.

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Action, NodeId};
use kvsim_sim::scenario::{ClientGroup, Mix, Pace, ScriptOp, ScriptSession};

use super::raw::{Clients, ScenarioFile, ScriptedOp};
use super::source::{At, Span};
use super::units::{self, Wrong};
use super::validate::Validator;
use crate::text::shown;

/// Size of a scripted value that does not say its own.
pub const SCRIPTED_BYTES: u32 = 8;

/// The most sessions of all groups together.
const SESSIONS_MAX: u64 = 100_000;

impl Validator<'_> {
    /// The groups, in the order of the file.
    pub(super) fn clients(&mut self, file: &ScenarioFile) -> Vec<ClientGroup> {
        let mut groups: Vec<(&At<String>, &At<Clients>)> = file.clients.iter().collect();
        groups.sort_by_key(|(_, group)| group.span);
        let mut sessions = 0;
        for (_, group) in &groups {
            sessions += u64::from(group.value.sessions.value);
            if sessions > SESSIONS_MAX {
                let message = "there are too many sessions";
                self.wrong(group.value.sessions.span.or(group.span), message, format!("at most {SESSIONS_MAX} in all"));
                break;
            }
        }
        groups.into_iter().map(|(name, group)| self.group(name, group)).collect()
    }

    fn group(&mut self, name: &At<String>, table: &At<Clients>) -> ClientGroup {
        let group = &table.value;
        self.session_name(name, "client group");
        let mix = &group.mix.value;
        if mix.read == 0 && mix.write == 0 && mix.delete == 0 {
            self.wrong(group.mix.span, "the mix has no operations", "at least one of read, write and delete above 0");
        }
        let at = group.at.as_ref().map(|nodes| self.nodes(nodes)).unwrap_or_default();
        let moves_ns = self.given(&group.moves, units::positive_duration);
        let places = if at.is_empty() { usize::from(self.replicas) } else { at.len() };
        if let Some(moves) = &group.moves
            && places < 2
        {
            self.wrong(moves.span, "there is no other node to move to", "at least two nodes in `at`, or no `moves`");
        }
        ClientGroup {
            name: name.value.clone(),
            sessions: group.sessions.value,
            at,
            moves_ns,
            pace: self.pace(group),
            mix: Mix { read: mix.read, write: mix.write, delete: mix.delete },
            value_bytes: self.text(&group.value, units::size_range).unwrap_or((0, 0)),
            level: self.level(&group.level, name.span.or(table.span)),
            quorum: self.quorum(&group.quorum),
            context: group.context,
            timeout_ns: self.text(&group.timeout, units::positive_duration).unwrap_or(1),
        }
    }

    fn pace(&mut self, group: &Clients) -> Pace {
        const THINK_DEFAULT_NS: u64 = 10_000_000;
        let thinks = |mean_ns| Pace::Think { mean_ns };
        match (&group.rate, &group.think) {
            (Some(rate), Some(think)) => {
                // The one that was written later is the slip, or the override.
                let later = rate.span.max(think.span);
                self.wrong(later, "a group has either a rate or a think time", "only one of `rate` and `think`");
                thinks(THINK_DEFAULT_NS)
            }
            (Some(rate), None) => match self.text(rate, units::rate) {
                Some(every_ns) => Pace::Rate { every_ns },
                None => thinks(THINK_DEFAULT_NS),
            },
            // Without any time to think a session would never stop asking.
            (None, Some(think)) => thinks(self.text(think, units::positive_duration).unwrap_or(THINK_DEFAULT_NS)),
            (None, None) => thinks(THINK_DEFAULT_NS),
        }
    }

    /// Names of sessions appear in tables and file names.
    fn session_name(&mut self, name: &At<String>, what: &str) {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.value.is_empty() || name.value.len() > 64 || !name.value.chars().all(plain) {
            let message = format!("`{}` is not a name for a {what}", shown(&name.value));
            self.wrong(name.span, message, "1 to 64 letters, digits, `-` and `_`");
        }
    }

    /// With heartbeats, names such as `heartbeat-n0` belong to the store.
    fn not_a_heartbeat(&mut self, name: &At<String>) {
        if self.beats && name.value.starts_with("heartbeat-n") {
            let message = format!("`{}` belongs to the heartbeats of the store", shown(&name.value));
            self.wrong(name.span, message, "another name");
        }
    }

    /// The scripted sessions, in the order of the file, each with its operations in the order of time.
    pub(super) fn script(&mut self, file: &ScenarioFile) -> Vec<ScriptSession> {
        let script = &file.script;
        let mut listed: Vec<_> = script.sessions.iter().collect();
        listed.sort_by_key(|(_, session)| session.span);
        let mut sessions = Vec::with_capacity(listed.len());
        let groups = file.clients.iter().map(|(name, group)| (name.value.as_str(), group.value.sessions.value));
        let groups: BTreeMap<&str, u32> = groups.collect();
        for (name, at) in listed {
            let session = &at.value;
            self.session_name(name, "session");
            self.not_of_a_group(name, &groups);
            self.not_a_heartbeat(name);
            sessions.push(ScriptSession {
                name: name.value.clone(),
                node: self.node(session.at.value.as_ref(), session.at.span).unwrap_or(NodeId(0)),
                level: self.level(&session.level, name.span),
                quorum: self.quorum(&session.quorum),
                context: session.context,
                timeout_ns: self.text(&session.timeout, units::positive_duration).unwrap_or(1),
                ops: Vec::new(),
            });
        }
        let numbers: BTreeMap<String, usize> =
            sessions.iter().enumerate().map(|(number, session)| (session.name.clone(), number)).collect();
        let mut values = BTreeMap::new();
        for at in &script.ops {
            let op = self.op(at, &mut values);
            match numbers.get(&at.value.by.value) {
                Some(number) => sessions[*number].ops.extend(op),
                None => self.unknown_session(&at.value.by, &numbers),
            }
        }
        for session in &mut sessions {
            session.ops.sort_by_key(|op| op.at_ns);
        }
        sessions
    }

    fn unknown_session(&mut self, by: &At<String>, numbers: &BTreeMap<String, usize>) {
        if numbers.is_empty() {
            let message = format!("there is no session `{}`", shown(&by.value));
            let wrong = Wrong::new(message, "a session of [script.sessions], which has none");
            let help = format!("add it under [script.sessions]: {} = {{ at = \"n0\" }}", shown(&by.value));
            self.check::<()>(by.span, Err(wrong.help(help)));
        } else {
            let known: Vec<&str> = numbers.keys().map(String::as_str).take(20).collect();
            self.wrong_name(by.span, "there is no session", &by.value, &known);
        }
    }

    /// Group `panel` has sessions `panel-0`, `panel-1` and so on; `groups` are the groups' sizes.
    fn not_of_a_group(&mut self, name: &At<String>, groups: &BTreeMap<&str, u32>) {
        let Some((group, number)) = name.value.rsplit_once('-') else { return };
        let number = number.parse::<u32>().ok().filter(|parsed| parsed.to_string() == number);
        if number.is_some_and(|number| groups.get(group).is_some_and(|sessions| number < *sessions)) {
            let message = format!("session `{}` is there already", shown(&name.value));
            self.wrong(name.span, message, format!("another name: client group `{}` has one so called", shown(group)));
        }
    }

    /// `values` are those of earlier operations, with their places.
    fn op(&mut self, at: &At<ScriptedOp>, values: &mut BTreeMap<u64, Option<Span>>) -> Option<ScriptOp> {
        let op = &at.value;
        let at_ns = self.text(&op.at, units::duration);
        if at_ns.is_some_and(|at_ns| at_ns >= self.duration_ns) {
            self.wrong(op.at.span, "the operation begins after the workload", "a time before `duration`");
        }
        let choices = [(Action::Read, &op.read), (Action::Write, &op.write), (Action::Delete, &op.delete)];
        let given: Vec<(Action, &At<String>)> =
            choices.into_iter().filter_map(|(action, key)| Some((action, key.as_ref()?))).collect();
        let &[(action, key)] = given.as_slice() else {
            let (span, message) = match given.iter().map(|(_, key)| key.span).max() {
                None => (at.span, "the operation does nothing"),
                Some(span) => (span, "the operation does several things"),
            };
            self.wrong(span, message, "exactly one of `read`, `write` and `delete`");
            return None;
        };
        if key.value.is_empty() || key.value.chars().any(char::is_control) {
            self.wrong(key.span, "this is not a key's name", "at least one character and no control characters");
        }
        self.not_a_heartbeat(key);
        let value = op.value.as_ref();
        if let Some(value) = value {
            if action == Action::Read {
                self.wrong(value.span, "a read has no value", "no `value`");
            } else if let Some(first) = values.insert(value.value, value.span) {
                let wrong = Wrong::new(format!("value {} is written twice", value.value), "a value of its own");
                let help = first.map(|first| format!("first at {}", self.sources.place(first)));
                self.check::<()>(value.span, Err(Wrong { help, ..wrong }));
            }
        }
        let node = op.node.as_ref().and_then(|node| self.node(node.value.as_ref(), node.span));
        let size = op.size.as_ref();
        if let Some(size) = size.filter(|_| action != Action::Write) {
            self.wrong(size.span, "only a write has a size", "no `size`");
        }
        let bytes = size.and_then(|size| self.text(size, units::size)).unwrap_or(SCRIPTED_BYTES);
        Some(ScriptOp {
            at_ns: at_ns?,
            action,
            key: key.value.clone(),
            value: value.map(|value| value.value),
            bytes,
            node,
        })
    }
}
