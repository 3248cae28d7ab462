//! The kinds of charts, each in a file of its own. Colours tell apart what a chart is about, dashes the runs that are
//! compared.

pub mod faults;
mod lag;
mod latency;
pub mod messages;
mod metadata;
mod staleness;
mod timeline;
mod traffic;
pub mod visibility;

use super::ChartInfo;

/// All, in the order in which they are drawn.
pub const CHARTS: &[ChartInfo] = &[
    staleness::CHART,
    latency::CHART,
    visibility::CHART,
    lag::CHART,
    traffic::CHART,
    metadata::CHART,
    timeline::CHART,
    faults::CHART,
    messages::CHART,
];
