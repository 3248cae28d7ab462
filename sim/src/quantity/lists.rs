//! Lists of quantities.

use std::borrow::Cow;

use kvsim_checkers::trace::NodeId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Duration, NodeName};

/// Declares a list that is also written as its only item.
macro_rules! one_or_many {
    ($(#[doc = $doc:literal])+ $name:ident, $item:ident, $of:ty, $title:literal, $one:literal, $many:expr, $schema:tt) => {
        $(#[doc = $doc])+
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub Vec<$of>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self.0.as_slice() {
                    [one] => $item(*one).serialize(serializer),
                    many => serializer.collect_seq(many.iter().map(|one| $item(*one))),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum NameOrNames {
                    One($item),
                    Many(Vec<$item>),
                }
                Ok($name(match NameOrNames::deserialize(deserializer)? {
                    NameOrNames::One(one) => vec![one.0],
                    NameOrNames::Many(many) => many.into_iter().map(|one| one.0).collect(),
                }))
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut SchemaGenerator) -> Schema {
                let mut item = $item::json_schema(generator);
                item.remove("description");
                let mut schema = json_schema!($schema);
                schema.insert("title".into(), $title.into());
                schema.insert("type".into(), serde_json::json!(["string", "array"]));
                schema.insert("pattern".into(), item.get("pattern").cloned().unwrap_or_default());
                schema.insert("items".into(), item.into());
                schema.insert("minItems".into(), 1.into());
                schema.insert("examples".into(), serde_json::json!([$one, $many]));
                schema
            }
        }
    };
}

one_or_many!(
    /// A node, or a list of nodes.
    Nodes, NodeName, NodeId, "node or a list of nodes", "n0", ["n1", "n2"],
    { "description": "A node such as \"n0\", or a list of nodes such as [\"n0\", \"n1\"].", "uniqueItems": true }
);
one_or_many!(
    /// A time, or a list of times, in nanoseconds.
    Times, Duration, u64, "duration or a list of durations", "3s", ["1s", "4s"],
    { "description": "A duration such as \"3s\", or a list of durations such as [\"1s\", \"4s\"]." }
);
