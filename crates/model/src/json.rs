//! JSON as it was written: key order and duplicate keys are kept, so that a document can be judged.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Number, Value};

/// Most values that one document may hold. 4 MiB of real manifests hold a tenth of this; a
/// document of brackets alone would otherwise take thirty times its size in memory.
const MAX_VALUES: usize = 500_000;

/// A JSON value whose objects keep every key in its place, duplicates too.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; beyond 64 bits it has lost its last digits.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object, its members in the order of the document.
    Object(Vec<(String, Json)>),
}

/// The bytes are no JSON, nested deeper than 128 levels or made of too many values.
#[derive(Debug, thiserror::Error)]
#[error("not a JSON document that can be read: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl Json {
    /// Reads one document.
    ///
    /// # Errors
    /// [`JsonError`] with line and column.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let budget = Cell::new(MAX_VALUES);
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let value = Budgeted(&budget).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(value)
    }

    /// The member that readers see under `key`: the last one where it stands several times.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The same member, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else { return None };
        members.iter_mut().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Gives the member that readers see under `key` another value, or adds it at the end.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        match (self.get_mut(key), value) {
            (Some(member), value) => *member = value,
            (None, value) => {
                if let Self::Object(members) = self {
                    members.push((key.into(), value));
                }
            }
        }
    }

    /// Takes every member called `key` out.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Self::Object(members) = self {
            members.retain(|(name, _)| name != key);
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self { Some(text) } else { None }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self { Some(items) } else { None }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self { Some(members) } else { None }
    }

    /// What kind of value this is, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::String(_) => "a string",
            Self::Array(_) => "an array",
            Self::Object(_) => "an object",
        }
    }

    /// The same value for serde, in which the last of duplicate keys wins.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::String(text) => Value::String(text.clone()),
            Self::Array(items) => items.iter().map(Self::to_value).collect(),
            Self::Object(members) => {
                let member = |(key, value): &(String, Self)| (key.clone(), value.to_value());
                Value::Object(members.iter().map(member).collect::<Map<_, _>>())
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => number.serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => serializer.collect_map(members.iter().map(|(key, value)| (key, value))),
        }
    }
}

/// Writes the document without white space, keys in their order and duplicates too.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

struct Budgeted<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Budgeted<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.0.get().checked_sub(1);
        self.0.set(left.ok_or_else(|| D::Error::custom(format_args!("more than {MAX_VALUES} values")))?);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Budgeted<'_> {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Budgeted(self.0))? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = members.next_key()? {
            object.push((key, members.next_value_seed(Budgeted(self.0))?));
        }
        Ok(Json::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_duplicates_and_answers_the_last() {
        let document = Json::parse(br#"{"a":1,"b":2,"a":[true,null,"x"]}"#).unwrap();
        assert_eq!(document.as_object().unwrap().len(), 3);
        assert_eq!(document.get("a").unwrap().as_array().unwrap().len(), 3);
        assert_eq!(document.to_value(), serde_json::json!({"a": [true, null, "x"], "b": 2}));
    }

    #[test]
    fn refuses_depth_and_mass_and_what_follows() {
        let refused = |text: &str| Json::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refused(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(refused(&format!("[{}0]", "0,".repeat(MAX_VALUES))).contains("more than 500000 values"));
        assert!(refused("{} {}").contains("trailing characters"));
        assert!(refused("{\"a\":").contains("line 1 column 5"));
    }
}
