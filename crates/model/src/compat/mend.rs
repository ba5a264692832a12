//! What mends an image, where several features have it in common.

pub(super) use crate::lint::mend::{ADD, AS_ARTIFACT, FLATTEN, REMOVE, below};

pub(super) const TO_OCI: &str = "portolan convert REF DST --to oci";
pub(super) const DROP_UNKNOWN: &str = "portolan copy REF DST --drop-unknown";
pub(super) const PLATFORMS: &str = "make the index anew with portolan index create, which takes the platform from each child's config";
pub(super) const CACHE: &str = "export the cache as an image: --cache-to type=registry,image-manifest=true,oci-mediatypes=true";
pub(super) const SHA256: &str = "push the content again under its sha256 digests";
pub(super) const PUSH_AGAIN: &str = "correct the descriptor and push again";
