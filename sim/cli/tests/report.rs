//! `report.html`, which `kvsim run` leaves and `kvsim report` writes anew. What a browser makes of it is tested in
//! `report_in_browser.rs`.

mod common;

use std::path::Path;

use common::{end, file, folder, kvsim, summary};

fn page(out: &Path) -> String {
    std::fs::read_to_string(out.join("report.html")).expect("the run left a report")
}

/// The places of some texts, which are all there, rise.
fn in_order(page: &str, parts: &[&str]) {
    let mut from = 0;
    for part in parts {
        let place = page[from..].find(part).unwrap_or_else(|| panic!("no {part:?} after byte {from} of\n{page}"));
        from += place + part.len();
    }
}

#[test]
fn a_run_leaves_a_report() {
    let folder = folder();
    let out = folder.path().join("one");
    let ended = end(kvsim().args(["run", "scenarios/tour/first-run.toml", "--out"]).arg(&out)).expect(0);
    assert!(ended.stdout.contains("  report      "), "{}", ended.stdout);
    let page = page(&out);
    let parts = [
        "<h1>first-run</h1>",
        "Every verdict is as expected.",
        "<h2 id=\"findings-head\">",
        "Nothing was found.",
        "<h3>Staleness</h3>",
        "<h3>Timeline</h3>",
        "When faults last",
        "messages are lost from n0, n1 \u{2192} n2, n3, n4",
        "scenarios/tour/first-run.toml:",
        "A part of the run: 2.9",
        "<svg class=\"drawing\"",
        "The messages of the diagram as a list",
        "choice = &quot;zipfian(0.99)&quot;",
        "store.anti_entropy",
        "kvsim replay .",
        "kvsim run scenarios/tour/first-run.toml --seed 1",
        "0xdf9667bf0ba7aeb6",
    ];
    in_order(&page, &parts);
    // It needs nothing else, and nothing asks the network.
    let linked: Vec<&str> = page.match_indices("http").map(|(at, _)| &page[at..at + 26]).collect();
    assert!(
        linked.iter().all(|link| *link == "http://www.w3.org/2000/svg" || link.starts_with("http-equiv")),
        "{linked:?}"
    );
    assert!(page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let folder = folder();
    let (one, two) = (folder.path().join("one"), folder.path().join("two"));
    let lost = ["--set", "store.anti_entropy=off"];
    for out in [&one, &two] {
        summary("scenarios/tour/loss.toml", out, &lost);
    }
    let first = page(&one);
    assert_eq!(first, page(&two));
    // Made anew it is the same, wherever the folder is.
    std::fs::remove_file(two.join("report.html")).unwrap();
    let ended = end(kvsim().current_dir(&two).args(["report", "."])).expect(0);
    assert!(ended.stdout.contains("report.html"), "{}", ended.stdout);
    assert_eq!(first, page(&two));
    in_order(
        &first,
        &[
            "One verdict is not as expected.",
            "CONV002: n0, n2 do not know k92 = 779",
            "<td class=\"time\">0.530 s</td>",
            "lost (by chance)",
            "Explanation",
            "kvsim explain . --op 1521",
            "More of the same kinds",
            "where the story of CONV002 begins",
            "kvsim run scenarios/tour/loss.toml --seed 1 --set store.anti_entropy=off",
        ],
    );
}

#[test]
fn texts_are_no_part_of_the_page() {
    let folder = folder();
    let script = "</script><script>alert(1)</script>";
    let scenario = format!(
        "title = \"{script}\"\nreplicas = 2\nduration = \"50ms\"\n[script.sessions]\nann = {{ at = \"n0\" }}\n[script]\nops = [\n  \
         {{ at = \"10ms\", by = \"ann\", write = \"<b>&{{{{style}}}}\", value = 1 }},\n]\n[[fault.drop]]\nwrite = 1\n"
    );
    let scenario = file(folder.path(), "odd.toml", scenario);
    let out = folder.path().join("one");
    summary(&scenario, &out, &[]);
    let page = page(&out);
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)") && page.contains("&lt;b&gt;&amp;{{style}} = 1"));
    assert_eq!((page.matches("<script>").count(), page.matches("</script>").count()), (1, 1));
    assert!(!page.contains("<b>&"));
    // One message of one operation has no time, but a place in the table.
    assert!(page.contains("update 1 from all to all is lost"), "{page}");
}

#[test]
fn reports_can_be_left_out() {
    let folder = folder();
    let out = folder.path().join("one");
    let small = file(folder.path(), "small.toml", common::SMALL);
    summary(&small, &out, &["--no-report"]);
    assert!(!out.join("report.html").exists() && out.join("scenario.toml").exists());
    summary(&small, &out, &["--trace", "off"]);
    assert!(!out.join("report.html").exists());
    // The same run in the same folder loses nothing of what is there, another one keeps none of it.
    summary(&small, &out, &[]);
    summary(&small, &out, &["--no-report"]);
    assert!(out.join("report.html").exists());
    let judged = common::read_json(&out.join("summary.json"));
    summary(&small, &out, &["--trace", "off"]);
    assert_eq!(common::read_json(&out.join("summary.json")), judged, "what does not judge takes no verdict away");
    summary(&small, &out, &["--no-report", "--seed", "2"]);
    assert!(!out.join("report.html").exists());
    // A run without the scenario's text has a report, too.
    std::fs::remove_file(out.join("scenario.toml")).unwrap();
    end(kvsim().arg("report").arg(out.join("plan.json"))).expect(0);
    assert!(page(&out).contains("kvsim replay .") && !page(&out).contains("<h3>Scenario</h3>"));
}

#[test]
fn mistakes_are_told() {
    let folder = folder();
    let ended = end(kvsim().arg("report").arg(folder.path().join("nowhere"))).expect(2);
    assert!(ended.stderr.contains("expected the folder of a run"), "{}", ended.stderr);
    let out = folder.path().join("one");
    summary(&file(folder.path(), "small.toml", common::SMALL), &out, &["--no-report"]);
    let path = out.join("summary.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let at = text.find("\"trace_hash\": \"0x").unwrap() + 17;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    std::fs::write(&path, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
    let ended = end(kvsim().arg("report").arg(&out)).expect(4);
    assert!(ended.stderr.contains("not reproduced"), "{}", ended.stderr);
    assert!(!out.join("report.html").exists());
}
