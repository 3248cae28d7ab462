//! What clients have seen of keys.

use kvsim_store::Key;
use kvsim_store::ndc::Handed;

/// What a client has seen of keys, and will hand back with its next writes to them.
#[derive(Debug, Default)]
pub struct Seen(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    key: Key,
    context: Handed,
    /// By the client itself, for one write.
    handed: bool,
}

/// Of so many keys. A write to one that has been forgotten stands beside what it would have replaced.
const SEEN: usize = 128;

impl Seen {
    pub fn put(&mut self, key: Key, context: Handed, handed: bool) {
        self.0.retain(|entry| entry.key != key);
        if self.0.len() == SEEN {
            self.0.remove(0);
        }
        self.0.push(Entry { key, context, handed });
    }

    pub fn of(&self, key: Key) -> Option<&Handed> {
        self.0.iter().find(|entry| entry.key == key).map(|entry| &entry.context)
    }

    pub fn take_handed(&mut self, key: Key) -> Option<Handed> {
        let place = self.0.iter().position(|entry| entry.key == key && entry.handed)?;
        Some(self.0.remove(place).context)
    }
}
