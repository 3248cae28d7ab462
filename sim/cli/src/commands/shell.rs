//! `kvsim shell`: a session with a simulated cluster.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::{Path, PathBuf};

use kvsim_checkers::operations::Operations;
use kvsim_checkers::trace::Recording;
use kvsim_sim::plan::Plan;
use rustyline::error::ReadlineError;

use crate::args::{Overrides, seed};
use crate::exit::{self, Failure};
use crate::folder;
use crate::judge;
use crate::load;
use crate::output::{PLAIN, RED, print};
use crate::recorder::Keep;
use crate::scenario::{self, Names};
use crate::shell::cluster::Cluster;
use crate::shell::{Reply, Shell};
use crate::text::{printable, program, quoted};

/// Talk to a simulated cluster: read, write, break it, let time pass, go back in time, save it as a scenario
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ShellArgs {
    /// The scenario to begin with, a TOML file [default: three replicas 5 to 20 ms apart, without clients of their own]
    file: Option<PathBuf>,
    /// The seed, decimal or 0x... [default: the scenario's]
    #[arg(long, value_parser = seed)]
    seed: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
}

/// What there is without a file.
const USUAL: &str = r#"
title = "A session with three replicas"
replicas = 3
duration = "1us"

[net]
delay = "5ms..20ms"

[script]
sessions = { unused = { at = "n0" } }
ops = [{ at = "0s", by = "unused", read = "nothing" }]
"#;

pub fn shell(args: &ShellArgs, names: &Names) -> Result<u8, Failure> {
    let usual = PathBuf::from("shell.toml");
    let file = args.file.as_ref().unwrap_or(&usual);
    let changes = args.overrides.list();
    let scenario = match &args.file {
        Some(file) => load::scenario(file, &changes, names)?,
        None => scenario::read(file, USUAL.as_bytes(), &changes, names).map_err(Failure::Scenario)?,
    };
    let (store, mut plan) = load::lowered(file, &scenario, args.seed.unwrap_or(scenario.seed.0), names.stores)?;
    if args.file.is_none() {
        // A scenario has an operation at least.
        plan.sessions.clear();
        plan.keys.clear();
    }
    let mut shell = Shell::new(Cluster::new(store, plan));
    if !std::io::stdin().is_terminal() {
        // A script: each line stands above what it comes to.
        for line in std::io::stdin().lock().split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            print(&format!("{}{}\n", shell.prompt(), line.trim()))?;
            if !answer(&mut shell, &line, names)? {
                break;
            }
        }
        return Ok(exit::HOLDS);
    }
    print(&format!("{} replicas of {}; help lists the commands\n", scenario.replicas, store.name))?;
    let failed = |error: ReadlineError| Failure::Usage(format!("the terminal cannot be read: {error}"));
    let mut editor = rustyline::DefaultEditor::new().map_err(failed)?;
    loop {
        match editor.readline(&shell.prompt()) {
            Ok(line) => {
                let _ = editor.add_history_entry(&line);
                if !answer(&mut shell, &line, names)? {
                    break;
                }
            }
            // The line is forgotten, the session goes on.
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(exit::HOLDS)
}

/// Says what a line comes to; false when it was the last.
fn answer(shell: &mut Shell, line: &str, names: &Names) -> Result<bool, Failure> {
    match shell.line(line) {
        Ok(Reply::Text(text)) => print(&text)?,
        Ok(Reply::Save(file, plan)) => match save(Path::new(&file), &plan, names) {
            Ok(text) => print(&text)?,
            Err(Failure::Usage(why)) => print(&format!("{RED}error{PLAIN}: {why}\n"))?,
            Err(Failure::Scenario(why)) => print(&why.render(false))?,
            Err(other) => return Err(other),
        },
        Ok(Reply::Quit) => return Ok(false),
        Err(why) => print(&format!("{RED}error{PLAIN}: {why}\n"))?,
    }
    Ok(true)
}

/// Writes the plan as a scenario, and looks whether that comes to the same.
fn save(file: &Path, plan: &Plan, names: &Names) -> Result<String, Failure> {
    let shown = printable(&file.display().to_string());
    if file.extension().is_none_or(|extension| extension != "toml") {
        return Err(Failure::Usage(format!("{shown} is no name of a scenario, expected NAME.toml")));
    }
    if file.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!("{shown} is there already; choose another name")));
    }
    if plan.sessions.is_empty() {
        return Err(Failure::Usage("nothing was asked yet: a scenario needs an operation".to_owned()));
    }
    let comments = [format!("Typed in {} shell.", program())];
    let text =
        scenario::write(plan, &comments).map_err(|why| Failure::Usage(format!("a scenario cannot say {why}")))?;
    let read = scenario::read(file, text.as_bytes(), &[], names).map_err(Failure::Scenario)?;
    let (store, again) = load::lowered(file, &read, read.seed.0, names.stores)?;
    folder::write_whole(file, text.as_bytes())?;
    let [typed, written] =
        [plan, &again].map(|plan| answers(&judge::run(store, plan, Keep::Judged, u64::MAX).recording));
    let run = format!("{} run {}", program(), quoted(&file.display().to_string()));
    Ok(match typed == written {
        true => format!("saved; every operation is answered as it was here: {run}\n"),
        false => format!(
            "saved, but there chance decides otherwise about some messages, so that some operations are answered in another way: {run}\n"
        ),
    })
}

/// What each operation came to.
fn answers(recording: &Recording) -> Vec<String> {
    let operations = Operations::of(recording);
    let all = operations.list().iter().map(|operation| {
        let values = operations.values(&operation.returned);
        format!("{:?} {} {:?} {values}", operation.action, operation.value, operation.answered().is_some())
    });
    all.collect()
}
