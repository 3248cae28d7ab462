//! The command with a store that does not come with it: the one that `kvsim new store` writes.
//!
//! This program is both: asked for a command it is that command with the store, otherwise it calls itself.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use kvsim::StoreEntry;

#[path = "../template/src/main.rs"]
#[allow(dead_code)] // its main
mod template;

#[path = "own_store/careless.rs"]
mod careless;

#[path = "../examples/tenants/main.rs"]
#[allow(dead_code)] // its main
mod tenants;

const CHILD: &str = "KVSIM_TEST_OWN_STORE";

#[allow(clippy::disallowed_methods, reason = "it says which of the two programs this is")]
fn main() -> ExitCode {
    let template = StoreEntry::of::<template::Store>("my-store", "of the template");
    if let Ok(which) = std::env::var(CHILD) {
        return match which.as_str() {
            "tenants" => tenants::main(),
            "careless" => kvsim::main_with(&[StoreEntry::of::<careless::Careless>("careless", "asks in any order")]),
            "beside" => kvsim::main_with(&[kvsim::BUILT_IN.list(), &[template]].concat()),
            _ => kvsim::main_with(&[template]),
        };
    }
    let tests: [(&str, fn()); 11] = [
        ("it is listed, alone or beside others", listed),
        ("it runs where no store is named", runs),
        ("its settings have places", settings),
        ("a planted defect is found and made small", hunted),
        ("what it is not made for is refused with the reason", refused),
        ("models may be implied, and have nothing to judge", implied),
        ("a run of it means nothing to the command without it", foreign),
        ("what is written is the template", written),
        ("a store that decides by the order of a HashMap is told so", careless_differs),
        ("stores that announce nothing are judged by what clients see", tenants_hold),
        ("their planted defects are found", tenants_break),
    ];
    for (name, test) in tests {
        test();
        println!("test {name} ... ok");
    }
    // Minutes: only when asked for.
    if std::env::args().any(|arg| arg == "--ignored") {
        built_elsewhere();
        println!("test what is written can be built elsewhere ... ok");
    }
    ExitCode::SUCCESS
}

struct Ended {
    code: i32,
    out: String,
    err: String,
}

/// Calls a program in a folder.
fn call(mut command: Command, folder: &Path, args: &[&str]) -> Ended {
    let output = command.args(args).current_dir(folder).output().expect("a program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Ended { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

fn this(which: &str, folder: &Path, args: &[&str]) -> Ended {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env(CHILD, which);
    call(command, folder, args)
}

fn own(folder: &Path, args: &[&str]) -> Ended {
    this("alone", folder, args)
}

/// The name of this program.
fn program() -> String {
    let path = std::env::current_exe().expect("this program");
    path.file_stem().expect("a name").to_string_lossy().into_owned()
}

fn scenario(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("template/scenarios").join(name);
    path.display().to_string()
}

fn listed() {
    let folder = tempfile::tempdir().expect("a folder");
    let alone = own(folder.path(), &["list", "stores"]);
    assert!(alone.out.starts_with("my-store\n") && alone.out.contains("settings: defects, gossip"), "{}", alone.out);
    assert!(!alone.out.contains("ndc"), "{}", alone.out);
    let beside = this("beside", folder.path(), &["list", "stores"]);
    assert!(beside.out.starts_with("ndc\n") && beside.out.contains("\nmy-store\n"), "{}", beside.out);
    let schema = own(folder.path(), &["schema"]).out;
    assert!(
        schema.contains("gossips-no-deletes") && !schema.contains("anti_entropy"),
        "the schema has its settings alone"
    );
}

fn runs() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["first.toml", "rough.toml"] {
        let run = own(folder.path(), &["run", &scenario(name), "--out", name]);
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        assert!(run.out.contains("store my-store") && run.err.is_empty(), "{}{}", run.out, run.err);
        let replay = format!("  replay      {} replay {name}\n", program());
        assert!(run.out.contains(&replay), "it proposes its own name, {replay}: {}", run.out);
        assert_eq!(own(folder.path(), &["replay", name]).code, 0);
    }
    let page = std::fs::read_to_string(folder.path().join("first.toml/report.html")).expect("a report");
    assert!(page.contains(&format!("{} replay .", program())) && !page.contains("kvsim replay"), "so does its report");
    assert!(own(folder.path(), &["--version"]).out.starts_with(&format!("{} (kvsim ", program())));
    assert!(own(folder.path(), &["hunt", "--help"]).out.contains(&format!("Usage: {} hunt ", program())));
    let swept = own(folder.path(), &["sweep", &scenario("first.toml")]);
    assert_eq!(swept.code, 2, "it has no [sweep]");
}

fn settings() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("s.toml");
    let text = "replicas = 3\nduration = \"1s\"\n[clients.a]\n[store]\ngosip = \"1s\"\ndefects = [\"slow\"]\n";
    std::fs::write(&file, text).expect("a file");
    let run = own(folder.path(), &["run", "s.toml"]);
    assert_eq!(run.code, 2);
    for told in ["s.toml:5:1", "did you mean `gossip`?", "s.toml:6:12", "acknowledges-early"] {
        assert!(run.err.contains(told), "{told} is missing: {}", run.err);
    }
    std::fs::write(&file, text.replace("gosip = \"1s\"", "gossip = \"soon\"").replace("slow", "acknowledges-early"))
        .expect("a file");
    let run = own(folder.path(), &["run", "s.toml"]);
    assert!(run.code == 2 && run.err.contains("s.toml:5:10"), "{}", run.err);
}

fn hunted() {
    let folder = tempfile::tempdir().expect("a folder");
    let rough = scenario("rough.toml");
    let defect = |name: &str| format!("store.defects=[\"{name}\"]");
    for (name, code) in [("acknowledges-early", "CONV003"), ("gossips-no-deletes", "CONV002")] {
        let hunt = own(folder.path(), &["hunt", &rough, "--seeds", "0..200", "--set", &defect(name), "--out", name]);
        assert!(hunt.code == 1 && hunt.out.contains(code), "{}{}", hunt.out, hunt.err);
        let command = format!("shrink   {} shrink ", program());
        let shown = hunt.out.lines().find_map(|line| line.trim().strip_prefix(&command)?.split(' ').next());
        let shrunk = own(folder.path(), &["shrink", shown.expect("a run"), "--code", code, "--out", "small"]);
        assert_eq!(shrunk.code, 0, "{}{}", shrunk.out, shrunk.err);
        let sizes = shrunk.out.lines().find(|line| line.starts_with("replicas ")).expect("the sizes");
        let operations = sizes.split("operations ").nth(1).and_then(|rest| rest.split([',', ' ']).nth(2));
        let operations: u32 = operations.and_then(|number| number.parse().ok()).expect("how many there are");
        assert!(operations <= 3, "{}", shrunk.out);
        std::fs::remove_dir_all(folder.path().join("small")).expect("a folder");
    }
}

fn refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "replicas = 3\nduration = \"1s\"\n[clients.a]\n[[fault.crash]]\nevery = \"1s\"\nlasting = \"1s\"\ndisk = \"lost\"\n\
                [[fault.replace]]\nevery = \"1s\"\nlasting = \"1s\"\n";
    std::fs::write(folder.path().join("s.toml"), text).expect("a file");
    let run = own(folder.path(), &["run", "s.toml"]);
    assert_eq!(run.code, 2, "{}", run.out);
    let why = "store my-store is not made for lost disks: a replica without its disk";
    assert_eq!(run.err.matches(why).count(), 2, "{}", run.err);
    assert!(run.err.contains("s.toml:7:8") && run.err.contains("s.toml:8:1"), "{}", run.err);
    assert!(own(folder.path(), &["list", "stores"]).out.contains("not made for lost disks: a replica"));
    // A plan that was edited by hand is no way around it.
    std::fs::write(folder.path().join("s.toml"), text.replace("\"lost\"", "\"kept\"").replace("replace", "pause"))
        .expect("a file");
    assert!(own(folder.path(), &["run", "s.toml", "--out", "run"]).code < 2);
    let plan = folder.path().join("run/plan.json");
    let edited = std::fs::read_to_string(&plan).expect("a plan").replace("\"kept\"", "\"lost\"");
    std::fs::write(&plan, edited).expect("a file");
    let replay = own(folder.path(), &["replay", "run"]);
    assert!(replay.code == 2 && replay.err.contains(why) && replay.err.contains("faults[0]"), "{}", replay.err);
}

fn implied() {
    let folder = tempfile::tempdir().expect("a folder");
    let args = ["run", &tenant("abd"), "--set", "expect.causal=holds", "--out", "run", "--no-report"];
    let run = this("tenants", folder.path(), &args);
    assert!(run.code == 0 && run.out.contains("holds     causal        implied by linearizable"), "{}", run.out);
    // No client reads what it has written, and none has to.
    let text = "replicas = 3\nduration = \"1s\"\n[script.sessions]\na = { at = \"n0\" }\nb = { at = \"n1\" }\n[script]\n\
                ops = [{ at = \"1ms\", by = \"a\", write = \"k\" }, { at = \"500ms\", by = \"b\", read = \"k\" }]\n\
                [expect]\nread-your-writes = \"holds\"\n";
    std::fs::write(folder.path().join("s.toml"), text).expect("a file");
    let run = this("tenants", folder.path(), &["run", "s.toml"]);
    assert!(run.code == 0 && run.out.contains("n/a       read-your-writes  there were no reads"), "{}", run.out);
}

fn foreign() {
    let folder = tempfile::tempdir().expect("a folder");
    own(folder.path(), &["run", &scenario("first.toml"), "--out", "run", "--no-report"]);
    let replayed = call(Command::new(env!("CARGO_BIN_EXE_kvsim")), folder.path(), &["replay", "run"]);
    assert!(
        replayed.code == 2 && replayed.err.contains("there is no store my-store; this program has `ndc` and `lww`"),
        "{}",
        replayed.err
    );
}

fn tenant(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/tenants").join(name).with_extension("toml");
    path.display().to_string()
}

fn careless_differs() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = this("careless", folder.path(), &["run", &scenario("first.toml"), "--out", "run"]);
    assert!(run.code == 4 && run.out.contains("holds     honest"), "{}{}", run.out, run.err);
    assert!(run.err.contains("not reproduced: a second run of the same plan differs from event "), "{}", run.err);
    // Where there is nothing to put into an order, nothing is wrong.
    let one = ["run", &scenario("first.toml"), "--set", "keys.count=1", "--set", "keys.writers=many", "--out", "one"];
    let run = this("careless", folder.path(), &one);
    assert!(run.code < 2 && run.err.is_empty(), "{}{}", run.out, run.err);
}

fn tenants_hold() {
    let folder = tempfile::tempdir().expect("a folder");
    for store in ["abd", "primary"] {
        let hunt = this("tenants", folder.path(), &["hunt", &tenant(store), "--seeds", "0..150", "--out", store]);
        assert!(hunt.code == 0 && hunt.out.starts_with("nothing found in 150 runs\n"), "{}{}", hunt.out, hunt.err);
        let folder = tempfile::tempdir().expect("a folder");
        let run = this("tenants", folder.path(), &["run", &tenant(store), "--out", "run"]);
        assert_eq!(run.code, 0, "{}{}", run.out, run.err);
        for told in ["n/a       convergence", "n/a       availability", "holds     durable", "holds     linearizable"] {
            assert!(run.out.contains(told), "{told} is missing: {}", run.out);
        }
        assert!(this("tenants", folder.path(), &["explain", "run", "--op", "5"]).out.contains("what clients saw of "));
        let state = this("tenants", folder.path(), &["trace", "run", "--at", "1s"]).out;
        assert!(state.contains("knows     not told: the store announces nothing"), "{state}");
        assert_eq!(this("tenants", folder.path(), &["plot", "run"]).code, 0);
        for chart in ["visibility", "staleness"] {
            let file = folder.path().join("run/charts").join(chart).with_extension("svg");
            let chart = std::fs::read_to_string(file).expect("a chart");
            assert!(chart.contains("The store announces nothing"), "what is shown is what reads tell");
        }
        let lag = this("tenants", folder.path(), &["plot", "run", "--kind", "lag"]);
        assert!(lag.err.contains("what replicas lack is not known"), "{}{}", lag.out, lag.err);
    }
}

fn tenants_break() {
    let folder = tempfile::tempdir().expect("a folder");
    let of_abd = ["no-write-back", "tied-stamps", "half-is-enough", "forgetful"].map(|defect| ("abd", defect));
    let of_primary = ["acknowledges-early", "reads-at-backup", "does-again"].map(|defect| ("primary", defect));
    for (store, defect) in of_abd.into_iter().chain(of_primary) {
        let set = format!("store.defects=[\"{defect}\"]");
        let args = ["hunt", &tenant(store), "--seeds", "0..200", "--out", defect, "--set", &set];
        let hunt = this("tenants", folder.path(), &args);
        assert!(hunt.code == 1 && hunt.out.starts_with("LIN001 in 1 run"), "{defect}: {}{}", hunt.out, hunt.err);
        if defect == "reads-at-backup" {
            // With all disks lost the store would break the model without the defect, and in a smaller run.
            let command = format!("shrink   {} shrink ", program());
            let run = hunt.out.lines().find_map(|line| line.trim().strip_prefix(&command)?.split(' ').next());
            let shrunk = this("tenants", folder.path(), &["shrink", run.expect("a run"), "--out", "small"]);
            assert!(shrunk.code == 0 && shrunk.out.contains("holds     durable"), "{}{}", shrunk.out, shrunk.err);
        }
    }
}

/// What `kvsim new store` writes, in a folder of this name.
fn new(folder: &Path, name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").display().to_string();
    let made = call(Command::new(env!("CARGO_BIN_EXE_kvsim")), folder, &["new", "store", name, "--kvsim", &source]);
    assert_eq!(made.code, 0, "{}", made.err);
    folder.join(name)
}

fn written() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = new(folder.path(), "ledger");
    let source = std::fs::read_to_string(made.join("src/main.rs")).expect("a file");
    let template = include_str!("../template/src/main.rs");
    assert_eq!(source, template.replace("my-store", "ledger"));
    let manifest = std::fs::read_to_string(made.join("Cargo.toml")).expect("a file");
    assert!(manifest.contains("name = \"ledger\"") && manifest.contains("kvsim = { path = \"/"), "{manifest}");
    let kvsim = |args: &[&str]| call(Command::new(env!("CARGO_BIN_EXE_kvsim")), folder.path(), args);
    let again = kvsim(&["new", "store", "ledger"]);
    assert!(again.code == 2 && again.err.contains("ledger is there already"), "{}", again.err);
    for name in ["../x", "X", "9", "", "core"] {
        assert!(kvsim(&["new", "store", name]).err.contains("a name that a crate can have"), "{name}");
    }
}

/// It is built without a network, as a crate of its own, and run.
fn built_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = new(folder.path(), "ledger");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own-store").display().to_string();
    let cargo = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO"));
        command.env("CARGO_TARGET_DIR", &target);
        call(command, &made, args)
    };
    std::fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock"), made.join("Cargo.lock"))
        .expect("a file");
    let run = cargo(&["run", "--offline", "--quiet", "--", "run", "scenarios/first.toml"]);
    assert_eq!(run.code, 0, "{}{}", run.out, run.err);
    assert!(run.out.contains("store ledger"), "{}", run.out);
}
