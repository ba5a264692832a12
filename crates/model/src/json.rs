//! JSON values that preserve key order, duplicate keys and the digits of numbers.
//!
//! So a document can be checked as written, and an edit changes nothing else in the document.

mod number;

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

pub use number::JsonNumber;

/// Maximum number of values in one document.
///
/// A real manifest of 4 MiB has a tenth of this number. Without a limit, a document that consists
/// only of brackets would need thirty times its size in memory.
const MAX_VALUES: usize = 500_000;

/// JSON value. Objects preserve the order of keys and duplicate keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// Number.
    Number(JsonNumber),
    /// String.
    String(String),
    /// Array.
    Array(Vec<Json>),
    /// Object, with its members in document order.
    Object(Vec<(String, Json)>),
}

/// Error for bytes that are not valid JSON, are nested more than 128 levels deep, or have too many
/// values.
#[derive(Debug, thiserror::Error)]
#[error("failed to parse JSON: {0}")]
pub struct JsonError(#[from] serde_json::Error);

impl Json {
    /// Parses a JSON document.
    ///
    /// # Errors
    /// Returns [`JsonError`], with line and column, if the bytes are not a single JSON document
    /// within the limits.
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        let reading = ParseState {
            remaining_values: Cell::new(MAX_VALUES),
            has_float: Cell::new(false),
        };
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        let mut value = ValueSeed(&reading).deserialize(&mut deserializer)?;
        deserializer.end()?;
        // Without its feature `arbitrary_precision`, serde_json does not expose the text of a
        // number. Find the texts in a second pass over the bytes. This pass is necessary only if
        // the document has a number that is not a 64-bit integer. Such numbers are rare in
        // manifests.
        if reading.has_float.get() {
            value.restore_number_texts(&mut number::number_texts(bytes));
        }
        Ok(value)
    }

    /// Attaches the original text to each number. `texts` yields the texts in document order.
    fn restore_number_texts<'a>(&mut self, texts: &mut impl Iterator<Item = &'a str>) {
        match self {
            Self::Number(number) => {
                if let Some(text) = texts.next() {
                    number.set_text(text);
                }
            }
            Self::Array(items) => items
                .iter_mut()
                .for_each(|item| item.restore_number_texts(texts)),
            Self::Object(members) => members
                .iter_mut()
                .for_each(|(_, value)| value.restore_number_texts(texts)),
            Self::Null | Self::Bool(_) | Self::String(_) => (),
        }
    }

    /// Returns the value of `key`. If the key is duplicated, returns the last value, as most
    /// parsers do.
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

    /// Returns the value of `key` for editing. If the key is duplicated, returns the last value.
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

    /// Returns all values of `key` for editing, because the key may be duplicated.
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

    /// Sets the value of `key`, or appends it if the key does not exist.
    ///
    /// If the key is duplicated and any of its values differs from `value`, the duplicates are
    /// removed.
    pub(crate) fn set(&mut self, key: &str, value: Self) {
        let Self::Object(members) = self else { return };
        if members
            .iter()
            .any(|(name, existing)| name == key && *existing != value)
        {
            self.remove_all_but_last(key);
        }
        if let Some(member) = self.get_mut(key) {
            *member = value;
        } else if let Self::Object(members) = self {
            members.push((key.into(), value));
        }
    }

    fn remove_all_but_last(&mut self, key: &str) {
        let Self::Object(members) = self else { return };
        let mut others = members
            .iter()
            .filter(|(name, _)| name == key)
            .count()
            .saturating_sub(1);
        members.retain(|(name, _)| {
            let is_duplicate = others > 0 && name == key;
            others -= usize::from(is_duplicate);
            !is_duplicate
        });
    }

    /// Removes every member with this key.
    pub(crate) fn remove(&mut self, key: &str) {
        if let Self::Object(members) = self {
            members.retain(|(name, _)| name != key);
        }
    }

    /// Returns the text if this is a string.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::String(text) = self {
            Some(text)
        } else {
            None
        }
    }

    /// Returns the items if this is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        if let Self::Array(items) = self {
            Some(items)
        } else {
            None
        }
    }

    /// Returns the members if this is an object.
    pub fn as_object(&self) -> Option<&[(String, Self)]> {
        if let Self::Object(members) = self {
            Some(members)
        } else {
            None
        }
    }

    /// Returns the type of this value for messages, such as `a string`.
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

    /// Converts to a `serde_json` value. If a key is duplicated, the last value is used.
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

/// Writes the document without white space. Preserves the order of keys, duplicate keys and the
/// texts of numbers.
impl fmt::Display for Json {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => value.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::String(text) => write_string(formatter, text),
            Self::Array(items) => {
                formatter.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    write_separator(formatter, position)?;
                    item.fmt(formatter)?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => {
                formatter.write_str("{")?;
                for (position, (key, value)) in members.iter().enumerate() {
                    write_separator(formatter, position)?;
                    write_string(formatter, key)?;
                    formatter.write_str(":")?;
                    value.fmt(formatter)?;
                }
                formatter.write_str("}")
            }
        }
    }
}

fn write_separator(formatter: &mut fmt::Formatter<'_>, position: usize) -> fmt::Result {
    if position == 0 {
        Ok(())
    } else {
        formatter.write_str(",")
    }
}

fn write_string(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// State of the parser while it reads a document.
struct ParseState {
    /// Number of values that may still follow before the document exceeds [`MAX_VALUES`].
    remaining_values: Cell<usize>,
    /// True if the document has a number that is not a 64-bit integer.
    has_float: Cell<bool>,
}

/// Deserializes one value, and counts it so that the total number is limited.
struct ValueSeed<'a>(&'a ParseState);

impl<'de> DeserializeSeed<'de> for ValueSeed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        let left = self.0.remaining_values.get().checked_sub(1);
        self.0.remaining_values.set(
            left.ok_or_else(|| D::Error::custom(format_args!("more than {MAX_VALUES} values")))?,
        );
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed<'_> {
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
        self.0.has_float.set(true);
        Ok(JsonNumber::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.into()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(ValueSeed(self.0))? {
            array.push(item);
        }
        trim(&mut array);
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
        let mut object = Vec::new();
        while let Some(key) = members.next_key()? {
            object.push((key, members.next_value_seed(ValueSeed(self.0))?));
        }
        trim(&mut object);
        Ok(Json::Object(object))
    }
}

/// Returns unused memory of a list: the first push allocates memory for four items.
fn trim<T>(list: &mut Vec<T>) {
    if list.len() <= list.capacity() / 2 {
        list.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preserves_duplicate_keys_and_returns_the_last() {
        let document = Json::parse(br#"{"a":1,"b":2,"a":[true,null,"x"]}"#).unwrap();
        assert_eq!(document.as_object().unwrap().len(), 3);
        assert_eq!(document.get("a").unwrap().as_array().unwrap().len(), 3);
        assert_eq!(
            document.to_value(),
            serde_json::json!({"a": [true, null, "x"], "b": 2})
        );
    }

    #[test]
    fn preserves_the_text_of_numbers() {
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
    fn short_lists_take_little_memory() {
        let document = Json::parse(br#"{"a":[{"b":1}]}"#).unwrap();
        let Json::Object(members) = &document else {
            panic!("not an object");
        };
        let Json::Array(items) = &members[0].1 else {
            panic!("not an array");
        };
        assert_eq!((members.capacity(), items.capacity()), (1, 1));
    }

    #[test]
    fn set_removes_duplicates_with_other_values() {
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
            "duplicates that already have the value stay"
        );
        assert_eq!((set("{}"), set("[]")), (r#"{"a":1}"#.into(), "[]".into()));
    }

    #[test]
    fn rejects_deep_nesting_too_many_values_and_trailing_content() {
        let error = |text: &str| Json::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error(&"[".repeat(100_000)).contains("recursion limit"));
        assert!(
            error(&format!("[{}0]", "0,".repeat(MAX_VALUES))).contains("more than 500000 values")
        );
        assert!(error("{} {}").contains("trailing characters"));
        assert!(error("{\"a\":").contains("line 1 column 5"));
    }
}
