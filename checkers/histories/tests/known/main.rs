//! Known histories, from papers and textbooks: each file beside this one says which models hold.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kvsim_checkers::{NEVER, Verdict};
use kvsim_histories::jepsen::{Collector, steps};
use kvsim_histories::models::{MODELS, Model, Subject};

/// By model: the verdict that a file expects.
fn expected(text: &str) -> BTreeMap<&'static str, Verdict> {
    let mut expected = BTreeMap::new();
    for line in text.lines().take_while(|line| line.starts_with(';')) {
        for verdict in [Verdict::Holds, Verdict::Violated, Verdict::Unknown, Verdict::NotApplicable] {
            let Some(names) = line.strip_prefix(&format!("; {verdict}: ")) else { continue };
            for name in names.split(", ") {
                let model = Model::named(name).unwrap_or_else(|| panic!("there is no model {name}"));
                assert_eq!(expected.insert(model.name, verdict), None, "{name} twice");
            }
        }
    }
    expected
}

fn subject(text: &str) -> Subject<'static> {
    let mut collector = Collector::default();
    for step in steps(text.as_bytes()).expect("memory can be read") {
        let (step, place) = step.unwrap_or_else(|mistake| panic!("{mistake}"));
        collector.take(&step, place).unwrap_or_else(|mistake| panic!("{mistake}"));
    }
    Subject::of(collector.finish().unwrap_or_else(|mistake| panic!("{mistake}")))
}

#[test]
fn known_histories_are_judged_as_known() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/known");
    let (mut count, mut codes) = (0, BTreeSet::new());
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.extension().is_none_or(|extension| extension != "edn") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a history in UTF-8");
        let (expected, subject) = (expected(&text), subject(&text));
        assert_eq!(expected.len(), MODELS.len(), "{}: a verdict for every model", path.display());
        for model in MODELS {
            let report = model.judge(&subject, NEVER);
            assert_eq!(report.verdict, expected[model.name], "{}: {report:#?}", path.display());
            let is_violated = report.verdict == Verdict::Violated;
            assert_eq!(is_violated, !report.findings.is_empty(), "{}: {report:#?}", path.display());
            for weaker in model.implies.iter().filter(|_| report.verdict == Verdict::Holds) {
                let verdict = expected[weaker];
                assert_ne!(verdict, Verdict::Violated, "{}: {} but not {weaker}", path.display(), model.name);
            }
            for finding in &report.findings {
                assert!(model.codes.iter().any(|code| code.code == finding.code), "{}", finding.code);
                codes.insert(finding.code.clone());
                assert!(!finding.ops.is_empty() && finding.ops.is_sorted(), "{}: {finding:#?}", path.display());
            }
        }
        count += 1;
    }
    assert!(count >= 29, "{count}");
    for code in MODELS.iter().flat_map(|model| model.codes) {
        assert!(codes.contains(code.code), "no history shows {}", code.code);
    }
}
