//! Numbers, of which the text counts: 1.50 is as much as 1.5, but a document with one is not a document with the other.

use std::fmt;

use serde_json::Number;

/// A number as it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonNumber(Form);

#[derive(Clone, Debug, PartialEq)]
enum Form {
    /// Written as its value is written here.
    Plain(Number),
    /// Written otherwise, or with more digits than are kept of its value.
    Other(Box<(Number, Box<str>)>),
}

impl JsonNumber {
    /// Nothing for what is infinite or no number.
    pub(super) fn of_float(value: f64) -> Option<Self> {
        Number::from_f64(value).map(|value| Self(Form::Plain(value)))
    }

    /// Keeps the text that it was read from.
    pub(super) fn was_written(&mut self, text: &str) {
        let value = self.value().clone();
        if value.to_string() != text {
            self.0 = Form::Other(Box::new((value, text.into())));
        }
    }

    /// Its value; beyond 64 bits, without the last digits.
    pub(super) fn value(&self) -> &Number {
        match &self.0 {
            Form::Plain(value) => value,
            Form::Other(other) => &other.0,
        }
    }

    /// The value, if it is whole, not negative and in 64 bits.
    pub fn as_u64(&self) -> Option<u64> {
        self.value().as_u64()
    }

    /// The value, if it is whole and in 64 bits.
    pub fn as_i64(&self) -> Option<i64> {
        self.value().as_i64()
    }

    /// The value, perhaps rounded.
    pub fn as_f64(&self) -> Option<f64> {
        self.value().as_f64()
    }
}

impl From<u64> for JsonNumber {
    fn from(value: u64) -> Self {
        Self(Form::Plain(value.into()))
    }
}

impl From<i64> for JsonNumber {
    fn from(value: i64) -> Self {
        Self(Form::Plain(value.into()))
    }
}

impl From<i32> for JsonNumber {
    fn from(value: i32) -> Self {
        Self(Form::Plain(value.into()))
    }
}

impl fmt::Display for JsonNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Plain(value) => value.fmt(formatter),
            Form::Other(other) => formatter.write_str(&other.1),
        }
    }
}

/// The numbers of a document that was read without an error, in their order.
pub(super) fn texts(document: &[u8]) -> impl Iterator<Item = &str> {
    let mut rest = document;
    std::iter::from_fn(move || {
        loop {
            let (first, behind) = rest.split_first()?;
            rest = match first {
                b'"' => behind_string(behind),
                b'-' | b'0'..=b'9' => {
                    let length = rest.iter().take_while(|byte| is_of_number(**byte)).count();
                    let (text, behind) = rest.split_at(length);
                    rest = behind;
                    return std::str::from_utf8(text).ok();
                }
                _ => behind,
            };
        }
    })
}

fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// What follows a string, of which the opening quote is gone.
fn behind_string(mut rest: &[u8]) -> &[u8] {
    while let Some((first, behind)) = rest.split_first() {
        rest = match first {
            b'"' => return behind,
            b'\\' => behind.get(1..).unwrap_or_default(),
            _ => behind,
        };
    }
    rest
}
