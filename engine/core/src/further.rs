//! What a hospital sends beside what decisions read.
//!
//! Lines are read from the store, copied and dropped for every decision, and no decision looks in here: as a tree of
//! values it took a tenth of the time of deciding and answering.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// A JSON object as its text, which is read once somebody asks for a field. Cheap to copy.
#[derive(Clone)]
pub struct Further(Arc<Sent>);

struct Sent {
    text: Box<RawValue>,
    fields: OnceLock<Map<String, Value>>,
}

impl Further {
    /// Of these fields; nothing where there are none.
    pub fn of(fields: Map<String, Value>) -> Option<Self> {
        if fields.is_empty() {
            return None;
        }
        let text = to_raw_value(&fields).ok()?;
        Some(Self(Arc::new(Sent { text, fields: OnceLock::from(fields) })))
    }
    /// By name. Without any where the text is no object.
    pub fn fields(&self) -> &Map<String, Value> {
        self.0.fields.get_or_init(|| serde_json::from_str(self.0.text.get()).unwrap_or_default())
    }
}

impl PartialEq for Further {
    fn eq(&self, o: &Self) -> bool {
        self.0.text.get() == o.0.text.get() || self.fields() == o.fields()
    }
}

impl Eq for Further {}

impl fmt::Debug for Further {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.text.get())
    }
}

impl Serialize for Further {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.text.serialize(s)
    }
}

impl<'de> Deserialize<'de> for Further {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Box::deserialize(d).map(|text| Self(Arc::new(Sent { text, fields: OnceLock::new() })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn is_written_as_it_was_read() {
        let text = r#"{"memo":"无","cnt": 1.50}"#;
        let sent: Further = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&sent).unwrap(), text);
        assert_eq!(sent.fields().get("memo"), Some(&json!("无")));
        let value = json!({"memo": "无", "cnt": serde_json::Number::from_string_unchecked("1.50".to_owned())});
        assert_eq!(Further::of(value.as_object().unwrap().clone()), Some(sent.clone()));
        assert_eq!(serde_json::from_value::<Further>(value).unwrap(), sent);
        assert_eq!(Further::of(Map::new()), None);
        assert!(serde_json::from_str::<Further>("[1]").unwrap().fields().is_empty());
    }
}
