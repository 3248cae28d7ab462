//! What people do with each subcommand, for `--help` and the manual pages. A test parses every line.

/// By subcommand, the arguments behind its name and what they do.
pub const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "run",
        &[
            ("scenarios/tour/first-run.toml", "run it, judge it, leave a report in runs/first-run-1"),
            ("my.toml --seed 7 --set net.loss=20% --set store.anti_entropy=off", "another seed, other settings"),
            ("my.toml --store lww --no-report --format json", "another store, for a program"),
            ("my.toml --checks none", "run it without judging it, which takes half the time"),
            ("my.toml --trace full --history edn", "keep all events, and the operations for other checkers"),
        ],
    ),
    (
        "replay",
        &[
            ("runs/latest", "run the stored plan again and compare every event"),
            ("runs/latest --until 4.2s", "stop there and show the last events"),
        ],
    ),
    (
        "hunt",
        &[
            ("my.toml --seeds 0..10000 --keep-going", "all seeds, on all cores"),
            ("scenarios/hunt/general.toml --swarm --for 10m", "features off at random, for ten minutes"),
            ("my.toml --seeds 0..10000 --keep-going --resume", "go on with a hunt that was interrupted"),
            ("my.toml --seeds 0..10000 --keep-going --shard 3/8", "the third of eight machines"),
        ],
    ),
    (
        "shrink",
        &[("runs/hunt-my/my-17 --code CONV002", "the fewest operations and faults that still show it, as a scenario")],
    ),
    (
        "cluster",
        &[
            ("up 3", "three real nodes, for redis-cli -p 7000, 7001 and 7002"),
            ("record scenarios/tour/first-run.toml --compare", "the scenario's clients and network, with real nodes"),
            ("up 5 --data five -- --level eventual --ack majority", "five, with further arguments for each"),
        ],
    ),
    (
        "explain",
        &[
            ("runs/latest", "why the first finding's operation was answered so"),
            ("runs/latest --op 3", "why this one was, or what became of its write"),
        ],
    ),
    (
        "trace",
        &[
            ("runs/latest --key k3 --from 1.2s --to 2s", "what happened to a key in that time"),
            ("runs/latest --at 40ms --node n1", "what a replica knew, showed and let wait then"),
            ("scenarios/tour/by-hand.toml --svg by-hand.svg", "a space-time diagram"),
        ],
    ),
    (
        "shell",
        &[
            ("", "three replicas to talk to; help lists the commands"),
            ("scenarios/tour/ring.toml --seed 7", "the cluster of a scenario, with its clients"),
        ],
    ),
    (
        "sweep",
        &[
            ("scenarios/sweeps/loss.toml", "all cells and seeds, with a table and charts"),
            ("scenarios/sweeps/loss.toml --format latex --set sweep.seeds=3", "fewer seeds, a table for a paper"),
            ("scenarios/sweeps/loss.toml --shard 3/8", "the third of eight machines"),
        ],
    ),
    (
        "merge",
        &[(
            "runs/hunt-my-1-of-2 runs/hunt-my-2-of-2 --out runs/hunt-my",
            "what several machines have done, as if one had done it",
        )],
    ),
    (
        "test",
        &[
            ("scenarios", "every scenario with its own seed, a line each"),
            ("scenarios --filter ring --format github", "some of them, for annotations in a pull request"),
        ],
    ),
    (
        "plot",
        &[
            ("runs/latest", "every chart that has something to show"),
            ("runs/ndc-1 runs/lww-1 --kind staleness,latency --format png", "two runs compared"),
        ],
    ),
    (
        "export",
        &[
            ("runs/latest", "all tables as CSV, in runs/latest/data"),
            ("runs/latest --what operations --format jsonl --out data", "one table, elsewhere"),
        ],
    ),
    ("report", &[("runs/latest", "the page of a run that has none")]),
    (
        "check",
        &[
            ("store/my-test/latest/history.edn", "what Jepsen has recorded, by every model that applies"),
            ("history.jsonl --model linearizable --initial 0", "one model, for registers that begin at 0"),
        ],
    ),
    (
        "list",
        &[
            ("checkers", "what is checked, with codes"),
            ("runs", "the runs in ./runs"),
            ("faults", "what a scenario can break"),
        ],
    ),
    (
        "clean",
        &[("", "what would be removed"), ("--yes", "remove what has no findings"), ("--all --yes", "remove all")],
    ),
    ("schema", &[("", "for editors"), ("--format md", "the page docs/scenarios.md")]),
    (
        "new",
        &[
            ("scenario my.toml", "a scenario to begin with, and the schema for editors"),
            ("store ledger", "a program with a store of your own"),
        ],
    ),
    ("completions", &[("bash > ~/.local/share/bash-completion/completions/kvsim", "for the next shell")]),
];

/// The part of `--help` with the examples of a subcommand of `program`; absent when it has none.
pub fn section(program: &str, subcommand: &str) -> Option<String> {
    let (_, examples) = EXAMPLES.iter().find(|(name, _)| *name == subcommand)?;
    let line = |(args, what): &(&str, &str)| {
        let space = if args.is_empty() { "" } else { " " };
        format!("  # {what}\n  {program} {subcommand}{space}{args}")
    };
    Some(format!("Examples:\n{}\n\n", examples.iter().map(line).collect::<Vec<_>>().join("\n")))
}

#[cfg(test)]
mod tests {
    use super::EXAMPLES;
    use crate::commands::program;
    use kvsim_sim::stores::BUILT_IN;

    #[test]
    fn every_subcommand_has_examples_that_can_be_typed() {
        let command = program(BUILT_IN);
        for subcommand in command.get_subcommands() {
            let name = subcommand.get_name();
            assert!(name == "help" || name == "man" || EXAMPLES.iter().any(|(known, _)| *known == name), "{name}");
        }
        for (name, examples) in EXAMPLES {
            for (args, _) in *examples {
                let typed = args.split(" > ").next().unwrap_or_default().split_whitespace();
                let parsed = command.clone().try_get_matches_from(["kvsim", name].into_iter().chain(typed));
                assert!(parsed.is_ok(), "{name} {args}: {}", parsed.unwrap_err());
            }
        }
    }
}
