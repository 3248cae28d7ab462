//! Client groups and scripted sessions.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;
use kvsim_sim::net::Delay;
use kvsim_sim::quantity::{Duration, Wrong, shown};
use kvsim_sim::scenario::{OpChoice, ScriptOp, Writers};

use super::Check;
use crate::scenario::source::{Span, key_at};

/// The most sessions of all groups together.
const SESSIONS_MAX: u64 = 100_000;

impl Check<'_> {
    pub(super) fn clients(&mut self) {
        let mut sessions = 0;
        for group in &self.scenario.clients {
            let path = |field: &'static str| ["clients", &group.name, field];
            let was = sessions;
            sessions += u64::from(group.sessions);
            if (was + 1..=sessions).contains(&(SESSIONS_MAX + 1)) {
                let place = self.span(&path("sessions")).or(self.span(&path("")[..2]));
                let expected = format!("at most {SESSIONS_MAX} in all");
                self.wrong(place, Wrong::new("there are too many sessions", expected));
            }
            self.session_name(&path("")[..2], "client group");
            if group.mix.read == 0 && !group.mix.writes() {
                let expected = "at least one of read, write and delete above 0";
                self.at(&path("mix"), "the mix has no operations", expected);
            }
            let of_priority = group.priority.map_or(1, |own| self.scenario.keys.priorities[own as usize]);
            if of_priority == 0 {
                let expected = "a priority that has a number above 0 in [keys.priorities]";
                self.at(&path("priority"), "there are no keys of this priority", expected);
            } else if group.priority.is_some() && group.mix.writes() && self.scenario.keys.writers == Writers::One {
                let expected = "keys.writers = \"many\", or no `priority`";
                self.at(&path("priority"), "each session writes keys of its own, of any priority", expected);
            }
            self.place(&path("")[..2], group.region.as_ref(), group.at.is_some());
            let of_region = group.region.as_ref().and_then(|name| self.scenario.regions.0.get(name));
            let at = group.at.as_ref().or(of_region.map(|region| &region.nodes));
            let places = at.map_or(usize::from(self.scenario.replicas), |at| at.0.len());
            if group.moves.is_some() && places < 2 {
                let expected = "at least two nodes in `at`, or no `moves`";
                self.at(&path("moves"), "there is no other node to move to", expected);
            }
            self.quorum(group.quorum, &path("quorum"));
        }
    }

    /// A region that is there, with nodes if none are given.
    fn place(&mut self, path: &[&str], region: Option<&String>, has_nodes: bool) {
        let regions = &self.scenario.regions.0;
        let Some(name) = region else { return };
        let wrong = match regions.get(name) {
            Some(region) if has_nodes || !region.nodes.0.is_empty() => return,
            Some(_) => Wrong::new(format!("region `{}` has no nodes", shown(name)), "a region with nodes, or `at`"),
            None if regions.is_empty() => {
                Wrong::new(format!("there is no region `{}`", shown(name)), "a table [regions]")
                    .help(format!("add {} = {{ nodes = [\"n0\"], delay = \"1ms\" }} below [regions]", shown(name)))
            }
            None => {
                let known: Vec<&str> = regions.keys().map(String::as_str).collect();
                Wrong::name("there is no region", name, &known)
            }
        };
        self.wrong(self.span(&[path, &["region"]].concat()), wrong);
    }

    /// A session must be able to hear an answer before it gives up.
    pub(super) fn timeouts(&mut self) {
        let regions = &self.scenario.regions;
        let usual = &self.scenario.net.usual.delay;
        let longest = |region: &Option<String>, latency: &Option<Delay>, nodes: &[NodeId]| {
            let of_node = |node: &NodeId| {
                let of_region = || {
                    let here = region.as_ref()?;
                    Some(regions.of(*node).and_then(|there| regions.delay(here, there)).unwrap_or(usual))
                };
                latency.as_ref().or_else(of_region).map(Delay::longest_ns)
            };
            nodes.iter().filter_map(of_node).max()
        };
        let mut waits = Vec::new();
        for group in &self.scenario.clients {
            let nodes = kvsim_sim::lower::places(self.scenario, group);
            waits.push((
                ["clients", &group.name].to_vec(),
                longest(&group.region, &group.latency, &nodes),
                group.timeout,
            ));
        }
        for session in &self.scenario.script.sessions {
            let ops = self.scenario.script.ops.iter().filter(|op| op.by == session.name);
            let nodes: Vec<NodeId> = ops.map(|op| op.node.unwrap_or(session.at).0).collect();
            let path = ["script", "sessions", &session.name].to_vec();
            waits.push((path, longest(&session.region, &session.latency, &nodes), session.timeout));
        }
        let short = waits.into_iter().filter_map(|(path, longest, timeout)| {
            let round_ns = longest?.saturating_mul(2);
            (timeout.ns() <= round_ns).then_some((path, round_ns, timeout))
        });
        for (path, round_ns, timeout) in short.collect::<Vec<_>>() {
            let field = |name| self.span(&[&path[..], &[name]].concat());
            let place = field("timeout").or_else(|| field("latency")).or_else(|| field("region"));
            let round = Duration(round_ns.div_ceil(1_000_000) * 1_000_000);
            let message =
                format!("a request and its answer may be under way for {round}, and the session waits {timeout}");
            self.wrong(place, Wrong::new(message, format!("a timeout above {round}, or a shorter latency")));
        }
    }

    /// Names of sessions appear in tables and file names.
    fn session_name(&mut self, path: &[&str], what: &str) {
        let name = path.last().copied().unwrap_or_default();
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if name.is_empty() || name.len() > 64 || !name.chars().all(plain) {
            let message = format!("`{}` is not a name for a {what}", shown(name));
            self.wrong(key_at(self.root, path), Wrong::new(message, "1 to 64 letters, digits, `-` and `_`"));
        }
    }

    /// A quorum that can be had.
    fn quorum(&mut self, quorum: u16, path: &[&str]) {
        if let Some(store) = self.store.filter(|store| quorum > 1 && !store.quorum_reads) {
            let wrong = Wrong::new(format!("store {} has no quorum reads", store.name), "a quorum of 1");
            return self.wrong(self.span(path), wrong.help("or choose another store (kvsim list stores)"));
        }
        if quorum > self.holders {
            let of =
                if self.holders == self.scenario.replicas { "there are replicas" } else { "the nodes that keep a key" };
            let expected = format!("at most {}", self.holders);
            self.at(path, format!("a quorum of {quorum} is more than {of}"), expected);
        }
    }

    /// With heartbeats, names such as `heartbeat-n0` belong to the store.
    fn not_a_heartbeat(&mut self, name: &str, place: Option<Span>) {
        if self.beats && name.starts_with("heartbeat-n") {
            let message = format!("`{}` belongs to the heartbeats of the store", shown(name));
            self.wrong(place, Wrong::new(message, "another name"));
        }
    }

    pub(super) fn script(&mut self) {
        let script = &self.scenario.script;
        for session in &script.sessions {
            let path = ["script", "sessions", &session.name];
            self.session_name(&path, "session");
            self.not_of_a_group(&session.name, &path);
            self.not_a_heartbeat(&session.name, key_at(self.root, &path));
            self.place(&path, session.region.as_ref(), true);
            self.quorum(session.quorum, &[&path[..], &["quorum"]].concat());
        }
        let mut values = BTreeMap::new();
        for (number, op) in script.ops.iter().enumerate() {
            self.op(op, &number.to_string(), &mut values);
        }
    }

    /// Group `panel` has sessions `panel-0`, `panel-1` and so on.
    fn not_of_a_group(&mut self, name: &str, path: &[&str]) {
        let Some((group, number)) = name.rsplit_once('-') else { return };
        let number = number.parse::<u32>().ok().filter(|parsed| parsed.to_string() == number);
        let is_there =
            |number| self.scenario.clients.iter().any(|other| other.name == group && number < other.sessions);
        if number.is_some_and(is_there) {
            let expected = format!("another name: client group `{}` has one of this name", shown(group));
            let message = format!("session `{}` is there already", shown(name));
            self.wrong(key_at(self.root, path), Wrong::new(message, expected));
        }
    }

    /// `values` are those of earlier operations, with their places.
    fn op(&mut self, op: &ScriptOp, number: &str, values: &mut BTreeMap<u64, Option<Span>>) {
        let path = |field: &'static str| ["script", "ops", number, field];
        if op.at >= self.scenario.duration {
            self.at(&path("at"), "the operation begins after the workload", "a time before `duration`");
        }
        let known: Vec<&str> = self.scenario.script.sessions.iter().map(|session| session.name.as_str()).collect();
        if known.is_empty() {
            let by = shown(&op.by);
            let wrong =
                Wrong::new(format!("there is no session `{by}`"), "a session of [script.sessions], which has none");
            let help = format!("add it under [script.sessions]: {by} = {{ at = \"n0\" }}");
            self.wrong(self.span(&path("by")), wrong.help(help));
        } else if !known.contains(&op.by.as_str()) {
            let mut known: Vec<&str> = known.into_iter().take(20).collect();
            known.sort_unstable();
            self.wrong(self.span(&path("by")), Wrong::name("there is no session", &op.by, &known));
        }
        let key = match &op.choice {
            OpChoice::Read { read } => (read, path("read")),
            OpChoice::Write { write, .. } => (write, path("write")),
            OpChoice::Delete { delete, .. } => (delete, path("delete")),
        };
        if key.0.is_empty() || key.0.chars().any(char::is_control) {
            self.at(&key.1, "this is not a key's name", "at least one character and no control characters");
        }
        self.not_a_heartbeat(key.0, self.span(&key.1));
        if let Some(value) = op.choice.value() {
            let place = self.span(&path("value"));
            if let Some(first) = values.insert(value, place) {
                let help = self.first_at(first);
                let wrong = Wrong::new(format!("value {value} is written twice"), "a value of its own");
                self.wrong(place, Wrong { help, ..wrong });
            }
        }
        if op.choice.bytes() > u64::from(u32::MAX) {
            self.at(&path("size"), "the value is larger than 4 GiB", "less than \"4GiB\"");
        }
    }
}
