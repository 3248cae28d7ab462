//! Writes a long history in Jepsen's EDN, which is legal by PRAM order, to standard output:
//! `cargo run --release -p kvsim-histories --example big_history -- 1000000 > history.edn`.

#[path = "../../tests/common/chance.rs"]
mod chance;

use std::io::{BufWriter, Write, stdout};

use chance::Chance;

const PROCESSES: usize = 16;
const KEYS: usize = 1_000;

fn main() -> std::io::Result<()> {
    let ops: usize = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1_000);
    let mut out = BufWriter::new(stdout().lock());
    let mut chance = Chance(1);
    // By process: what it has written. By reader and writer: how much of that the reader has carried out. By process and
    // key: the value there.
    let mut written: Vec<Vec<(usize, usize)>> = vec![Vec::new(); PROCESSES];
    let mut carried_out = [[0; PROCESSES]; PROCESSES];
    let mut state = vec![vec![None; KEYS]; PROCESSES];
    // What is open: its function, key and value.
    let mut open: Vec<Option<(&str, usize, Option<usize>)>> = vec![None; PROCESSES];
    let (mut begun, mut index, mut time) = (0, 0, 0);
    while begun < ops || open.iter().any(Option::is_some) {
        let process = chance.below(PROCESSES);
        if begun == ops && open[process].is_none() {
            continue;
        }
        let kind = if open[process].is_some() { "ok" } else { "invoke" };
        let (function, key, value) = open[process].take().unwrap_or_else(|| {
            let key = chance.below(KEYS);
            for _ in 0..12 {
                let writer = chance.below(PROCESSES);
                let next = &mut carried_out[process][writer];
                if let Some((key, value)) = written[writer].get(*next).filter(|_| writer != process) {
                    state[process][*key] = Some(*value);
                    *next += 1;
                }
            }
            begun += 1;
            if chance.below(2) == 0 {
                return ("read", key, state[process][key]);
            }
            state[process][key] = Some(begun);
            written[process].push((key, begun));
            ("write", key, Some(begun))
        });
        let shown = value.filter(|_| kind == "ok" || function == "write");
        let shown = shown.map_or("nil".to_owned(), |value| value.to_string());
        writeln!(
            out,
            "{{:index {index}, :time {time}, :type :{kind}, :process {process}, :f :{function}, :value [\"k{key}\" {shown}], :error nil}}"
        )?;
        if kind == "invoke" {
            open[process] = Some((function, key, value));
        }
        index += 1;
        time += 1_000 * (1 + chance.below(100));
    }
    out.flush()
}
