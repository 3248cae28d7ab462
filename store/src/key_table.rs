//! A map by key for keys that the host has numbered.

use crate::contract::Key;

/// Values by key. The number of a key leads to its value without hashing: first to a slot in a table of four
/// bytes per key, which stays in the processor's cache, then to the value. Where many replicas share a
/// machine, that second step is what a run spends its time on, so there is only one.
#[derive(Clone, Debug)]
pub struct KeyTable<T> {
    /// By the key's number: the place of its value plus one; 0 for none.
    slots: Vec<u32>,
    keys: Vec<Key>,
    values: Vec<T>,
}

impl<T> Default for KeyTable<T> {
    fn default() -> KeyTable<T> {
        KeyTable { slots: Vec::new(), keys: Vec::new(), values: Vec::new() }
    }
}

impl<T> KeyTable<T> {
    /// The value of `key`.
    pub fn get(&self, key: Key) -> Option<&T> {
        let slot = *self.slots.get(key.index() as usize)?;
        self.values.get((slot as usize).wrapping_sub(1))
    }

    /// The value of `key`, to be changed.
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let slot = *self.slots.get(key.index() as usize)?;
        self.values.get_mut((slot as usize).wrapping_sub(1))
    }

    /// The value of `key`, made by `new` when there is none.
    pub fn get_or_insert_with(&mut self, key: Key, new: impl FnOnce() -> T) -> &mut T {
        let index = key.index() as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, 0);
        }
        let slot = &mut self.slots[index];
        if *slot == 0 {
            self.keys.push(key);
            self.values.push(new());
            *slot = self.values.len() as u32;
        }
        &mut self.values[*slot as usize - 1]
    }

    /// Takes the value of `key` out.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let slot = std::mem::take(self.slots.get_mut(key.index() as usize)?);
        let place = (slot as usize).checked_sub(1)?;
        self.keys.swap_remove(place);
        if let Some(moved) = self.keys.get(place) {
            self.slots[moved.index() as usize] = slot;
        }
        Some(self.values.swap_remove(place))
    }

    /// All entries, in the order of the keys' numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        let places = self.slots.iter().filter_map(|slot| (*slot as usize).checked_sub(1));
        places.map(|place| (self.keys[place], &self.values[place]))
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.values.len()
    }
}

/// Equal tables have equal entries, wherever they are stored.
impl<T: PartialEq> PartialEq for KeyTable<T> {
    fn eq(&self, other: &KeyTable<T>) -> bool {
        self.iter().eq(other.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Priority;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn behaves_like_a_map(steps in prop::collection::vec((0..12u32, 0..4u8), 0..100)) {
            let mut table = KeyTable::default();
            let mut twin = BTreeMap::new();
            for (number, (index, kind)) in steps.into_iter().enumerate() {
                let key = Key::new(index, Priority::P2);
                match kind {
                    0 => prop_assert_eq!(table.remove(key), twin.remove(&key)),
                    1 => {
                        if let Some(value) = table.get_mut(key) {
                            *value = number;
                        }
                        twin.entry(key).and_modify(|value| *value = number);
                    }
                    _ => {
                        let value = *table.get_or_insert_with(key, || number);
                        prop_assert_eq!(value, *twin.entry(key).or_insert(number));
                    }
                }
                prop_assert!(table.iter().map(|(key, value)| (key, *value)).eq(twin.iter().map(|(key, value)| (*key, *value))));
                prop_assert_eq!(table.get(key), twin.get(&key));
                prop_assert_eq!(table.len(), twin.len());
            }
        }
    }
}
