//! The local registry: blobs in files, manifests and all metadata in SQL.
//!
//! What a method of [`Store`] answers with success survives `kill -9` and a power cut from that
//! moment. docs/architecture.md follows a push and a pull through the modules.

mod blobs;
mod deleter;
mod fatal;
mod files;
mod keys;
mod lister;
mod lock;
mod metadata;
mod reader;
mod store;
#[cfg(test)]
mod tests;
mod uploads;
mod writer;

pub use metadata::{Database, Parameter, Row, Sqlite, Transaction, Value};
pub use store::{Settings, Store};

use portolan_registry::{Error, Result};

/// 128 random bits in hexadecimal.
fn random_id() -> Result<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Error::internal("drawing a random id", error))?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn is_random_id(text: &str) -> bool {
    text.len() == 32
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}
