//! The results of a run, for programs. The same run gives the same summary.

use std::path::Path;

use kvsim_sim::plan::{FaultKind, Plan};
use serde::Serialize;
use serde_json::json;

use super::findings::Judgement;
use crate::exit;
use crate::judge::Judged;
use crate::recorder::Counts;
use crate::self_reports::{Lag, Overflow};

/// The results of a run. New fields may be added; a change to one of these changes `schema`.
#[derive(Debug, Serialize)]
pub struct Summary {
    pub schema: u32,
    pub kvsim: &'static str,
    pub scenario: String,
    pub store: String,
    /// In digits, as text: other programs' numbers lose the low bits.
    pub seed: String,
    /// In hexadecimal.
    pub trace_hash: String,
    pub events: u64,
    /// Virtual time at the end.
    pub virtual_seconds: f64,
    pub replicas: u16,
    pub counts: Counts,
    /// Levels that fell behind, the longest first; absent when none did, or without heartbeats.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lagging: Vec<Lag>,
    /// Replicas that had no room for waiting writes, the most frequent first; absent when there was room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub overflowed: Vec<Overflow>,
    /// Faults that were to take messages and met none; absent when all did.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub met_nothing: Vec<String>,
    pub verdicts: Vec<Judgement>,
    /// The checkers that would have judged the run (--checks none); absent where they have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_judged: Vec<String>,
    pub interrupted: bool,
    pub run_dir: String,
}

impl Summary {
    const SCHEMA: u32 = 2;

    pub fn new(plan: &Plan, judged: &Judged, run_dir: &Path) -> Summary {
        Summary {
            schema: Summary::SCHEMA,
            kvsim: env!("CARGO_PKG_VERSION"),
            scenario: plan.scenario.clone(),
            store: plan.store.name.clone(),
            seed: plan.seed.to_string(),
            trace_hash: hash_text(judged.outcome.trace_hash),
            events: judged.outcome.events,
            virtual_seconds: judged.outcome.end_ns as f64 / 1e9,
            replicas: plan.replicas,
            counts: judged.counts,
            lagging: judged.self_reports.lags(),
            overflowed: judged.self_reports.overflows(),
            met_nothing: (0..)
                .zip(&plan.faults)
                .filter(|(_, fault)| matches!(fault.kind, FaultKind::Drop(_)) && judged.outcome.complete)
                .filter(|(number, _)| !judged.self_reports.took.contains(number))
                .map(|(_, fault)| fault.name.clone())
                .collect(),
            verdicts: judged.reports.iter().map(|report| Judgement::new(plan, report)).collect(),
            not_judged: judged.not_judged.clone(),
            interrupted: judged.interrupted,
            run_dir: run_dir.display().to_string(),
        }
    }

    /// The exit code that says the worst of it.
    pub fn exit_code(&self) -> u8 {
        let surprises = self.verdicts.iter().filter(|one| !one.is_expected());
        exit::code_of(self.interrupted, surprises.map(|one| one.verdict))
    }

    pub fn has_hash(&self, trace_hash: u64) -> bool {
        self.trace_hash == hash_text(trace_hash)
    }

    /// A stored summary whose run lies in another folder. All else stays, byte for byte.
    pub fn moved(summary: Vec<u8>, run_dir: &Path) -> Vec<u8> {
        const FIELD: &str = "\"run_dir\": ";
        let text = String::from_utf8_lossy(&summary);
        match text.rsplit_once(FIELD) {
            Some((before, _)) => format!("{before}{FIELD}{}\n}}", json!(run_dir.display().to_string())).into_bytes(),
            None => summary,
        }
    }

    /// The trace hash in a stored summary of a run that came to its end.
    pub fn stored_hash(summary: &[u8]) -> Option<u64> {
        let value: serde_json::Value = serde_json::from_slice(summary).ok()?;
        if value["interrupted"] == true {
            return None;
        }
        u64::from_str_radix(value["trace_hash"].as_str()?.strip_prefix("0x")?, 16).ok()
    }
}

fn hash_text(trace_hash: u64) -> String {
    format!("{trace_hash:#018x}")
}
