//! The stores that can be hosted by name. Here the generic engine ends: inside a run everything is compiled
//! for one store, outside a store is an entry of this list, and its settings are a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::RefUnwindSafe;

use kvsim_checkers::trace::{Header, Recording, TraceHash};
use kvsim_store::quantity::Wrong;
use kvsim_store::settings::{Cluster, DefectInfo, Hardship, Misfit, Profile, Reduction};
use kvsim_store::{Key, Levels, Priority, Replica};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use crate::engine::{self, Outcome, Sink, StorePanic};
use crate::plan::{FaultKind, Hosted, Plan, PlanError, StoreSpec};

/// The stores that come with kvsim.
pub const BUILT_IN: Stores = Stores(&kvsim_store::stores!(StoreEntry::built_in));

/// The stores that a program can host, the default first. No two have the same name.
#[derive(Clone, Copy, Debug)]
pub struct Stores(&'static [StoreEntry]);

impl Stores {
    /// The list of these stores; it lasts as long as the program.
    ///
    /// # Panics
    /// When there is none, or when two have the same name.
    pub fn new(stores: &[StoreEntry]) -> Stores {
        assert!(!stores.is_empty(), "a list of stores needs at least one");
        let names: BTreeSet<&str> = stores.iter().map(|store| store.name).collect();
        assert_eq!(names.len(), stores.len(), "two stores have the same name: {names:?} is all there is");
        Stores(stores.to_vec().leak())
    }

    /// All of them.
    pub fn list(self) -> &'static [StoreEntry] {
        self.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        self.0.iter().map(|store| store.name)
    }

    /// The store that runs where none is named.
    pub fn default(self) -> &'static StoreEntry {
        &self.0[0]
    }

    /// The store called `name`.
    pub fn find(self, name: &str) -> Option<&'static StoreEntry> {
        self.0.iter().find(|store| store.name == name)
    }

    /// Looks up the store that `spec` names, the default one where it has no name; nothing when there is none of that name.
    pub fn bind(self, spec: &mut StoreSpec) -> Option<&'static StoreEntry> {
        if spec.name.is_empty() {
            self.default().name.clone_into(&mut spec.name);
        }
        let store = self.find(&spec.name)?;
        spec.store = Some(store);
        Some(store)
    }

    /// The schema of [`StoreSpec`]: the settings of all stores in one table. Which of them a store understands is seen when it
    /// is known which it is; where two have a setting of one name, `chosen` counts, or the one before.
    pub(crate) fn schema(self, chosen: Option<&'static StoreEntry>, generator: &mut SchemaGenerator) -> Schema {
        let mut properties = Map::new();
        let name = json!({
            "description": "The store's name; `kvsim list stores` shows all.",
            "type": "string",
            "default": self.default().name,
        });
        properties.insert("name".to_owned(), name);
        for store in chosen.into_iter().chain(self.0) {
            for (name, setting) in properties_of(&(store.schema)(generator)) {
                properties.entry(name).or_insert(setting.clone());
            }
        }
        json_schema!({
            "description": "Which store runs, and how it is set.",
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// A table: what is in it, the list of stores says.
impl JsonSchema for StoreSpec {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        STORE_SCHEMA.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}

/// The name of the schema that stands for [`Stores::schema`].
pub(crate) const STORE_SCHEMA: &str = "Store";

fn properties_of(schema: &Schema) -> impl Iterator<Item = (&String, &Json)> {
    schema.get("properties").and_then(Json::as_object).into_iter().flatten()
}

/// What a store's configuration is when scenarios can have it as a table.
pub trait Settings: Default + Serialize + DeserializeOwned + JsonSchema {}

impl<T: Default + Serialize + DeserializeOwned + JsonSchema> Settings for T {}

/// A store that scenarios can name.
#[derive(Clone, Copy)]
pub struct StoreEntry {
    /// Its name.
    pub name: &'static str,
    /// One line for people.
    pub summary: &'static str,
    /// It does not come with kvsim: nothing is known of it, and so not whether one plan always makes the same run.
    pub is_own: bool,
    /// The defects that can be planted in it, to see whether they are found.
    pub defects: &'static [DefectInfo],
    /// The levels at which it can be read.
    pub levels: Levels,
    /// True when reads may ask several replicas.
    pub quorum_reads: bool,
    /// What it is not made for, and why.
    pub not_made_for: &'static [(Hardship, &'static str)],
    /// True when it promises to leave nothing over at rest, so that `metadata` can judge it.
    pub cleans_up: bool,
    /// The kinds of its messages.
    pub message_kinds: &'static [&'static str],
    /// The schema of its settings.
    pub schema: fn(&mut SchemaGenerator) -> Schema,
    /// Reads settings, some or all of them, and says what is wrong with one. Whether they fit each other is left open.
    pub check: fn(&StoreSpec) -> Result<(), Wrong>,
    /// The tables of a run's recording.
    pub header: &'static (dyn Fn(&Plan) -> Header + Sync + RefUnwindSafe),
    /// Executes a plan.
    pub run: &'static (dyn Fn(&Plan, &mut dyn Sink) -> Result<Outcome, StorePanic> + Sync + RefUnwindSafe),
    /// Its only run is what real nodes of it have done.
    pub is_recorded: bool,
    profile: fn(&StoreSpec, u16) -> Profile,
    reduced: fn(&StoreSpec, Reduction) -> StoreSpec,
    fitted: fn(&StoreSpec, &Cluster) -> Result<StoreSpec, Vec<Misfit>>,
    /// The levels that it serves as it is set.
    pub served: fn(&Plan) -> Levels,
}

impl StoreEntry {
    const fn built_in<R: Replica<Config: Settings>>(name: &'static str, summary: &'static str) -> StoreEntry {
        StoreEntry { is_own: false, ..StoreEntry::of::<R>(name, summary) }
    }

    /// The entry of store `R`.
    pub const fn of<R: Replica<Config: Settings>>(name: &'static str, summary: &'static str) -> StoreEntry {
        StoreEntry {
            name,
            summary,
            is_own: true,
            defects: R::DEFECTS,
            levels: R::LEVELS,
            quorum_reads: R::QUORUM_READS,
            not_made_for: R::NOT_MADE_FOR,
            cleans_up: cleans_up::<R>(),
            message_kinds: R::MESSAGE_KINDS,
            schema: R::Config::json_schema,
            check: |spec| read::<R>(spec).map(drop),
            header: &|plan| engine::header::<R>(plan, &config::<R>(plan)),
            run: &|plan, sink| engine::run::<R>(plan, &config::<R>(plan), sink),
            is_recorded: false,
            profile: |spec, nodes| R::profile(&read::<R>(spec).unwrap_or_default(), nodes),
            reduced: |spec, what| {
                let mut config = read::<R>(spec).unwrap_or_default();
                R::reduce(&mut config, what);
                written::<R>(spec, &config)
            },
            fitted: |spec, cluster| {
                let mut config = read::<R>(spec).unwrap_or_default();
                let misfits = R::fit(&mut config, cluster);
                if misfits.is_empty() { Ok(written::<R>(spec, &config)) } else { Err(misfits) }
            },
            served: |plan| R::levels(&config::<R>(plan)),
        }
    }

    /// The same store, of which there is this one run, which is told again as often as it is asked for. It lasts as long as the
    /// program.
    pub fn recorded(&self, recording: Recording) -> &'static StoreEntry {
        let Recording { header, events } = recording;
        let run = move |_: &Plan, sink: &mut dyn Sink| {
            let mut hash = TraceHash::default();
            for event in &events {
                hash.event(event);
                sink.event(event);
            }
            let end_ns = events.last().map_or(0, |event| event.at_ns);
            let (trace_hash, events) = (hash.value(), hash.events());
            Ok(Outcome { trace_hash, events, end_ns, deliveries: 0, timers: 0, complete: true })
        };
        let header: &'static _ = Box::leak(Box::new(move |_: &Plan| header.clone()));
        let run: &'static _ = Box::leak(Box::new(run));
        Box::leak(Box::new(StoreEntry { header, run, is_recorded: true, ..*self }))
    }

    /// Why it is not made for something, when it says so.
    pub fn refuses(&self, hardship: Hardship) -> Option<String> {
        let (_, why) = self.not_made_for.iter().find(|(not, _)| *not == hardship)?;
        Some(format!("store {} is not made for {}: {why}", self.name, hardship.name()))
    }

    /// The names of its settings, in the order of the alphabet.
    pub fn settings(&self) -> BTreeSet<String> {
        properties_of(&(self.schema)(&mut SchemaGenerator::default())).map(|(name, _)| name.clone()).collect()
    }

    /// It, with its defaults.
    pub fn spec(&'static self) -> StoreSpec {
        StoreSpec { name: self.name.to_owned(), settings: BTreeMap::new(), store: Some(self) }
    }
}

impl fmt::Debug for StoreEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Hosted for StoreEntry {
    fn profile(&self, spec: &StoreSpec, nodes: u16) -> Profile {
        (self.profile)(spec, nodes)
    }

    fn reduced(&self, spec: &StoreSpec, what: Reduction) -> StoreSpec {
        (self.reduced)(spec, what)
    }

    fn fitted(&self, spec: &StoreSpec, cluster: &Cluster) -> Result<StoreSpec, Vec<Misfit>> {
        (self.fitted)(spec, cluster)
    }

    fn validate(&self, plan: &Plan) -> Result<(), PlanError> {
        let wrong = |place: String, problem: String| Err(PlanError { place, problem });
        if let Err(why) = (self.check)(&plan.store) {
            // All settings have defaults, so one that is wrong is wrong alone.
            let alone = |(name, value): (&String, &Json)| StoreSpec {
                settings: [(name.clone(), value.clone())].into(),
                ..plan.store.clone()
            };
            let named = plan.store.settings.iter().find(|one| (self.check)(&alone(*one)).is_err());
            let place = named.map_or("store".to_owned(), |(name, _)| format!("store.{name}"));
            return wrong(place, why.line());
        }
        if let Err(misfits) = plan.store.fitted(&plan.cluster()) {
            return wrong(format!("store.{}", misfits[0].setting), misfits[0].wrong.line());
        }
        for (number, fault) in plan.faults.iter().enumerate() {
            let FaultKind::Node { fault, .. } = &fault.kind else { continue };
            if let Some(why) = fault.hardship().and_then(|hardship| self.refuses(hardship)) {
                return wrong(format!("faults[{number}]"), why);
            }
        }
        let served = (self.served)(plan);
        let levels = plan.sessions.iter().map(|session| session.level);
        match levels.enumerate().find(|(_, level)| !served.contains(*level)) {
            Some((session, level)) => {
                let problem = format!("store {} does not serve level {} as it is set", self.name, level.name());
                wrong(format!("sessions[{session}].level"), problem)
            }
            None => Ok(()),
        }
    }
}

impl Plan {
    /// What the store's settings have to fit.
    pub fn cluster(&self) -> Cluster {
        let own = self.sessions.iter().filter(|session| session.of_store);
        let beats: BTreeSet<u32> = own.flat_map(|session| session.ops.iter().map(|op| op.key)).collect();
        let key = |index: u32| Key::new(index, Priority::of_name(&self.keys[index as usize]));
        Cluster {
            nodes: self.replicas,
            leaving: self.leaving(),
            levels: self.sessions.iter().map(|session| session.level).collect(),
            heartbeats: beats.into_iter().map(key).collect(),
        }
    }
}

/// The configuration that the settings describe.
fn read<R: Replica<Config: Settings>>(spec: &StoreSpec) -> Result<R::Config, Wrong> {
    let table = Json::Object(spec.settings.clone().into_iter().collect());
    R::Config::deserialize(table).map_err(|error| Wrong::from(error.to_string().as_str()))
}

fn written<R: Replica<Config: Settings>>(spec: &StoreSpec, config: &R::Config) -> StoreSpec {
    let settings = match serde_json::to_value(config) {
        Ok(Json::Object(settings)) => settings.into_iter().collect(),
        _ => BTreeMap::new(),
    };
    StoreSpec { settings, ..spec.clone() }
}

/// The configuration of a plan that is valid.
fn config<R: Replica<Config: Settings>>(plan: &Plan) -> R::Config {
    let mut config = read::<R>(&plan.store).unwrap_or_default();
    R::fit(&mut config, &plan.cluster());
    config
}

/// True when the store has a gauge that it promises to bring to 0.
const fn cleans_up<R: Replica>() -> bool {
    let mut i = 0;
    while i < R::GAUGES.len() {
        if R::GAUGES[i].residue {
            return true;
        }
        i += 1;
    }
    false
}
