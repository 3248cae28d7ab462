//! What becomes of each message.
//!
//! The fate of a message (lost, how long under way, doubled) is a function of the seed, the link and the
//! message's own identity; it does not depend on how many messages went before. So one operation or fault
//! more or less leaves the fate of all other messages alone, which lets a failing run be made smaller step by
//! step and lets two runs of one seed be compared.

use kvsim_checkers::trace::{LostBy, NodeId};
use kvsim_store::{GOLDEN, MessageMeta, Stream, scatter};

use super::line::Line;
use super::{Quantiles, Ratio};
use crate::faults::{LinkFault, concerns};
use crate::plan::{FaultKind, LinkPlan, Plan};

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It does not arrive.
    Lost(LostBy),
    /// It arrives.
    Arrives {
        /// When, if it leaves at once: where bandwidth is limited it may have to [wait](Network::line) before.
        at_ns: u64,
        /// When a second copy arrives, if the network makes one.
        again_at_ns: Option<u64>,
    },
}

/// What faults of links do to a message.
#[derive(Clone, Copy, Default)]
struct LinkEffect {
    lost: Option<u16>,
    doubled: bool,
    /// By how much the two copies are late.
    later_ns: [u64; 2],
}

/// The draws that a message has room for in each fault, and before all faults.
const DRAWS: u64 = 16;

/// Where a message is to meet another fate, this share is lost at least: on a network that loses nothing and is always
/// equally fast there would be no other fate. For the same reason drops that name such a message do not count.
const OTHER_LOSS: Ratio = Ratio(500_000_000);

/// The state of all links.
pub struct Network {
    nodes: usize,
    /// From ChaCha8, so that the seeds 1, 2, 3 share nothing.
    keys: [u64; 2],
    /// In their place for messages that are to meet other fates.
    other_keys: [u64; 2],
    /// Those are the ones that replicate a write of a priority below this one: none when it is 0.
    other_below: u8,
    /// Different behaviours; the first is that of all links that are not named.
    links: Vec<LinkState>,
    /// Which behaviour, by link; empty when all are alike.
    which: Vec<u32>,
    /// Number of active cuts, by link.
    cuts: Vec<u16>,
    /// Messages that faults name (kind and identity), each with the fault that does, in order.
    named: Vec<(u8, u64, u16)>,
    /// By fault, how many before it name no message: the place of its draws, which is the same wherever those that do
    /// are listed.
    places: Vec<u16>,
    /// The faults of links that last now.
    link_faults: Vec<ActiveLinkFault>,
    /// What waits to be sent, by link; empty when no link has a limit.
    lines: Vec<Line>,
    healed: bool,
}

/// A fault of links, ready to draw from.
struct ActiveLinkFault {
    fault: u16,
    /// Of what the fault delays; nothing when it delays nothing.
    delay: Option<Quantiles>,
}

struct LinkState {
    delay: Quantiles,
    plan: LinkPlan,
}

impl Network {
    /// The network of `plan`; `kinds` are the store's names for its messages.
    pub fn new(plan: &Plan, kinds: &[&str]) -> Network {
        let nodes = usize::from(plan.replicas);
        let keys = |which| {
            let mut chance = Stream::new(plan.seed, "net", which);
            [chance.bits(), chance.bits()]
        };
        let link = |plan: &LinkPlan| LinkState { delay: Quantiles::new(&plan.delay), plan: plan.clone() };
        let mut links = vec![link(&plan.net)];
        let mut which = Vec::new();
        for named in &plan.links {
            which.resize(nodes * nodes, 0);
            // Where many links differ, most of them do so alike.
            if links.last().is_none_or(|last| last.plan != named.link) {
                links.push(link(&named.link));
            }
            which[named.from.index() * nodes + named.to.index()] = links.len() as u32 - 1;
        }
        let mut named: Vec<(u8, u64, u16)> = plan
            .faults
            .iter()
            .zip(0..)
            .filter_map(|(fault, number)| {
                let message = fault.kind.message()?;
                let kind = kinds.iter().position(|name| *name == message.kind)?;
                Some((kind as u8, message.id, number))
            })
            .collect();
        named.sort_unstable();
        let mut others = 0;
        let places = plan.faults.iter().map(|fault| {
            let place = others;
            others += u16::from(fault.kind.message().is_none());
            place
        });
        let limited = links.iter().any(|link| link.plan.bandwidth.0.is_some());
        Network {
            nodes,
            keys: keys(0),
            other_keys: keys(1),
            other_below: plan.other_fates_below.unwrap_or(0),
            links,
            which,
            cuts: vec![0; nodes * nodes],
            named,
            places: places.collect(),
            link_faults: Vec::new(),
            lines: if limited { (0..nodes * nodes).map(|_| Line::default()).collect() } else { Vec::new() },
            healed: false,
        }
    }

    /// Decides about a message that `from` sends to `to` now.
    pub fn delivery(&self, plan: &Plan, now_ns: u64, from: NodeId, to: NodeId, meta: MessageMeta) -> Delivery {
        let place = from.index() * self.nodes + to.index();
        if self.cuts[place] > 0 {
            return Delivery::Lost(LostBy::Fault(cutting_fault(plan, now_ns, from, to)));
        }
        let other = meta.carries.is_some_and(|priority| (priority as u8) < self.other_below);
        let is_named = !self.named.is_empty() && !other;
        let overridden = if is_named { self.overridden(plan, from, to, meta) } else { Override::default() };
        if let Some(fault) = overridden.lost_by {
            return Delivery::Lost(LostBy::Fault(fault));
        }
        let link = self.link(place);
        let name = u64::from(meta.kind) << 32 | u64::from(from.0) << 16 | u64::from(to.0);
        let keys = if other { &self.other_keys } else { &self.keys };
        let identity = scatter(scatter(keys[0] ^ name) ^ keys[1] ^ meta.id);
        let draw = |which: u64| scatter(identity.wrapping_add(which.wrapping_mul(GOLDEN)));
        let loss = if other { link.plan.loss.max(OTHER_LOSS) } else { link.plan.loss };
        if !self.healed && loss.billionths() > 0 && loss.picks(draw(0)) {
            return Delivery::Lost(LostBy::Chance);
        }
        let effect = match self.link_faults.is_empty() {
            true => LinkEffect::default(),
            false => self.effect(plan, from, to, draw),
        };
        if let Some(fault) = effect.lost {
            return Delivery::Lost(LostBy::Fault(fault));
        }
        let [later_ns, again_later_ns] = effect.later_ns;
        let after = |takes_ns: u64, later_ns| now_ns.saturating_add(takes_ns).saturating_add(later_ns);
        let at_ns = after(overridden.takes_ns.unwrap_or_else(|| link.delay.draw(draw(1))), later_ns);
        let doubled = effect.doubled
            || !self.healed && link.plan.duplicate.billionths() > 0 && link.plan.duplicate.picks(draw(2));
        let again_ns = overridden.again_takes_ns.or_else(|| doubled.then(|| link.delay.draw(draw(3))));
        Delivery::Arrives { at_ns, again_at_ns: again_ns.map(|takes_ns| after(takes_ns, again_later_ns)) }
    }

    /// For how long the link is busy with a message of so many bytes; nothing where bandwidth has no limit.
    pub fn sending_ns(&self, from: NodeId, to: NodeId, bytes: u32) -> Option<u64> {
        if self.lines.is_empty() {
            return None;
        }
        let bytes_per_s = self.link(from.index() * self.nodes + to.index()).plan.bandwidth.0?;
        let sending_ns = u128::from(bytes) * 1_000_000_000 / u128::from(bytes_per_s);
        Some(u64::try_from(sending_ns).unwrap_or(u64::MAX))
    }

    /// The sending end of a link whose bandwidth has a limit.
    pub fn line(&mut self, from: NodeId, to: NodeId) -> &mut Line {
        &mut self.lines[from.index() * self.nodes + to.index()]
    }

    fn link(&self, place: usize) -> &LinkState {
        &self.links[self.which.get(place).map_or(0, |which| *which as usize)]
    }

    /// What the faults that last now do to a message; each draws for itself, so that one more or less changes nothing
    /// about the others.
    #[cold]
    fn effect(&self, plan: &Plan, from: NodeId, to: NodeId, draw: impl Fn(u64) -> u64) -> LinkEffect {
        let mut effect = LinkEffect::default();
        for ActiveLinkFault { fault, delay } in &self.link_faults {
            let fault_index = usize::from(*fault);
            let draw = |which: u64| draw(DRAWS * (u64::from(self.places[fault_index]) + 1) + which);
            let FaultKind::Links { from: senders, to: receivers, fault: kind } = &plan.faults[fault_index].kind else {
                continue;
            };
            if !concerns(senders, receivers, from, to) {
                continue;
            }
            match kind {
                LinkFault::Loss { share } if share.picks(draw(0)) => {
                    effect.lost.get_or_insert(*fault);
                }
                LinkFault::Duplicates { share } => effect.doubled |= share.picks(draw(0)),
                // Each copy is late or not on its own.
                LinkFault::Slow { .. } | LinkFault::Late { .. } => {
                    for (later_ns, which) in effect.later_ns.iter_mut().zip(0..) {
                        let is_late = match kind {
                            LinkFault::Late { share, .. } => share.picks(draw(which)),
                            _ => true,
                        };
                        if let Some(delay) = delay.as_ref().filter(|_| is_late) {
                            *later_ns = later_ns.saturating_add(delay.draw(draw(2 + which)));
                        }
                    }
                }
                LinkFault::Loss { .. } => {}
            }
        }
        effect
    }

    /// A fault of the network begins or ends.
    pub fn switch(&mut self, number: u16, fault: &FaultKind, begins: bool) {
        match fault {
            FaultKind::Partition { cuts } => {
                for cut in cuts {
                    for from in &cut.from {
                        for to in &cut.to {
                            let count = &mut self.cuts[from.index() * self.nodes + to.index()];
                            *count = if begins { *count + 1 } else { *count - 1 };
                        }
                    }
                }
            }
            FaultKind::Links { fault, .. } if begins => {
                let delay = fault.delay().map(Quantiles::new);
                self.link_faults.push(ActiveLinkFault { fault: number, delay });
            }
            FaultKind::Links { .. } => self.link_faults.retain(|other| other.fault != number),
            FaultKind::Drop(_) | FaultKind::Delay { .. } | FaultKind::Duplicate { .. } | FaultKind::Node { .. } => {}
        }
    }

    /// From now on every message arrives, once. Delays stay.
    pub fn heal(&mut self) {
        self.healed = true;
        self.cuts.fill(0);
        self.named.clear();
        self.link_faults.clear();
    }

    /// What faults that name the message say about it; of several the first.
    fn overridden(&self, plan: &Plan, from: NodeId, to: NodeId, meta: MessageMeta) -> Override {
        let mut overridden = Override::default();
        let first = self.named.partition_point(|(kind, id, _)| (*kind, *id) < (meta.kind, meta.id));
        let same = self.named[first..].iter().take_while(|(kind, id, _)| (*kind, *id) == (meta.kind, meta.id));
        for (_, _, number) in same {
            let fault = &plan.faults[usize::from(*number)].kind;
            if !fault.message().is_some_and(|message| message.is_on(from, to)) {
                continue;
            }
            match fault {
                FaultKind::Drop(_) => overridden.lost_by = overridden.lost_by.or(Some(*number)),
                FaultKind::Delay { takes_ns, .. } => overridden.takes_ns = overridden.takes_ns.or(Some(*takes_ns)),
                FaultKind::Duplicate { takes_ns, .. } => {
                    overridden.again_takes_ns = overridden.again_takes_ns.or(Some(*takes_ns));
                }
                _ => {}
            }
        }
        overridden
    }
}

/// What faults decide about a message; the rest is chance.
#[derive(Default)]
struct Override {
    lost_by: Option<u16>,
    takes_ns: Option<u64>,
    again_takes_ns: Option<u64>,
}

/// The first fault that cuts the link now.
fn cutting_fault(plan: &Plan, now_ns: u64, from: NodeId, to: NodeId) -> u16 {
    let cuts_now = |fault: &crate::plan::FaultPlan| match &fault.kind {
        FaultKind::Partition { cuts } => {
            fault.lasts(now_ns) && cuts.iter().any(|cut| cut.from.contains(&from) && cut.to.contains(&to))
        }
        _ => false,
    };
    plan.faults.iter().position(cuts_now).expect("a link is cut by a fault") as u16
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::net::Delay;
    use crate::plan::LinkOverride;

    /// More links that differ than 16 bits can number.
    #[test]
    fn each_link_behaves_as_its_plan_says() {
        let scenario = json!({ "replicas": 300, "duration": "1ms", "clients": { "a": {} } });
        let mut scenario: crate::scenario::Scenario = serde_json::from_value(scenario).unwrap();
        crate::stores::BUILT_IN.bind(&mut scenario.store);
        let mut plan = crate::lower::lower(&scenario, 1, "test").unwrap();
        let pairs = (0..300u16).flat_map(|from| (0..300u16).map(move |to| (from, to))).filter(|(from, to)| from != to);
        let link = |number: u64| LinkPlan { delay: Delay::Constant(1 + number % 2), ..LinkPlan::default() };
        let differ = pairs.zip(0..).map(|((from, to), number)| LinkOverride {
            from: NodeId(from),
            to: NodeId(to),
            link: link(number),
        });
        plan.links = differ.collect();
        let network = Network::new(&plan, &[]);
        let meta = MessageMeta { kind: 0, id: 1, bytes: 10, carries: None, is_bulk: false };
        for named in plan.links.iter().step_by(97).chain(plan.links.last()) {
            let delivery = network.delivery(&plan, 0, named.from, named.to, meta);
            let Delay::Constant(expected) = named.link.delay else { panic!("a constant") };
            let arrives = Delivery::Arrives { at_ns: expected, again_at_ns: None };
            assert_eq!(delivery, arrives, "{} to {}", named.from, named.to);
        }
    }
}
