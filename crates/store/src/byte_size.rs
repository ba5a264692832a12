//! Sizes in the configuration, such as `32MiB`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Units of sizes, the largest first.
const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

/// Size in bytes. In the configuration, it is a number of bytes or a text with a unit, such as
/// `32MiB`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Written", into = "String")]
pub struct ByteSize(u64);

/// Error for a text that is not a size.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0:?} is not a size, such as \"32MiB\" (units: B, KiB, MiB, GiB, TiB)")]
pub struct InvalidByteSize(String);

/// Value of the configuration key.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Number(i64),
    Text(String),
}

impl ByteSize {
    /// Creates a size of this number of bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteSize {
    type Err = InvalidByteSize;

    fn from_str(text: &str) -> Result<Self, InvalidByteSize> {
        parse(text.trim())
            .map(Self)
            .ok_or_else(|| InvalidByteSize(text.to_owned()))
    }
}

/// Parses a number of bytes, with or without a unit.
fn parse(text: &str) -> Option<u64> {
    let end = text.find(|digit: char| !digit.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let (number, unit) = (number.parse::<u64>().ok()?, unit.trim_start());
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// Writes the size in the largest unit that fits.
impl fmt::Display for ByteSize {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.0 > 0 && self.0.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().find(fits).unwrap_or(&("B", 1));
        write!(formatter, "{}{unit}", self.0 / factor)
    }
}

impl TryFrom<Written> for ByteSize {
    type Error = InvalidByteSize;

    fn try_from(written: Written) -> Result<Self, InvalidByteSize> {
        match written {
            Written::Number(number) => u64::try_from(number)
                .map(Self)
                .map_err(|_| InvalidByteSize(number.to_string())),
            Written::Text(text) => text.parse(),
        }
    }
}

impl From<ByteSize> for String {
    fn from(size: ByteSize) -> Self {
        size.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json};

    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        for (value, bytes, written) in [
            (json!("32MiB"), 32 << 20, "32MiB"),
            (json!(" 1 KiB "), 1 << 10, "1KiB"),
            (json!(1000), 1000, "1000B"),
            (json!("0"), 0, "0B"),
        ] {
            let size: ByteSize = from_value(value.clone()).unwrap();
            assert_eq!(size.bytes(), bytes, "{value}");
            assert_eq!(size.to_string(), written);
        }
    }

    #[test]
    fn other_values_are_rejected() {
        for value in [json!(-1), json!("much"), json!("1.5GiB"), json!("32MB")] {
            let error = from_value::<ByteSize>(value.clone()).unwrap_err();
            assert!(error.to_string().contains("not a size"), "{value}: {error}");
        }
    }
}
