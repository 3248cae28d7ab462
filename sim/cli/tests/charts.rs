//! `kvsim plot`: charts are the same bytes for the same run, say what they show, and mistakes are told.

mod common;

use std::path::{Path, PathBuf};

use common::{Ended, end, folder, kvsim, top};
use expect_test::{Expect, expect, expect_file};

/// Runs a scenario into a folder.
fn run(scenario: &str, out: &Path, more: &[&str]) {
    let ended = end(kvsim().args(["run", scenario, "--out"]).arg(out).args(more));
    assert!(matches!(ended.code, 0 | 1), "{ended:?}");
}

fn plot(runs: &[&Path], more: &[&str]) -> Ended {
    end(kvsim().arg("plot").args(runs).args(more))
}

/// Length and FNV-1a hash of each file in a folder.
fn prints(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder of charts");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let print = |path: &PathBuf| {
        let bytes = std::fs::read(path).expect("a chart");
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        format!("{} {} {hash:016x}\n", path.file_name().unwrap().to_str().unwrap(), bytes.len())
    };
    paths.iter().map(print).collect()
}

/// Every kind, form and page of one run, or of two.
fn golden(runs: &[&Path], expected: &Expect) {
    let out = folder();
    for form in ["svg", "png"] {
        for theme in ["light", "dark"] {
            plot(runs, &["--format", form, "--theme", theme, "--out", out.path().to_str().unwrap()]).expect(0);
        }
    }
    expected.assert_eq(&prints(out.path()));
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
            lag-dark.png 69859 2432f32e9ef6b202
            lag-dark.svg 12703 2642974b407857f1
            lag.png 70647 cb96d98ae34a68cc
            lag.svg 12703 69df4f553c3445c3
            latency-dark.png 69404 4422d3f5057d01de
            latency-dark.svg 15017 9f78525ec3888069
            latency.png 69913 14927a8f53b600cd
            latency.svg 15017 27c4d0f72d650a7e
            messages-dark.png 167167 74c457a8b8c27672
            messages-dark.svg 9894 477692ac894b5dbd
            messages.png 170536 552b918e33c73150
            messages.svg 9894 73c1c7e4a8088b77
            metadata-dark.png 99653 a25b0be35bed277a
            metadata-dark.svg 18467 12b2e20aeb3bae83
            metadata.png 100555 c9d2f97bb6fc66b1
            metadata.svg 18467 7361cdd61ee71a97
            staleness-dark.png 106194 886160df6e7cd69e
            staleness-dark.svg 14613 7e752fcc7794e251
            staleness.png 107242 5c20da5edf668537
            staleness.svg 14613 30062f7552c9f3ee
            timeline-dark.png 35779 8eec56170f4c752f
            timeline-dark.svg 4304 f414fb4bfd7a29c2
            timeline.png 36119 67ae60b86144802e
            timeline.svg 4304 e1684084e94a2383
            traffic-dark.png 102680 cfee36f0cb52d1d5
            traffic-dark.svg 22866 dba8fab2cc3dbf1f
            traffic.png 102685 70fe67929bf95759
            traffic.svg 22866 56bb1db4466ccd85
            visibility-dark.png 65165 9ece63558f43d595
            visibility-dark.svg 16716 bb139e493ba37f3b
            visibility.png 65587 a8142d901628b8d7
            visibility.svg 16716 a517590095d24b54
        "#]],
    );
    golden(
        &[&one, &two],
        &expect![[r#"
            lag-dark.png 85664 fd32ededca7bc228
            lag-dark.svg 13216 27a62b0b1a1d5fe5
            lag.png 86518 db3006e57989c649
            lag.svg 13216 7b456fbb0b98b1fd
            latency-dark.png 67141 a172b11384902e01
            latency-dark.svg 14783 ef3d219c0805f6aa
            latency.png 67786 d630f6da9b48f8a2
            latency.svg 14783 28fcfc284010ad2b
            metadata-dark.png 117920 5ece5e5b17ea1f16
            metadata-dark.svg 24258 0710447b466d420e
            metadata.png 119061 0c69b3c755f6c9f0
            metadata.svg 24258 d8f4ff4f7bce5be5
            staleness-dark.png 118244 6a73134480bccd2a
            staleness-dark.svg 16154 4db524efa9684e67
            staleness.png 119526 35659896904a00df
            staleness.svg 16154 914062eefe92f014
            timeline-dark.png 49249 280e938de3e3bff1
            timeline-dark.svg 7634 1423d4cdc2cd35f6
            timeline.png 49577 ff0783a87744e3dd
            timeline.svg 7634 470b838915f4a2f1
            traffic-dark.png 137265 6f2f0cb01c2d6056
            traffic-dark.svg 25991 335de1b4851ac6ba
            traffic.png 137404 1df87ebe578ee4a9
            traffic.svg 25991 cf1b46ac13615e97
            visibility-dark.png 48728 fe08d5dca6dcbadd
            visibility-dark.svg 17688 ba854c68dd0c9cbd
            visibility.png 49083 0d1338578683a273
            visibility.svg 17688 4b5f015f0043963b
        "#]],
    );
}

/// The pictures of the README, which it says how to make.
#[test]
fn the_pictures_in_the_readme_are_what_the_program_draws() {
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
    for part in
        ["loss 30%, seed 0x7", "partition[0]", "settling", "virtual time (s)", "share of reads (%)", "All lines:"]
    {
        assert!(chart.contains(part), "no {part:?} in\n{chart}");
    }
    // What text takes is measured with the font that comes along; who looks at it takes his own.
    assert!(chart.contains("font-family=\"sans-serif\"") && chart.starts_with("<svg "));
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
    for part in ["A part of the run: ", "where the story of CONV002 begins", "class=\"gone\"", "k38 = 1540"] {
        assert!(svg.contains(part), "no {part:?} in\n{svg}");
    }
    let rows = svg.matches("class=\"time\"").count();
    assert!((20..=120).contains(&rows) && svg.len() < 100_000, "{rows} rows, {} bytes", svg.len());
    assert!(!svg.contains(">at the end<"), "this is not the end");
    assert!(drawn(&["--from", "2s"]).contains("A part of the run: 2.000 s to 2.0"), "as somebody wants");
    // Two runs have no diagram in common.
    let ended = plot(&[&one, &one], &["--kind", "messages"]).expect(2);
    assert!(ended.stderr.contains("nothing to show of messages: it shows one run"), "{}", ended.stderr);
}

#[test]
fn mistakes_are_told() {
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
