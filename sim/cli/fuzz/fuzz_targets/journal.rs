//! Any lines in the journals of a hunt and of a sweep, which `--resume` goes on from.
#![no_main]

use std::sync::LazyLock;

use kvsim::untrusted::{Journals, folder};

static JOURNALS: LazyLock<Journals> = LazyLock::new(|| Journals::new(&folder("journal")));

libfuzzer_sys::fuzz_target!(|lines: &[u8]| {
    JOURNALS.hunt(lines);
    JOURNALS.sweep(lines);
});
