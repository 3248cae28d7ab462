//! `kvsim export`: tables of a run for other programs.

mod common;

use std::path::Path;

use common::{end, folder, kvsim, top};
use expect_test::expect_file;

fn export(run: &Path, more: &[&str]) -> common::Ended {
    end(kvsim().arg("export").arg(run).args(more))
}

fn stored(scenario: &str, out: &Path) {
    end(kvsim().arg("run").arg(top().join(scenario)).args(["--no-report", "--out"]).arg(out)).expect(0);
}

#[test]
fn tables_of_a_run_that_a_person_can_follow() {
    let folder = folder();
    let run = folder.path().join("run");
    stored("scenarios/tour/by-hand.toml", &run);
    let said = export(&run, &[]).expect(0).stdout;
    assert!(said.contains("data/operations.csv, 6 rows"), "{said}");
    let table = |name: &str| std::fs::read_to_string(run.join("data").join(name)).unwrap();
    expect_file!["golden/by-hand-operations.csv"].assert_eq(&table("operations.csv"));
    expect_file!["golden/by-hand-visibility.csv"].assert_eq(&table("visibility.csv"));
    // The same in JSON Lines.
    export(&run, &["--format", "jsonl", "--what", "visibility"]).expect(0);
    let rows = table("visibility.csv").lines().count() - 1;
    let lines: Vec<serde_json::Value> =
        table("visibility.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), rows);
    assert!(lines.iter().all(|line| line["acknowledged_ns"].is_u64()), "{lines:?}");
    // Another run in the folder leaves nothing of them, and clean removes them.
    let again = ["--seed", "2", "--overwrite", "--no-report", "--out"];
    end(kvsim().arg("run").arg(top().join("scenarios/tour/by-hand.toml")).args(again).arg(&run)).expect(0);
    assert_eq!(std::fs::read_dir(run.join("data")).unwrap().count(), 0);
    let refused = export(&run, &["--what", "staleness"]).expect(2);
    assert!(refused.stderr.contains("operations") && refused.stderr.contains("visibility"), "{}", refused.stderr);
}

/// The rows are what the charts add up: compared by the figures of a sweep over the same run.
#[test]
fn rows_add_up_to_the_figures_of_a_sweep() {
    let folder = folder();
    let run = folder.path().join("run");
    stored("scenarios/levels/urgent-writes.toml", &run);
    export(&run, &[]).expect(0);
    let text = std::fs::read_to_string(top().join("scenarios/levels/urgent-writes.toml")).unwrap();
    let sweep = folder.path().join("urgent-writes.toml");
    let varied = "\n[sweep]\nseeds = 1\n\"net.loss\" = [\"10%\"]\ncolumns = [\"visibility p50 P3 at priority\", \"visibility p90 P0 at fifo\"]\n";
    std::fs::write(&sweep, text + varied).unwrap();
    let out = folder.path().join("sweep");
    let table = end(kvsim().arg("sweep").arg(&sweep).args(["--format", "csv", "--out"]).arg(&out)).expect(0).stdout;
    let figures: Vec<u64> = table.lines().nth(1).unwrap().split(',').filter_map(|cell| cell.parse().ok()).collect();
    let rows = std::fs::read_to_string(run.join("data/visibility.csv")).unwrap();
    let quantile = |priority: &str, level: &str, of: usize| {
        let mut times: Vec<u64> = Vec::new();
        for row in rows.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            if cells[2] == priority && cells[5] == level && cells[3] != cells[4] {
                let acknowledged: u64 = cells[6].parse().unwrap();
                times.push(cells[7].parse().map_or(u64::MAX, |shown: u64| shown.saturating_sub(acknowledged)));
            }
        }
        times.sort();
        times[(times.len() * of).div_ceil(100) - 1]
    };
    for (figure, exact) in [(figures[0], quantile("3", "priority", 50)), (figures[3], quantile("0", "fifo", 90))] {
        assert!(exact <= figure && figure - exact <= exact / 200, "{exact} is told as {figure}: {table}");
    }
}

#[test]
fn the_docs_name_every_table_and_column() {
    let docs = std::fs::read_to_string(top().join("docs/data.md")).unwrap();
    let folder = folder();
    let run = folder.path().join("run");
    stored("scenarios/tour/by-hand.toml", &run);
    export(&run, &[]).expect(0);
    for entry in std::fs::read_dir(run.join("data")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        assert!(docs.contains(&format!("`{name}`")), "{name}");
        let table = std::fs::read_to_string(&path).unwrap();
        for column in table.lines().next().unwrap().split(',') {
            assert!(docs.contains(&format!("| `{column}` |")), "{name} {column}");
        }
    }
}
