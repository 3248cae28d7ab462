//! Stores that announce nothing, each with mistakes to plant: quorum registers and a primary with backups.
//!
//! `cargo run --release -p kvsim --example tenants -- run sim/cli/examples/tenants/abd.toml`, and `hunt ... --seeds 0..200
//! --set 'store.defects=["no-write-back"]'`. docs/own-store.md tells more.

mod abd;
mod primary;

use std::process::ExitCode;

use kvsim::StoreEntry;

/// The command with both.
pub fn main() -> ExitCode {
    kvsim::main_with(&[
        StoreEntry::of::<abd::Abd>("abd", "registers that a majority reads and writes (Attiya, Bar-Noy and Dolev)"),
        StoreEntry::of::<primary::Primary>("primary", "a primary that tells its backups before it answers"),
    ])
}
