//! Types for documents and names of the OCI and Docker image formats. Does no IO.
//!
//! All functions work on bytes and strings that the caller provides: they parse a [`Digest`] or a
//! [`RepositoryName`], parse a [`Manifest`] of any type, or select a child of an index by
//! [`Platform`]. Section names in the documentation refer to opencontainers/image-spec and
//! opencontainers/distribution-spec.

mod byte_range;
pub mod compat;
mod compression;
pub mod convert;
mod descriptor;
mod digest;
mod draft;
mod error_code;
mod escape;
#[cfg(any(test, feature = "testing"))]
pub mod fixtures;
mod json;
pub mod lint;
mod manifest;
mod media_type;
mod name;
mod path;
mod platform;
mod reference;
mod select;

pub use byte_range::{ByteRange, UnsatisfiableRange};
pub use compression::Compression;
pub use descriptor::{Descriptor, SelectionKey};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use draft::{ChildEdit, ManifestDraft};
pub use error_code::ErrorCode;
pub use escape::{escape_line, escape_lines};
pub use json::{Json, JsonError, JsonNumber};
pub use lint::{Finding, Rule, Severity};
pub use manifest::{
    BYTES_PER_EDGE, Child, ChildKind, MAX_EDGES, Manifest, ManifestError, Shape, edge_limit,
};
pub use media_type::{Family, MediaType, MediaTypeRole};
pub use name::{NameError, RepositoryName, Tag, TagError};
pub use platform::{Platform, PlatformError, PlatformKey};
pub use reference::{ImageReference, Reference, ReferenceError};
pub use select::{
    PlatformSearch, SearchStep, child_descriptors, child_platforms, format_platforms,
};
