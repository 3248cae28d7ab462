//! Any bytes as the plan of a stored run: refused, or taken, and then it can be run.
#![no_main]

use std::sync::LazyLock;

static FOLDER: LazyLock<std::path::PathBuf> = LazyLock::new(|| kvsim::untrusted::folder("plan"));

libfuzzer_sys::fuzz_target!(|plan: &[u8]| {
    kvsim::untrusted::plan(&FOLDER, plan);
});
