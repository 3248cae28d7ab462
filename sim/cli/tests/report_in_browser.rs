//! The report in a browser: needs Chromium (on Debian: `apt-get install chromium`) and axe-core (`npm install --prefix
//! target/axe axe-core`), so it runs when asked for: `cargo test -p kvsim --test report_in_browser -- --ignored`. Without
//! one of them it fails and says what is missing: it was asked for explicitly.
//!
//! A copy of the report gets a script at its beginning, which notes errors, and one at its end, which uses the page. It is
//! loaded from the file system in a frame as wide as a screen or a phone; what the script finds is read from the page
//! around it.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{file, folder, top};
use serde_json::Value;

/// Keys and titles chosen to break the page.
const HOSTILE: &str = r#"
title = "</title></script><script>document.title = 'broken'; throw 1</script><img src=x onerror=throw(1)>"
replicas = 3
duration = "100ms"
[net]
delay = "1ms..3ms"
loss = "10%"
[store]
anti_entropy = "off"
[script.sessions]
ann = { at = "n0" }
bea = { at = "n1" }
# So many operations that there are charts of figures, too.
[clients.all]
sessions = 4
at = "n2"
mix = { read = 1 }
[script]
ops = [
  { at = "10ms", by = "ann", write = "</script><img src=x onerror=throw(1)>", value = 1 },
  { at = "20ms", by = "bea", write = "\"'&amp;{{name}}]]>", value = 2 },
  { at = "30ms", by = "ann", read = "\"'&amp;{{name}}]]>" },
  { at = "40ms", by = "bea", read = "</script><img src=x onerror=throw(1)>" },
]
[[fault.drop]]
write = 1
to = "n1"
"#;

#[allow(clippy::disallowed_methods)] // which browser is used decides nothing of a run
fn variable(name: &str) -> Option<PathBuf> {
    std::env::var(name).ok().map(PathBuf::from)
}

fn chromium() -> PathBuf {
    let works =
        |name: &PathBuf| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    let usual = ["chromium", "chromium-browser", "google-chrome", "chrome"].map(PathBuf::from);
    let all = variable("KVSIM_CHROMIUM").map_or(usual.to_vec(), |one| vec![one]);
    all.iter().find(|name| works(name)).cloned().unwrap_or_else(|| {
        panic!(
            "no browser: none of {all:?} starts; on Debian: apt-get install chromium, or set KVSIM_CHROMIUM to its path"
        )
    })
}

fn axe() -> String {
    let path = variable("KVSIM_AXE").unwrap_or_else(|| top().join("target/axe/node_modules/axe-core/axe.min.js"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "no axe-core at {}: {error}; get it with: npm install --prefix target/axe axe-core, or set KVSIM_AXE to the path \
             of axe.min.js",
            path.display()
        )
    })
}

fn report(scenario: &str, out: &Path, more: &[&str]) -> String {
    common::summary(scenario, out, more);
    std::fs::read_to_string(out.join("report.html")).expect("the run leaves a report")
}

/// What the script at the end of the page finds.
fn opened(page: &str, axe: &str, width: u32, dark: bool) -> Value {
    let folder = folder();
    let (first, last) = (include_str!("browser/first.js"), include_str!("browser/last.js"));
    let page = page.replacen("<style>", &format!("<script>{first}</script><style>"), 1);
    let (body, end) = page.rsplit_once("</body>").expect("a page has an end");
    file(folder.path(), "report.html", format!("{body}<script>{axe}</script><script>{last}</script></body>{end}"));
    let around = format!(
        "<!doctype html><pre id=found></pre><script>onmessage = (event) => {{ found.textContent = event.data.replace(/[<>&]/g, \
         (c) => '\\\\u' + c.charCodeAt(0).toString(16).padStart(4, '0')); }}</script>\
         <iframe src=report.html style='width:{width}px;height:800px;border:0'></iframe>"
    );
    let around = file(folder.path(), "around.html", around);
    let mut command = Command::new(chromium());
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=60000"]);
    command.args(["--enable-logging=stderr", "--window-size=1200,900"]);
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    command.arg(format!("--blink-settings=preferredColorScheme={}", u8::from(!dark)));
    let output = command.arg(format!("file://{around}")).output().expect("the browser starts");
    let (dom, log) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let said: Vec<&str> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
    assert!(said.is_empty(), "the console has: {said:#?}");
    let found = dom.split_once("<pre id=\"found\">").and_then(|(_, rest)| rest.split_once("</pre>"));
    let (found, _) = found.unwrap_or_else(|| panic!("the page said nothing:\n{dom}\n{log}"));
    serde_json::from_str(found).unwrap_or_else(|error| panic!("{error}: {found}\n{log}"))
}

/// What holds of every report, on every screen.
fn check(name: &str, found: &Value) {
    let list = |name: &str| found[name].as_array().unwrap_or_else(|| panic!("no {name} in {found:#}")).clone();
    assert_eq!(found["troubles"], serde_json::json!([]), "{name}: errors on the console");
    assert_eq!(found["images"], 0, "{name}: what keys and values say is no part of the page");
    assert!(found["overflow"].as_i64().unwrap() <= 0, "{name}: wider than the screen: {found:#}");
    let levels: Vec<i64> = list("headings").iter().map(|level| level.as_i64().unwrap()).collect();
    assert_eq!(levels[0], 1, "{name}");
    assert!(levels.windows(2).all(|pair| pair[1] <= pair[0] + 1 && pair[1] > 1), "{name}: {levels:?}");
    assert!(found["charts"].as_i64().unwrap() >= 5, "{name}: {found:#}");
    // Plus makes it greater, minus smaller, 1 shows it in full size, 0 as wide as its frame.
    let zooms: Vec<f64> = list("zooms").iter().map(|zoom| zoom.as_f64().unwrap()).collect();
    let [begin, more, most, less, full, fit, button] = zooms[..] else { panic!("{name}: {zooms:?}") };
    assert!(begin < more && more < most && less < most && full == 1.0 && button > fit, "{name}: {zooms:?}");
    assert_eq!((&found["focus"], &found["tools"]), (&true.into(), &"flex".into()), "{name}");
    assert_ne!(found["outline"], "none", "{name}: where the focus is can be seen");
    let said = |name: &str| found[name].as_str().unwrap().to_owned();
    let messages = found["messages"].as_u64().unwrap();
    assert!(said("next").starts_with(&format!("1 of {messages}: ")), "{name}: {}", said("next"));
    assert!(said("hover").starts_with(&format!("{messages} of {messages}: ")), "{name}: {}", said("hover"));
    assert!(said("around").starts_with(&format!("1 of {messages}: ")), "{name}: {}", said("around"));
    for part in [" from n", " to n", "sent "] {
        assert!(said("next").contains(part), "{name}: no {part:?} in {}", said("next"));
    }
    let violations = found["axe"]["violations"].as_array().expect("axe has judged the page");
    let grave = |one: &&Value| matches!(one["impact"].as_str(), Some("serious" | "critical"));
    let serious: Vec<&Value> = violations.iter().filter(grave).collect();
    assert!(serious.is_empty(), "{name}: {serious:#?}");
    assert!(found["axe"]["passes"].as_u64().unwrap() > 10, "{name}: axe has looked at little");
    println!("{name}: axe-core {}: {} lesser issues {violations:?}", found["axe"]["version"], violations.len());
}

#[test]
#[ignore = "needs Chromium and axe-core"]
fn reports_work_on_screens_and_phones_in_light_and_dark() {
    let (folder, axe) = (folder(), axe());
    let hostile = file(folder.path(), "hostile.toml", HOSTILE);
    let scenarios = [
        ("scenarios/tour/first-run.toml", &[][..]),
        ("scenarios/tour/loss.toml", &["--set", "store.anti_entropy=off"][..]),
        ("scenarios/faults/everything.toml", &[][..]),
        (hostile.as_str(), &[][..]),
    ];
    for (number, (scenario, more)) in scenarios.into_iter().enumerate() {
        let page = report(scenario, &folder.path().join(number.to_string()), more);
        for (width, dark) in [(1100, false), (1100, true), (360, false), (360, true)] {
            let name = format!("{scenario}, {width} px, {}", if dark { "dark" } else { "light" });
            let found = opened(&page, &axe, width, dark);
            assert_eq!(found["width"], width, "{name}");
            check(&name, &found);
            let ground = if dark { "rgb(13, 17, 23)" } else { "rgb(255, 255, 255)" };
            assert_eq!((&found["page"], &found["chart"]), (&ground.into(), &ground.into()), "{name}: page and charts");
        }
    }
}

#[test]
#[ignore = "needs Chromium"]
fn reports_are_printed() {
    let folder = folder();
    report("scenarios/tour/first-run.toml", &folder.path().join("run"), &[]);
    let file = folder.path().join("report.pdf");
    let mut command = Command::new(chromium());
    command.args(["--headless", "--no-sandbox", "--disable-gpu"]).arg(format!("--print-to-pdf={}", file.display()));
    command.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    command.arg(format!("file://{}", folder.path().join("run/report.html").display()));
    assert!(command.output().expect("the browser starts").status.success());
    let printed = std::fs::read(file).expect("a file was printed");
    assert!(printed.starts_with(b"%PDF") && printed.len() > 50_000, "{} bytes", printed.len());
}
