//! The search for a smaller plan that shows the same finding.

use super::ddmin::ddmin;
use crate::lower::settle_auto_ns;
use crate::plan::Plan;
use crate::stores::StoreEntry;

/// What a try came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The plan shows the same finding.
    Reproduces,
    /// It does not.
    Passes,
    /// There is no time for more tries.
    Stop,
}

/// The search: the smallest plan found, and the judge of others.
pub(super) struct Search<'a> {
    pub(super) store: &'static StoreEntry,
    pub(super) best: Plan,
    /// The smallest plan that was in its normal form.
    pub(super) normal: Option<Plan>,
    /// The settling phase has the length that `settle = "auto"` gives, at least.
    pub(super) settles_as_usual: bool,
    pub(super) ask: &'a mut dyn FnMut(&Plan) -> Answer,
    pub(super) tried: u64,
    pub(super) stopped: bool,
}

impl Search<'_> {
    /// The plan becomes the best one if it is another one and shows the finding.
    pub(super) fn try_plan(&mut self, mut plan: Plan) -> bool {
        if self.settles_as_usual {
            plan.settle_ns = settle_auto_ns(&plan);
        }
        if self.stopped || plan == self.best || plan.validate().is_err() {
            return false;
        }
        self.tried += 1;
        match (self.ask)(&plan) {
            Answer::Reproduces => self.best = plan,
            Answer::Passes => return false,
            Answer::Stop => {
                self.stopped = true;
                return false;
            }
        }
        true
    }

    /// The best plan is in its normal form.
    pub(super) fn note_normal(&mut self) {
        if self.normal.as_ref().is_none_or(|normal| parts(&self.best) <= parts(normal)) {
            self.normal = Some(self.best.clone());
        }
    }

    /// Tries the best plan with a change.
    pub(super) fn try_change(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut plan = self.best.clone();
        change(&mut plan);
        self.try_plan(plan)
    }

    /// Leaves out as many of `count` parts as possible; `with` makes the plan with the given ones of them alone.
    pub(super) fn reduce(&mut self, count: usize, with: impl Fn(&Plan, &[usize]) -> Plan) {
        let whole = self.best.clone();
        ddmin(count, &mut |kept| {
            let shows = self.try_plan(with(&whole, kept));
            if self.stopped { None } else { Some(shows) }
        });
    }

    /// The best plan is too large to be understood at a glance.
    pub(super) fn is_large(&self) -> bool {
        self.best.replicas > 3 || self.best.faults.len() > 4
    }

    /// What a person has to look at.
    pub(super) fn parts(&self) -> usize {
        parts(&self.best)
    }

    /// What the search makes smaller, most important first.
    pub(super) fn size(&self) -> (u16, usize, usize, usize, u64) {
        let plan = &self.best;
        (plan.replicas, plan.sessions.len(), plan.operations(), plan.faults.len(), plan.workload_end_ns)
    }
}

fn parts(plan: &Plan) -> usize {
    usize::from(plan.replicas) + plan.operations() + plan.faults.len()
}
