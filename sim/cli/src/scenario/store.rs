//! The store and its settings. What they mean the store knows; here is where they are written.

use std::collections::BTreeMap;

use kvsim_sim::stores::{StoreEntry, StoreSpec};
use kvsim_store::settings::{Cause, Cluster, Misfit};
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

use super::source::Span;
use super::units::Wrong;
use super::validate::Validator;
use crate::text::listed;

/// Where the fields of `[store]` are written: each with the places of its items, where it is a list.
pub struct Places(BTreeMap<String, (Span, Vec<Span>)>);

impl Places {
    /// Those of a scenario.
    pub fn of(root: &DeTable<'_>) -> Places {
        let table = root.get("store").and_then(|store| store.get_ref().as_table());
        let place = |value: &toml::Spanned<DeValue<'_>>| {
            let items = value.get_ref().as_array().into_iter().flat_map(|items| items.iter());
            (value.span().into(), items.map(|item| item.span().into()).collect())
        };
        let fields = table.into_iter().flat_map(|table| table.iter());
        Places(fields.map(|(name, value)| (name.get_ref().clone().into_owned(), place(value))).collect())
    }

    /// The place of a field; absent where it is left out.
    pub fn field(&self, name: &str) -> Option<Span> {
        self.0.get(name).map(|(span, _)| *span)
    }
}

impl Validator<'_> {
    /// The store with the settings that it understands and that are right, each by itself.
    pub(super) fn store(&mut self, given: &StoreSpec, places: &Places) -> StoreSpec {
        let mut right = StoreSpec::named(&given.name);
        let Some(store) = self.store else {
            let known: Vec<&str> = self.names.stores.iter().map(|store| store.name).collect();
            self.wrong_name(places.field("name"), "there is no store", &given.name, &known);
            return right;
        };
        let known = store.settings();
        // What another store of the file's name would understand means nothing to this one.
        let by_argument = |name: &str| places.field(name).is_some_and(|span| self.sources.is_argument(span));
        let (meant, other): (Vec<_>, Vec<_>) = given.settings.iter().partition(|(name, _)| known.contains(*name));
        let other: Vec<&String> = other.into_iter().map(|(name, _)| name).collect();
        let unknown = other.into_iter().filter(|name| !by_argument("name") || by_argument(name));
        for name in unknown.collect::<Vec<_>>() {
            let message = format!("store {} has no setting `{name}`", store.name);
            self.wrong(places.field(name), message, listed(known.iter().map(String::as_str), "or"));
        }
        for (name, value) in meant {
            if self.setting(store, name, value, places) {
                right.set(name, value.clone());
            }
        }
        right
    }

    /// True when a setting is right by itself; the items of a list are looked at one after the other.
    fn setting(&mut self, store: &StoreEntry, name: &str, value: &Json, places: &Places) -> bool {
        let check = |value: Json| (store.check)(&StoreSpec::named(store.name).with(name, value));
        let Json::Array(items) = value else {
            return self.check(places.field(name), check(value.clone())).is_some();
        };
        let mut right: Vec<Json> = Vec::new();
        for (number, item) in items.iter().enumerate() {
            right.push(item.clone());
            let span = places.0.get(name).and_then(|(_, items)| items.get(number)).copied();
            if self.check(span, check(Json::from(right.clone()))).is_none() {
                right.pop();
            }
        }
        right.len() == items.len()
    }

    /// The store with all that its settings leave open decided, once the levels of all sessions are known.
    pub(super) fn fitted(&mut self, store: StoreSpec, places: &Places) -> StoreSpec {
        let levels = self.levels.iter().map(|(level, _)| *level).collect();
        let misfits = match store.fitted(&Cluster { nodes: self.replicas, levels, heartbeats: Vec::new() }) {
            Ok(fitted) => return fitted,
            Err(misfits) => misfits,
        };
        for Misfit { setting, message, expected, cause } in misfits {
            let cause = cause.and_then(|cause| match cause {
                Cause::Level(level) => {
                    let span = self.levels.iter().find(|(other, _)| *other == level)?.1?;
                    Some(format!("{} asks for level {}", self.sources.place(span), level.name()))
                }
                Cause::Setting(other) => Some(format!("{} sets `{other}`", self.sources.place(places.field(other)?))),
            });
            let help = cause.map(|cause| format!("leave `{setting}` out; {cause}"));
            self.check::<()>(places.field(setting), Err(Wrong { help, ..Wrong::new(message, expected) }));
        }
        store
    }
}
