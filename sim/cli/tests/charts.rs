//! `kvsim plot`: charts are the same bytes for the same run and say what they show; mistakes are reported.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use common::{Ended, end, folder, kvsim, top};
use expect_test::{Expect, expect, expect_file};

/// Runs a scenario into a folder.
fn run(scenario: &str, out: &Path, more: &[&str]) {
    let ended = end(kvsim().args(["run", scenario, "--overwrite", "--out"]).arg(out).args(more));
    assert!(matches!(ended.code, 0 | 1), "{ended:?}");
}

fn plot(runs: &[&Path], more: &[&str]) -> Ended {
    end(kvsim().arg("plot").args(runs).args(more))
}

/// Every kind and form of one run, or of two: length and FNV-1a hash of the pictures for both pages together.
fn golden(runs: &[&Path], expected: &Expect) {
    let out = folder();
    for form in ["svg", "png"] {
        for theme in ["light", "dark"] {
            plot(runs, &["--format", form, "--theme", theme, "--out", out.path().to_str().unwrap()]).expect(0);
        }
    }
    let mut prints = BTreeMap::new();
    for entry in std::fs::read_dir(out.path()).expect("a folder of charts") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        prints.entry(name.replace("-dark.", ".")).or_insert_with(Vec::new).push((name, path));
    }
    let print = |(name, mut both): (String, Vec<(String, PathBuf)>)| {
        both.sort();
        assert_eq!(both.len(), 2, "{name} for a light and a dark page");
        let bytes: Vec<u8> = both.iter().flat_map(|(_, path)| std::fs::read(path).expect("a chart")).collect();
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{name} {} {hash:016x}\n", bytes.len())
    };
    expected.assert_eq(&prints.into_iter().map(print).collect::<String>());
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    run("scenarios/levels/priority-low-lost.toml", &one, &[]);
    run("scenarios/levels/priority-low-lost.toml", &two, &["--set", "net.delay=9ms"]);
    golden(
        &[&one],
        &expect![[r#"
            messages.png 381101 691c7891f3d8826b
            messages.svg 18430 c465963d6f218d29
            timeline.png 67055 1acdb764e16ef7d2
            timeline.svg 4938 053d98c773064d47
        "#]],
    );
    golden(
        &[&one, &two],
        &expect![[r#"
            timeline.png 91585 eb320c6861287bbc
            timeline.svg 7206 636ee32a714486ef
        "#]],
    );
}

/// The pictures of the README and of docs/charts.md, which say how to make them.
#[test]
fn the_pictures_in_the_docs_are_what_the_program_draws() {
    let folder = folder();
    let runs = [
        ("scenarios/tour/first-run.toml", "staleness,traffic", ["staleness", "traffic"].as_slice()),
        ("scenarios/levels/urgent-writes.toml", "visibility", ["visibility"].as_slice()),
    ];
    for (scenario, kinds, names) in runs {
        let out = folder.path().join(names[0]);
        run(scenario, &out, &[]);
        for (theme, page) in [("light", ""), ("dark", "-dark")] {
            plot(&[&out], &["--kind", kinds, "--theme", theme]).expect(0);
            for name in names {
                let file = format!("{name}{page}.svg");
                let drawn = std::fs::read_to_string(out.join("charts").join(&file)).expect("the chart was drawn");
                expect_file![top().join("docs/images").join(&file)].assert_eq(&drawn);
            }
        }
    }
}

#[test]
fn charts_name_units_faults_and_what_differs() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    run("scenarios/tour/partition.toml", &one, &[]);
    run("scenarios/tour/partition.toml", &two, &["--set", "net.loss=30%", "--seed", "7"]);
    let said = plot(&[&one, &two], &["--kind", "staleness,lag", "--out", folder.path().join("c").to_str().unwrap()]);
    assert!(said.expect(0).stdout.contains("lag.svg"));
    let chart = std::fs::read_to_string(folder.path().join("c/staleness.svg")).unwrap();
    for part in ["loss 30%, seed 7", ">partition<", "settling", "virtual time (s)", "share of reads (%)", "All lines:"]
    {
        assert!(chart.contains(part), "no {part:?} in\n{chart}");
    }
    assert!(chart.starts_with("<svg class=\"drawing\" "));
    assert_eq!(chart.matches("<svg").count(), chart.matches("</svg>").count());

    // The time shown can be chosen.
    plot(&[&one], &["--kind", "staleness", "--from", "1s", "--to", "1200ms"]).expect(0);
    let part = std::fs::read_to_string(one.join("charts/staleness.svg")).unwrap();
    assert!(part.contains("1.05") && !part.contains("settling"), "{part}");

    // A new run in the folder has no charts of the old one.
    run("scenarios/tour/by-hand.toml", &one, &[]);
    assert!(!one.join("charts/staleness.svg").exists());
}

/// Of a long run a diagram shows a part that people can read, and says which.
#[test]
fn messages_are_drawn_of_a_part_that_can_be_read() {
    let folder = folder();
    let one = folder.path().join("one");
    run("scenarios/tour/loss.toml", &one, &["--set", "store.anti_entropy=off"]);
    let drawn = |more: &[&str]| {
        plot(&[&one], &[&["--kind", "messages"], more].concat()).expect(0);
        std::fs::read_to_string(one.join("charts/messages.svg")).unwrap()
    };
    let svg = drawn(&[]);
    for part in ["A part of the run: ", "where the story of CONV002 begins", "class=\"gone\"", "k92 = 779"] {
        assert!(svg.contains(part), "no {part:?} in\n{svg}");
    }
    let rows = svg.matches("class=\"time\"").count();
    assert!((20..=120).contains(&rows) && svg.len() < 100_000, "{rows} rows, {} bytes", svg.len());
    assert!(!svg.contains(">at the end<"), "this is not the end");
    assert!(drawn(&["--from", "2s"]).contains("A part of the run: 2.000 s to 2.0"), "as chosen");
    // Two runs have no diagram in common.
    let ended = plot(&[&one, &one], &["--kind", "messages"]).expect(2);
    assert!(ended.stderr.contains("nothing to show of messages: it shows one run"), "{}", ended.stderr);
}

/// Lines through single points are of no use, but are drawn when they are asked for.
#[test]
fn few_operations_are_shown_one_by_one() {
    let folder = folder();
    let one = folder.path().join("one");
    run("scenarios/tour/by-hand.toml", &one, &[]);
    let said = plot(&[&one], &[]).expect(0).stdout;
    assert!(said.contains("timeline.svg") && said.contains("messages.svg"), "{said}");
    assert!(said.contains("latency     nothing to show: figures of so few operations"), "{said}");
    assert!(plot(&[&one], &["--kind", "latency"]).expect(0).stdout.contains("latency.svg"));
}

/// Each kind of fault has a row above the panels, however many faults of it there are.
#[test]
fn faults_have_a_row_for_each_kind() {
    let folder = folder();
    let one = folder.path().join("one");
    run("scenarios/faults/everything.toml", &one, &[]);
    plot(&[&one], &["--kind", "latency,traffic"]).expect(0);
    for name in ["latency", "traffic"] {
        let svg = std::fs::read_to_string(one.join(format!("charts/{name}.svg"))).unwrap();
        for kind in ["crash", "slow node", "random partition", "settling"] {
            assert_eq!(svg.matches(&format!(">{kind}<")).count(), 1, "{kind} in {name}");
        }
        assert!(!svg.contains("crash["), "no names of single faults");
    }
    let traffic = std::fs::read_to_string(one.join("charts/traffic.svg")).unwrap();
    assert!(traffic.contains(">sent (kB/s)<"));
}

#[test]
fn mistakes_are_reported() {
    let folder = folder();
    let one = folder.path().join("one");
    run("scenarios/tour/by-hand.toml", &one, &[]);
    let refused = |runs: &[&Path], more: &[&str], reasons: &[&str]| {
        let ended = plot(runs, more).expect(2);
        assert_eq!(ended.stdout, "");
        reasons.iter().for_each(|reason| assert!(ended.stderr.contains(reason), "no {reason:?} in {}", ended.stderr));
    };
    refused(&[&folder.path().join("nowhere")], &[], &["nowhere", "expected the folder of a run"]);
    refused(&[&one], &["--kind", "stale"], &["stale", "staleness"]);
    refused(&[one.as_path(); 5], &[], &["5 runs are too many", "at most 4"]);
    refused(&[&one], &["--from", "3s", "--to", "2s"], &["no time to show", "--from 3.000 s"]);
    refused(&[], &[], &["required"]);
    // Where there is nothing to see: all kinds means those that there are, and the others are named.
    let alone = folder.path().join("alone");
    run(&common::file(folder.path(), "alone.toml", common::SMALL.replace('3', "1")), &alone, &[]);
    refused(&[&alone], &["--kind", "lag"], &["nothing to show of lag", "leave lag out of --kind"]);
    let said = plot(&[&alone], &[]).expect(0).stdout;
    assert!(
        said.contains("timeline.svg") && said.contains("traffic     nothing to show: no message was sent"),
        "{said}"
    );
    // A file in the way.
    let file = common::file(folder.path(), "file", "");
    refused(&[&one], &["--out", &file], &["cannot make the folder"]);
}

#[test]
fn a_run_that_is_not_the_stored_one_is_not_drawn() {
    let folder = folder();
    let one = folder.path().join("one");
    run("scenarios/tour/by-hand.toml", &one, &[]);
    let path = one.join("summary.json");
    let summary = std::fs::read_to_string(&path).unwrap();
    let at = summary.find("\"trace_hash\": \"0x").expect("the summary has the hash") + 17;
    let digit = if &summary[at..=at] == "0" { "1" } else { "0" };
    std::fs::write(&path, format!("{}{digit}{}", &summary[..at], &summary[at + 1..])).unwrap();
    let ended = plot(&[&one], &[]).expect(4);
    assert!(ended.stderr.contains("not reproduced") && ended.stderr.contains("kvsim replay"), "{}", ended.stderr);
    assert!(!one.join("charts").exists());
}
