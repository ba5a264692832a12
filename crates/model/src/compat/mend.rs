//! What mends an image, where several features have it in common.

pub(super) const TO_OCI: &str = "portolan convert REF DST --to oci";
pub(super) const FLATTEN: &str = "portolan convert REF DST --flatten";
pub(super) const DROP_UNKNOWN: &str = "portolan copy REF DST --drop-unknown";
pub(super) const REMOVE: &str = "portolan index remove REF DIGEST";
pub(super) const PLATFORMS: &str =
    "portolan index create DST CHILD…, which takes the platform from each child's config";
pub(super) const CACHE: &str =
    "export the cache as an image: --cache-to type=registry,image-manifest=true,oci-mediatypes=true";
pub(super) const SHA256: &str = "push the content again under its sha256 digests";
pub(super) const PUSH_AGAIN: &str = "correct the descriptor and push again";
