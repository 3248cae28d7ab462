//! From a run's steps to a history in a file, and from that file to verdicts, by the path that `kvsim check` takes.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kvsim_checkers::Report;
use kvsim_histories::jepsen::{Collector, Form, Step, steps};
use kvsim_histories::models::{Model, Subject};

/// Writes a history to where `kvsim check` can be shown it after the test.
pub fn write(name: &str, history: &[Step]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.edn"));
    let mut out = BufWriter::new(File::create(&path).expect("the folder for tests can be written to"));
    history.iter().try_for_each(|step| Form::Edn.write(&mut out, step)).expect("the disk has room");
    out.flush().expect("the disk has room");
    path
}

/// What models say about a history in a file.
pub fn judge(path: &Path, models: &[&str]) -> Vec<Report> {
    let input = BufReader::new(File::open(path).expect("it was written"));
    let mut collector = Collector::default();
    for step in steps(input).expect("it can be read") {
        let (step, place) = step.expect("it is a history");
        collector.take(&step, place).expect("it is a history");
    }
    let subject = Subject::of(collector.finish().unwrap_or_else(|mistake| panic!("{mistake}")));
    let judge = |name: &&str| {
        let begin = Instant::now();
        Model::named(name).expect("it is a model").judge(&subject, &|| begin.elapsed() >= Duration::from_secs(30))
    };
    models.iter().map(judge).collect()
}
