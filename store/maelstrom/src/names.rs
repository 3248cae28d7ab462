//! The store knows keys by number and values by identity; clients name both by JSON. A host keeps the two together, and
//! messages between hosts carry the names along, since each host counts for itself.

use std::collections::BTreeMap;

use kvsim_store::ndc::{Named, Naming};
use kvsim_store::{Key, Priority, Value};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Keys and values of one host.
pub struct Names {
    node: u16,
    keys: Vec<Box<str>>,
    numbers: BTreeMap<Box<str>, Key>,
    /// By identity. Nothing is ever dropped: a value may wait where the host cannot see it.
    values: BTreeMap<u64, Box<str>>,
    next_value: u64,
}

/// So many values may be written at one node: the node's number stands above.
const VALUES_BITS: u32 = 40;

impl Names {
    /// Those of the node with this number: values that it gives out are of its own.
    pub fn of_node(node: u16) -> Names {
        let next_value = u64::from(node) << VALUES_BITS;
        Names { node, keys: Vec::new(), numbers: BTreeMap::new(), values: BTreeMap::new(), next_value }
    }

    /// The number of a key; its first two letters give its priority where it is a string.
    pub fn key(&mut self, name: &Json) -> Option<Key> {
        self.key_of_text(&text(name))
    }

    /// The same, from JSON text in its one form. Nothing when there are too many keys.
    fn key_of_text(&mut self, text: &str) -> Option<Key> {
        if let Some(key) = self.numbers.get(text) {
            return Some(*key);
        }
        let index = u32::try_from(self.keys.len()).ok().filter(|index| *index < Key::LIMIT)?;
        let key = Key::new(index, priority_of(text));
        self.keys.push(text.into());
        self.numbers.insert(text.into(), key);
        Some(key)
    }

    /// A key as clients name it.
    pub fn key_name(&self, key: Key) -> Json {
        parsed(&self.keys[key.index() as usize])
    }

    /// A new value.
    pub fn new_value(&mut self, value: &Json) -> Value {
        let (id, text) = (self.next_value, text(value));
        self.next_value += 1;
        let bytes = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.values.insert(id, text.into());
        Value { id, bytes }
    }

    /// What clients have written.
    pub fn value(&self, value: Value) -> Option<Json> {
        self.values.get(&{ value.id }).map(|text| parsed(text))
    }

    /// A message of the store, or a record, with its names.
    pub fn pack<T: Naming>(&self, mut what: T) -> Packed<T> {
        let (mut keys, mut values) = (Vec::new(), BTreeMap::new());
        let mut places: BTreeMap<Key, Key> = BTreeMap::new();
        what.names(&mut |named| match named {
            Named::Key(key) => {
                *key = *places.entry(*key).or_insert_with(|| {
                    keys.push(self.keys[key.index() as usize].clone());
                    Key::new(keys.len() as u32 - 1, key.priority())
                });
            }
            Named::Value(value) => {
                if let Some(text) = self.values.get(&{ value.id }) {
                    values.insert(value.id, text.clone());
                }
            }
        });
        Packed { keys, values: values.into_iter().collect(), what }
    }

    /// A message of another host, or a record of this one, in this one's terms.
    ///
    /// # Errors
    /// When it names a key or a value that it does not carry. Then nothing of it is kept.
    pub fn unpack<T: Naming>(&mut self, packed: Packed<T>) -> Result<T, &'static str> {
        let Packed { keys, values, mut what } = packed;
        let is_there = |id| self.values.contains_key(&id) || values.iter().any(|(carried, _)| *carried == id);
        let mut problem = None;
        what.names(&mut |named| match named {
            Named::Key(key) => match keys.get(key.index() as usize) {
                Some(text) if priority_of(text) == key.priority() => {}
                Some(_) => problem = Some("a key of another priority than its name says"),
                None => problem = Some("a key without a name"),
            },
            Named::Value(value) if !is_there(value.id) => problem = Some("a value without content"),
            Named::Value(_) => {}
        });
        if let Some(problem) = problem {
            return Err(problem);
        }
        let numbers: Option<Vec<Key>> = keys.iter().map(|text| self.key_of_text(text)).collect();
        let numbers = numbers.ok_or("more keys than can be numbered")?;
        for (id, text) in values {
            if id >> VALUES_BITS == u64::from(self.node) {
                self.next_value = self.next_value.max(id + 1);
            }
            self.values.entry(id).or_insert(text);
        }
        what.names(&mut |named| {
            if let Named::Key(key) = named {
                *key = numbers[key.index() as usize];
            }
        });
        Ok(what)
    }
}

/// The priority of a key, from its name as JSON text: one that is no string has the lowest.
fn priority_of(text: &str) -> Priority {
    Priority::of_name(text.trim_start_matches('"'))
}

/// JSON as text in one form, so that equal values are equal texts.
pub fn text(value: &Json) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// Names are JSON text that has been written here or checked on its way in.
fn parsed(text: &str) -> Json {
    serde_json::from_str(text).unwrap_or(Json::Null)
}

/// A message of the store, or a record, with the names that it needs: keys in it are places in `keys`. Names are JSON
/// text within JSON, so that no intermediary gives them another form.
#[derive(Debug, Serialize, Deserialize)]
pub struct Packed<T> {
    keys: Vec<Box<str>>,
    values: Vec<(u64, Box<str>)>,
    what: T,
}
