//! Makes a plan smaller while it shows the same finding, so that a person can read it.
//!
//! Whole parts are left out first: sessions, operations, faults, replicas, by delta debugging ([`ddmin`]; Zeller and
//! Hildebrandt, IEEE TSE 2002). Then nothing is left to chance: losses, duplicates and, where they matter, delays are
//! written out message by message (`explicit`), and those that do not matter leave; where many messages of a link have
//! to be lost or late, the link is cut or slow (`links`). The usual causes get a try of their own (`guess_causes`), and
//! so do other seeds. In the end what is left gets simple values (`simplify`, `times`). This works because the fate of
//! a message follows from its own identity: what is left out leaves the rest alone.
//!
//! What the store promises and how it is set stays as it is, and replicas keep the time to agree that the scenario
//! gave them: otherwise any plan could be made to fail, for another reason.

mod canonical;
mod ddmin;
mod explicit;
mod guess_causes;
mod links;
mod remove;
mod search;
mod simplify;
mod times;

pub use canonical::form as normal_form;
pub use ddmin::ddmin;
pub use search::Answer;
use search::Search;

use crate::lower::settle_auto_ns;
use crate::plan::Plan;
use crate::stores::StoreEntry;

/// The smallest plan that was found, and how.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The plan.
    pub plan: Plan,
    /// Plans that show the finding, too, and of which the first that does so as a scenario is the one to write: the plan in its
    /// normal forms, and the smallest that was in its normal form when it was tried.
    pub normal: Vec<Plan>,
    /// Plans that were tried.
    pub tried: u64,
    /// False when the search was stopped.
    pub complete: bool,
}

/// Makes `plan` of `store` smaller. `ask` runs a plan and says whether it shows the finding, as `plan` itself does; `concerned`
/// are the numbers of the operations that the finding names, a first guess at what matters. Which plans are tried
/// depends on the answers alone.
pub fn shrink(
    store: &'static StoreEntry,
    plan: &Plan,
    concerned: &[u32],
    ask: &mut dyn FnMut(&Plan) -> Answer,
) -> Shrunk {
    let settles_as_usual = plan.settle_ns > 0 && plan.settle_ns >= settle_auto_ns(plan);
    let mut search =
        Search { store, best: plan.clone(), normal: None, settles_as_usual, ask, tried: 0, stopped: false };
    from_here(&mut search, concerned);
    // The search is greedy and may stop at a local minimum; restart with other seeds.
    for seed in 1..=RESTARTS {
        if search.stopped || !search.is_large() {
            break;
        }
        let (smallest, parts) = (search.best.clone(), search.parts());
        if search.try_plan(Plan { seed, ..plan.clone() }) {
            from_here(&mut search, &[]);
        }
        if search.is_large() && search.parts() >= parts {
            search.best = smallest;
        }
    }
    let forms = [canonical::form(&search.best), canonical::numbered(&search.best)];
    let normal = forms.into_iter().chain(search.normal).collect();
    Shrunk { plan: search.best, normal, tried: search.tried, complete: !search.stopped }
}

/// How many other seeds the search restarts with where its result is large; few of them show the finding, and the
/// caller limits the time.
const RESTARTS: u64 = 2_000;

/// Makes the best plan smaller until no pass changes it.
fn from_here(search: &mut Search<'_>, concerned: &[u32]) {
    explicit::operation_times(search);
    remove::guess(search, concerned);
    let mut size = None;
    while !search.stopped && size != Some(search.size()) {
        size = Some(search.size());
        simplify::features(search);
        remove::leave_out(search);
        guess_causes::causes(search);
        explicit::fates(search);
        canonical::normalize(search);
        links::cut(search);
        links::slow(search);
        remove::replicas(search);
        remove::other_seeds(search);
        canonical::normalize(search);
        times::compact(search);
        simplify::values(search);
    }
    canonical::normalize(search);
}

#[cfg(test)]
mod tests;
