//! Looking for seeds under which something goes wrong: what runs of one scenario may differ in beside the seed, and
//! which findings are likely to be the same.

mod cause;
mod swarm;

pub use cause::cause;
pub use swarm::swarm;
