//! The store and its settings. What they mean the store knows; here is where they are written.

use kvsim_sim::plan::StoreSpec;
use kvsim_sim::stores::StoreEntry;
use kvsim_store::quantity::Wrong;
use kvsim_store::settings::{Cause, Cluster, Misfit};
use serde_json::Value as Json;

use super::check::Check;
use crate::text::listed;

impl Check<'_> {
    /// The store with the settings that it understands and that are right, each by itself; nothing when there is none of that
    /// name.
    pub fn store(&mut self) -> Option<StoreSpec> {
        let given = &self.scenario.store;
        let Some(store) = self.store else {
            let known: Vec<&str> = self.names.stores.names().collect();
            self.wrong(self.span(&["store", "name"]), Wrong::name("there is no store", &given.name, &known));
            return None;
        };
        let mut right = store.spec();
        let known = store.settings();
        // What another store of the file's name would understand means nothing to this one.
        let by_argument = |name: &str| self.span(&["store", name]).is_some_and(|span| self.sources.is_argument(span));
        let (meant, other): (Vec<_>, Vec<_>) = given.settings.iter().partition(|(name, _)| known.contains(*name));
        let other: Vec<&String> = other.into_iter().map(|(name, _)| name).collect();
        let unknown = other.into_iter().filter(|name| !by_argument("name") || by_argument(name));
        for name in unknown.collect::<Vec<_>>() {
            let message = format!("store {} has no setting `{name}`", store.name);
            self.at(&["store", name], message, listed(known.iter().map(String::as_str), "or"));
        }
        for (name, value) in meant {
            if self.setting(store, name, value) {
                right.set(name, value.clone());
            }
        }
        Some(right)
    }

    /// True when a setting is right by itself; the items of a list are looked at one after the other.
    fn setting(&mut self, store: &'static StoreEntry, name: &str, value: &Json) -> bool {
        let check = |value: Json| (store.check)(&store.spec().with(name, value));
        let Json::Array(items) = value else {
            return self.is_right(&["store", name], check(value.clone()));
        };
        let mut right: Vec<Json> = Vec::new();
        for (number, item) in items.iter().enumerate() {
            right.push(item.clone());
            if !self.is_right(&["store", name, &number.to_string()], check(Json::from(right.clone()))) {
                right.pop();
            }
        }
        right.len() == items.len()
    }

    /// The store with all that its settings leave open decided, once the levels of all sessions are known.
    pub fn fitted(&mut self, store: StoreSpec) -> StoreSpec {
        let groups = self.scenario.clients.iter().map(|group| (group.level, "clients", None, &group.name));
        let sessions = self.scenario.script.sessions.iter();
        let sessions = sessions.map(|session| (session.level, "script", Some("sessions"), &session.name));
        let readers: Vec<_> = groups.chain(sessions).collect();
        let levels = readers.iter().map(|(level, ..)| *level).collect();
        let nodes = self.scenario.replicas;
        let cluster = Cluster { nodes, leaving: Vec::new(), levels, heartbeats: Vec::new() };
        let misfits = match store.fitted(&cluster) {
            Ok(fitted) => return fitted,
            Err(misfits) => misfits,
        };
        for Misfit { setting, wrong, cause } in misfits {
            let cause = cause.and_then(|cause| match cause {
                Cause::Level(level) => {
                    let (_, table, inner, name) = readers.iter().find(|(other, ..)| *other == level)?;
                    let path: Vec<&str> = [table].into_iter().chain(inner).chain([&name.as_str()]).copied().collect();
                    let span = self.span(&[&path[..], &["level"]].concat())?;
                    Some(format!("{} asks for level {}", self.sources.place(span), level.name()))
                }
                Cause::Setting(other) => {
                    Some(format!("{} sets `{other}`", self.sources.place(self.span(&["store", other])?)))
                }
            });
            let help = cause.map(|cause| format!("leave `{setting}` out; {cause}"));
            self.wrong(self.span(&["store", setting]), Wrong { help, ..wrong });
        }
        store
    }

    /// Keeps what is wrong with the value at `path`.
    fn is_right(&mut self, path: &[&str], checked: Result<(), Wrong>) -> bool {
        checked.map_err(|wrong| self.wrong(self.span(path), wrong)).is_ok()
    }
}
