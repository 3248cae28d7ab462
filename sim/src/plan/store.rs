//! Which store a run hosts.

use std::collections::BTreeMap;
use std::fmt;

use kvsim_store::settings::{Cluster, Misfit, Profile, Reduction};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::Plan;
use super::valid::PlanError;

/// Which store runs, and how it is set. What the settings mean is the store's business.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StoreSpec {
    /// The store's name.
    #[serde(default)]
    pub name: String,
    /// Its settings, as a scenario's `[store]` table has them; those left out have their defaults. A plan has all.
    #[serde(flatten)]
    pub settings: BTreeMap<String, Json>,
    /// Who understands the settings. What was read from a file has only a name, until it is looked up in a list of stores.
    #[serde(skip)]
    pub(crate) store: Option<&'static dyn Hosted>,
}

/// What scenarios and plans ask of their store.
pub trait Hosted: fmt::Debug + Sync {
    /// See [`StoreSpec::profile`].
    fn profile(&self, spec: &StoreSpec, nodes: u16) -> Profile;
    /// See [`StoreSpec::without`].
    fn reduced(&self, spec: &StoreSpec, what: Reduction) -> StoreSpec;
    /// See [`StoreSpec::fitted`].
    fn fitted(&self, spec: &StoreSpec, cluster: &Cluster) -> Result<StoreSpec, Vec<Misfit>>;
    /// Checks what [`Plan::validate`] leaves to the store: whether it understands the settings, and whether they fit.
    ///
    /// # Errors
    /// The first problem.
    fn validate(&self, plan: &Plan) -> Result<(), PlanError>;
}

/// The store is its name: a list has no two of one name.
impl PartialEq for StoreSpec {
    fn eq(&self, other: &StoreSpec) -> bool {
        (&self.name, &self.settings) == (&other.name, &other.settings)
    }
}

impl Eq for StoreSpec {}

impl StoreSpec {
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

    /// What the store says about itself on this number of nodes.
    pub fn profile(&self, nodes: u16) -> Profile {
        self.hosted().profile(self, nodes)
    }

    /// Without something, as far as settings have to do with it.
    #[must_use]
    pub fn without(&self, what: Reduction) -> StoreSpec {
        self.hosted().reduced(self, what)
    }

    /// With all settings, those decided that may be left open.
    ///
    /// # Errors
    /// The settings that do not fit the cluster.
    pub fn fitted(&self, cluster: &Cluster) -> Result<StoreSpec, Vec<Misfit>> {
        self.hosted().fitted(self, cluster)
    }

    fn hosted(&self) -> &'static dyn Hosted {
        self.store.unwrap_or_else(|| {
            panic!(
                "store `{}` is no more than a name: make it by StoreEntry::spec, or look it up by Stores::bind",
                self.name
            )
        })
    }
}
