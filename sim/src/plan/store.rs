//! Which store a run hosts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Which store runs, and how it is set. What the settings mean is the store's business.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreSpec {
    /// The store's name.
    #[serde(default = "crate::stores::default_name")]
    pub name: String,
    /// Its settings, as a scenario's `[store]` table has them; those left out have their defaults. A plan has all.
    #[serde(flatten)]
    pub settings: BTreeMap<String, Json>,
}

impl StoreSpec {
    /// The store called `name`, with its defaults.
    pub fn named(name: &str) -> StoreSpec {
        StoreSpec { name: name.to_owned(), settings: BTreeMap::new() }
    }

    /// With one more setting.
    #[must_use]
    pub fn with(mut self, setting: &str, value: impl Into<Json>) -> StoreSpec {
        self.set(setting, value);
        self
    }

    /// Changes a setting.
    pub fn set(&mut self, setting: &str, value: impl Into<Json>) {
        self.settings.insert(setting.to_owned(), value.into());
    }
}
