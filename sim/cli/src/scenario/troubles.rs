//! Faults of nodes and links in a scenario.

use kvsim_checkers::trace::NodeId;
use kvsim_sim::faults::{DRIFT_PPM_MAX, DiskLoss, LinkFault, NodeFault};
use kvsim_sim::scenario::{Fault, FaultSpec, When};

use super::quantity::{DurationText, Nodes, Percentage};
use super::raw::{self, DiskLossName, MembersOf, ScenarioFile, TimesOf};
use super::source::{At, Span};
use super::units::{self, Wrong};
use super::validate::Validator;

impl Validator<'_> {
    /// The faults of nodes and links, numbered within their kind.
    pub(super) fn troubles(&mut self, file: &ScenarioFile, faults: &mut Vec<Fault>) {
        let of = &file.fault;
        /// The faults of one kind: for each its table's node fields, and what it does.
        macro_rules! each {
            ($kind:literal, $list:expr, $read:expr) => {
                for (number, at) in $list.iter().enumerate() {
                    let spec = $read(self, at);
                    faults.extend(self.fault($kind, number, at.span, spec));
                }
            };
        }
        each!("crash", of.crash, |v: &mut Self, at: &At<raw::Crash>| {
            let disk = match at.value.disk.value {
                DiskLossName::Kept => DiskLoss::Kept,
                DiskLossName::TailLost => DiskLoss::TailLost,
                DiskLossName::Torn => DiskLoss::Torn,
                DiskLossName::Lost => DiskLoss::Lost,
            };
            v.of_nodes(at.span, at.value.times(), &at.value.node, Some(NodeFault::Crash { disk }))
        });
        each!("replace", of.replace, |v: &mut Self, at: &At<raw::Replace>| {
            let lost = NodeFault::Crash { disk: DiskLoss::Lost };
            v.of_nodes(at.span, at.value.times(), &at.value.node, Some(lost))
        });
        each!("join", of.join, |v: &mut Self, at: &At<raw::Join>| {
            v.members(at.span, at.value.members(), NodeFault::Absent)
        });
        each!("leave", of.leave, |v: &mut Self, at: &At<raw::Leave>| {
            v.members(at.span, at.value.members(), NodeFault::Left)
        });
        each!("pause", of.pause, |v: &mut Self, at: &At<raw::Pause>| {
            v.of_nodes(at.span, at.value.times(), &at.value.node, Some(NodeFault::Pause))
        });
        each!("slow_node", of.slow_node, |v: &mut Self, at: &At<raw::SlowNode>| {
            let step = v.text(&at.value.step, units::positive_duration);
            let fault = step.map(|step_ns| NodeFault::Slow { step_ns });
            v.of_nodes(at.span, at.value.times(), &at.value.node, fault)
        });
        each!("slow_disk", of.slow_disk, |v: &mut Self, at: &At<raw::SlowDisk>| {
            let write = v.text(&at.value.write, units::positive_duration);
            let fault = write.map(|write_ns| NodeFault::SlowDisk { write_ns });
            v.of_nodes(at.span, at.value.times(), &at.value.node, fault)
        });
        each!("full_disk", of.full_disk, |v: &mut Self, at: &At<raw::FullDisk>| {
            v.of_nodes(at.span, at.value.times(), &at.value.node, Some(NodeFault::FullDisk))
        });
        each!("clock", of.clock, |v: &mut Self, at: &At<raw::Clock>| {
            let fault = v.clock(at);
            v.of_nodes(at.span, at.value.times(), &at.value.node, fault)
        });
        each!("slow_link", of.slow_link, |v: &mut Self, at: &At<raw::SlowLink>| {
            let delay = v.text(&at.value.delay, units::delay);
            let fault = delay.map(|delay| LinkFault::Slow { delay });
            v.of_links(at.span, at.value.times(), &at.value.from, &at.value.to, fault)
        });
        each!("loss_burst", of.loss_burst, |v: &mut Self, at: &At<raw::LossBurst>| {
            let fault = v.text(&at.value.loss, units::share).map(|share| LinkFault::Loss { share });
            v.of_links(at.span, at.value.times(), &at.value.from, &at.value.to, fault)
        });
        each!("duplicate_storm", of.duplicate_storm, |v: &mut Self, at: &At<raw::DuplicateStorm>| {
            let fault = v.text(&at.value.duplicate, units::share).map(|share| LinkFault::Duplicates { share });
            v.of_links(at.span, at.value.times(), &at.value.from, &at.value.to, fault)
        });
        each!("late", of.late, |v: &mut Self, at: &At<raw::Late>| {
            let (share, delay) = (v.text(&at.value.share, units::share), v.text(&at.value.delay, units::delay));
            let fault = share.zip(delay).map(|(share, delay)| LinkFault::Late { share, delay });
            v.of_links(at.span, at.value.times(), &at.value.from, &at.value.to, fault)
        });
    }

    fn of_nodes(
        &mut self,
        span: Option<Span>,
        times: TimesOf<'_>,
        node: &Option<At<Nodes>>,
        fault: Option<NodeFault>,
    ) -> Option<FaultSpec> {
        let when = self.when(span, times);
        let nodes: Vec<NodeId> = match node {
            Some(nodes) => self.nodes(nodes),
            None if matches!(when, Some(When::At { .. })) => {
                self.wrong(span, "it is not said which node", "`node`, for instance node = \"n0\"");
                return None;
            }
            None => NodeId::all(self.replicas).collect(),
        };
        Some(FaultSpec::Nodes { when: when?, nodes, fault: fault? })
    }

    fn of_links(
        &mut self,
        span: Option<Span>,
        times: TimesOf<'_>,
        from: &Option<At<Nodes>>,
        to: &Option<At<Nodes>>,
        fault: Option<LinkFault>,
    ) -> Option<FaultSpec> {
        let when = self.when(span, times);
        let from = from.as_ref().map(|from| self.nodes(from)).unwrap_or_default();
        let to = to.as_ref().map(|to| self.nodes(to)).unwrap_or_default();
        Some(FaultSpec::Links { when: when?, from, to, fault: fault? })
    }

    /// Set times, or random ones.
    fn when(&mut self, span: Option<Span>, times: TimesOf<'_>) -> Option<When> {
        const EXPECTED: &str = "`at` and `for` for set times, or `every` and `lasting` for random ones";
        match (times.at, times.lasting_for, times.every, times.lasting) {
            (Some(at), Some(lasting_for), None, None) => {
                let for_ns = self.text(lasting_for, units::positive_duration);
                let mut times_ns = Vec::new();
                for time in &at.value.0 {
                    let span = time.span.or(at.span);
                    let at_ns = self.check(span, units::duration(time.value.as_ref()));
                    let (at_ns, for_ns) = (at_ns?, for_ns?);
                    self.check_end(span, lasting_for.span, at_ns, for_ns)?;
                    times_ns.push(at_ns);
                }
                if times_ns.is_empty() {
                    self.wrong(at.span, "the list is empty", "at least one time");
                }
                Some(When::At { times_ns, for_ns })
            }
            (None, None, Some(every), Some(lasting)) => {
                let every_ns = self.text(every, units::positive_duration);
                let lasting_ns = self.text(lasting, units::positive_duration);
                Some(When::Random { every_ns: every_ns?, lasting_ns: lasting_ns? })
            }
            (at, lasting_for, every, lasting) => {
                let set = at.as_ref().and_then(|at| at.span).or(lasting_for.as_ref().and_then(|at| at.span));
                let random = every.as_ref().and_then(|at| at.span).or(lasting.as_ref().and_then(|at| at.span));
                let (place, message) = match (set, random) {
                    (Some(_), Some(_)) => (set.max(random), "the fault has both set and random times"),
                    (None, None) => (span, "it is not said when the fault happens"),
                    _ => (set.or(random), "it is not said when the fault begins, or how long it lasts"),
                };
                self.wrong(place, message, EXPECTED);
                None
            }
        }
    }

    /// Begins and ends within the workload.
    fn check_end(&mut self, at: Option<Span>, end: Option<Span>, at_ns: u64, for_ns: u64) -> Option<()> {
        if at_ns >= self.duration_ns {
            self.wrong(at, "the fault begins after the workload", "a time before `duration`");
            return None;
        }
        // No sum of two times overflows.
        if at_ns + for_ns > self.duration_ns {
            let wrong = Wrong::new("the fault ends after the workload", "an end within `duration`");
            let help = "faults end with the workload, so that replicas can agree while the run settles";
            return self.check(end, Err(wrong.help(help)));
        }
        Some(())
    }

    /// Nodes join or leave: at a set time or, each at most once, at random ones.
    fn members(
        &mut self,
        span: Option<Span>,
        MembersOf { node, at, every }: MembersOf<'_>,
        fault: NodeFault,
    ) -> Option<FaultSpec> {
        const EXPECTED: &str = "`node` and `at` for a set time, or `every` for random ones";
        let nodes: Option<Vec<NodeId>> = node.as_ref().map(|node| self.nodes(node));
        if let (Some(at), Some(list), None) = (node, &nodes, every)
            && list.len() >= usize::from(self.replicas)
        {
            let message = match fault {
                NodeFault::Absent => "all nodes join, and none was there before",
                _ => "all nodes leave, and none is left",
            };
            self.wrong(at.span, message, "fewer nodes than `replicas`");
        }
        match (at, every, nodes) {
            (Some(at), None, Some(nodes)) => {
                let at_ns = self.within(at)?;
                let when = match fault {
                    NodeFault::Absent => When::At { times_ns: vec![0], for_ns: Some(at_ns) },
                    _ => When::At { times_ns: vec![at_ns], for_ns: None },
                };
                Some(FaultSpec::Nodes { when, nodes, fault })
            }
            (None, Some(every), nodes) => {
                let every_ns = self.text(every, units::positive_duration)?;
                let nodes = nodes.unwrap_or_else(|| NodeId::all(self.replicas).collect());
                Some(FaultSpec::Members { every_ns, nodes, fault })
            }
            (Some(at), Some(every), _) => {
                self.wrong(at.span.max(every.span), "it has both a set and random times", EXPECTED);
                None
            }
            (Some(_), None, None) => {
                self.wrong(span, "it is not said which node", "`node`, for instance node = \"n0\"");
                None
            }
            (None, None, _) => {
                self.wrong(span, "it is not said when it happens", EXPECTED);
                None
            }
        }
    }

    /// A time after the beginning and before the end of the workload.
    fn within(&mut self, at: &At<DurationText>) -> Option<u64> {
        let at_ns = self.text(at, units::positive_duration)?;
        if at_ns >= self.duration_ns {
            self.wrong(at.span, "it happens after the workload", "a time before `duration`");
            return None;
        }
        Some(at_ns)
    }

    fn clock(&mut self, at: &At<raw::Clock>) -> Option<NodeFault> {
        let clock = &at.value;
        let offset_ns = match (&clock.ahead, &clock.behind) {
            (Some(ahead), None) => self.text(ahead, units::duration)? as i64,
            (None, Some(behind)) => -(self.text(behind, units::duration)? as i64),
            (None, None) => 0,
            (Some(ahead), Some(behind)) => {
                let later = ahead.span.max(behind.span);
                self.wrong(later, "the clock is both ahead and behind", "only one of `ahead` and `behind`");
                return None;
            }
        };
        let drift_ppm = match (&clock.fast, &clock.slow) {
            (Some(fast), None) => self.drift(fast)?,
            (None, Some(slow)) => -self.drift(slow)?,
            (None, None) => 0,
            (Some(fast), Some(slow)) => {
                let later = fast.span.max(slow.span);
                self.wrong(later, "the clock is both fast and slow", "only one of `fast` and `slow`");
                return None;
            }
        };
        if (offset_ns, drift_ppm) == (0, 0) {
            self.wrong(at.span, "the clock is right", "at least one of `ahead`, `behind`, `fast` and `slow` above 0");
            return None;
        }
        Some(NodeFault::Clock { offset_ns, drift_ppm })
    }

    /// In parts per million.
    fn drift(&mut self, at: &At<Percentage>) -> Option<i32> {
        let billionths = self.text(at, units::share)?.billionths();
        let most = DRIFT_PPM_MAX / 10_000;
        match billionths {
            billionths if billionths % 1_000 > 0 => {
                self.wrong(at.span, "the drift is too fine", "at most four decimals");
                None
            }
            billionths if billionths / 1_000 > DRIFT_PPM_MAX => {
                self.wrong(at.span, format!("a clock is wrong by at most {most}%"), format!("at most \"{most}%\""));
                None
            }
            billionths => Some((billionths / 1_000) as i32),
        }
    }
}
