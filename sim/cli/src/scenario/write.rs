//! Writes a plan whose operations and faults are explicit as a scenario that a person can read, and that reads as the
//! same plan.

use std::fmt::Write as _;
use std::path::Path;

use kvsim_checkers::trace::{Action, Level, NodeId};
use kvsim_sim::faults::{DiskLoss, LinkFault, NodeFault};
use kvsim_sim::lower::settle_auto_ns;
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{Cut, FaultKind, FaultPlan, LinkPlan, MessageName, Pace, Plan, SessionPlan};
use kvsim_sim::scenario::{ClientGroup, Scenario};
pub use kvsim_store::quantity::{size, time};
pub use serde_json::Value as Json;

use super::clients::SCRIPTED_BYTES;
use super::{Names, read};
use crate::text::decimal;

/// The scenario, with `comments` below its title. What the format leaves to defaults is left out.
///
/// # Errors
/// What of the plan the format cannot say.
pub fn text(plan: &Plan, comments: &[String], names: &Names) -> Result<String, String> {
    let usual = usual(&plan.store.name, names)?;
    let mut out = String::new();
    write_all(&mut out, plan, comments, &usual)?;
    Ok(out)
}

/// A scenario in which everything is left to defaults.
fn usual(store: &str, names: &Names) -> Result<Scenario, String> {
    const SMALLEST: &[u8] = b"replicas = 1\nduration = \"1s\"\n[clients.all]\n";
    let overrides = [format!("store.name={}", quoted(store))];
    read(Path::new("usual.toml"), SMALLEST, &overrides, names).map_err(|error| format!("{error:?}"))
}

fn write_all(out: &mut String, plan: &Plan, comments: &[String], usual: &Scenario) -> Result<(), String> {
    let mut line = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    if !plan.title.is_empty() {
        line(format!("title = {}\n", quoted(&plan.title)));
    }
    comments.iter().for_each(|comment| line(format!("# {comment}")));
    if !comments.is_empty() {
        line(String::new());
    }
    line(format!(
        "seed = {}",
        if plan.seed < 1 << 53 { plan.seed.to_string() } else { format!("\"{:#x}\"", plan.seed) }
    ));
    line(format!("replicas = {}", plan.replicas));
    line(format!("duration = \"{}\"", time(plan.workload_end_ns)));
    if plan.settle_ns == 0 {
        line("settle = \"off\"".to_owned());
    } else if plan.settle_ns != settle_auto_ns(plan) {
        line(format!("settle = \"{}\"", time(plan.settle_ns)));
    }
    let table = |name: &str, fields: Vec<String>| match fields.is_empty() {
        true => String::new(),
        false => format!("\n[{name}]\n{}\n", fields.join("\n")),
    };
    out.push_str(&table("store", store(plan)));
    if plan.disk != usual.disk {
        let sync = plan.disk.sync_ns.map_or("always".to_owned(), time);
        out.push_str(&table(
            "disk",
            vec![format!("write = \"{}\"", time(plan.disk.write_ns)), format!("sync = \"{sync}\"")],
        ));
    }
    out.push_str(&table("net", link(&plan.net, &usual.net)));
    for named in &plan.links {
        let mut fields = vec![format!("from = \"{}\"", named.from), format!("to = \"{}\"", named.to)];
        fields.extend(link(&named.link, &plan.net));
        out.push_str(&table("[net.link]", fields));
    }
    script(out, plan, &usual.clients[0])?;
    plan.faults.iter().try_for_each(|one| fault(out, one, plan.workload_end_ns))?;
    let verdicts = plan.expect.iter().map(|(checker, verdict)| format!("{checker} = \"{verdict}\""));
    out.push_str(&table("expect", verdicts.collect()));
    Ok(())
}

/// The settings of the store that do not follow from the others.
fn store(plan: &Plan) -> Vec<String> {
    let mut store = plan.store.clone();
    for name in plan.store.settings.keys() {
        let mut less = store.clone();
        less.settings.remove(name);
        if less.fitted(&plan.cluster()).as_ref() == Ok(&plan.store) {
            store = less;
        }
    }
    let fields = std::iter::once(("name", Json::from(store.name)));
    let fields = fields.chain(store.settings.iter().map(|(name, value)| (name.as_str(), value.clone())));
    fields.filter_map(|(name, value)| Some(format!("{name} = {}", toml::Value::try_from(value).ok()?))).collect()
}

/// What of a link differs from `usual`.
fn link(link: &LinkPlan, usual: &LinkPlan) -> Vec<String> {
    let mut fields = Vec::new();
    if link.delay != usual.delay {
        fields.push(format!("delay = \"{}\"", delay(&link.delay)));
    }
    if link.loss != usual.loss {
        fields.push(format!("loss = \"{}\"", share(link.loss)));
    }
    if link.duplicate != usual.duplicate {
        fields.push(format!("duplicate = \"{}\"", share(link.duplicate)));
    }
    if link.bytes_per_s != usual.bytes_per_s {
        let bandwidth = link.bytes_per_s.map_or("unlimited".to_owned(), |bytes| format!("{}/s", size(bytes)));
        fields.push(format!("bandwidth = \"{bandwidth}\""));
    }
    fields
}

fn script(out: &mut String, plan: &Plan, usual: &ClientGroup) -> Result<(), String> {
    out.push_str("\n[script.sessions]\n");
    // The store's own sessions follow from its settings.
    let sessions: Vec<&SessionPlan> = plan.sessions.iter().filter(|session| !session.of_store).collect();
    for session in &sessions {
        if session.pace != Pace::Open {
            return Err(format!("session {} waits for answers, and a script has times", session.name));
        }
        let mut fields = vec![format!("at = \"{}\"", session.node)];
        if session.level != usual.level {
            fields.push(format!("level = \"{}\"", Level::name(session.level)));
        }
        if session.quorum != usual.quorum {
            fields.push(format!("quorum = {}", session.quorum));
        }
        if session.context != usual.context {
            fields.push(format!("context = {}", session.context));
        }
        if session.timeout_ns != usual.timeout_ns {
            fields.push(format!("timeout = \"{}\"", time(session.timeout_ns)));
        }
        out.push_str(&format!("{} = {{ {} }}\n", session.name, fields.join(", ")));
    }
    let mut ops: Vec<(u64, String)> = Vec::new();
    for session in sessions {
        for op in &session.ops {
            let action = match op.action {
                Action::Read => "read",
                Action::Write => "write",
                Action::Delete => "delete",
            };
            let key = quoted(&plan.keys[op.key as usize]);
            let mut text = format!("{{ at = \"{}\", by = \"{}\", {action} = {key}", time(op.wait_ns), session.name);
            if op.action != Action::Read {
                text.push_str(&format!(", value = {}", op.value));
            }
            if op.action == Action::Write && op.bytes != SCRIPTED_BYTES {
                text.push_str(&format!(", size = \"{}\"", size(u64::from(op.bytes))));
            }
            if let Some(node) = op.node {
                text.push_str(&format!(", node = \"{node}\""));
            }
            ops.push((op.wait_ns, text + " }"));
        }
    }
    ops.sort_by_key(|(at_ns, _)| *at_ns);
    out.push_str("\n[script]\nops = [\n");
    ops.iter().for_each(|(_, text)| out.push_str(&format!("  {text},\n")));
    out.push_str("]\n");
    Ok(())
}

fn fault(out: &mut String, fault: &FaultPlan, end_ns: u64) -> Result<(), String> {
    let is_whole = fault.from_ns == 0 && fault.until_ns == end_ns;
    match &fault.kind {
        FaultKind::Partition { cuts } => {
            let times = format!("at = \"{}\"\nuntil = \"{}\"", time(fault.from_ns), time(fault.until_ns));
            let mut part = |shape: String| out.push_str(&format!("\n[[fault.partition]]\n{times}\n{shape}\n"));
            match cuts.as_slice() {
                [Cut { from, to }, back] if (&back.from, &back.to) == (to, from) => {
                    part(format!("groups = [{}, {}]", list(from), list(to)));
                }
                cuts => cuts.iter().for_each(|cut| {
                    part(format!("one_way = {{ from = {}, to = {} }}", list(&cut.from), list(&cut.to)))
                }),
            }
        }
        FaultKind::Node { node, fault: kind } => out.push_str(&node_fault(fault, *node, kind)),
        FaultKind::Links { from, to, fault: kind } => out.push_str(&link_fault(fault, from, to, kind)),
        FaultKind::Drop(name) if is_whole => out.push_str(&message("drop", name, None)),
        FaultKind::Delay { message: name, takes_ns } if is_whole => {
            out.push_str(&message("delay", name, Some(*takes_ns)));
        }
        FaultKind::Duplicate { message: name, takes_ns } if is_whole => {
            out.push_str(&message("duplicate", name, Some(*takes_ns)));
        }
        kind => return Err(format!("the fault {} cannot be written: {kind:?}", fault.name)),
    }
    Ok(())
}

fn node_fault(fault: &FaultPlan, node: NodeId, kind: &NodeFault) -> String {
    let (name, setting) = match kind {
        NodeFault::Crash { disk } => {
            let disk = match disk {
                DiskLoss::Kept => "kept",
                DiskLoss::TailLost => "tail-lost",
                DiskLoss::Torn => "torn",
                DiskLoss::Lost => "lost",
            };
            ("crash", format!("disk = \"{disk}\"\n"))
        }
        NodeFault::Absent => {
            return format!("\n[[fault.join]]\nnode = \"{node}\"\nat = \"{}\"\n", time(fault.until_ns));
        }
        NodeFault::Left => {
            return format!("\n[[fault.leave]]\nnode = \"{node}\"\nat = \"{}\"\n", time(fault.from_ns));
        }
        NodeFault::Pause => ("pause", String::new()),
        NodeFault::Slow { step_ns } => ("slow_node", format!("step = \"{}\"\n", time(*step_ns))),
        NodeFault::SlowDisk { write_ns } => ("slow_disk", format!("write = \"{}\"\n", time(*write_ns))),
        NodeFault::FullDisk => ("full_disk", String::new()),
        NodeFault::Clock { offset_ns, drift_ppm } => {
            let mut setting = String::new();
            if *offset_ns != 0 {
                let way = if *offset_ns > 0 { "ahead" } else { "behind" };
                setting.push_str(&format!("{way} = \"{}\"\n", time(offset_ns.unsigned_abs())));
            }
            if *drift_ppm != 0 {
                let way = if *drift_ppm > 0 { "fast" } else { "slow" };
                setting.push_str(&format!("{way} = \"{}%\"\n", decimal(u64::from(drift_ppm.unsigned_abs()), 10_000)));
            }
            ("clock", setting)
        }
    };
    format!("\n[[fault.{name}]]\nnode = \"{node}\"\n{}{setting}", lasting(fault))
}

fn link_fault(fault: &FaultPlan, from: &[NodeId], to: &[NodeId], kind: &LinkFault) -> String {
    let (name, setting) = match kind {
        LinkFault::Slow { delay: by } => ("slow_link", format!("delay = \"{}\"\n", delay(by))),
        LinkFault::Loss { share: part } => ("loss_burst", format!("loss = \"{}\"\n", share(*part))),
        LinkFault::Duplicates { share: part } => ("duplicate_storm", format!("duplicate = \"{}\"\n", share(*part))),
        LinkFault::Late { share: part, delay: by } => {
            ("late", format!("share = \"{}\"\ndelay = \"{}\"\n", share(*part), delay(by)))
        }
    };
    let nodes = |name: &str, nodes: &[NodeId]| match nodes {
        [] => String::new(),
        nodes => format!("{name} = {}\n", list(nodes)),
    };
    format!("\n[[fault.{name}]]\n{}{}{}{setting}", nodes("from", from), nodes("to", to), lasting(fault))
}

/// When the fault begins and how long it lasts.
fn lasting(fault: &FaultPlan) -> String {
    format!("at = \"{}\"\nfor = \"{}\"\n", time(fault.from_ns), time(fault.until_ns - fault.from_ns))
}

fn message(fault: &str, name: &MessageName, takes_ns: Option<u64>) -> String {
    let mut text = format!("\n[[fault.{fault}]]\n");
    let mut field = |name: &str, value: String| writeln!(text, "{name} = {value}").expect("a string takes everything");
    if name.kind == "update" {
        field("write", name.id.to_string());
    } else {
        field("kind", quoted(&name.kind));
        field("id", name.id.to_string());
    }
    if let Some(from) = name.from {
        field("from", format!("\"{from}\""));
    }
    match name.to.as_slice() {
        [] => {}
        [to] => field("to", format!("\"{to}\"")),
        to => field("to", list(to)),
    }
    if let Some(takes_ns) = takes_ns {
        field("takes", quoted(&time(takes_ns)));
    }
    text
}

fn list(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("\"{node}\"")).collect();
    format!("[{}]", names.join(", "))
}

/// Text as a TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A share in percent.
pub fn share(ratio: Ratio) -> String {
    decimal(u64::from(ratio.billionths()), 10_000_000) + "%"
}

/// A delay and how it varies.
pub fn delay(delay: &Delay) -> String {
    match delay {
        Delay::Constant(ns) => time(*ns),
        Delay::Uniform { min, max } => format!("{}..{}", time(*min), time(*max)),
        Delay::Exponential { mean } => format!("exponential({})", time(*mean)),
        Delay::LogNormal { median, p99 } => format!("log-normal({}, p99 {})", time(*median), time(*p99)),
        Delay::Table(values) => {
            let values: Vec<String> = values.iter().map(|ns| time(*ns)).collect();
            format!("table({})", values.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::units;

    #[test]
    fn quantities_read_as_they_were() {
        for ns in [0, 1, 999, 1_000, 1_500, 20_000_000, 21_300_000, 1_234_567, 1_500_000_000, 3_600_000_000_000] {
            assert_eq!(units::duration(&time(ns)), Ok(ns), "{}", time(ns));
        }
        for billionths in [0, 1, 50_000_000, 123_456_789, 1_000_000_000] {
            let ratio = Ratio::from_billionths(billionths).unwrap();
            assert_eq!(units::share(&share(ratio)), Ok(ratio), "{}", share(ratio));
        }
        for bytes in [0, 8, 1_000, 1_500, 2_000_000] {
            assert_eq!(units::size(&size(bytes)), Ok(bytes as u32), "{}", size(bytes));
        }
        for one in [
            Delay::Constant(5_000_000),
            Delay::Uniform { min: 1_000_000, max: 5_500_000 },
            Delay::Exponential { mean: 20_000_000 },
            Delay::LogNormal { median: 1_000, p99: 50_000_000 },
            Delay::Table(vec![1, 2_000, 3_000_000]),
        ] {
            assert_eq!(units::delay(&delay(&one)), Ok(one.clone()), "{}", delay(&one));
        }
    }
}
