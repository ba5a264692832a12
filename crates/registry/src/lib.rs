//! Common interface of every registry: the local store, a remote registry, an OCI layout on disk,
//! or a wrapper around another registry.
//!
//! [`Registry`] consists of five traits: [`Reader`], [`Writer`], [`Uploads`], [`Lister`] and
//! [`Deleter`]. They have no default methods, so that a wrapper cannot forget to forward a new
//! method. Convenience functions belong to [`Repository`], the handle of one repository.
//!
//! Each implementation passes the test suite in `contract` (feature `testing`). [`memory`] is the
//! simplest implementation, so read it first.

mod admission;
mod body;
mod client_network;
mod context;
#[cfg(feature = "testing")]
pub mod contract;
pub mod copy;
mod decompressor;
pub mod delete;
mod deleter;
mod edit_index;
mod error;
mod host;
mod layers;
mod lint;
mod lister;
pub mod memory;
mod order;
mod platforms;
mod policy;
mod promote;
mod pushed;
mod reader;
mod referrers;
mod repository;
mod turns;
mod uploads;
mod verify;
pub mod wrap;
mod writer;

pub use admission::{
    Admission, AdmittedManifest, Attempt, DocumentFacts, LocalRegistry, PushFacts,
};
pub use body::Body;
pub use client_network::ClientNetwork;
pub use context::{Action, AllowAll, Authorize, Caller, Context, RequestId};
pub use decompressor::{Decompressor, UnsupportedCompression};
pub use deleter::{Deleter, Deletion, Parent};
pub use edit_index::{EditedDocument, IndexEdit, edit_index};
pub use error::{Error, Kind, Result};
pub use host::Host;
pub use layers::{LayerLimits, lint_layers};
pub use lint::{lint, lint_document};
pub use lister::{Lister, Page, PageRequest};
pub use platforms::MAX_CONFIGS;
pub use policy::{Deletions, JudgedFinding, Policy, Preset, Verdict};
pub use portolan_model::lint::Stored;
pub use promote::{ContentLookup, MAX_MANIFEST_BYTES};
pub use pushed::{
    MAX_PROMOTED_BYTES, MAX_PROMOTED_CHILDREN, MAX_PUSHED_MEMORY, ParsedManifest, PushedManifest,
    UnparsedChild,
};
pub use reader::{BlobInfo, BlobRead, ManifestInfo, ManifestRead, Reader, resolve_range};
pub use referrers::{referrer_descriptor, referrers_page};
pub use repository::{Repository, StoredManifest};
pub use turns::{Turn, Turns};
pub use uploads::{Upload, UploadId, Uploads};
pub use verify::verify;
pub use writer::{
    MountOutcome, Precondition, PutManifest, PutOutcome, TagUpdate, Writer, verify_digest,
};

/// Registry: the combination of the five traits. Implemented automatically for every type that
/// implements all of them.
pub trait Registry: Reader + Writer + Uploads + Lister + Deleter {}

impl<T: Reader + Writer + Uploads + Lister + Deleter + ?Sized> Registry for T {}
