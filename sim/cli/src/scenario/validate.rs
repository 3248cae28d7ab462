//! Gives the values of a scenario file their meaning and checks them against each other.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::Verdict;
use kvsim_checkers::trace::{Level, NodeId};
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{DiskPlan, LinkOverride, LinkPlan};
use kvsim_sim::scenario::{Keys, Scenario, Settle, Writers};
use kvsim_sim::stores::StoreEntry;

use super::Names;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::quantity::{Nodes, Seed};
use super::raw::{self, ExpectedVerdict, ScenarioFile, WritersText};
use super::source::{At, Sources, Span};
use super::store::Places;
use super::units::{self, Wrong};
use crate::text::{nearest, printable, shown};

/// The scenario that `file` describes, or everything that is wrong with it.
pub fn scenario(
    name: String,
    file: &ScenarioFile,
    sources: &Sources<'_>,
    places: &Places,
    names: &Names,
) -> Result<Scenario, Vec<Diagnostic>> {
    let replicas = file.replicas.value;
    let store = names.stores.iter().find(|store| store.name == file.store.name);
    // Where a value is wrong, a stand-in that causes no further complaints takes its place.
    let mut validator = Validator {
        sources,
        names,
        store,
        replicas,
        holders: replicas,
        levels: Vec::new(),
        duration_ns: u64::MAX,
        beats: false,
        found: Vec::new(),
    };
    if let Some(duration_ns) = validator.text(&file.duration, units::positive_duration) {
        validator.duration_ns = duration_ns;
    }
    let seed = match &file.seed.value {
        Seed::Number(seed) => *seed,
        Seed::Text(text) => validator.check(file.seed.span, units::seed(text)).unwrap_or(1),
    };
    let settle = validator.settle(file);
    let store = validator.store(&file.store, places);
    let profile = store.profile(replicas);
    (validator.holders, validator.beats) = (profile.copies, profile.heartbeat_ns.is_some());
    let disk = validator.disk(&file.disk);
    let net = validator.net(&file.net);
    let links = validator.links(&file.net, &net);
    let keys = validator.keys(file);
    let clients = validator.clients(file);
    let script = validator.script(file);
    let store = validator.fitted(store, places);
    let faults = validator.faults(file);
    let expect = validator.expect(&file.expect);
    if clients.is_empty() && script.iter().all(|session| session.ops.is_empty()) && validator.found.is_empty() {
        let diagnostic = sources.diagnostic(None, "nobody asks the store for anything".to_owned());
        validator.report(diagnostic.help("add a group of clients, for instance [clients.all], or a [script]"));
    }
    if !validator.found.is_empty() {
        return Err(validator.found);
    }
    let duration_ns = validator.duration_ns;
    Ok(Scenario {
        name,
        title: file.title.as_deref().map(printable).unwrap_or_default(),
        seed,
        replicas,
        duration_ns,
        settle,
        store,
        disk,
        net,
        links,
        keys,
        clients,
        script,
        faults,
        expect,
    })
}

/// What is known of a scenario while its parts are read, and what is wrong with it.
pub(super) struct Validator<'a> {
    pub sources: &'a Sources<'a>,
    pub names: &'a Names,
    /// Absent when there is no such store.
    pub store: Option<&'static StoreEntry>,
    pub replicas: u16,
    /// On how many nodes each key is kept.
    pub holders: u16,
    /// The levels at which sessions read, each with the place of the first that does.
    pub levels: Vec<(Level, Option<Span>)>,
    pub duration_ns: u64,
    /// There are heartbeats.
    pub beats: bool,
    pub found: Vec<Diagnostic>,
}

impl Validator<'_> {
    /// Keeps a mistake.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if !Diagnostics::is_enough(&self.found) {
            self.found.push(diagnostic);
        }
    }

    /// The value, or absent when it is wrong, which is kept.
    pub fn check<T>(&mut self, span: Option<Span>, result: Result<T, Wrong>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(wrong) => {
                if !Diagnostics::is_enough(&self.found) {
                    let expected = format!("expected {}", wrong.expected);
                    let diagnostic = self.sources.diagnostic(span, wrong.message).expected(expected);
                    self.report(match wrong.help {
                        Some(help) => diagnostic.help(help),
                        None => diagnostic,
                    });
                }
                None
            }
        }
    }

    /// Keeps a mistake at `span`.
    pub fn wrong(&mut self, span: Option<Span>, message: impl Into<String>, expected: impl Into<String>) {
        self.check::<()>(span, Err(Wrong::new(message, expected)));
    }

    /// Keeps a wrong name at `span`, with the nearest right one; `lead` is the message but for the name.
    pub fn wrong_name(&mut self, span: Option<Span>, lead: &str, name: &str, known: &[&str]) {
        self.check::<()>(span, Err(Wrong::name(lead, name, known)));
    }

    /// Reads a string that has a form.
    pub fn text<T: AsRef<str>, U>(&mut self, at: &At<T>, read: impl Fn(&str) -> Result<U, Wrong>) -> Option<U> {
        self.check(at.span, read(at.value.as_ref()))
    }

    /// Reads a string that has a form, if there is one.
    pub fn given<T: AsRef<str>, U>(
        &mut self,
        at: &Option<At<T>>,
        read: impl Fn(&str) -> Result<U, Wrong>,
    ) -> Option<U> {
        at.as_ref().and_then(|at| self.text(at, read))
    }

    /// The node with this name.
    pub fn node(&mut self, name: &str, span: Option<Span>) -> Option<NodeId> {
        let digits = name.strip_prefix('n').filter(|digits| *digits == "0" || !digits.starts_with(['0', '+']));
        let node = digits.and_then(|digits| digits.parse().ok()).filter(|node| *node < self.replicas).map(NodeId);
        if node.is_none() {
            let expected = match self.replicas {
                1 => "n0, the only replica".to_owned(),
                replicas => format!("n0 to n{}, as there are {replicas} replicas", replicas - 1),
            };
            let wrong = Wrong::new(format!("there is no node `{}`", shown(name)), expected);
            let number = name.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u16>().ok();
            self.check::<()>(
                span,
                Err(match number.filter(|number| *number < self.replicas) {
                    Some(number) => wrong.help(format!("did you mean `n{number}`?")),
                    None => wrong,
                }),
            );
        }
        node
    }

    /// The nodes of a list: at least one, each once.
    pub fn nodes(&mut self, list: &At<Nodes>) -> Vec<NodeId> {
        let names = list.value.0.iter().map(|name| (name.value.as_ref(), name.span.or(list.span)));
        self.distinct(names, list.span, &mut BTreeSet::new())
    }

    /// The nodes with these names: at least one, none of them among `taken` yet.
    pub fn distinct<'n>(
        &mut self,
        names: impl Iterator<Item = (&'n str, Option<Span>)>,
        list: Option<Span>,
        taken: &mut BTreeSet<NodeId>,
    ) -> Vec<NodeId> {
        let mut nodes = Vec::new();
        let mut empty = true;
        for (name, span) in names {
            empty = false;
            if let Some(node) = self.node(name, span) {
                match taken.insert(node) {
                    true => nodes.push(node),
                    false => self.wrong(span, format!("node `{}` is named twice", shown(name)), "each node once"),
                }
            }
        }
        if empty {
            self.wrong(list, "the list is empty", "at least one node");
        }
        nodes
    }

    /// The level with this name; `owner` is the place to point at when the level is a default.
    pub fn level(&mut self, level: &At<String>, owner: Option<Span>) -> Level {
        let name = level.value.as_str();
        let span = level.span.or(owner);
        // The unknown store is complained about elsewhere.
        let Some(store) = self.store else { return Level::Eventual };
        let Some(level) = store.levels.iter().find(|level| level.name() == name) else {
            let levels: Vec<&str> = store.levels.iter().map(Level::name).collect();
            self.wrong_name(span, &format!("store {} has no level", store.name), name, &levels);
            return Level::Eventual;
        };
        if self.levels.iter().all(|(other, _)| *other != level) {
            self.levels.push((level, span));
        }
        level
    }

    /// A quorum that can be had.
    pub fn quorum(&mut self, quorum: &At<u16>) -> u16 {
        if quorum.value > self.holders {
            let message = match self.holders == self.replicas {
                true => format!("a quorum of {} is more than there are replicas", quorum.value),
                false => format!("a quorum of {} is more than the nodes that keep a key", quorum.value),
            };
            self.wrong(quorum.span, message, format!("at most {}", self.holders));
        }
        quorum.value
    }

    fn settle(&mut self, file: &ScenarioFile) -> Settle {
        let read = |text: &str| match text {
            "auto" => Ok(Settle::Auto),
            "off" => Ok(Settle::Off),
            text => units::positive_duration(text).map(Settle::For).map_err(|wrong| Wrong {
                expected: "\"auto\", \"off\" or a duration such as \"5s\"".to_owned(),
                help: wrong
                    .help
                    .or_else(|| nearest(text, ["auto", "off"]).map(|near| format!("did you mean \"{near}\"?"))),
                ..wrong
            }),
        };
        self.text(&file.settle, read).unwrap_or(Settle::Auto)
    }

    fn disk(&mut self, disk: &raw::Disk) -> DiskPlan {
        let always_or_duration = |text: &str| match text {
            "always" => Ok(None),
            text => units::positive_duration(text)
                .map(Some)
                .map_err(|wrong| Wrong { expected: format!("{}, or \"always\"", wrong.expected), ..wrong }),
        };
        DiskPlan {
            write_ns: self.text(&disk.write, units::duration).unwrap_or(0),
            sync_ns: self.text(&disk.sync, always_or_duration).flatten(),
        }
    }

    fn net(&mut self, net: &raw::Net) -> LinkPlan {
        LinkPlan {
            delay: self.text(&net.delay, units::delay).unwrap_or(Delay::Constant(0)),
            loss: self.text(&net.loss, units::share).unwrap_or(Ratio::ZERO),
            duplicate: self.text(&net.duplicate, units::share).unwrap_or(Ratio::ZERO),
            bytes_per_s: self.text(&net.bandwidth, units::bandwidth).flatten(),
        }
    }

    fn links(&mut self, net: &raw::Net, usual: &LinkPlan) -> Vec<LinkOverride> {
        let mut links = Vec::new();
        let mut taken: BTreeMap<(NodeId, NodeId), Option<Span>> = BTreeMap::new();
        for at in &net.link {
            let link = &at.value;
            let plan = LinkPlan {
                delay: self.given(&link.delay, units::delay).unwrap_or_else(|| usual.delay.clone()),
                loss: self.given(&link.loss, units::share).unwrap_or(usual.loss),
                duplicate: self.given(&link.duplicate, units::share).unwrap_or(usual.duplicate),
                bytes_per_s: self.given(&link.bandwidth, units::bandwidth).unwrap_or(usual.bytes_per_s),
            };
            let (from, to) = (self.nodes(&link.from), self.nodes(&link.to));
            let directions = if link.both_ways { &[(&from, &to), (&to, &from)][..] } else { &[(&from, &to)] };
            let pairs =
                directions.iter().flat_map(|(from, to)| from.iter().flat_map(|from| to.iter().map(|to| (*from, *to))));
            let before = links.len();
            for (from, to) in pairs.filter(|(from, to)| from != to) {
                match taken.get(&(from, to)) {
                    None => {
                        taken.insert((from, to), at.span);
                        links.push(LinkOverride { from, to, link: plan.clone() });
                    }
                    // Both ways may name a link twice.
                    Some(first) if *first == at.span => {}
                    Some(first) => {
                        let help = first.map(|first| format!("first at {}", self.sources.place(first)));
                        let message = format!("the link from {from} to {to} is given twice");
                        self.check::<()>(at.span, Err(Wrong { help, ..Wrong::new(message, "each link once") }));
                        break;
                    }
                }
            }
            if links.len() == before && from.len() == 1 && from == to {
                self.wrong(link.to.span, "a node has no link to itself", "another node");
            }
        }
        links
    }

    fn keys(&mut self, file: &ScenarioFile) -> Keys {
        let keys = &file.keys;
        let counts = &keys.priorities.value;
        let priorities = [counts.p0, counts.p1, counts.p2, counts.p3];
        if priorities == [0; 4] {
            self.wrong(keys.priorities.span, "no key has a priority", "at least one of P0 to P3 above 0");
        }
        let writers = match keys.writers.value {
            WritersText::Many => Writers::Many,
            WritersText::One => Writers::One,
        };
        let writing = |group: &&At<raw::Clients>| group.value.mix.value.write > 0 || group.value.mix.value.delete > 0;
        let sessions = file.clients.values().filter(writing).map(|group| u64::from(group.value.sessions.value));
        let sessions: u64 = sessions.sum();
        if writers == Writers::One && sessions > u64::from(keys.count.value) {
            let message = format!("{} keys are too few for {sessions} sessions that write", keys.count.value);
            let expected = format!("keys.count of at least {sessions}, as each session writes keys of its own");
            self.wrong(keys.count.span.or(keys.writers.span), message, expected);
        }
        Keys {
            count: keys.count.value,
            choice: self.text(&keys.choice, units::choice).unwrap_or(kvsim_sim::scenario::KeyChoice::Uniform),
            writers,
            priorities,
        }
    }

    fn expect(&mut self, expect: &BTreeMap<At<String>, At<ExpectedVerdict>>) -> BTreeMap<String, Verdict> {
        let mut verdicts = BTreeMap::new();
        for (checker, verdict) in expect {
            if !self.names.checkers.contains(&checker.value.as_str()) {
                let known = &self.names.checkers;
                self.wrong_name(checker.span, "there is no checker", &checker.value, known);
            }
            let verdict = match verdict.value {
                ExpectedVerdict::Holds => Verdict::Holds,
                ExpectedVerdict::Violated => Verdict::Violated,
                ExpectedVerdict::Unknown => Verdict::Unknown,
            };
            verdicts.insert(checker.value.clone(), verdict);
        }
        verdicts
    }
}
