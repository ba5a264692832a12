//! Values of statement parameters and of rows.

use std::borrow::Cow;

use portolan_model::{Digest, MediaType};
use portolan_registry::{Error, Kind, Result};

use crate::blobs::{Epoch, ObjectKey};

/// Value of a placeholder of a [`Statement`](super::Statement).
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Parameter<'a> {
    /// NULL
    Null,
    /// BIGINT
    Integer(i64),
    /// TEXT
    Text(Cow<'a, str>),
    /// BLOB or BYTEA
    Bytes(Cow<'a, [u8]>),
}

/// Value of a column in a [`Row`].
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// NULL
    Null,
    /// BIGINT
    Integer(i64),
    /// TEXT
    Text(String),
    /// BLOB or BYTEA
    Bytes(Vec<u8>),
}

/// Row of a query. Each accessor takes the value of the next column.
#[derive(Debug)]
pub(crate) struct Row(std::vec::IntoIter<Value>);

impl Row {
    pub(crate) fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    fn next(&mut self) -> Value {
        self.0.next().unwrap_or(Value::Null)
    }

    pub(crate) fn integer(&mut self) -> Result<i64> {
        self.optional_integer()?
            .ok_or_else(|| unexpected_value("a number", &Value::Null))
    }

    pub(crate) fn optional_integer(&mut self) -> Result<Option<i64>> {
        match self.next() {
            Value::Integer(number) => Ok(Some(number)),
            Value::Null => Ok(None),
            other => Err(unexpected_value("a number", &other)),
        }
    }

    pub(crate) fn size(&mut self) -> Result<u64> {
        let number = self.integer()?;
        u64::try_from(number).map_err(|_| unexpected_value("a size", &Value::Integer(number)))
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        self.optional_text()?
            .ok_or_else(|| unexpected_value("a text", &Value::Null))
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.next() {
            Value::Text(text) => Ok(Some(text)),
            Value::Null => Ok(None),
            other => Err(unexpected_value("a text", &other)),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        self.optional_bytes()?
            .ok_or_else(|| unexpected_value("bytes", &Value::Null))
    }

    pub(crate) fn optional_bytes(&mut self) -> Result<Option<Vec<u8>>> {
        match self.next() {
            Value::Bytes(bytes) => Ok(Some(bytes)),
            Value::Null => Ok(None),
            other => Err(unexpected_value("bytes", &other)),
        }
    }

    pub(crate) fn digest(&mut self) -> Result<Digest> {
        self.optional_digest()?
            .ok_or_else(|| unexpected_value("a digest", &Value::Null))
    }

    pub(crate) fn optional_digest(&mut self) -> Result<Option<Digest>> {
        let Some(bytes) = self.optional_bytes()? else {
            return Ok(None);
        };
        let digest = Digest::from_bytes(&bytes);
        digest
            .map(Some)
            .map_err(|_| unexpected_value("a digest", &Value::Bytes(bytes)))
    }

    /// Takes the values of the next two columns, an epoch and a counter, as a key.
    pub(crate) fn key(&mut self) -> Result<ObjectKey> {
        Ok(self.epoch()?.key(self.size()?))
    }

    pub(crate) fn optional_key(&mut self) -> Result<Option<ObjectKey>> {
        match (self.optional_bytes()?, self.optional_integer()?) {
            (Some(epoch), Some(counter)) => {
                let mut row = Self::new(vec![Value::Bytes(epoch), Value::Integer(counter)]);
                row.key().map(Some)
            }
            _ => Ok(None),
        }
    }

    pub(crate) fn media_type(&mut self) -> Result<MediaType> {
        Ok(MediaType::new(&self.text()?))
    }

    pub(crate) fn optional_media_type(&mut self) -> Result<Option<MediaType>> {
        Ok(self.optional_text()?.as_deref().map(MediaType::new))
    }

    /// Parses the text of the next column. The text was valid when it was stored, so a failure is
    /// an internal error.
    pub(crate) fn parse<T: std::str::FromStr>(&mut self) -> Result<T> {
        self.optional_parsed()?
            .ok_or_else(|| unexpected_value("a text", &Value::Null))
    }

    pub(crate) fn optional_parsed<T: std::str::FromStr>(&mut self) -> Result<Option<T>> {
        let Some(text) = self.optional_text()? else {
            return Ok(None);
        };
        text.parse()
            .map(Some)
            .map_err(|_| unexpected_value("a well-formed value", &Value::Text(text)))
    }

    pub(crate) fn epoch(&mut self) -> Result<Epoch> {
        let bytes = self.bytes()?;
        let epoch = bytes.as_slice().try_into().map(Epoch::from_bytes);
        epoch.map_err(|_| unexpected_value("an epoch", &Value::Bytes(bytes)))
    }
}

impl<'a> From<&'a str> for Parameter<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Parameter<'_> {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl<'a> From<&'a [u8]> for Parameter<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<Vec<u8>> for Parameter<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl From<&Digest> for Parameter<'_> {
    fn from(digest: &Digest) -> Self {
        digest.to_bytes().into()
    }
}

impl From<Epoch> for Parameter<'_> {
    fn from(epoch: Epoch) -> Self {
        epoch.as_bytes().to_vec().into()
    }
}

impl ObjectKey {
    /// Returns the epoch and the counter of the key, as the parameters of a statement.
    pub(super) fn parameters(&self) -> [Parameter<'static>; 2] {
        [self.epoch().into(), self.counter().into()]
    }
}

impl<'a> From<&'a MediaType> for Parameter<'a> {
    fn from(media_type: &'a MediaType) -> Self {
        media_type.as_str().into()
    }
}

impl<'a, T: Into<Parameter<'a>>> From<Option<T>> for Parameter<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<i64> for Parameter<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Saturates at `i64::MAX`. No size or count of something in memory or in a file is that large.
impl From<u64> for Parameter<'_> {
    fn from(number: u64) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Parameter<'_> {
    fn from(number: usize) -> Self {
        Self::Integer(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

fn unexpected_value(expected: &str, found: &Value) -> Error {
    let message = format!("the metadata contains {found:?} instead of {expected}");
    Error::new(Kind::Internal, message)
}
