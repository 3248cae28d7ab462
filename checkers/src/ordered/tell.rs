//! Findings about ordered levels, told.

use super::reads::{ReadBreach, Wrong};
use super::tables::Tables;
use super::walk::{Breach, Kind};
use crate::convergence::history::{History, nodes, verb};
use crate::convergence::journey::journey;
use crate::operations::seconds;
use crate::trace::{Level, Levels, Node, What};
use crate::verdict::{Finding, StoryLine};

/// The property that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Order,
    Stability,
    Promptness,
    Liveness,
}

/// A breach, told as one of `broken`.
pub(super) fn breach(
    history: &History<'_>,
    tables: &Tables,
    breach: &Breach,
    broken: Broken,
    code: &'static str,
) -> Finding {
    let teller = Teller { history, tables, node: breach.node, levels: breach.levels };
    let Breach { node, write, late, from, until, .. } = *breach;
    let at_ns = |place: usize| history.event(place).at_ns;
    let levels = teller.levels();
    let (this, other) = (history.title(write), history.title(late));
    let mut story = teller.described([write, late]);
    let mut told_at = from;
    let passed = breach.passed.map(|place| (place.max(from), teller.later(late, place)));
    let title = match (broken, breach.kind) {
        (_, Kind::Early) => {
            let why = teller.why_not(write, breach.missing);
            story.extend(breach.missing.into_iter().flat_map(|missing| teller.absent(missing, from)));
            story.push(StoryLine { at_ns: at_ns(from), text: format!("n{node} shows {this}") });
            format!("order: n{node} shows {this} at {levels} {why}")
        }
        (Broken::Order, _) | (_, Kind::Skipped) => {
            let (place, later) = passed.unwrap_or((from, None));
            told_at = place;
            let mut shown_at = place;
            if breach.kind == Kind::Skipped {
                shown_at = breach.passed.unwrap_or(place);
                let text = format!("{other}, which seemed to be lost with every disk, is there after all");
                story.push(StoryLine { at_ns: at_ns(from), text });
            }
            let later = later.map_or_else(|| "a later write".to_owned(), |later| history.title(later));
            story.push(StoryLine { at_ns: at_ns(shown_at), text: format!("n{node} shows {later}") });
            format!("order: n{node} shows {later} at {levels}, but does not reflect the earlier {other}")
        }
        (_, Kind::Unreflected) => {
            story.extend(teller.announced(write, from));
            if write == late {
                format!("stability: n{node} no longer shows {this} at {levels}, though nothing had overwritten it")
            } else {
                format!("stability: n{node} shows {this} at {levels} again, though {other} had overwritten it")
            }
        }
        (_, Kind::Late) => {
            story.push(teller.ready(late, from));
            let still = if write == late { String::new() } else { format!(", and shows {this} instead") };
            match until {
                None => format!(
                    "priority inversion (liveness): n{node} never reflects {other} at {levels}, though all that it \
                     needs has arrived{still}"
                ),
                Some(end)
                    if history.event(end).node == node && matches!(history.event(end).what, What::Down { .. }) =>
                {
                    format!(
                        "priority inversion (promptness): n{node} goes down without having reflected {other} at \
                         {levels}, though all that it needs had arrived {} before{still}",
                        seconds(at_ns(end) - at_ns(from))
                    )
                }
                Some(end) => format!(
                    "priority inversion (promptness): n{node} reflects {other} at {levels} only {} after all that it \
                     needs has arrived{still}",
                    seconds(at_ns(end) - at_ns(from))
                ),
            }
        }
    };
    if breach.kind != Kind::Early {
        let (at_ns, text) = match until {
            Some(end) if matches!(history.event(end).what, What::Down { .. }) && history.event(end).node == node => {
                (at_ns(end), format!("n{node} goes down"))
            }
            Some(end) => (at_ns(end), format!("n{node} is right again")),
            None => (history.header().end_ns, "it is still so at the end".to_owned()),
        };
        story.push(StoryLine { at_ns, text });
    }
    story.sort_by_key(|line| line.at_ns);
    let mut events: Vec<u64> =
        [Some(from), breach.passed, until].into_iter().flatten().map(|place| history.event(place).number).collect();
    events.sort_unstable();
    events.dedup();
    let at_ns = if broken == Broken::Liveness { history.header().end_ns } else { at_ns(told_at) };
    Finding { code: code.to_owned(), title, at_ns, story, events, ops: ops(history, [write, late], None) }
}

/// What is wrong with a read, told.
pub(super) fn read(history: &History<'_>, tables: &Tables, breach: &ReadBreach, code: &'static str) -> Finding {
    let ReadBreach { op, at, wrong, write, missing } = *breach;
    let read = history.operations.get(op).expect("breaches are collected from reads");
    let teller = Teller { history, tables, node: read.node, levels: Levels::only(read.level) };
    let (this, levels, node) = (history.title(write), teller.levels(), read.node);
    let mut story = teller.described([write]);
    story.push(history.operations.describe(read));
    let returned = history.operations.values(&read.returned);
    let answer = format!("#{op} at n{node} reads {returned} at {levels}");
    let title = match wrong {
        Wrong::Early => {
            let why = teller.why_not(write, missing);
            story.extend(missing.into_iter().flat_map(|missing| teller.absent(missing, at)));
            format!("order: {answer}, with {this} {why}")
        }
        Wrong::Passed => format!("order: {answer} without {this}, though n{node} had shown later writes of its origin"),
        Wrong::Unreflected => {
            story.extend(teller.announced(write, at));
            match read.returned.contains(&history.write(write).id) {
                true => format!("stability: {answer}, with {this}, which n{node} had overwritten before"),
                false => format!("stability: {answer}, without {this}, which n{node} had shown before"),
            }
        }
        Wrong::Forgotten => format!("stability: {answer}, without {this}, which its session had read before"),
        Wrong::Own => format!("{answer}, without its session's own {this}"),
    };
    story.sort_by_key(|line| line.at_ns);
    let answered = read.answered().unwrap_or(read.invoked);
    Finding {
        code: code.to_owned(),
        title,
        at_ns: history.event(answered).at_ns,
        story,
        events: vec![history.event(answered).number],
        ops: ops(history, [write], Some(op)),
    }
}

fn ops<const N: usize>(history: &History<'_>, writes: [u32; N], read: Option<u32>) -> Vec<u32> {
    let mut ops: Vec<u32> = writes.iter().map(|write| history.write(*write).op).chain(read).collect();
    ops.sort_unstable();
    ops.dedup();
    ops
}

/// What is told of one replica.
struct Teller<'a, 'b> {
    history: &'b History<'a>,
    tables: &'b Tables,
    node: Node,
    levels: Levels,
}

impl Teller<'_, '_> {
    fn levels(&self) -> String {
        self.levels.iter().map(Level::name).collect::<Vec<_>>().join(", ")
    }

    fn described<const N: usize>(&self, mut writes: [u32; N]) -> Vec<StoryLine> {
        writes.sort_unstable();
        let distinct = writes.chunk_by(|a, b| a == b);
        distinct.map(|one| self.history.operations.describe(self.history.operation(one[0]))).collect()
    }

    fn is_known(&self, write: u32, place: usize) -> bool {
        self.history.known_since(self.node, write, place).is_some()
    }

    /// Why the write must not be shown.
    fn why_not(&self, write: u32, missing: Option<u32>) -> String {
        let priority = self.tables.priorities[write as usize];
        match missing {
            Some(other) if other == write => "before it has arrived".to_owned(),
            Some(other) => format!("before the earlier {} has arrived", self.history.title(other)),
            None if self.levels.iter().all(|level| Tables::view(level, priority).is_none()) => {
                format!("although keys of P{priority} are not read there")
            }
            None => "although it is a delete".to_owned(),
        }
    }

    /// A write that had not arrived at `place`, and what became of the messages that carried it.
    fn absent(&self, write: u32, place: usize) -> Vec<StoryLine> {
        let history = self.history;
        let mut story = self.described([write]);
        story.extend(journey(history, write, self.node));
        let others = (0..history.header().nodes).filter(|node| *node != self.node);
        let having: Vec<Node> = others.filter(|node| history.known_since(*node, write, place).is_some()).collect();
        if !having.is_empty() && having != [history.write(write).id.node] {
            let text = format!("{} {} it then", nodes(&having), verb(&having, "knows", "know"));
            story.push(StoryLine { at_ns: history.event(place).at_ns, text });
        }
        if let Some(place) = history.known_at(self.node, write) {
            let text = format!("n{} gets to know {}", self.node, history.write(write).id);
            story.push(StoryLine { at_ns: history.event(place).at_ns, text });
        }
        story
    }

    /// The first later write of the same origin that a level showed in the step up to `place`.
    fn later(&self, write: u32, place: usize) -> Option<u32> {
        let history = self.history;
        let id = history.write(write).id;
        let step = history.recording.events[..=place].iter().enumerate().rev();
        let mut shown = step.filter_map(|(place, event)| match event.what {
            What::Visible { write, levels } if event.node == self.node && levels.and(self.levels) != Levels::NONE => {
                history.number(write, place)
            }
            _ => None,
        });
        let is_later = |other: &u32| {
            let other = history.write(*other).id;
            other.origin() == id.origin() && other.counter > id.counter
        };
        shown.find(is_later)
    }

    /// When the write was ready, and what it need not wait for.
    fn ready(&self, write: u32, place: usize) -> StoryLine {
        let history = self.history;
        let id = history.write(write).id;
        let mut text = format!("n{} has {id} and all that it needs", self.node);
        let all = &self.tables.chains[self.tables.origins[write as usize] as usize][0];
        let earlier = all.iter().copied().take_while(|other| history.write(*other).id.counter < id.counter);
        if let Some(missing) = earlier.into_iter().find(|other| !self.is_known(*other, place)) {
            let priority = self.tables.priorities[missing as usize];
            text.push_str(&format!("; what is missing, {}, has P{priority} only", history.title(missing)));
        }
        StoryLine { at_ns: history.event(place).at_ns, text }
    }

    /// What the replica said about showing the write, up to `place`.
    fn announced(&self, write: u32, place: usize) -> Vec<StoryLine> {
        let history = self.history;
        let told = history.recording.events[..=place].iter().filter(|event| event.node == self.node);
        let lines = told.filter_map(|event| {
            let (id, levels, verb) = match event.what {
                What::Visible { write, levels } => (write, levels, "shows"),
                What::Hidden { write, levels } => (write, levels, "no longer shows"),
                _ => return None,
            };
            let is_meant = id == history.write(write).id && levels.and(self.levels) != Levels::NONE;
            is_meant.then(|| StoryLine { at_ns: event.at_ns, text: format!("n{} {verb} {id}", self.node) })
        });
        let lines: Vec<StoryLine> = lines.collect();
        let skipped = lines.len().saturating_sub(6);
        lines.into_iter().skip(skipped).collect()
    }
}
