//! Parts of the runs of a hunt or a sweep, for several machines, and what becomes of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::exit::Failure;
use crate::journal::{self, Lines};
use crate::text::program;

/// One of several parts. Runs are dealt out like cards: of as many consecutive ones as there are shards each gets one, and
/// every round begins with another shard, so that none is left with one cell or scenario alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shard {
    /// Below `count`.
    index: u64,
    count: u64,
}

/// More machines than this have not been seen.
const SHARDS_MAX: u64 = 100_000;

/// What the header of a shard's journal has beside that of all runs.
const OF_SHARDS: [&str; 5] = ["shard", "shards", "runs", "build", "path"];

impl Shard {
    /// The only one: all runs, in their order.
    pub const WHOLE: Shard = Shard { index: 0, count: 1 };

    /// The number of the run that this shard does in its turn number `turn`, from 0 on.
    pub fn run(self, turn: u64) -> u64 {
        let place = (self.index + self.count - turn % self.count) % self.count;
        turn.saturating_mul(self.count).saturating_add(place)
    }

    /// In which turn the shard does a run.
    pub fn turn(self, run: u64) -> Option<u64> {
        let turn = run / self.count;
        (self.run(turn) == run).then_some(turn)
    }

    /// How many of so many runs are this shard's.
    pub fn turns(self, runs: u64) -> u64 {
        let whole_rounds = runs / self.count;
        whole_rounds + u64::from(self.run(whole_rounds) < runs)
    }

    /// What tells it from others in the name of a folder.
    pub fn suffix(self) -> String {
        format!("-{}-of-{}", self.index + 1, self.count)
    }

    /// What its runs follow from, where `header` says it of all, which are so many, of what lies at `path`.
    pub fn header(self, header: &Value, runs: u64, path: &Path) -> Value {
        let mut header = header.clone();
        header["shard"] = json!(self.index + 1);
        header["shards"] = json!(self.count);
        header["runs"] = json!(runs);
        header["build"] = json!(build());
        header["path"] = json!(path.display().to_string());
        header
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong =
            || format!("expected the number of a shard and how many there are, from 1/1 to 1/{SHARDS_MAX}: 3/8");
        let (number, count) = text.split_once('/').ok_or_else(wrong)?;
        let (number, count): (u64, u64) = (number.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
        match number {
            1.. if number <= count && count <= SHARDS_MAX => Ok(Shard { index: number - 1, count }),
            _ => Err(wrong()),
        }
    }
}

/// A mark of this program: another build of it has another one (FNV-1a of its file). Whether two builds do the same runs only
/// their sources know, among them those of the user's store.
fn build() -> String {
    let bytes = std::env::current_exe().and_then(std::fs::read).unwrap_or_default();
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:#018x}", bytes.iter().fold(0xcbf2_9ce4_8422_2325, step))
}

/// What a shard has left.
pub struct Part<L> {
    pub folder: PathBuf,
    pub shard: Shard,
    /// The lines of its journal.
    pub lines: Lines<L>,
}

/// What several shards have left that belong together.
pub struct Parts<L> {
    /// What all runs follow from.
    pub header: Value,
    /// How many runs there are in all.
    pub runs: u64,
    /// One may be there twice.
    pub parts: Vec<Part<L>>,
}

impl<L: DeserializeOwned> Parts<L> {
    /// Reads the folders of shards of one hunt or sweep, as `kind` says.
    pub fn read(kind: &'static str, folders: &[PathBuf]) -> Result<Parts<L>, Failure> {
        let mut first: Option<(Value, &Path)> = None;
        let mut parts = Vec::new();
        for folder in folders {
            let (mut header, lines) = journal::read(folder, kind)?;
            let shard = taken(&mut header, kind, folder)?;
            match &first {
                None => first = Some((header, folder)),
                Some((same, beside)) if *same != header => {
                    let (folder, beside, why) =
                        (folder.display(), beside.display(), journal::difference(&header, same));
                    return Err(Failure::Usage(format!(
                        "{folder} has a shard of another {kind} than {beside}: {why}\n  put those together that the same \
                         command has made, by the same build of the program, but for the number of the shard"
                    )));
                }
                Some(_) => {}
            }
            parts.push(Part { folder: folder.clone(), shard, lines });
        }
        let (header, _) = first.ok_or_else(|| Failure::Usage("there is no shard to merge".to_owned()))?;
        let runs = header["runs"].as_u64().unwrap_or_default();
        Ok(Parts { header, runs, parts })
    }

    /// The header as one work through has it.
    pub fn whole_header(&self) -> Value {
        let mut header = self.header.clone();
        header.as_object_mut().into_iter().for_each(|fields| fields.retain(|name, _| !OF_SHARDS.contains(&&**name)));
        header
    }
}

/// Takes the number of the shard out of a header, which is then the same for all.
fn taken(header: &mut Value, kind: &str, folder: &Path) -> Result<Shard, Failure> {
    let number = header.as_object_mut().and_then(|fields| fields.remove("shard"));
    let number = number.as_ref().and_then(Value::as_u64);
    let count = header["shards"].as_u64();
    let shard = number.zip(count).and_then(|(number, count)| format!("{number}/{count}").parse().ok());
    if header["kvsim"] != env!("CARGO_PKG_VERSION") {
        let (folder, by, this) = (folder.display(), &header["kvsim"], env!("CARGO_PKG_VERSION"));
        return Err(Failure::Usage(format!("{folder} was made by kvsim {by}; this is kvsim {this}, use that one")));
    }
    shard.filter(|_| header["runs"].is_u64()).ok_or_else(|| {
        let (folder, program) = (folder.display(), program());
        Failure::Usage(format!(
            "{folder} has no shard but a whole {kind}\n  expected what {program} {kind} --shard I/N leaves"
        ))
    })
}

/// Refuses what is not complete; `done` says of each shard that is there how many of its runs are done.
pub fn all_done(kind: &str, runs: u64, done: impl IntoIterator<Item = (Shard, u64)>) -> Result<(), Failure> {
    let done: BTreeMap<Shard, u64> = done.into_iter().collect();
    let count = done.keys().next().map_or(0, |shard| shard.count);
    let all = (0..count).map(|index| Shard { index, count });
    let missing: Vec<String> = all.filter(|shard| !done.contains_key(shard)).map(|shard| shard.to_string()).collect();
    let short = done.iter().filter(|(shard, turns)| **turns < shard.turns(runs));
    let mut wrong: Vec<String> = short
        .map(|(shard, turns)| format!("shard {shard} has done {turns} of its {} runs", shard.turns(runs)))
        .collect();
    if !missing.is_empty() {
        wrong.insert(0, format!("of {count} shards there is no {}", missing.join(", ")));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let help = "name the folders of all, and end what is not done: the same command with --resume";
    Err(Failure::Usage(format!("the {kind} is not complete: {}\n  {help}", wrong.join("; "))))
}

/// A shard that is there twice must have come to the same.
pub fn differ(kind: &str, shard: Shard) -> Failure {
    Failure::Usage(format!(
        "shard {shard} is there twice, and one has other results than the other: a {kind} always comes to the same, so \
         that one was changed, or the store decides by chance of its own"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_is_of_one_shard_and_each_gets_its_share() {
        for count in 1..20 {
            for runs in 0..200 {
                let shards: Vec<Shard> = (0..count).map(|index| Shard { index, count }).collect();
                let mut all: Vec<u64> = Vec::new();
                for shard in &shards {
                    let turns = shard.turns(runs);
                    assert!(turns == runs / count || turns == runs.div_ceil(count), "{shard} of {runs}: {turns}");
                    let own: Vec<u64> = (0..turns).map(|turn| shard.run(turn)).collect();
                    assert!(own.is_sorted() && own.iter().all(|run| *run < runs));
                    assert!((0..turns).all(|turn| shard.turn(shard.run(turn)) == Some(turn)));
                    all.extend(own);
                }
                all.sort();
                assert_eq!(all, (0..runs).collect::<Vec<u64>>(), "{count} shards");
            }
        }
        assert_eq!(Shard::WHOLE.turns(u64::MAX), u64::MAX);
        // As many cells as shards: none gets one cell alone.
        let third = Shard { index: 2, count: 8 };
        assert_eq!((0..4).map(|turn| third.run(turn) % 8).collect::<Vec<u64>>(), [2, 1, 0, 7]);
    }

    #[test]
    fn shards_are_written_as_people_count() {
        assert_eq!("3/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["0/8", "9/8", "3", "3/", "/8", "-1/8", "1/100001", "3/8/9", "1/0"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let shard = |text: &str| text.parse::<Shard>().unwrap();
        let done = |done: &[(&str, u64)]| all_done("hunt", 10, done.iter().map(|(text, turns)| (shard(text), *turns)));
        assert!(done(&[("1/3", 4), ("3/3", 3), ("2/3", 3)]).is_ok());
        let Err(Failure::Usage(why)) = done(&[("3/4", 1)]) else { panic!("it is not complete") };
        assert!(why.contains("of 4 shards there is no 1/4, 2/4, 4/4; shard 3/4 has done 1 of its"), "{why}");
    }
}
