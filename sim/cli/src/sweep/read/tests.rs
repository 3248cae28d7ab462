//! Sweeps as they are written, and what is said of wrong ones.

use super::*;

fn names() -> &'static Names {
    crate::load::built_in()
}

fn read(text: &str, set: &[&str]) -> Result<SweepFile, String> {
    let set: Vec<String> = set.iter().map(|one| one.to_string()).collect();
    super::read(Path::new("sweep.toml"), text.as_bytes(), &set, names()).map_err(|wrong| wrong.to_string())
}

const BASE: &str = "replicas = 3\nduration = \"1s\"\nseed = 7\n[clients.all]\n";

fn with(sweep: &str) -> String {
    format!("{BASE}{sweep}")
}

#[test]
fn cells_are_the_product_in_the_order_of_the_text() {
    let text = with(
        "[sweep]\nseeds = 3\nnet.loss = [\"0%\", \"5%\"]\nlevel = [\"fifo\", \"eventual\"]\n\"store.anti_entropy\" = [\"1s\"]\n\
         [sweep.cases.a]\nz = { replicas = 4 }\nb = {}\n",
    );
    let sweep = read(&text, &[]).unwrap();
    let axes: Vec<(&str, Vec<&str>)> =
        sweep.axes.iter().map(|axis| (axis.name.as_str(), axis.values.iter().map(String::as_str).collect())).collect();
    let expected = [
        ("net.loss", vec!["0%", "5%"]),
        ("level", vec!["fifo", "eventual"]),
        ("store.anti_entropy", vec!["1s"]),
        ("a", vec!["z", "b"]),
    ];
    assert_eq!(axes, expected);
    assert_eq!(sweep.seeds, 7..10);
    let cells: Vec<(u32, &str, &str, u16)> = sweep
        .cells
        .iter()
        .map(|cell| {
            let level = cell.clients[0].level.name();
            (
                cell.net.usual.loss.billionths(),
                level,
                cell.store.settings["anti_entropy"].as_str().unwrap(),
                cell.replicas,
            )
        })
        .collect();
    let (five, second) = (50_000_000, "1s");
    let mut expected = Vec::new();
    for loss in [0, five] {
        for level in ["fifo", "eventual"] {
            expected.extend([(loss, level, second, 4), (loss, level, second, 3)]);
        }
    }
    assert_eq!(cells, expected);
}

#[test]
fn a_cell_is_the_scenario_with_the_values_in_it() {
    let sweep = read(&with("[sweep]\nclients.all.rate = [\"5/s\"]\nlevel = [\"fifo\"]\n"), &[]).unwrap();
    let text = "replicas = 3\nduration = \"1s\"\nseed = 7\n[clients.all]\nrate = \"5/s\"\nlevel = \"fifo\"\n";
    let plain = crate::scenario::read(Path::new("sweep.toml"), text.as_bytes(), &[], names()).unwrap();
    assert_eq!(sweep.cells, [plain]);
    // And without the sweep the file is a scenario.
    let scenario = |text: &str| crate::scenario::read(Path::new("s.toml"), text.as_bytes(), &[], names()).unwrap();
    assert_eq!(scenario(&with("[sweep]\nlevel = [\"fifo\"]\n")), scenario(BASE));
}

#[test]
fn levels_reach_all_sessions_and_cases_only_what_they_name() {
    let text = "replicas = 2\nduration = \"1s\"\n[clients.a]\n[clients.b]\nlevel = \"fifo-p1\"\n[script]\n\
                sessions = { s = { at = \"n0\" } }\nops = [{ at = \"1ms\", by = \"s\", read = \"k0\" }]\n[net]\nloss = \"1%\"\n";
    let all = read(&format!("{text}[sweep]\nlevel = [\"priority\"]\n"), &[]).unwrap();
    let cell = &all.cells[0];
    let levels =
        cell.clients.iter().map(|group| group.level).chain(cell.script.sessions.iter().map(|session| session.level));
    assert_eq!(levels.map(|level| level.name()).collect::<Vec<_>>(), ["priority"; 3]);
    let cases = "[sweep.cases.net]\nplain = {}\nslow = { net.delay = \"1s\", expect.pram = \"violated\" }\n";
    let cases = read(&format!("{text}{cases}"), &[]).unwrap();
    let [plain, slow] = cases.cells.as_slice() else { panic!("two cells") };
    assert_eq!(plain.net.usual.loss, slow.net.usual.loss, "what a case does not name stays");
    assert!(plain.net.usual.delay != slow.net.usual.delay && plain.expect.is_empty() && slow.expect.len() == 1);
}

#[test]
fn a_cell_is_chosen_by_its_values() {
    let cases = "[sweep.cases.net]\nfast = {}\nslow = { net.delay = \"1s\" }\n[sweep.cases.disk]\nfast = {}\n";
    let text = with(&format!("[sweep]\nlevel = [\"eventual\", \"fifo\"]\nnet.loss = [\"1%\", \"2%\"]\n{cases}"));
    let chosen = |choices: &[&str], set: &[&str]| {
        let [choices, set] = [choices, set].map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<String>>());
        super::chosen(Path::new("sweep.toml"), text.as_bytes(), &set, &choices, names())
            .map_err(|wrong| wrong.to_string())
    };
    let cells = read(&text, &[]).unwrap().cells;
    // Axes are level, net.loss, net, disk.
    assert_eq!(chosen(&["level=fifo", "1%", "slow", "disk=fast"], &[]).unwrap(), cells[5]);
    let plain = crate::scenario::read(Path::new("sweep.toml"), text.as_bytes(), &[], names()).unwrap();
    assert_eq!(chosen(&["net=fast"], &[]).unwrap(), plain, "what is not chosen stays");
    assert_ne!(chosen(&["slow"], &["net.loss=3%"]).unwrap().net.usual.loss, plain.net.usual.loss);
    for (choices, why) in [
        (
            vec!["slov"],
            "expected `level=eventual`, `level=fifo`, `net.loss=1%`, `net.loss=2%`, `net=fast`, `net=slow` or `disk=fast`",
        ),
        (vec!["fast"], "several are called so"),
        (vec!["1%", "net.loss=2%"], "`net.loss` has a value already"),
    ] {
        let told = chosen(&choices, &[]).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn arguments_change_the_scenario_and_the_sweep() {
    let text = with("[sweep]\nlevel = [\"fifo\"]\n");
    let sweep = read(&text, &["replicas=5", "sweep.seeds=2", "sweep.level=[\"eventual\", \"fifo\"]"]).unwrap();
    assert_eq!((sweep.cells.len(), sweep.cells[0].replicas, sweep.seeds), (2, 5, 7..9));
    let wrong = read(&text, &["sweep.level=[\"fif\"]"]).unwrap_err();
    assert!(wrong.contains("--set, column 14") && wrong.contains("did you mean `fifo`?"), "{wrong}");
    let idle = read(&with("[sweep]\nnet.loss = [\"0%\"]\n"), &["net.loss=5%"]).unwrap_err();
    assert!(idle.contains("--set, column 1") && idle.contains("has no effect: it is swept"), "{idle}");
}

#[test]
fn mistakes_are_pointed_at() {
    for (sweep, place, why) in [
        ("", "1:1", "the file has no [sweep]"),
        ("[sweep]\n", "5:1", "[sweep] varies nothing"),
        ("[sweep]\nnet.los = [\"1%\"]\n", "6:5", "did you mean `loss`?"),
        ("[sweep]\n\"net.los\" = [\"1%\"]\n", "6:6", "did you mean `loss`?"),
        ("[sweep]\nnet.loss = [\"1%\", \"2\"]\n", "6:19", "(where net.loss = 2)"),
        ("[sweep]\nnet.loss = [5]\n", "6:13", "write \"5%\""),
        ("[sweep]\nnet.loss = \"5%\"\n", "6:12", "expected a list of values"),
        ("[sweep]\nnet.loss = []\n", "6:12", "`net.loss` has no values"),
        ("[sweep]\nnet.loss = [\"5%\", \"5%\"]\n", "6:19", "each value once"),
        ("[sweep]\nlevel = [\"fifo\", \"fitfo\"]\n", "6:18", "did you mean `fifo`?"),
        ("[sweep]\nclients.nobody.rate = [\"5/s\"]\n", "6:9", "there is no client group `nobody`"),
        ("[sweep]\nreplicas.x = [1]\n", "6:1", "write replicas = [...]"),
        ("[sweep]\nseed = [1, 2]\n", "6:1", "write seeds = 5"),
        ("[sweep]\nseeds = 0\nreplicas = [1]\n", "6:9", "from 1 to 100"),
        ("[sweep]\nseeds = \"5..5\"\nreplicas = [1]\n", "6:9", "\"1..6\""),
        ("[sweep]\ncolumns = [\"reads\"]\nreplicas = [1]\n", "6:12", "did you mean `reads/s`?"),
        ("[sweep]\ncolumns = [\"visibility\"]\nreplicas = [1]\n", "6:12", "such as `visibility p50`"),
        ("[sweep]\ncolumns = [\"pram of al\"]\nreplicas = [1]\n", "6:12", "did you mean `all`?"),
        ("[sweep]\ncolumns = [\"pram\", \"pram\"]\nreplicas = [1]\n", "6:20", "named twice"),
        ("[sweep.cases]\nfault = 3\n", "6:9", "is not a table"),
        ("[sweep.cases.fault]\na = 3\n", "6:5", "is not a table"),
        (
            "[sweep.cases.fault]\na = { fault.crash = [{ node = \"n7\", at = \"1ms\", for = \"1ms\" }] }\n",
            "6:31",
            "no node `n7`",
        ),
    ] {
        let wrong = read(&with(sweep), &[]).err().unwrap_or_else(|| panic!("{sweep} is taken"));
        // A column without a near name has the reason beside its mark.
        let place = format!("sweep.toml:{place}\n");
        assert!(wrong.contains(why), "{sweep}\nno {why:?} in\n{wrong}");
        assert!(wrong.contains(&place), "{sweep}\nno {place:?} in\n{wrong}");
    }
}

#[test]
fn a_mistake_that_all_cells_have_is_told_once_and_without_a_cell() {
    let text = with("[sweep]\nlevel = [\"fifo\", \"eventual\"]\n[net]\nloss = \"x\"\n");
    let wrong = read(&text, &[]).unwrap_err();
    assert_eq!(wrong.matches("error").count(), 1, "{wrong}");
    assert!(!wrong.contains("(where"), "{wrong}");
}

#[test]
fn too_many_cells_are_refused_before_they_are_made() {
    let list = |count: usize| (0..count).map(|number| format!("\"{number}ms\"")).collect::<Vec<_>>().join(", ");
    let text = with(&format!("[sweep]\nnet.delay = [{}]\nstore.strip = [{}]\n", list(1_000), list(1_000)));
    assert!(read(&text, &[]).unwrap_err().contains("1000000 cells"));
}

#[test]
fn the_sweeps_in_the_tree_are_sweeps() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let mut sweeps = vec![top.join("thesis/evaluation.toml")];
    for entry in std::fs::read_dir(top.join("sweeps")).expect("a folder of sweeps") {
        sweeps.push(entry.expect("an entry").path());
    }
    for path in &sweeps {
        let sweep = super::read(path, &std::fs::read(path).expect("a file"), &[], names());
        let sweep = sweep.unwrap_or_else(|wrong| panic!("{wrong:?}"));
        assert!(sweep.cells.len() > 1, "{}", path.display());
        for cell in &sweep.cells {
            crate::load::lowered(path, cell, sweep.seeds.start, names().stores)
                .unwrap_or_else(|wrong| panic!("{wrong:?}"));
        }
    }
    assert!(sweeps.len() > 4);
}
