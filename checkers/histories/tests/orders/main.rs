//! Sequential consistency and regularity against twins that follow the definitions, on random small histories.

#[path = "../../../tests/common/chance.rs"]
mod chance;
mod implied;
mod random;
mod regular;
mod sequential;
