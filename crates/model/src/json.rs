//! JSON as it was written: key order, duplicate keys and the digits of numbers are kept, so that a document can be
//! judged, and changed in one place without being changed in another.

mod number;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use number::JsonNumber;

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
    /// A number.
    Number(JsonNumber),
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
        let reading = Reading {
            left: Cell::new(MAX_VALUES),
            any_float: Cell::new(false),
        };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let mut value = Budgeted(&reading).deserialize(&mut deserializer)?;
        deserializer.end()?;
        if reading.any_float.get() {
            value.keep_digits(&mut number::texts(bytes));
        }
        Ok(value)
    }

    /// Gives each number the text that it has in the document, of which `texts` are the numbers in their order.
    fn keep_digits<'a>(&mut self, texts: &mut impl Iterator<Item = &'a str>) {
        match self {
            Self::Number(number) => {
                if let Some(text) = texts.next() {
                    number.was_written(text);
                }
            }
            Self::Array(items) => items.iter_mut().for_each(|item| item.keep_digits(texts)),
            Self::Object(members) => members
                .iter_mut()
                .for_each(|(_, value)| value.keep_digits(texts)),
            Self::Null | Self::Bool(_) | Self::String(_) => (),
        }
    }

    /// The member that readers see under `key`: the last one where it stands several times.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// The same member, to be changed.
    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        let Self::Object(members) = self else {
            return None;
        };
        members
            .iter_mut()
            .rev()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Every member called `key`, to be changed.
    pub(crate) fn all_mut(&mut self, key: &str) -> impl Iterator<Item = &mut Self> {
        let members = if let Self::Object(members) = self {
            members.as_mut_slice()
        } else {
            &mut []
        };
        members
            .iter_mut()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value)
    }

    /// Gives the member that readers see under `key` this value, or adds it at the end. Where the key stands several
    /// times with other values, it then stands there once.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        let Self::Object(members) = self else { return };
        if members
            .iter()
            .any(|(name, there)| name == key && *there != value)
        {
            self.keep_last(key);
        }
        if let Some(member) = self.get_mut(key) {
            *member = value;
        } else if let Self::Object(members) = self {
            members.push((key.into(), value));
        }
    }

    fn keep_last(&mut self, key: &str) {
        let Self::Object(members) = self else { return };
        let mut others = members
            .iter()
            .filter(|(name, _)| name == key)
            .count()
            .saturating_sub(1);
        members.retain(|(name, _)| {
            let goes = others > 0 && name == key;
            others -= usize::from(goes);
            !goes
        });
    }

    /// Takes every member called `key` out.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Self::Object(members) = self {
            members.retain(|(name, _)| name != key);
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// The items of an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// The members of an object.
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
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
            Self::Number(number) => Value::Number(number.value().clone()),
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
            Self::Number(number) => number.value().serialize(serializer),
            Self::String(text) => serializer.serialize_str(text),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                serializer.collect_map(members.iter().map(|(key, value)| (key, value)))
            }
        }
    }
}

/// Writes the document without white space, keys in their order and duplicates too, and numbers as they stood.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::String(text) => write_text(formatter, text),
            Self::Array(items) => {
                formatter.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    separate(formatter, position)?;
                    item.fmt(formatter)?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => {
                formatter.write_str("{")?;
                for (position, (key, value)) in members.iter().enumerate() {
                    separate(formatter, position)?;
                    write_text(formatter, key)?;
                    formatter.write_str(":")?;
                    value.fmt(formatter)?;
                }
                formatter.write_str("}")
            }
        }
    }
}

fn separate(formatter: &mut fmt::Formatter<'_>, position: usize) -> fmt::Result {
    if position == 0 {
        Ok(())
    } else {
        formatter.write_str(",")
    }
}

fn write_text(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// What is known while a document is read.
struct Reading {
    /// How many values there may still be.
    left: Cell<usize>,
    /// Whether a number was read whose text is not that of an integer of 64 bits.
    any_float: Cell<bool>,
}

struct Budgeted<'a>(&'a Reading);

impl<'de> DeserializeSeed<'de> for Budgeted<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.0.left.get().checked_sub(1);
        self.0.left.set(
            left.ok_or_else(|| D::Error::custom(format_args!("more than {MAX_VALUES} values")))?,
        );
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
        self.0.any_float.set(true);
        Ok(JsonNumber::of_float(value).map_or(Json::Null, Json::Number))
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
        assert_eq!(
            document.to_value(),
            serde_json::json!({"a": [true, null, "x"], "b": 2})
        );
    }

    #[test]
    fn numbers_stay_as_they_were_written() {
        let text = r#"{"1.0":[1.50,-0,1.50e3,1E+2],"2":123456789012345678901234567890,"a\\\"3.0":"4.0","s":-7,"e":0.1}"#;
        let document = Json::parse(text.as_bytes()).unwrap();
        assert_eq!(document.to_string(), text);
        assert_eq!(
            document.to_value()["1.0"],
            serde_json::json!([1.5, -0.0, 1500.0, 100.0])
        );
        assert_ne!(Json::parse(b"1.50").unwrap(), Json::parse(b"1.5").unwrap());
        assert_eq!(Json::parse(b"7").unwrap(), Json::Number(7.into()));
    }

    #[test]
    fn what_is_set_stands_once() {
        let set = |text: &str| {
            let mut document = Json::parse(text.as_bytes()).unwrap();
            document.set("a", Json::Number(1.into()));
            document.to_string()
        };
        assert_eq!(
            set(r#"{"a":2,"b":3,"a":1,"c":[]}"#),
            r#"{"b":3,"a":1,"c":[]}"#
        );
        assert_eq!(set(r#"{"a":1,"b":3,"a":2}"#), r#"{"b":3,"a":1}"#);
        assert_eq!(
            set(r#"{"a":1,"b":3,"a":1}"#),
            r#"{"a":1,"b":3,"a":1}"#,
            "that says it as it is to be"
        );
        assert_eq!((set("{}"), set("[]")), (r#"{"a":1}"#.into(), "[]".into()));
    }

    #[test]
    fn refuses_depth_and_mass_and_what_follows() {
        let refused = |text: &str| Json::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(refused(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(
            refused(&format!("[{}0]", "0,".repeat(MAX_VALUES))).contains("more than 500000 values")
        );
        assert!(refused("{} {}").contains("trailing characters"));
        assert!(refused("{\"a\":").contains("line 1 column 5"));
    }
}
