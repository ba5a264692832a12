//! Local registry. It stores blobs as files, and manifests and all metadata in an SQL database.
//!
//! When a method of [`Store`] reports that content was stored, tagged or deleted, the change
//! survives `kill -9` and a power cut. docs/architecture.md follows a push and a pull through the
//! modules.

mod blobs;
mod broken;
mod byte_size;
mod cache;
mod deleter;
mod fatal;
mod folder_check;
mod identity;
mod jobs;
mod lister;
mod lock;
mod metadata;
mod object_keys;
mod reader;
mod readiness;
mod reserve;
mod runtime;
mod settings;
mod space;
mod store;
mod surroundings;
#[cfg(test)]
mod tests;
mod uploads;
mod writer;

pub use byte_size::{ByteSize, InvalidByteSize};
pub use jobs::Jobs;
pub use portolan_files::{Runtime, SystemRuntime};
pub use reserve::{InvalidReserve, Reserve};
pub use settings::{CacheSettings, UploadSettings};
pub use store::{Settings, Store};
