//! `kvsim sweep`: the table depends on the file alone, a killed sweep goes on, and mistakes are told before the first run.

mod common;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use common::{Ended, end, file, folder, kvsim};
use expect_test::{Expect, expect};

/// Six cells that take no time.
const TINY: &str = r#"
title = "A tiny sweep, with 5 % & more"
replicas = 3
duration = "400ms"
[store]
anti_entropy = "200ms"
[net]
delay = "5ms..20ms"
[keys]
count = 20
writers = "one"
priorities = { P0 = 3, P3 = 1 }
[clients.all]
sessions = 6
rate = "50/s"
[sweep]
seeds = 6
net.loss = ["0%", "10%", "30%"]
level = ["fifo", "priority"]
columns = ["reads/s", "answered", "visibility p50", "visibility p90 P3", "stale reads", "bytes/write", "unseen at fifo-p3", "pram"]
"#;

/// The same without numbers on an axis.
const NAMED: &str = r#"
[sweep.cases.fault]
none = {}
partition = { fault.partition = [{ at = "100ms", for = "200ms", isolate = ["n0"] }] }
"#;

fn sweep(sweep: &str, out: &Path, more: &[&str]) -> Ended {
    end(kvsim().args(["sweep", sweep, "--out"]).arg(out).args(more))
}

const TABLES: [&str; 5] = ["table.txt", "table.csv", "table.json", "table.md", "table.tex"];

/// All tables and charts.
fn results(out: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<PathBuf> = TABLES.iter().map(|name| out.join(name)).collect();
    let charts = std::fs::read_dir(out.join("charts")).expect("a folder of charts");
    paths.extend(charts.map(|entry| entry.expect("an entry").path()));
    paths.sort();
    let name = |path: &Path| path.strip_prefix(out).unwrap().to_str().unwrap().to_string();
    paths.iter().map(|path| (name(path), std::fs::read(path).unwrap())).collect()
}

/// Length and FNV-1a hash of each chart.
fn prints(out: &Path) -> String {
    let hash = |bytes: &[u8]| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
    };
    let charts = results(out).into_iter().filter(|(name, _)| name.starts_with("charts"));
    charts.map(|(name, bytes)| format!("{name} {} {:016x}\n", bytes.len(), hash(&bytes))).collect()
}

#[test]
fn tables_of_all_forms_say_the_same() {
    let (folder, out) = (folder(), folder());
    let tiny = file(folder.path(), "tiny.toml", TINY);
    let said = sweep(&tiny, out.path(), &[]).expect(0);
    let golden = |name: &str, expected: Expect| {
        expected.assert_eq(&std::fs::read_to_string(out.path().join(name)).unwrap());
    };
    golden(
        "table.txt",
        expect![[r#"
            A tiny sweep, with 5 % & more

            net.loss   level             reads/s   answered (%)   visibility p50 (ms)   visibility p90 P3 (ms)        stale reads (%)   bytes/write (B)   unseen at fifo-p3 (%)   pram
            ---------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------------
            0%         fifo       150 [140, 170]         100.00     12.2 [11.9, 13.4]        18.5 [17.5, 18.9]     4.85 [1.61, 12.50]    198 [173, 207]                    0.00   holds 6/6
            0%         priority   150 [140, 170]         100.00     12.2 [11.8, 13.4]        18.5 [17.5, 18.9]     4.85 [1.61, 12.50]    198 [173, 207]                    0.00   holds 6/6
            10%        fifo       150 [140, 170]         100.00     16.3 [14.1, 19.6]          138 [93.6, 166]    11.71 [6.06, 21.42]    202 [182, 205]                    0.00   holds 6/6
            10%        priority   150 [140, 170]         100.00     15.5 [13.9, 18.5]         29.8 [18.7, 137]    10.43 [6.06, 19.64]    202 [182, 205]                    0.00   holds 5/6, violated 1/6
            30%        fifo       150 [140, 170]         100.00        222 [177, 278]           450 [328, 513]   30.49 [18.18, 53.57]    200 [166, 215]                    0.00   holds 6/6
            30%        priority   150 [140, 170]         100.00        186 [169, 246]           411 [254, 501]   26.94 [18.18, 50.00]    200 [166, 215]                    0.00   holds 4/6, violated 2/6

            Median of 6 seeds (1 to 6); in brackets an interval that has the true median in it with a probability of at least 96.87 % (order statistics). A number alone: the interval is that number.
            pram violated (PRAM001), seed 3: net.loss 10%, level priority
            pram violated (PRAM001), seeds 5 to 6: net.loss 30%, level priority
        "#]],
    );
    golden(
        "table.csv",
        expect![[r#"
            net.loss,level,reads/s median,reads/s low,reads/s high,answered median (%),answered low (%),answered high (%),visibility p50 median (ns),visibility p50 low (ns),visibility p50 high (ns),visibility p90 P3 median (ns),visibility p90 P3 low (ns),visibility p90 P3 high (ns),stale reads median (%),stale reads low (%),stale reads high (%),bytes/write median (B),bytes/write low (B),bytes/write high (B),unseen at fifo-p3 median (%),unseen at fifo-p3 low (%),unseen at fifo-p3 high (%),pram holds,pram violated,pram unknown
            0%,fifo,150.000,140.000,170.000,100.00,100.00,100.00,12189695,11927551,13369343,18513919,17498111,18874367,4.85,1.61,12.50,198,173,207,0.00,0.00,0.00,6,0,0
            0%,priority,150.000,140.000,170.000,100.00,100.00,100.00,12173311,11796479,13369343,18513919,17498111,18874367,4.85,1.61,12.50,198,173,207,0.00,0.00,0.00,6,0,0
            10%,fifo,150.000,140.000,170.000,100.00,100.00,100.00,16318463,14057471,19595263,138412031,93585407,166199295,11.71,6.06,21.42,202,182,205,0.00,0.00,0.00,6,0,0
            10%,priority,150.000,140.000,170.000,100.00,100.00,100.00,15450111,13893631,18481151,29786111,18677759,137363455,10.43,6.06,19.64,202,182,205,0.00,0.00,0.00,5,1,0
            30%,fifo,150.000,140.000,170.000,100.00,100.00,100.00,221511679,177209343,277872639,449839103,328204287,512753663,30.49,18.18,53.57,200,166,215,0.00,0.00,0.00,6,0,0
            30%,priority,150.000,140.000,170.000,100.00,100.00,100.00,186384383,168820735,246415359,410517503,254279679,501219327,26.94,18.18,50.00,200,166,215,0.00,0.00,0.00,4,2,0
        "#]],
    );
    golden(
        "table.md",
        expect![[r#"
            **A tiny sweep, with 5 % & more**

            | net.loss | level | reads/s | answered (%) | visibility p50 (ms) | visibility p90 P3 (ms) | stale reads (%) | bytes/write (B) | unseen at fifo-p3 (%) | pram |
            |---|---|---:|---:|---:|---:|---:|---:|---:|---:|
            | 0% | fifo | 150 [140, 170] | 100.00 | 12.2 [11.9, 13.4] | 18.5 [17.5, 18.9] | 4.85 [1.61, 12.50] | 198 [173, 207] | 0.00 | holds 6/6 |
            | 0% | priority | 150 [140, 170] | 100.00 | 12.2 [11.8, 13.4] | 18.5 [17.5, 18.9] | 4.85 [1.61, 12.50] | 198 [173, 207] | 0.00 | holds 6/6 |
            | 10% | fifo | 150 [140, 170] | 100.00 | 16.3 [14.1, 19.6] | 138 [93.6, 166] | 11.71 [6.06, 21.42] | 202 [182, 205] | 0.00 | holds 6/6 |
            | 10% | priority | 150 [140, 170] | 100.00 | 15.5 [13.9, 18.5] | 29.8 [18.7, 137] | 10.43 [6.06, 19.64] | 202 [182, 205] | 0.00 | holds 5/6, violated 1/6 |
            | 30% | fifo | 150 [140, 170] | 100.00 | 222 [177, 278] | 450 [328, 513] | 30.49 [18.18, 53.57] | 200 [166, 215] | 0.00 | holds 6/6 |
            | 30% | priority | 150 [140, 170] | 100.00 | 186 [169, 246] | 411 [254, 501] | 26.94 [18.18, 50.00] | 200 [166, 215] | 0.00 | holds 4/6, violated 2/6 |

            Median of 6 seeds (1 to 6); in brackets an interval that has the true median in it with a probability of at least 96.87 % (order statistics). A number alone: the interval is that number.

            - pram violated (PRAM001), seed 3: net.loss 10%, level priority
            - pram violated (PRAM001), seeds 5 to 6: net.loss 30%, level priority
        "#]],
    );
    golden(
        "table.tex",
        expect![[r#"
            \begin{table}
              \centering
              \begin{tabular}{llrrrrrrrr}
                \hline
                net.loss & level & reads/s & answered (\%) & visibility p50 (ms) & visibility p90 P3 (ms) & stale reads (\%) & bytes/write (B) & unseen at fifo-p3 (\%) & pram \\
                \hline
                0\% & fifo & 150 {[}140, 170] & 100.00 & 12.2 {[}11.9, 13.4] & 18.5 {[}17.5, 18.9] & 4.85 {[}1.61, 12.50] & 198 {[}173, 207] & 0.00 & holds 6/6 \\
                0\% & priority & 150 {[}140, 170] & 100.00 & 12.2 {[}11.8, 13.4] & 18.5 {[}17.5, 18.9] & 4.85 {[}1.61, 12.50] & 198 {[}173, 207] & 0.00 & holds 6/6 \\
                10\% & fifo & 150 {[}140, 170] & 100.00 & 16.3 {[}14.1, 19.6] & 138 {[}93.6, 166] & 11.71 {[}6.06, 21.42] & 202 {[}182, 205] & 0.00 & holds 6/6 \\
                10\% & priority & 150 {[}140, 170] & 100.00 & 15.5 {[}13.9, 18.5] & 29.8 {[}18.7, 137] & 10.43 {[}6.06, 19.64] & 202 {[}182, 205] & 0.00 & holds 5/6, violated 1/6 \\
                30\% & fifo & 150 {[}140, 170] & 100.00 & 222 {[}177, 278] & 450 {[}328, 513] & 30.49 {[}18.18, 53.57] & 200 {[}166, 215] & 0.00 & holds 6/6 \\
                30\% & priority & 150 {[}140, 170] & 100.00 & 186 {[}169, 246] & 411 {[}254, 501] & 26.94 {[}18.18, 50.00] & 200 {[}166, 215] & 0.00 & holds 4/6, violated 2/6 \\
                \hline
              \end{tabular}
              \caption{A tiny sweep, with 5 \% \& more. Median of 6 seeds (1 to 6); in brackets an interval that has the true median in it with a probability of at least 96.87 \% (order statistics). A number alone: the interval is that number.}
            \end{table}
            % pram violated (PRAM001), seed 3: net.loss 10%, level priority
            % pram violated (PRAM001), seeds 5 to 6: net.loss 30%, level priority
        "#]],
    );
    let text = std::fs::read_to_string(out.path().join("table.txt")).unwrap();
    assert!(said.stdout.starts_with(&text) && said.stdout.contains("36 runs"), "{}", said.stdout);
    // A cell by itself is the run that was measured.
    let command = said.stdout.lines().find(|line| line.contains("--case net.loss=10% --case level=priority")).unwrap();
    let words: Vec<&str> = command.split_whitespace().skip(2).map(|word| word.trim_matches('\'')).collect();
    let (first, run) = words.split_last().expect("a command ends with a seed");
    assert_eq!(*first, "1");
    let alone = end(kvsim()
        .args(run)
        .args(["3", "--no-report", "--set", "expect.pram=violated", "--out"])
        .arg(out.path().join("one")));
    assert!(alone.expect(0).stdout.contains("PRAM001"), "the cell has it with seed 3");
    // What is printed is what is stored.
    for (form, name) in ["csv", "json", "md", "latex"].iter().zip(["table.csv", "table.json", "table.md", "table.tex"])
    {
        let printed = sweep(&tiny, out.path(), &["--resume", "--format", form]).expect(0).stdout;
        assert_eq!(printed, std::fs::read_to_string(out.path().join(name)).unwrap());
    }
    let json = common::read_json(&out.path().join("table.json"));
    assert_eq!((&json["schema"], json["cells"].as_array().unwrap().len()), (&1.into(), 6));
    let cell = &json["cells"][3];
    assert_eq!(cell["values"], serde_json::json!({ "net.loss": "10%", "level": "priority" }));
    let seeds = cell["columns"]["visibility p50"]["seeds"].as_array().unwrap();
    let mut sorted: Vec<u64> = seeds.iter().map(|value| value.as_u64().unwrap()).collect();
    sorted.sort();
    // The definition: the two in the middle, and with six seeds the interval is everything.
    assert_eq!(cell["columns"]["visibility p50"]["median"], sorted[2] + (sorted[3] - sorted[2]) / 2);
    assert_eq!(cell["columns"]["visibility p50"]["low"], sorted[0]);
    assert_eq!(cell["columns"]["visibility p50"]["high"], sorted[5]);
    assert_eq!(json["interval_percent"], 96.87);
}

#[test]
fn the_number_of_jobs_does_not_matter_and_charts_are_the_same_bytes() {
    let (folder, one, two) = (folder(), folder(), folder());
    let both = file(folder.path(), "both.toml", format!("{TINY}{NAMED}"));
    sweep(&both, one.path(), &["--jobs", "1"]).expect(0);
    sweep(&both, two.path(), &["--jobs", "2"]).expect(0);
    assert_eq!(results(one.path()), results(two.path()));
    expect![[r#"
        charts/answered.svg 4045 cce65e60decb8196
        charts/bytes-write.svg 4205 a592278510a92f00
        charts/reads-s.svg 3956 77023961259bbc66
        charts/stale-reads.svg 4223 35c86047c169f614
        charts/unseen.svg 4091 8d6e56edc2e60d30
        charts/visibility.svg 6443 7ad97104769e2ec7
        charts/visible-1-0-none.svg 8179 4232735b26567e8c
        charts/visible-2-0-partition.svg 9306 3e3d605c39fcd067
        charts/visible-3-10-none.svg 9034 3cf9ba5c689944cd
        charts/visible-4-10-partition.svg 9574 c45adb3b04038124
        charts/visible-5-30-none.svg 9353 af7c4a7ea0386993
        charts/visible-6-30-partition.svg 9082 ee9d1e0bd14cdadd
    "#]]
    .assert_eq(&prints(one.path()));
    // A point for each cell where no axis has numbers.
    let (named, pixels) = (common::folder(), ["--chart-format", "png", "--theme", "dark"]);
    let set = ["--set", "sweep.net.loss=[\"10%\"]"];
    sweep(&both, named.path(), &set).expect(0);
    sweep(&both, named.path(), &[&set[..], &pixels, &["--resume"]].concat()).expect(0);
    expect![[r#"
        charts/answered-dark.png 39149 014ac6c2038b8ec4
        charts/answered.svg 2712 4aa44d4bae1142a3
        charts/bytes-write-dark.png 41979 0978e5499829575d
        charts/bytes-write.svg 2776 57f64b6ee25150ce
        charts/reads-s-dark.png 37379 77d62b605bd3da28
        charts/reads-s.svg 2638 a09336117adea303
        charts/stale-reads-dark.png 40887 95ec925519e5080f
        charts/stale-reads.svg 2767 206bf4b6aedb12ee
        charts/unseen-dark.png 41128 cc88086335cac7da
        charts/unseen.svg 2750 1771b8e117184e13
        charts/visibility-dark.png 45185 b26b630fcb6c3c5d
        charts/visibility.svg 4084 5cdbbafff6b20f8a
        charts/visible-1-none-10-dark.png 79652 e2a6ad2e034f9744
        charts/visible-1-none-10.svg 9034 f647877a6c0c88fd
        charts/visible-2-partition-10-dark.png 78525 420f77b15dfd3577
        charts/visible-2-partition-10.svg 9574 9a8425def8b7b7b0
    "#]]
    .assert_eq(&prints(named.path()));
}

/// A page with everything, for people.
#[test]
fn a_sweep_leaves_a_report() {
    let (folder, out) = (folder(), folder());
    let tiny = file(folder.path(), "tiny.toml", TINY);
    sweep(&tiny, out.path(), &[]).expect(0);
    let page = std::fs::read_to_string(out.path().join("report.html")).unwrap();
    let parts = [
        "<h1>Sweep tiny</h1>",
        "A tiny sweep, with 5 % &amp; more",
        "<h2 id=\"table-head\">",
        "<td data-head=\"level\">fifo</td>",
        "<h2 id=\"charts-head\">",
        "<svg class=\"drawing\"",
        "kvsim run ",
        "--case net.loss=30%",
        "[sweep]",
        "</html>",
    ];
    let mut rest = page.as_str();
    for part in parts {
        let (_, after) = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} where it belongs in\n{page}"));
        rest = after;
    }
    let linked = page.match_indices("http").map(|(at, _)| &page[at..at + 26]);
    assert!(linked.into_iter().all(|link| link == "http://www.w3.org/2000/svg" || link.starts_with("http-equiv")));
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn charts_say_what_they_show_and_by_how_much() {
    let (folder, out) = (folder(), folder());
    let tiny = file(folder.path(), "tiny.toml", TINY);
    sweep(&tiny, out.path(), &[]).expect(0);
    let chart = |name: &str| {
        let svg = std::fs::read_to_string(out.path().join("charts").join(name)).unwrap();
        // Texts are broken into lines.
        let texts = svg.split("<text").skip(1).filter_map(|text| text.split_once('>')?.1.split_once("</text>"));
        texts.map(|(text, _)| text.trim()).collect::<Vec<_>>().join(" ")
    };
    let visible = chart("visible-3-30.svg");
    for part in
        ["net.loss 30%", "6 seeds together", "Of the most urgent writes (P3) another replica shows half", "at fifo ("]
    {
        assert!(visible.contains(part), "no {part:?} in\n{visible}");
    }
    let lines = chart("visibility.svg");
    for part in ["Visibility p50", "net.loss", "30%", "bands intervals", "96.87 %", "priority"] {
        assert!(lines.contains(part), "no {part:?} in\n{lines}");
    }
}

#[test]
fn a_killed_sweep_goes_on_as_if_nothing_had_happened() {
    let (folder, out, at_once) = (folder(), folder(), folder());
    // Long enough to be killed half way.
    let slow = file(folder.path(), "slow.toml", TINY.replace("400ms", "3s"));
    let lines = || std::fs::read_to_string(out.path().join("sweep.jsonl")).unwrap_or_default().matches('\n').count();
    let mut resume: &[&str] = &[];
    for wanted in [5, 20] {
        let mut child = kvsim()
            .args(["sweep", &slow, "--jobs", "2", "--out"])
            .arg(out.path())
            .args(resume)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for turn in 0.. {
            if lines() >= wanted {
                break;
            }
            assert_eq!(child.try_wait().unwrap().map(|ended| ended.code()), None, "it was over too early");
            assert!(turn < 24_000, "nothing is done in two minutes");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        resume = &["--resume"];
    }
    assert!(lines() < 37, "it was over before it was killed");
    // As if it had been killed while it wrote a line.
    let journal = out.path().join("sweep.jsonl");
    let mut bytes = std::fs::read(&journal).unwrap();
    bytes.extend_from_slice(b"{\"run\":{\"cell\":1,\"se");
    std::fs::write(&journal, bytes).unwrap();
    let rest = sweep(&slow, out.path(), &["--resume"]).expect(0);
    assert!(rest.stdout.contains("known from before"), "{}", rest.stdout);
    sweep(&slow, at_once.path(), &[]).expect(0);
    assert_eq!(results(out.path()), results(at_once.path()));
}

#[test]
fn results_are_neither_overwritten_nor_mixed() {
    let (folder, out) = (folder(), folder());
    let tiny = file(folder.path(), "tiny.toml", TINY);
    sweep(&tiny, out.path(), &["--set", "sweep.seeds=1"]).expect(0);
    let refused = |more: &[&str], why: &str| {
        let ended = sweep(&tiny, out.path(), more).expect(2);
        assert!(ended.stderr.contains(why), "no {why:?} in {}", ended.stderr);
    };
    refused(&["--set", "sweep.seeds=1"], "has the results of 6 runs");
    refused(&["--resume"], "with the changes [sweep.seeds=1]");
    file(folder.path(), "tiny.toml", TINY.replace("50/s", "60/s"));
    refused(&["--resume", "--set", "sweep.seeds=1"], "the file has changed since");
    std::fs::write(out.path().join("sweep.jsonl"), "no JSON\n").unwrap();
    refused(&["--resume"], "sweep.jsonl:1: not a line of the journal of a sweep");
    // A folder without a journal is a beginning.
    let new = common::folder();
    sweep(&tiny, &new.path().join("a/b"), &["--resume", "--set", "sweep.seeds=1"]).expect(0);
}

#[test]
fn what_is_measured_is_not_expected_but_what_is_expected_is_compared() {
    let (folder, out) = (folder(), folder());
    let text = TINY
        .replace("\"fifo\", \"priority\"", "\"eventual\"")
        .replace("seeds = 6", "seeds = 2")
        .replace("50/s", "500/s");
    let run = |name: &str, text: String| {
        let path = file(folder.path(), &format!("{name}.toml"), text);
        sweep(&path, &out.path().join(name), &["--set", "sweep.net.loss=[\"30%\"]"])
    };
    let measured = run("measured", text.clone()).expect(0);
    assert!(
        measured.stdout.contains("violated 2/2") && measured.stdout.contains("pram violated (PRAM001), seeds 1 to 2")
    );
    let other = run("other", format!("{text}[expect]\npram = \"holds\"\n")).expect(1);
    let told = "NOT AS EXPECTED: pram violated (expected: holds), seeds 1 to 2: level eventual, net.loss 30%";
    assert!(other.stdout.contains(told), "{}", other.stdout);
    // A run of it is there to be looked at.
    let look = other.stdout.split("see: kvsim replay ").nth(1).and_then(|rest| rest.lines().next()).expect("a command");
    let replayed = end(kvsim().args(["replay", look])).expect(1);
    assert!(replayed.stdout.contains("PRAM001") && !replayed.stdout.contains("not reproduced"), "{}", replayed.stdout);
    run("as-expected", format!("{text}[expect]\npram = \"violated\"\n")).expect(0);
    // The ordered levels are not there to be judged.
    let unknown = run("unknown", format!("{text}[expect]\nfifo-visibility = \"holds\"\n")).expect(3);
    assert!(unknown.stdout.contains("fifo-visibility unknown (expected: holds)"), "{}", unknown.stdout);
}

#[test]
fn mistakes_in_any_cell_are_told_before_the_first_run() {
    let (folder, out) = (folder(), folder());
    let wrong = |text: String, place: &str, why: &str| {
        let path = file(folder.path(), "wrong.toml", text);
        let ended = sweep(&path, out.path(), &[]).expect(2);
        assert!(
            ended.stderr.contains(&format!("wrong.toml:{place}")) && ended.stderr.contains(why),
            "{}",
            ended.stderr
        );
        assert!(!out.path().join("sweep.jsonl").exists(), "a run was begun");
    };
    wrong(TINY.replace("\"30%\"", "\"300%\""), "18:26", "where net.loss = 300%");
    wrong(TINY.replace("\"priority\"]", "\"urgent\"]"), "19:18", "no level `urgent`");
    wrong(
        format!("{TINY}[sweep.cases.q]\nbig = {{ clients.all.quorum = 4 }}\n"),
        "22:30",
        "more than there are replicas",
    );
    wrong(TINY.replace("\"answered\"", "\"answers\""), "20:23", "did you mean `answered`?");
    wrong(common::SMALL.to_string(), "1:1", "no [sweep]");
    // Programs get it as JSON.
    let path = file(folder.path(), "wrong.toml", TINY.replace("seeds = 6", "seeds = 600"));
    let json = sweep(&path, out.path(), &["--format", "json"]).expect(2).json();
    assert_eq!((&json["mistakes"][0]["line"], &json["mistakes"][0]["column"]), (&17.into(), &9.into()));
}

#[test]
fn a_sweep_is_a_scenario_too() {
    let (folder, out) = (folder(), folder());
    let tiny = file(folder.path(), "tiny.toml", TINY);
    end(kvsim().args(["run", &tiny, "--out"]).arg(out.path())).expect(0);
}
