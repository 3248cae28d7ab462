//! Whether the values of a scenario fit each other. Each by itself has the right form: [`super::structure`] has seen to that.

mod clients;
mod faults;

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::NodeId;
use kvsim_histories::is_of_group;
use kvsim_sim::quantity::Wrong;
use kvsim_sim::scenario::{Scenario, Writers};
use kvsim_sim::stores::StoreEntry;
use toml::de::DeTable;

use super::Names;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Sources, Span, key_at, value_at};
use crate::judge;

/// What is wrong with `scenario`, which was read from `root`.
pub struct Check<'a> {
    pub scenario: &'a Scenario,
    pub root: &'a DeTable<'a>,
    pub sources: &'a Sources<'a>,
    pub names: &'a Names,
    /// Absent when there is no such store.
    pub store: Option<&'static StoreEntry>,
    /// On how many nodes each key is kept.
    pub holders: u16,
    /// Whether nodes write heartbeats.
    pub beats: bool,
    pub found: Vec<Diagnostic>,
}

/// What is wrong with a group of clients of this name, if no clients have it, and no sessions of the script that a group might have.
pub fn no_group(scenario: &Scenario, group: &str) -> Option<Wrong> {
    let groups: Vec<&str> = scenario.clients.iter().map(|clients| clients.name.as_str()).collect();
    let is_in_script = || scenario.script.sessions.iter().any(|session| is_of_group(&session.name, group));
    let is_known = groups.contains(&group) || is_in_script();
    (!is_known).then(|| Wrong::name("there is no group of clients", group, &groups))
}

impl Check<'_> {
    /// All mistakes.
    pub fn all(mut self) -> Vec<Diagnostic> {
        self.links();
        self.regions();
        self.keys();
        self.clients();
        self.script();
        self.timeouts();
        self.faults();
        for checker in self.scenario.expect.keys().filter(|checker| !self.names.checkers.contains(&checker.as_str())) {
            let wrong = match judge::model_of_group(checker) {
                Some((_, group)) => no_group(self.scenario, group),
                None => Some(Wrong::name("there is no checker", checker, &self.names.checkers)),
            };
            let Some(wrong) = wrong else { continue };
            self.wrong(key_at(self.root, &["expect", checker]), wrong);
        }
        if self.scenario.clients.is_empty() && self.scenario.script.ops.is_empty() && self.found.is_empty() {
            let diagnostic = self.sources.diagnostic(None, "the scenario has no operations".to_owned());
            let help = "add a group of clients, for instance [clients.all], or a [script]";
            self.found.push(diagnostic.help(help));
        }
        self.found
    }

    /// Keeps a mistake.
    pub fn wrong(&mut self, span: Option<Span>, wrong: Wrong) {
        if !Diagnostics::is_enough(&self.found) {
            self.found.push(self.sources.wrong(span, wrong));
        }
    }

    /// Keeps a mistake in the value at `path`.
    pub fn at(&mut self, path: &[&str], message: impl Into<String>, expected: impl Into<String>) {
        self.wrong(self.span(path), Wrong::new(message, expected));
    }

    /// Where the value at `path` is written.
    pub fn span(&self, path: &[&str]) -> Option<Span> {
        value_at(self.root, path).map(|value| value.span().into())
    }

    /// `first at FILE:LINE`.
    fn first_at(&self, span: Option<Span>) -> Option<String> {
        span.map(|span| format!("first at {}", self.sources.place(span)))
    }

    fn links(&mut self) {
        let mut taken: BTreeMap<(NodeId, NodeId), usize> = BTreeMap::new();
        for (number, link) in self.scenario.net.link.iter().enumerate() {
            let path = ["net", "link", &number.to_string()];
            let pairs = link.pairs();
            if pairs.is_empty() {
                self.at(&[&path[..], &["to"]].concat(), "a node has no link to itself", "another node");
            }
            if let Some((pair, first)) = pairs.iter().find_map(|pair| Some((pair, taken.get(pair)?))) {
                let message = format!("the link from {} to {} is given twice", pair.0, pair.1);
                let help = self.first_at(self.span(&["net", "link", &first.to_string()]));
                self.wrong(self.span(&path), Wrong { help, ..Wrong::new(message, "each link once") });
            }
            for pair in pairs {
                taken.entry(pair).or_insert(number);
            }
        }
    }

    fn regions(&mut self) {
        let mut taken = BTreeSet::new();
        let regions = &self.scenario.regions.0;
        for (name, region) in regions {
            if let Some(node) = region.nodes.0.iter().find(|node| !taken.insert(**node)) {
                let message = format!("node `{node}` is in two regions");
                self.at(&["regions", name, "nodes"], message, "each node in one region");
            }
            for to in region.to.keys().filter(|to| *to == name || !regions.contains_key(*to)) {
                let known: Vec<&str> = regions.keys().map(String::as_str).filter(|known| known != name).collect();
                let wrong = match to == name {
                    true => Wrong::new(format!("`{to}` is the region itself"), "another region, or `delay`"),
                    false => Wrong::name("there is no region", to, &known),
                };
                self.wrong(key_at(self.root, &["regions", name, "to", to]), wrong);
            }
        }
    }

    fn keys(&mut self) {
        let keys = &self.scenario.keys;
        if keys.priorities == [0; 4] {
            self.at(&["keys", "priorities"], "no key has a priority", "at least one of P0 to P3 above 0");
        }
        let writing = self.scenario.clients.iter().filter(|group| group.mix.writes());
        let sessions: u64 = writing.map(|group| u64::from(group.sessions)).sum();
        if keys.writers == Writers::One && sessions > u64::from(keys.count) {
            let message = format!("{} keys are too few for {sessions} sessions that write", keys.count);
            let expected = format!("keys.count of at least {sessions}, as each session writes keys of its own");
            let place = self.span(&["keys", "count"]).or(self.span(&["keys", "writers"]));
            self.wrong(place, Wrong::new(message, expected));
        }
    }
}
