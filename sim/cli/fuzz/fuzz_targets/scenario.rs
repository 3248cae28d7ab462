//! Any text as a scenario: refused, or taken, and then it has a plan.
#![no_main]

use std::sync::LazyLock;

static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| kvsim::untrusted::folder("scenario"));

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    kvsim::untrusted::scenario(&FOLDER, text);
});
