//! Fixes that several features share.

pub(super) use crate::lint::fix::{
    ADD, AS_ARTIFACT, CACHE, COPY_REFERRERS, DROP_UNKNOWN, FLATTEN, PLATFORMS, REMOVE, TO_DOCKER,
    TO_OCI, TO_OCI_FLAT,
};

use crate::lint::Fix;

pub(super) const SHA256: Fix = Fix::Advice("push the content again under its sha256 digests");
pub(super) const PUSH_AGAIN: Fix = Fix::Advice("fix the descriptor and push again");
