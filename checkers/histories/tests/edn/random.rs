//! Random values and histories, strange ones among them.

#[path = "../../../tests/common/chance.rs"]
mod chance;

pub use chance::Chance;
use kvsim_histories::edn::{Edn, Float};
use kvsim_histories::jepsen::{Action, Function, Process, Step, Type};

fn character(chance: &mut Chance) -> char {
    let strange = [
        '"',
        '\\',
        '\n',
        '\t',
        '\r',
        '\u{8}',
        '\u{c}',
        '\0',
        '\u{7f}',
        '\u{85}',
        ' ',
        ',',
        ';',
        '#',
        '{',
        ']',
        'ä',
        '\u{2028}',
        '\u{feff}',
        '😀',
        '\u{10ffff}',
    ];
    match chance.below(3) {
        0 => strange[chance.below(strange.len())],
        1 => char::from(b' ' + chance.below(95) as u8),
        _ => char::from_u32(chance.below(0x11_0000) as u32).unwrap_or('\u{fffd}'),
    }
}

pub fn text(chance: &mut Chance) -> Box<str> {
    let length = chance.below(8);
    (0..length).map(|_| character(chance)).collect::<String>().into()
}

/// A name for a keyword, symbol or tag.
pub fn name(chance: &mut Chance) -> Box<str> {
    let first: Vec<char> = "abcxyzN_é".chars().collect();
    let later: Vec<char> = "abc019.*+!-_?$%&=<>/:#'é".chars().collect();
    let rest: String = (0..chance.below(6)).map(|_| later[chance.below(later.len())]).collect();
    format!("{}{rest}", first[chance.below(first.len())]).into()
}

fn symbol(chance: &mut Chance) -> Box<str> {
    let name = name(chance);
    if matches!(&*name, "nil" | "true" | "false") { "other".into() } else { name }
}

fn number(chance: &mut Chance) -> Edn {
    match chance.below(8) {
        0 => Edn::Number(format!("{}{}N", ["", "-"][chance.below(2)], u64::MAX - chance.below(9) as u64).into()),
        1 => Edn::Number(format!("{}/{}", 1 + 2 * chance.below(50), 1 << (1 + chance.below(9))).into()),
        2 => Edn::Number(format!("{}.{}0M", chance.below(50), chance.below(50)).into()),
        3 => Edn::Float(Float::new(f64::from_bits(chance.next()))),
        4 => Edn::Float(Float::new((chance.below(2_000) as f64 - 1_000.0) / 8.0)),
        5 => Edn::Float(Float::new([f64::INFINITY, f64::NEG_INFINITY, f64::NAN, -0.0, 0.1][chance.below(5)])),
        6 => Edn::Int(chance.next() as i64),
        _ => Edn::Int(chance.below(10) as i64 - 2),
    }
}

pub fn value(chance: &mut Chance, depth: usize) -> Edn {
    let parts = |chance: &mut Chance| -> Vec<Edn> { (0..chance.below(4)).map(|_| value(chance, depth + 1)).collect() };
    match chance.below(if depth < 4 { 14 } else { 8 }) {
        0 => Edn::Nil,
        1 => Edn::Bool(chance.one_in(2)),
        2 | 3 => number(chance),
        4 => Edn::Char(character(chance)),
        5 => Edn::String(text(chance)),
        6 => Edn::Keyword(name(chance)),
        7 => Edn::Symbol(symbol(chance)),
        8 => Edn::List(parts(chance)),
        9 | 10 => Edn::Vector(parts(chance)),
        11 => {
            let mut parts = parts(chance);
            parts.sort_unstable();
            parts.dedup();
            Edn::Set(parts)
        }
        12 => {
            let is_object = chance.one_in(2);
            let key = |chance: &mut Chance| match is_object {
                true if chance.one_in(4) => Edn::String("edn".into()),
                true => Edn::String(text(chance)),
                false => value(chance, depth + 1),
            };
            let mut parts: Vec<(Edn, Edn)> =
                (0..chance.below(4)).map(|_| (key(chance), value(chance, depth + 1))).collect();
            parts.sort_unstable();
            parts.dedup_by(|a, b| a.0 == b.0);
            Edn::Map(parts)
        }
        _ => {
            let tag = loop {
                let tag = name(chance);
                // A tag begins with a letter, or it would be something else that begins with a #.
                if !tag.starts_with('_') {
                    break tag;
                }
            };
            Edn::Tagged(Box::new((tag, value(chance, depth + 1))))
        }
    }
}

pub fn step(chance: &mut Chance) -> Step {
    let some = |chance: &mut Chance| (!chance.one_in(4)).then(|| chance.next() as i64);
    let functions = [Action::Read, Action::Write, Action::Cas].map(Function::Action);
    let function = match chance.below(4) {
        3 => Function::Other(loop {
            let name = name(chance);
            if functions.iter().all(|known| known.name() != &*name) {
                break name;
            }
        }),
        known => functions[known].clone(),
    };
    let mut others: Vec<(Box<str>, Edn)> = Vec::new();
    while chance.one_in(3) {
        let name = name(chance);
        let taken = ["f", "type", "value", "index", "time", "process", "error"].contains(&&*name);
        if !taken && others.iter().all(|(other, _)| *other != name) {
            others.push((name, value(chance, 0)));
        }
    }
    Step {
        index: some(chance),
        time_ns: some(chance),
        kind: [Type::Invoke, Type::Ok, Type::Fail, Type::Info][chance.below(4)],
        process: match chance.below(5) {
            0 => Process::Other(name(chance)),
            _ => Process::Client(chance.next() as i64 >> chance.below(64)),
        },
        function,
        value: value(chance, 0),
        error: chance.one_in(3).then(|| value(chance, 0)),
        others,
    }
}
