//! The command as a person or a script uses it: the real program, its exit code and what it prints.
#![allow(dead_code)] // each test file uses some of it

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The top of the tree, where people run the command.
pub fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the tree is there")
}

/// The command at the top of the tree, with nothing in the environment that changes colours.
pub fn kvsim() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kvsim"));
    command.current_dir(top());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR"] {
        command.env_remove(name);
    }
    command
}

/// What the command came to.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    /// # Panics
    /// When a signal ended the program or it printed something that is not UTF-8.
    pub fn of(output: Output) -> Ended {
        let text = |bytes| String::from_utf8(bytes).expect("the command prints UTF-8");
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        let code = output.status.code().unwrap_or_else(|| panic!("killed: {}\n{stderr}", output.status));
        Ended { code, stdout, stderr }
    }

    /// Standard output, which must be one JSON value and nothing else.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("not JSON: {error}\n{self:?}"))
    }

    /// The exit code is the expected one.
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// Runs a prepared command to its end.
pub fn end(command: &mut Command) -> Ended {
    Ended::of(command.output().expect("the command can be started"))
}

/// Runs the command at the top of the tree.
pub fn run<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ended {
    end(kvsim().args(arguments))
}

/// Runs a scenario into `out` and returns its summary, whatever the verdicts.
pub fn summary(scenario: &str, out: &Path, more: &[&str]) -> Value {
    let ended = end(kvsim().args(["run", scenario, "--format", "json", "--overwrite", "--out"]).arg(out).args(more));
    assert!(matches!(ended.code, 0 | 1 | 3), "{ended:?}");
    ended.json()
}

/// A folder that is removed in the end.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Writes a file into a folder and returns its path.
pub fn file(folder: &Path, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("the temporary folder can be written");
    path.to_str().expect("a path in UTF-8").to_string()
}

/// Reads a JSON file.
pub fn read_json(path: &Path) -> Value {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Reads a file of JSON Lines.
pub fn read_lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// A small scenario that runs in no time.
pub const SMALL: &str = "replicas = 3\nduration = \"100ms\"\n[clients.all]\n";

/// Fails under about every second seed.
pub const LOSSY: &str = r#"
replicas = 3
duration = "200ms"
settle = "500ms"
store = { anti_entropy = "off" }
net = { loss = "2%" }
clients = { all = { sessions = 3, think = "20ms" } }
expect = { metadata = "violated" }
"#;
