//! The store knows keys by number and values by identity; clients name both by bytes. A host keeps the two together, and
//! messages between hosts carry the names along, since each host counts for itself.

use std::collections::HashMap;
use std::sync::Arc;

use kvsim_store::ndc::{Named, Naming};
use kvsim_store::{Key, Priority, Value};
use rustc_hash::FxHashMap;

/// A key or a value as clients know it.
pub type Name = Arc<[u8]>;

/// Keys and values of one host.
pub struct Names {
    node: u16,
    /// The priority that the name of a key gives.
    priority: fn(&[u8]) -> Priority,
    keys: Vec<Name>,
    numbers: HashMap<Name, Key>,
    /// By identity. Clients choose names, so that these need a hash that nobody foresees; identities they do not.
    values: FxHashMap<u64, Name>,
    next_value: u64,
}

/// So many values may be written at one node: the node's number stands above.
const VALUES_BITS: u32 = 40;

impl Names {
    /// Those of the node with this number: values that it gives out are of its own.
    pub fn of_node(node: u16, priority: fn(&[u8]) -> Priority) -> Names {
        let next_value = u64::from(node) << VALUES_BITS;
        Names { node, priority, keys: Vec::new(), numbers: HashMap::new(), values: FxHashMap::default(), next_value }
    }

    /// The number of a key. Nothing when there are too many keys.
    pub fn key(&mut self, name: &[u8]) -> Option<Key> {
        if let Some(key) = self.numbers.get(name) {
            return Some(*key);
        }
        let index = u32::try_from(self.keys.len()).ok().filter(|index| *index < Key::LIMIT)?;
        let key = Key::new(index, (self.priority)(name));
        let name: Name = name.into();
        self.keys.push(name.clone());
        self.numbers.insert(name, key);
        Some(key)
    }

    /// The number of a key, if it has one.
    pub fn known_key(&self, name: &[u8]) -> Option<Key> {
        self.numbers.get(name).copied()
    }

    /// A key as clients name it.
    pub fn key_name(&self, key: Key) -> &Name {
        &self.keys[key.index() as usize]
    }

    /// All keys that have a number, in the order of their numbers.
    pub fn keys(&self) -> &[Name] {
        &self.keys
    }

    /// A new value.
    pub fn new_value(&mut self, content: Name) -> Value {
        let value = Value { id: self.next_value, bytes: u32::try_from(content.len()).unwrap_or(u32::MAX) };
        self.next_value += 1;
        self.values.insert(value.id, content);
        value
    }

    /// The identity of a delete.
    pub fn new_delete(&mut self) -> Value {
        self.next_value += 1;
        Value { id: self.next_value - 1, bytes: 0 }
    }

    /// What clients have written.
    pub fn value(&self, value: Value) -> Option<&Name> {
        self.values.get(&{ value.id })
    }

    /// How many values are kept.
    pub fn values(&self) -> usize {
        self.values.len()
    }

    /// Forgets all values but those for which `keep`, by identity.
    pub fn retain_values(&mut self, keep: impl Fn(u64) -> bool) {
        #[allow(clippy::disallowed_methods)] // what stays does not depend on the order
        self.values.retain(|id, _| keep(*id));
    }

    /// A message of the store, or a record, with its names.
    pub fn pack<T: Naming>(&self, mut what: T) -> Packed<T> {
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut places: Vec<(Key, Key)> = Vec::new();
        what.names(&mut |named| match named {
            Named::Key(key) => {
                // Items stand in the order of their keys, so that the last one is mostly the same or smaller.
                let place = places.binary_search_by_key(key, |(known, _)| *known);
                let place = place.unwrap_or_else(|place| {
                    keys.push(self.key_name(*key).clone());
                    places.insert(place, (*key, Key::new(keys.len() as u32 - 1, key.priority())));
                    place
                });
                *key = places[place].1;
            }
            Named::Value(value) => {
                if let Some(content) = self.value(value) {
                    values.push((value.id, content.clone()));
                }
            }
        });
        values.sort_unstable_by_key(|(id, _)| *id);
        values.dedup_by_key(|(id, _)| *id);
        Packed { keys, values, what }
    }

    /// A record of an earlier life: values that this host has given out are not given out again.
    ///
    /// # Errors
    /// As [`Names::unpack`].
    pub fn unpack_own<T: Naming>(&mut self, packed: Packed<T>) -> Result<T, String> {
        let own = packed.values.iter().map(|(id, _)| *id).filter(|id| id >> VALUES_BITS == u64::from(self.node));
        self.next_value = own.map(|id| id + 1).fold(self.next_value, u64::max);
        self.unpack(packed, |_| Ok(()))
    }

    /// A message of another host, in this one's terms, if it passes the `check`.
    ///
    /// # Errors
    /// When it names a key or a value that it does not carry, or what the check says. Then nothing of it is kept but names of keys.
    pub fn unpack<T: Naming>(
        &mut self,
        packed: Packed<T>,
        check: impl FnOnce(&T) -> Result<(), String>,
    ) -> Result<T, String> {
        let Packed { keys, mut values, mut what } = packed;
        values.sort_unstable_by_key(|(id, _)| *id);
        let is_carried = |id| values.binary_search_by_key(&id, |(carried, _)| *carried).is_ok();
        let mut problem = None;
        what.names(&mut |named| match named {
            Named::Key(key) => match keys.get(key.index() as usize) {
                Some(name) if (self.priority)(name) == key.priority() => {}
                Some(_) => problem = Some("a key of another priority than its name says"),
                None => problem = Some("a key without a name"),
            },
            Named::Value(value) if !self.values.contains_key(&{ value.id }) && !is_carried(value.id) => {
                problem = Some("a value without content");
            }
            Named::Value(_) => {}
        });
        if let Some(problem) = problem {
            return Err(problem.to_owned());
        }
        let numbers: Option<Vec<Key>> = keys.iter().map(|name| self.key(name)).collect();
        let numbers = numbers.ok_or("more keys than can be numbered")?;
        what.names(&mut |named| {
            if let Named::Key(key) = named {
                *key = numbers[key.index() as usize];
            }
        });
        check(&what)?;
        for (id, content) in values {
            self.values.entry(id).or_insert(content);
        }
        Ok(what)
    }
}

/// A message of the store, or a record, with the names that it needs: keys in it are places in `keys`.
#[derive(Clone, Debug)]
pub struct Packed<T> {
    /// The names of the keys.
    pub keys: Vec<Name>,
    /// The values' identities and contents.
    pub values: Vec<(u64, Name)>,
    /// The message or the record.
    pub what: T,
}
