//! All faults as tables by kind, each with a list: numbered within their kind, and in the order of the kinds.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::{Map, Value};

use super::Fault;
use super::schema::fault_kinds;

const KIND: &str = "fault";

pub fn serialize<S: Serializer>(faults: &[Fault], serializer: S) -> Result<S::Ok, S::Error> {
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for fault in faults {
        let mut fields = serde_json::to_value(fault).map_err(ser::Error::custom)?;
        if let Some(Value::String(kind)) = fields.as_object_mut().and_then(|fields| fields.remove(KIND)) {
            tables.entry(kind).or_default().push(fields);
        }
    }
    tables.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Fault>, D::Error> {
    let mut tables = BTreeMap::<String, Vec<Map<String, Value>>>::deserialize(deserializer)?;
    let mut faults = Vec::new();
    for kind in fault_kinds() {
        for (number, mut fields) in tables.remove(&kind).into_iter().flatten().enumerate() {
            fields.insert(KIND.to_owned(), kind.clone().into());
            let fault = Fault::deserialize(Value::Object(fields)).map_err(de::Error::custom)?;
            faults.push(Fault { name: format!("{kind}[{number}]"), ..fault });
        }
    }
    match tables.keys().next() {
        Some(kind) => Err(de::Error::custom(format!("there is no fault `{kind}`"))),
        None => Ok(faults),
    }
}
