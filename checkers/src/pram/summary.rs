//! What a judgement comes to, in a sentence: the same for recordings as for bare histories, but for their words.

use super::Order;
use super::judge::{Breach, Judgement, Unclear};
use crate::history::History;
use crate::verdict::{Finding, Report, Verdict};

/// The words of whoever recorded the history.
pub struct Words<'a> {
    /// What a session is called: `session`.
    pub session: &'a str,
    /// And several.
    pub sessions: &'a str,
    /// What makes a key empty again: `deletes`.
    pub deletes: &'a str,
    /// Names one session, by its number.
    pub name: &'a dyn Fn(u32) -> String,
    /// Names a read, its key and its session, by its place in the history.
    pub read: &'a dyn Fn(u32) -> String,
}

/// The report with these findings, which tell the breaches of the judgement.
pub fn report(
    history: &History,
    order: Order,
    judgement: &Judgement,
    findings: Vec<Finding>,
    words: &Words<'_>,
) -> Report {
    let (verdict, note) = if !findings.is_empty() {
        (Verdict::Violated, unlisted(order, judgement))
    } else if let Some(unclear) = judgement.unclear {
        (Verdict::Unknown, words.unclear(order, unclear))
    } else {
        let Judgement { reads, readers, .. } = judgement;
        let Words { session, sessions, .. } = words;
        let writes = history.ops().iter().filter(|op| op.is_possible_write()).count();
        let note = format!(
            "an order of {writes} writes explains all {reads} reads of {readers} {sessions}, {session} by {session}"
        );
        (Verdict::Holds, note)
    };
    Report { checker: order.name().to_owned(), verdict, note, findings }
}

/// How many more breaches there are than are listed.
fn unlisted(order: Order, judgement: &Judgement) -> String {
    let is_session = |breach: &&Breach| matches!(breach, Breach::OutOfOrder { .. });
    let sessions = judgement.breaches.iter().filter(is_session).count();
    let reads = judgement.breaches.len() - sessions;
    let more = [
        (order.out_of_order(), judgement.sessions_broken - sessions),
        (order.unwritten(), judgement.reads_broken - reads),
    ];
    let more: Vec<String> =
        more.iter().filter(|(_, more)| *more > 0).map(|(code, more)| format!("{more} more of {code}")).collect();
    if more.is_empty() { String::new() } else { format!("not listed: {}", more.join(", ")) }
}

impl Words<'_> {
    fn unclear(&self, order: Order, unclear: Unclear) -> String {
        let Words { deletes, name, read, .. } = self;
        match unclear {
            Unclear::NoRead => "no read was answered".to_owned(),
            Unclear::Several(op) => {
                format!("{} returned several values, and {} is defined for one value at a time", read(op), order.name())
            }
            Unclear::Ambiguous(op) => format!("{} returned a value that was written more than once", read(op)),
            Unclear::Deletes(session) => {
                format!("which {deletes} the reads of {} found leaves more ways than could be tried", name(session))
            }
            Unclear::DoubtfulDeletes(session) => {
                format!("whether {deletes} of unknown outcome happened decides about {}", name(session))
            }
        }
    }
}
