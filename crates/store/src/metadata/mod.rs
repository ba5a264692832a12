//! What is stored about blobs, manifests and tags, and the small interface to the database.
//!
//! The logic in this folder is synchronous and written once, over [`Transaction`]. A database
//! brings an adapter for [`Database`] and its migrations. All statements are constants with
//! `?1` placeholders, all numbers are 64 bits wide, all keys compare by bytes.

mod blobs;
mod manifests;
mod objects;
mod references;
mod referrers;
mod repositories;
mod sqlite;
mod tags;
#[cfg(test)]
mod tests;

use std::future::Future;

use portolan_registry::Result;

pub(crate) use blobs::{
    BlobRow, Linked, NewBlob, find_blob, find_blob_content, link_blob, remove_blob,
    source_repositories,
};
pub(crate) use manifests::{
    ManifestRow, find_child_blob, find_manifest, find_manifest_by_tag, held, holds_manifest,
    remove_manifest, store_manifest,
};
pub(crate) use objects::{all_doomed, doom, forget_doomed};
pub(crate) use references::{parents, withdraw};
pub(crate) use referrers::list_referrers;
pub(crate) use repositories::{find as find_repository, list_repositories, repository_id};
pub use sqlite::Sqlite;
pub(crate) use tags::{Change, find_tag, list_tags, remove_tag, remove_tags_on, set_tag};

/// Milliseconds since 1970, as every time is stored.
pub(crate) type Timestamp = i64;

/// A database that holds the metadata.
pub trait Database: Send + Sync + 'static {
    /// Runs `work` in a transaction that is durable when this answers. `work` may run more than
    /// once, so it must not do anything but use the transaction.
    fn write<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send;

    /// Runs `work`, which changes nothing; each statement sees what was committed before it.
    fn read<T: Send + 'static>(
        &self,
        work: impl Fn(&mut dyn Transaction) -> Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send;
}

/// The way to the tables, within one transaction. An error ends it: nothing is caught inside.
pub trait Transaction {
    /// Runs a statement and answers how many rows it changed.
    fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64>;

    /// Runs a query and answers its rows.
    fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>>;
}

/// A value on its way into a statement.
#[derive(Clone, Copy, Debug)]
pub enum Parameter<'a> {
    /// NULL
    Null,
    /// BIGINT
    Integer(i64),
    /// TEXT
    Text(&'a str),
    /// BLOB or BYTEA
    Bytes(&'a [u8]),
}

/// A value out of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// NULL
    Null,
    /// BIGINT
    Integer(i64),
    /// TEXT
    Text(String),
    /// BLOB or BYTEA
    Bytes(Vec<u8>),
}

/// A row, whose values are taken in the order of the query's columns.
#[derive(Debug)]
pub struct Row(std::vec::IntoIter<Value>);

impl Row {
    /// A row of these values.
    pub fn new(values: Vec<Value>) -> Self {
        Self(values.into_iter())
    }

    pub(crate) fn integer(&mut self) -> Result<i64> {
        match self.0.next() {
            Some(Value::Integer(number)) => Ok(number),
            other => Err(unexpected("a number", other.as_ref())),
        }
    }

    pub(crate) fn size(&mut self) -> Result<u64> {
        let number = self.integer()?;
        u64::try_from(number).map_err(|_| unexpected("a size", Some(&Value::Integer(number))))
    }

    pub(crate) fn text(&mut self) -> Result<String> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(text),
            other => Err(unexpected("a text", other.as_ref())),
        }
    }

    pub(crate) fn optional_text(&mut self) -> Result<Option<String>> {
        match self.0.next() {
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(Value::Null) => Ok(None),
            other => Err(unexpected("a text or nothing", other.as_ref())),
        }
    }

    pub(crate) fn bytes(&mut self) -> Result<Vec<u8>> {
        match self.0.next() {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            other => Err(unexpected("bytes", other.as_ref())),
        }
    }

    /// A text that was checked before it was stored, read as what it was.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self) -> Result<T> {
        let text = self.text()?;
        text.parse()
            .map_err(|_| unexpected("a well-formed value", Some(&Value::Text(text))))
    }
}

impl<'a> From<&'a str> for Parameter<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<Option<&'a str>> for Parameter<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<&'a [u8]> for Parameter<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Parameter<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

/// Sizes and counts that come from memory or from a file: none reaches 2^63.
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

fn unexpected(expected: &str, found: Option<&Value>) -> portolan_registry::Error {
    portolan_registry::Error::new(
        portolan_registry::Kind::Internal,
        format!("the metadata holds {found:?} where {expected} should be"),
    )
}
