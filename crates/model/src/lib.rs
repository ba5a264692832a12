//! The documents and names of the OCI and Docker image formats, without IO.
//!
//! Everything here works on bytes and strings that the caller already holds: parsing a
//! [`Digest`] or a [`RepositoryName`], reading a [`Manifest`] of any kind, choosing a child by
//! [`Platform`]. Section names in the documentation refer to opencontainers/image-spec and
//! opencontainers/distribution-spec.

mod byte_range;
pub mod compat;
pub mod convert;
mod descriptor;
mod digest;
mod draft;
mod error_code;
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

pub use byte_range::{ByteRange, Unsatisfiable};
pub use descriptor::Descriptor;
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use draft::{Draft, Fate};
pub use error_code::ErrorCode;
pub use json::{Json, JsonError, JsonNumber};
pub use lint::{Finding, Rule, Severity};
pub use manifest::{Child, ChildKind, Manifest, ManifestError, Shape};
pub use media_type::{Family, MediaType, Role};
pub use name::{NameError, RepositoryName, Tag, TagError};
pub use platform::{Platform, PlatformError};
pub use reference::{ImageReference, Reference, ReferenceError};
pub use select::{PlatformSearch, Step};
