//! One interface for every registry: a local store, a remote one, a layout on disk, a wrapper.
//!
//! [`Registry`] is four traits, [`Reader`], [`Writer`], [`Lister`] and [`Deleter`]. They have no
//! default methods, so that a new method cannot slip past a wrapper; conveniences belong elsewhere.
//! Each implementation passes the suite in `contract` (feature `testing`). [`memory`] is the one to
//! read first.

mod admission;
mod body;
mod context;
#[cfg(feature = "testing")]
pub mod contract;
pub mod copy;
mod deleter;
mod edit_index;
mod error;
mod lint;
mod lister;
pub mod memory;
mod policy;
mod reader;
mod referrers;
mod take_in;
mod verify;
pub mod wrap;
mod writer;

pub use admission::{Admitted, admit};
pub use body::Body;
pub use context::{Action, Authorize, Caller, Context, Everything};
pub use deleter::{Deleter, Deletion, Parent};
pub use edit_index::{Edited, IndexEdit, edit_index};
pub use error::{Error, Kind, Result};
pub use lint::{lint, lint_document};
pub use lister::{Lister, Page, PageRequest};
pub use policy::{Deletions, Judged, Policy, Preset, Verdict};
pub use portolan_model::lint::Held;
pub use reader::{BlobInfo, BlobRead, ManifestInfo, ManifestRead, Reader, wanted_bytes};
pub use referrers::{referrer_descriptor, referrers_page};
pub use take_in::{Holdings, MAX_MANIFEST_BYTES, TakenIn};
pub use verify::verified;
pub use writer::{
    Mount, Precondition, PutManifest, PutOutcome, TagUpdate, Upload, UploadId, Writer,
    verified_digest,
};

/// Everything that a registry does; implemented by whatever has the four parts.
pub trait Registry: Reader + Writer + Lister + Deleter {}

impl<T: Reader + Writer + Lister + Deleter + ?Sized> Registry for T {}
