//! Histories with random damage: whatever comes, there is an answer, and no panic; and models that imply each other do not
//! contradict each other.

use std::collections::BTreeMap;

use kvsim_checkers::{NEVER, Verdict};
use kvsim_histories::jepsen::{Form, Step};
use kvsim_histories::models::{MODELS, Model, Subject};

use crate::histories::{calls, written};
use crate::random::{self, Chance};

/// Parts that mean something.
const PARTS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "#{",
    "#_",
    "#",
    "##Inf",
    "\"",
    "\\",
    "\\u",
    ":",
    "::",
    ";",
    "\n",
    ",",
    " ",
    "N",
    "M",
    "/",
    "1e999999",
    "-",
    "+",
    "0x",
    "nil",
    "null",
    "true",
    ":type",
    ":ok",
    ":invoke",
    ":f",
    ":process",
    ":value",
    "{:a",
    "\u{feff}",
    "\u{85}",
    "\\ud83d",
    "#:a{",
    "9999999999999999999999",
    "{\"edn\": \"",
    "\"type\":",
    "\"value\":",
];

fn damage(text: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..chance.below(4) {
        let at = chance.below(text.len() + 1);
        let until = (at + chance.below(12)).min(text.len());
        match chance.below(6) {
            0 => drop(text.drain(at..until)),
            1 => text.truncate(at),
            2 => drop(text.splice(at..at, text[at..until].to_vec())),
            3 if at < text.len() => text[at] = chance.next() as u8,
            4 if at < text.len() => text[at] ^= 1 << chance.below(8),
            _ => drop(text.splice(at..at, PARTS[chance.below(PARTS.len())].bytes())),
        }
    }
}

/// A history that can be judged.
fn plausible(chance: &mut Chance) -> Vec<Step> {
    let mut open = [None; 3];
    let mut text = String::new();
    for _ in 0..1 + chance.below(16) {
        let (process, key) = (chance.below(3), chance.below(2));
        let (kind, function, key) = match open[process].take() {
            Some((function, key)) => (["ok", "ok", "fail", "info"][chance.below(4)], function, key),
            None => ("invoke", ["read", "write", "cas"][chance.below(3)], key),
        };
        if kind == "invoke" {
            open[process] = Some((function, key));
        }
        let one = |chance: &mut Chance| ["nil", "0", "1", "2", ":a", "#{1 2}"][chance.below(6)];
        let value = match function {
            "cas" => format!("[{} {}]", one(chance), one(chance)),
            _ => one(chance).to_owned(),
        };
        text += &format!("{{:type :{kind}, :process {process}, :f :{function}, :value [{key} {value}]}}\n");
    }
    crate::histories::all_steps(text.as_bytes()).expect("it is well formed")
}

#[test]
fn damaged_histories_get_an_answer() {
    let (mut read, mut refused) = (0, 0);
    for seed in 0..60_000 {
        let chance = &mut Chance(seed);
        let steps = if chance.one_in(2) {
            plausible(chance)
        } else {
            (0..chance.below(5)).map(|_| random::step(chance)).collect()
        };
        let form = if chance.one_in(2) { Form::Edn } else { Form::Jsonl };
        let mut text = written(form, &steps);
        damage(&mut text, chance);
        let Ok(calls) = calls(&text) else {
            refused += 1;
            continue;
        };
        read += 1;
        let subject = Subject::of(calls);
        let verdict = |model: &Model| (model.name, model.judge(&subject, NEVER).verdict);
        let verdicts: BTreeMap<&str, Verdict> = MODELS.iter().map(verdict).collect();
        for model in MODELS.iter().filter(|model| verdicts[model.name] == Verdict::Holds) {
            for weaker in model.implies {
                let text = String::from_utf8_lossy(&text);
                assert_ne!(verdicts[weaker], Verdict::Violated, "{} but not {weaker}:\n{text}", model.name);
            }
        }
    }
    assert!(read > 5_000 && refused > 20_000, "{read} read, {refused} refused");
}

#[test]
fn text_from_a_sack_of_parts_gets_an_answer() {
    for seed in 0..60_000 {
        let chance = &mut Chance(seed ^ 0xed17 << 32);
        let text: String = (0..chance.below(30)).map(|_| PARTS[chance.below(PARTS.len())]).collect();
        let _ = crate::values(text.as_bytes());
        let _ = calls(text.as_bytes());
    }
}
