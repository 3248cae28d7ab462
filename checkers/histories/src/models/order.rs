//! Models that ask for an order of operations, session by session.

use super::Subject;
use super::tell::Teller;
use kvsim_checkers::history::{History, Kind, NOTHING};
use kvsim_checkers::operations::listed;
use kvsim_checkers::pram::summary::{Words, report};
use kvsim_checkers::pram::{Breach, Order, judge_within};
use kvsim_checkers::verdict::{Finding, Report};
use kvsim_checkers::{CodeInfo, OUT_OF_ORDER, Patience, UNWRITTEN};

pub(super) const PRAM_CODES: &[CodeInfo] = &[
    CodeInfo { code: Order::Pram.out_of_order(), meaning: OUT_OF_ORDER },
    CodeInfo { code: Order::Pram.unwritten(), meaning: UNWRITTEN },
];

pub(super) const CM_CODES: &[CodeInfo] = &[
    CodeInfo { code: Order::Causal.out_of_order(), meaning: OUT_OF_CAUSAL_ORDER },
    CodeInfo { code: Order::Causal.unwritten(), meaning: UNWRITTEN },
];

const OUT_OF_CAUSAL_ORDER: &str =
    "no order of a session's operations and all writes keeps causal order and explains its reads";

pub(super) fn check(subject: &Subject, order: Order, patience: Patience<'_>) -> Option<Report> {
    let judgement = judge_within(&subject.history, order, patience)?;
    let told = Told { teller: Teller { calls: &subject.calls }, history: &subject.history, order };
    let findings: Vec<Finding> = judgement
        .breaches
        .iter()
        .map(|breach| match breach {
            Breach::OutOfOrder { session, ops } => told.out_of_order(*session, ops),
            Breach::Unwritten { read, refused } => told.unwritten(*read, refused),
        })
        .collect();
    let words = Words {
        session: "process",
        sessions: "processes",
        deletes: "writes of nil",
        name: &|session| told.teller.process(session),
        read: &|op| {
            let op = &subject.history.ops()[op as usize];
            let (process, key) = (told.teller.process(op.session), told.teller.key(op.key));
            format!("read {} of {key} by {process}", told.teller.name(op.number))
        },
    };
    Some(report(&subject.history, order, &judgement, findings, &words))
}

struct Told<'a> {
    teller: Teller<'a>,
    history: &'a History,
    order: Order,
}

impl Told<'_> {
    fn call(&self, op: u32) -> u32 {
        self.history.ops()[op as usize].number
    }

    fn out_of_order(&self, session: u32, ops: &[u32]) -> Finding {
        let history = self.history.ops();
        let reader = self.teller.process(session);
        let title = match &self.writers(session, ops)[..] {
            [] if ops
                .iter()
                .any(|op| history[*op as usize].session == session && history[*op as usize].kind == Kind::Write) =>
            {
                format!("{reader} did not see its own operations in the order in which it issued them")
            }
            [] if self.order == Order::Causal => format!("no order that keeps causality explains what {reader} read"),
            [] => format!("{reader} saw a version again that it had seen replaced"),
            _ if self.order == Order::Causal => format!("no order that keeps causality explains what {reader} read"),
            [one] => format!("{reader} saw the writes of {one} out of the order in which {one} issued them"),
            many => {
                let listed = listed(many.iter().cloned());
                format!("{reader} saw writes in an order that cannot be that of all of {listed}")
            }
        };
        let last = ops.iter().copied().rfind(|op| {
            let op = &history[*op as usize];
            op.session == session && op.kind == Kind::Read
        });
        let calls = self.teller.calls_of(ops, history);
        let story = calls.iter().map(|call| {
            let mut line = self.teller.line(*call);
            if last.map(|op| self.call(op)) == Some(*call) {
                line.text.push_str(&self.impossible(session, last.unwrap_or(0), ops));
            }
            line
        });
        self.teller.finding(self.order.out_of_order(), title, story.collect(), &calls)
    }

    /// Why the last read of a story cannot be, in short.
    fn impossible(&self, session: u32, read: u32, ops: &[u32]) -> String {
        let history = self.history.ops();
        let of = |op: u32| &history[op as usize];
        let writer_of = |read: u32| {
            let is_it = |op: &u32| of(*op).kind == Kind::Write && of(*op).value == of(read).value;
            ops.iter().copied().find(|op| of(read).value != NOTHING && is_it(op))
        };
        let seen: Vec<u32> = ops
            .iter()
            .copied()
            .filter(|op| of(*op).kind == Kind::Read && of(*op).session == session && *op < read)
            .filter_map(writer_of)
            .collect();
        let is_missing = |write: &u32| {
            let precedes = |later: &u32| of(*later).session == of(*write).session && *write < *later;
            of(*write).kind == Kind::Write
                && of(*write).key == of(read).key
                && Some(*write) != writer_of(read)
                && seen.iter().any(precedes)
        };
        match ops.iter().copied().find(is_missing) {
            Some(write) => {
                let (name, writer) = (self.teller.name(of(write).number), self.teller.process(of(write).session));
                format!(
                    "   but not {name}, which {writer} wrote before what {} has seen   <== here",
                    self.teller.process(session)
                )
            }
            None => "   which no order explains   <== here".to_owned(),
        }
    }

    /// Whose writes are concerned: of others, two or more.
    fn writers(&self, session: u32, ops: &[u32]) -> Vec<String> {
        let history = self.history.ops();
        let writes = ops.iter().map(|op| &history[*op as usize]).filter(|op| op.kind == Kind::Write);
        let mut writers: Vec<u32> = writes.map(|op| op.session).filter(|writer| *writer != session).collect();
        writers.sort_unstable();
        let groups = writers.chunk_by(|a, b| a == b).filter(|group| group.len() > 1);
        groups.map(|group| self.teller.process(group[0])).collect()
    }

    fn unwritten(&self, read: u32, refused: &[u32]) -> Finding {
        let op = &self.history.ops()[read as usize];
        let (reader, key) = (self.teller.process(op.session), self.teller.key(op.key));
        let value = self.teller.returned(op.number);
        let title = match refused {
            [] => format!("{reader} read {value} from {key}, which nobody wrote there"),
            [write, ..] => {
                let name = self.teller.name(self.call(*write));
                format!("{reader} read {value} from {key}, which {name} failed to write")
            }
        };
        let ops: Vec<u32> = refused.iter().copied().chain([read]).collect();
        let calls = self.teller.calls_of(&ops, self.history.ops());
        let story = calls.iter().map(|call| {
            let mut line = self.teller.line(*call);
            if *call == op.number {
                line.text.push_str("   <== here");
            }
            line
        });
        self.teller.finding(self.order.unwritten(), title, story.collect(), &calls)
    }
}
