//! The shape of the source: files do not import each other in rings, and a name means one type in a crate.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Files that import each other, each reaching all others; more than these hide what stands on what.
const LARGEST_RING: usize = 3;

/// Types that share a name within a crate, and why: the same thing at two levels.
const SAME_NAME: &[(&str, &str, &str)] = &[
    ("store", "Config", "each store has its own, under the name that the contract gives"),
    ("store", "Message", "each store has its own, under the name that the contract gives"),
    ("sim", "Pace", "of a group of clients in a scenario, and of a session in a plan"),
];

#[test]
fn rings_of_importing_files_are_small() {
    let mut largest = 0;
    for (name, source) in crates() {
        let edges = source.imports();
        for ring in rings(&edges) {
            println!("{name}: a ring of {} files", ring.len());
            for file in &ring {
                let within: Vec<&str> =
                    edges[*file].iter().filter(|to| ring.contains(&to.as_str())).map(String::as_str).collect();
                println!("  {file} imports {}", within.join(", "));
            }
            largest = largest.max(ring.len());
        }
    }
    assert!(largest <= LARGEST_RING, "a ring of {largest} files (see above)");
}

#[test]
fn a_name_is_one_type_in_a_crate() {
    let mut count = 0;
    for (name, source) in crates() {
        let mut places: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for file in &source.files {
            for pair in file.tokens.windows(2) {
                if matches!(pair[0].as_str(), "struct" | "enum" | "trait") && starts_like_a_type(&pair[1]) {
                    places.entry(&pair[1]).or_default().push(&file.name);
                }
            }
        }
        places.retain(|_, files| files.len() > 1);
        places.retain(|of, _| !SAME_NAME.iter().any(|(of_crate, allowed, _)| *of_crate == name && allowed == of));
        places.iter().for_each(|(of, files)| println!("{name}: {of} is defined in {}", files.join(", ")));
        count += places.len();
    }
    assert_eq!(count, 0, "types of one name (see above)");
}

#[test]
fn imports_are_found() {
    let file = |name: &str, text: &str| File::new(name.to_owned(), text);
    let source = Source {
        files: vec![
            file("main.rs", "mod a; mod b; // use crate::b::Never;\nfn main() { a::run(\"crate::b::Never\") }"),
            file("a/mod.rs", "mod c; pub use c::Thing; use crate::b; pub fn run() { b::go() }"),
            file("a/c.rs", "use super::run; pub struct Thing; #[cfg(test)] mod tests { use crate::b::go; }"),
            file("b.rs", "use crate::a::{self, Thing as Other}; pub fn go() {}"),
        ],
    };
    let all = source.imports();
    let edges: Vec<(&str, Vec<&str>)> =
        all.iter().map(|(from, to)| (from.as_str(), to.iter().map(String::as_str).collect())).collect();
    let expected = [("a/c.rs", vec!["a/mod.rs"]), ("a/mod.rs", vec!["b.rs"]), ("b.rs", vec!["a/c.rs"])];
    assert_eq!(edges[..3], expected, "a re-export counts where it comes from, and only for those who use it");
    assert_eq!(edges[3], ("main.rs", vec!["a/mod.rs"]));
    assert_eq!(rings(&all), [["a/c.rs", "a/mod.rs", "b.rs"]]);
}

/// All crates of the repository, by the path of their folder.
fn crates() -> Vec<(String, Source)> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository");
    let mut folders = vec![top.clone()];
    let mut crates = Vec::new();
    while let Some(folder) = folders.pop() {
        if folder.join("Cargo.toml").is_file() && folder.join("src").is_dir() {
            let name = folder.strip_prefix(&top).expect("below the top").display().to_string();
            crates.push((name, Source::read(&folder.join("src"))));
        }
        let below = inside(&folder).into_iter().filter(|path| path.is_dir());
        folders.extend(below.filter(|path| !path.ends_with("target") && !path.ends_with("src")));
    }
    assert!(crates.len() > 3, "{} crates", crates.len());
    crates
}

fn inside(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')));
    paths.sort();
    paths
}

/// A path of modules from the root of the crate.
type Module = Vec<String>;

/// The files of a crate, without their tests.
struct Source {
    files: Vec<File>,
}

struct File {
    name: String,
    module: Module,
    /// Words and signs, without comments, strings and tests.
    tokens: Vec<String>,
    uses: Vec<Use>,
}

/// One name of a `use` declaration.
struct Use {
    path: Vec<String>,
    alias: String,
    is_public: bool,
}

/// What a path leads to.
enum Target {
    Module(Module),
    /// Something that the file of this module defines.
    Item(Module),
}

impl Source {
    fn read(folder: &Path) -> Source {
        let (mut folders, mut files) = (vec![folder.to_path_buf()], Vec::new());
        while let Some(next) = folders.pop() {
            for path in inside(&next) {
                let name = path.strip_prefix(folder).expect("below the folder").display().to_string();
                let is_test = name.split(['/', '.']).any(|part| part == "tests");
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(".rs") && !is_test {
                    files.push(File::new(name, &std::fs::read_to_string(&path).expect("a source file")));
                }
            }
        }
        Source { files }
    }

    fn file(&self, module: &[String]) -> Option<&File> {
        self.files.iter().find(|file| file.module == module)
    }

    fn resolve(&self, at: &[String], path: &[String]) -> Option<Target> {
        self.resolve_within(at, path, 20)
    }

    /// Names may be re-exported in circles: a limited number of steps is followed.
    fn resolve_within(&self, at: &[String], path: &[String], steps: u32) -> Option<Target> {
        let (first, mut rest) = path.split_first()?;
        let mut module = match first.as_str() {
            "crate" => Vec::new(),
            "self" => at.to_vec(),
            "super" => at.split_last()?.1.to_vec(),
            child => [at, &[child.to_owned()]].concat(),
        };
        self.file(&module)?;
        while let Some((name, further)) = rest.split_first() {
            let inner = [&module[..], std::slice::from_ref(name)].concat();
            if name == "super" {
                module.pop()?;
            } else if self.file(&inner).is_some() {
                module = inner;
            } else {
                let uses = &self.file(&module)?.uses;
                let named = uses.iter().find(|one| one.alias == *name && one.path.len() > 1);
                let found =
                    named.filter(|_| steps > 0).and_then(|one| self.resolve_within(&module, &one.path, steps - 1));
                match found {
                    Some(Target::Module(other)) => module = other,
                    Some(item) => return Some(item),
                    None => return Some(Target::Item(module)),
                }
            }
            rest = further;
        }
        Some(Target::Module(module))
    }

    /// Which other files each file takes names from.
    fn imports(&self) -> BTreeMap<String, BTreeSet<String>> {
        let imports = self.files.iter().map(|file| {
            let mut modules: BTreeSet<Module> = BTreeSet::new();
            let mut aliases: BTreeMap<&str, Module> = BTreeMap::new();
            for one in &file.uses {
                let is_used = !one.is_public || file.tokens.contains(&one.alias);
                match self.resolve(&file.module, &one.path) {
                    Some(Target::Item(module)) if is_used => drop(modules.insert(module)),
                    Some(Target::Module(module)) => drop(aliases.insert(&one.alias, module)),
                    _ => {}
                }
            }
            for path in file.paths() {
                let from = path.first().and_then(|first| aliases.get(first.as_str()));
                let target = match from {
                    Some(module) => self.resolve(module, &[&["self".to_owned()], &path[1..]].concat()),
                    None => self.resolve(&file.module, &path),
                };
                if let Some(Target::Item(module)) = target {
                    modules.insert(module);
                }
            }
            modules.remove(&file.module);
            let names = modules.iter().filter_map(|module| Some(self.file(module)?.name.clone()));
            (file.name.clone(), names.collect())
        });
        imports.collect()
    }
}

impl File {
    fn new(name: String, text: &str) -> File {
        let mut module: Module = name.trim_end_matches(".rs").split('/').map(str::to_owned).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let (tokens, uses) = declarations(&without_tests(words(text)));
        File { name, module, tokens, uses }
    }

    /// Paths of two or more names that stand in the text.
    fn paths(&self) -> Vec<Vec<String>> {
        let mut paths = Vec::new();
        let mut rest = self.tokens.as_slice();
        while let Some(at) = rest.iter().position(|token| is_word(token)) {
            let mut path = vec![rest[at].clone()];
            rest = &rest[at + 1..];
            while let [colons, name, ..] = rest
                && colons == "::"
                && is_word(name)
            {
                path.push(name.clone());
                rest = &rest[2..];
            }
            if path.len() > 1 {
                paths.push(path);
            }
        }
        paths
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn starts_like_a_type(token: &str) -> bool {
    token.starts_with(|c: char| c.is_uppercase())
}

/// Words and signs; comments and strings are left out.
fn words(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let taken = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(raw) = ["r#\"", "br#\""].iter().find(|raw| rest.starts_with(**raw)) {
            rest.find("\"#").map_or(rest.len(), |end| end + 2).max(raw.len())
        } else if let Some(raw) = rest.strip_prefix("r\"") {
            raw.find('"').map_or(rest.len(), |end| end + 3)
        } else if first == '"' {
            end_of_string(rest)
        } else if first == '\'' && !rest[1..].starts_with('\\') && rest.chars().nth(2).is_none_or(|c| c != '\'') {
            // A lifetime.
            1
        } else if first == '\'' {
            let from = if rest[1..].starts_with('\\') { 3 } else { 1 + rest.chars().nth(1).map_or(1, char::len_utf8) };
            rest[from..].find('\'').map_or(rest.len(), |end| from + end + 1)
        } else if word > 0 {
            tokens.push(rest[..word].to_owned());
            word
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            if !first.is_whitespace() {
                tokens.push(first.to_string());
            }
            first.len_utf8()
        };
        rest = &rest[taken..];
    }
    tokens
}

fn end_of_string(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !is_escaped => return at + 1,
            c => is_escaped = c == '\\' && !is_escaped,
        }
    }
    text.len()
}

/// Leaves out what is marked with `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut rest = tokens.as_slice();
    while !rest.is_empty() {
        if rest.len() < MARK.len() || rest.iter().zip(MARK).any(|(token, of)| token != of) {
            kept.push(rest[0].clone());
            rest = &rest[1..];
            continue;
        }
        rest = &rest[MARK.len()..];
        let mut depth = 0;
        while let Some((token, further)) = rest.split_first() {
            rest = further;
            match token.as_str() {
                "{" => depth += 1,
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                ";" if depth == 0 => break,
                _ => {}
            }
        }
    }
    kept
}

/// The tokens without `use` declarations, and what these declare.
fn declarations(tokens: &[String]) -> (Vec<String>, Vec<Use>) {
    let (mut kept, mut uses) = (Vec::new(), Vec::new());
    let mut rest = tokens;
    while let Some((token, further)) = rest.split_first() {
        let is_declaration = token == "use" && further.first().is_some_and(|next| is_word(next) || next == "{");
        if !is_declaration {
            kept.push(token.clone());
            rest = further;
            continue;
        }
        let is_public = kept.last().is_some_and(|last| last == "pub" || last == ")");
        let end = further.iter().position(|token| token == ";").unwrap_or(further.len());
        tree(&further[..end], &[], is_public, &mut uses);
        rest = &further[end..];
    }
    (kept, uses)
}

/// The names in a tree of paths.
fn tree(tokens: &[String], before: &[String], is_public: bool, uses: &mut Vec<Use>) {
    let mut depth = 0;
    let is_comma = |token: &String| {
        match token.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        token == "," && depth == 0
    };
    for part in tokens.split(is_comma).filter(|part| !part.is_empty()) {
        let mut path = before.to_vec();
        match part.iter().position(|token| token == "{") {
            Some(open) => {
                path.extend(part[..open].iter().filter(|token| is_word(token)).cloned());
                tree(&part[open + 1..part.len() - 1], &path, is_public, uses);
            }
            None => {
                let (names, alias) = match part.iter().position(|token| token == "as") {
                    Some(at) => (&part[..at], part.get(at + 1).cloned()),
                    None => (part, None),
                };
                path.extend(names.iter().filter(|token| is_word(token)).cloned());
                if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                    path.pop();
                }
                let alias = alias.or_else(|| path.last().cloned()).unwrap_or_default();
                uses.push(Use { path, alias, is_public });
            }
        }
    }
}

/// Groups of files in which each reaches all others, the largest first.
fn rings(edges: &BTreeMap<String, BTreeSet<String>>) -> Vec<Vec<&str>> {
    let reached = |from: &str| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_owned()]);
        while let Some(file) = next.pop() {
            let new = edges[&file].iter().filter(|to| seen.insert(to.to_string()));
            next.extend(new.cloned().collect::<Vec<_>>());
        }
        seen
    };
    let all: BTreeMap<&str, BTreeSet<String>> = edges.keys().map(|file| (file.as_str(), reached(file))).collect();
    let mut rings: Vec<Vec<&str>> = Vec::new();
    for (file, reaches) in &all {
        let ring: Vec<&str> =
            all.keys().copied().filter(|to| reaches.contains(*to) && all[to].contains(*file)).collect();
        if ring.first() == Some(file) {
            rings.push(ring);
        }
    }
    rings.sort_by_key(|ring| std::cmp::Reverse(ring.len()));
    rings
}
