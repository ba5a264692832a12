//! JSON numbers that preserve their text.
//!
//! `1.50` and `1.5` have the same value, but changing the text in a document would change its
//! digest.

use std::fmt;

use serde_json::Number;

/// JSON number with its original text.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonNumber(Repr);

#[derive(Clone, Debug, PartialEq)]
enum Repr {
    /// Number whose original text is equal to the text that `serde_json` writes for its value. No
    /// text needs to be stored.
    Canonical(Number),
    /// Number with another text, or with more digits than the value can represent.
    Verbatim(Box<(Number, Box<str>)>),
}

impl JsonNumber {
    /// Creates a number. Returns `None` if `value` is infinite or NaN.
    pub(super) fn from_f64(value: f64) -> Option<Self> {
        Number::from_f64(value).map(|value| Self(Repr::Canonical(value)))
    }

    /// Stores the original text, unless it is equal to the text that `serde_json` writes for the
    /// value.
    pub(super) fn set_text(&mut self, text: &str) {
        let value = self.value().clone();
        if value.to_string() != text {
            self.0 = Repr::Verbatim(Box::new((value, text.into())));
        }
    }

    /// Returns the value. It is rounded if it does not fit into 64 bits.
    pub(super) fn value(&self) -> &Number {
        match &self.0 {
            Repr::Canonical(value) => value,
            Repr::Verbatim(other) => &other.0,
        }
    }

    /// Returns the value if it is a `u64`.
    pub fn as_u64(&self) -> Option<u64> {
        self.value().as_u64()
    }

    /// Returns the value if it is an `i64`.
    pub fn as_i64(&self) -> Option<i64> {
        self.value().as_i64()
    }

    /// Returns the value, rounded if necessary.
    pub fn as_f64(&self) -> Option<f64> {
        self.value().as_f64()
    }
}

impl From<u64> for JsonNumber {
    fn from(value: u64) -> Self {
        Self(Repr::Canonical(value.into()))
    }
}

impl From<i64> for JsonNumber {
    fn from(value: i64) -> Self {
        Self(Repr::Canonical(value.into()))
    }
}

impl From<i32> for JsonNumber {
    fn from(value: i32) -> Self {
        Self(Repr::Canonical(value.into()))
    }
}

impl fmt::Display for JsonNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Canonical(value) => value.fmt(formatter),
            Repr::Verbatim(other) => formatter.write_str(&other.1),
        }
    }
}

/// Returns the texts of all numbers in a document, in order. The document must be valid JSON.
pub(super) fn number_texts(document: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            let (first, after) = rest.split_first()?;
            rest = match first {
                b'"' => skip_string(after),
                b'-' | b'0'..=b'9' => {
                    let length = rest
                        .iter()
                        .take_while(|byte| is_number_byte(**byte))
                        .count();
                    let (text, after) = rest.split_at(length);
                    rest = after;
                    return std::str::from_utf8(text).ok();
                }
                _ => after,
            };
        }
    })
}

fn is_number_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Returns the input after the closing quote of a string. `rest` begins after the opening quote.
fn skip_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, after)) = rest.split_first() {
        rest = match first {
            b'"' => return after,
            b'\\' => after.get(1..).unwrap_or_default(),
            _ => after,
        };
    }
    rest
}
