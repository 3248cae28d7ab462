//! Messages, records and names as JSON. Names are JSON text within JSON, so that no intermediary gives them another form.

use kvsim_host::Codec;
use kvsim_host::names::{Name, Packed};
use kvsim_store::Priority;
use kvsim_store::ndc::Record;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What the records on a disk are.
pub const FORM: &str = "kvsim-maelstrom records 2";

/// Records on a disk are what messages are.
pub const CODEC: Codec = Codec {
    write: |record| serde_json::to_vec(&Wire::of(record.clone())).expect("records can be written as JSON"),
    read: |bytes| {
        let wire: Wire<Record> = serde_json::from_slice(bytes).map_err(|problem| problem.to_string())?;
        Ok(wire.packed())
    },
};

/// A message of the store, or a record, with the names that it needs.
#[derive(Debug, Serialize, Deserialize)]
pub struct Wire<T> {
    keys: Vec<String>,
    values: Vec<(u64, String)>,
    what: T,
}

impl<T> Wire<T> {
    /// In JSON.
    pub fn of(packed: Packed<T>) -> Wire<T> {
        let Packed { keys, values, what } = packed;
        let text = |name: &Name| String::from_utf8_lossy(name).into_owned();
        Wire {
            keys: keys.iter().map(text).collect(),
            values: values.iter().map(|(id, content)| (*id, text(content))).collect(),
            what,
        }
    }

    /// As the host takes it.
    pub fn packed(self) -> Packed<T> {
        let Wire { keys, values, what } = self;
        let name = |text: String| Name::from(text.into_bytes());
        Packed {
            keys: keys.into_iter().map(name).collect(),
            values: values.into_iter().map(|(id, text)| (id, name(text))).collect(),
            what,
        }
    }
}

/// The priority of a key, from its name as JSON text: one that is no string has the lowest.
pub fn priority_of(name: &[u8]) -> Priority {
    Priority::of_name(String::from_utf8_lossy(name).trim_start_matches('"'))
}

/// JSON as text in one form, so that equal values are equal texts.
pub fn text(value: &Json) -> String {
    let mut value = value.clone();
    value.sort_all_objects();
    value.to_string()
}

/// The JSON of a name: text that has been written here or by a peer.
pub fn parsed(name: &[u8]) -> Json {
    serde_json::from_slice(name).unwrap_or(Json::Null)
}
