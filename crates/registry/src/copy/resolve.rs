//! Lookup of one descriptor, at the target first and then at the source.

use portolan_model::{Descriptor, Digest, Manifest, MediaTypeRole, Tag};
use serde_json::json;

use super::tree::{Blob, Document, ResolveRequest, Resolved};
use super::{CopyOptions, CopyRequest};
use crate::repository::none_if_unknown;
use crate::{BlobInfo, Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, Repository, Result};

/// Expected kind of a child of an index, derived from its descriptor.
#[derive(Clone, Copy, PartialEq)]
enum Likely {
    Manifest,
    Blob,
    Either,
}

impl Likely {
    fn from_descriptor(descriptor: &Descriptor) -> Self {
        let too_large = descriptor
            .size
            .is_some_and(|size| size > MAX_MANIFEST_BYTES as u64);
        match &descriptor.media_type {
            Some(media_type)
                if matches!(
                    media_type.role(),
                    MediaTypeRole::Manifest | MediaTypeRole::Index | MediaTypeRole::Schema1
                ) =>
            {
                Self::Manifest
            }
            _ if too_large => Self::Blob,
            Some(media_type) if media_type.is_config_or_layer() => Self::Blob,
            _ => Self::Either,
        }
    }
}

/// Looks up a child of an index, or a referrer.
///
/// Content of unknown type is copied as a manifest or as a blob, depending on which of them the
/// source serves (image-spec, image-index.md, "`manifests`").
pub(super) async fn resolve(
    request: &CopyRequest,
    options: &CopyOptions,
    want: ResolveRequest,
) -> Result<Resolved> {
    let descriptor = want.descriptor;
    let likely = if want.is_manifest {
        Likely::Manifest
    } else {
        Likely::from_descriptor(&descriptor)
    };
    let document = match likely {
        Likely::Manifest => resolve_document(request, &descriptor, want.needs_content).await?,
        Likely::Blob if may_have_blob(&request.source, &descriptor.digest).await? => None,
        Likely::Blob | Likely::Either => {
            let found = resolve_document(request, &descriptor, want.needs_content).await?;
            found.map(|document| Document {
                blob_fallback: true,
                ..document
            })
        }
    };
    match document {
        Some(document) => Ok(Resolved::Document(Box::new(document))),
        None if likely != Likely::Manifest => Ok(Resolved::Blob(Blob {
            descriptor,
            required: true,
        })),
        None if want.is_manifest => Err(missing_manifest(&request.source, &descriptor)),
        None if options.sparse => Ok(Resolved::Absent(descriptor)),
        None => Err(missing_child(&request.source, &descriptor)),
    }
}

/// Looks up a document at the target. Reads the document if `load` is true or the target does not
/// have it. Returns `None` if neither the target nor the source has it.
pub(super) async fn resolve_document(
    request: &CopyRequest,
    descriptor: &Descriptor,
    load: bool,
) -> Result<Option<Document>> {
    let digest = &descriptor.digest;
    let known = find_target_manifest(&request.target, descriptor).await?;
    let present = known.is_some();
    if let Some(info) = known.filter(|_| !load) {
        return Ok(Some(Document {
            digest: digest.clone(),
            size: info.size,
            media_type: Some(info.media_type),
            manifest: None,
            present,
            blob_fallback: false,
            is_rewritten: false,
            children: Vec::new(),
        }));
    }
    let Some((info, manifest)) = load_nearest(request, descriptor, present).await? else {
        return Ok(None);
    };
    Ok(Some(Document {
        digest: digest.clone(),
        size: info.size,
        media_type: Some(manifest.media_type().clone()),
        manifest: Some(manifest),
        present,
        blob_fallback: false,
        is_rewritten: false,
        children: Vec::new(),
    }))
}

/// Reads a manifest. Prefers the target if the manifest is `present` there, because the target may
/// be nearer. Falls back to the source if the copy at the target cannot be read.
async fn load_nearest(
    request: &CopyRequest,
    descriptor: &Descriptor,
    present: bool,
) -> Result<Option<(ManifestInfo, Manifest)>> {
    if present && let Ok(Some(loaded)) = load_manifest(&request.target, descriptor).await {
        return Ok(Some(loaded));
    }
    match load_manifest(&request.source, descriptor).await {
        // The content may have been damaged in transit. Try once more.
        Err(error) if *error.kind() == Kind::DigestInvalid => {
            load_manifest(&request.source, descriptor).await
        }
        loaded => loaded,
    }
}

/// Reads and parses a manifest of a repository, or returns `None` if it does not exist.
async fn load_manifest(
    repository: &Repository,
    descriptor: &Descriptor,
) -> Result<Option<(ManifestInfo, Manifest)>> {
    let digest = &descriptor.digest;
    let read_error = |error: Error| {
        error.with_prefix(format!("failed to read {}", repository.full_name(digest)))
    };
    let read = repository.try_manifest(&digest.clone().into()).await;
    let Some(stored) = read.map_err(read_error)? else {
        return Ok(None);
    };
    let manifest = stored
        .parse_as(descriptor.media_type.as_ref())
        .map_err(read_error)?;
    Ok(Some((stored.info, manifest)))
}

/// Returns information about a manifest at the target. If its size or media type differs from the
/// descriptor, the manifest counts as missing, so that it is sent again.
pub(super) async fn find_target_manifest(
    target: &Repository,
    descriptor: &Descriptor,
) -> Result<Option<ManifestInfo>> {
    let head = target
        .head_manifest(&descriptor.digest.clone().into())
        .await;
    Ok(if_visible(head, target)?.filter(|info| agrees(info, descriptor)))
}

/// Returns whether the size and the media type of a manifest match its descriptor. A missing size
/// and a missing or generic media type match any value.
fn agrees(info: &ManifestInfo, descriptor: &Descriptor) -> bool {
    let (stated, declared) = (&info.media_type, descriptor.media_type.as_ref());
    let declared = declared.filter(|declared| !declared.is_generic() && !stated.is_generic());
    descriptor.size.is_none_or(|size| size == info.size)
        && declared.is_none_or(|declared| stated.as_str().eq_ignore_ascii_case(declared.as_str()))
}

/// Returns information about the manifest that a tag points to at the target.
pub(super) async fn find_target_tag(
    target: &Repository,
    tag: &Tag,
) -> Result<Option<ManifestInfo>> {
    let head = target.head_manifest(&tag.clone().into()).await;
    if_visible(head, target)
}

/// Returns information about a blob at the target.
pub(super) async fn find_target_blob(
    target: &Repository,
    digest: &Digest,
) -> Result<Option<BlobInfo>> {
    if_visible(target.head_blob(digest).await, target)
}

/// Returns whether the source may have a blob. Returns true if the source rejects the lookup,
/// because the request for the content may succeed.
pub(super) async fn may_have_blob(source: &Repository, digest: &Digest) -> Result<bool> {
    match none_if_unknown(source.head_blob(digest).await) {
        Ok(found) => Ok(found.is_some()),
        Err(error) if is_outage(&error) => Err(error),
        Err(_) => Ok(true),
    }
}

/// Returns the result of a lookup at the target, or `None` if the content is missing or the target
/// rejects the lookup.
///
/// A lookup only saves work, so its rejection does not end the copy: the target may accept the push
/// that follows. If the target rejects the push, the user gets the error of the push.
fn if_visible<T>(head: Result<T>, target: &Repository) -> Result<Option<T>> {
    match head {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_outage(&error) => Err(error.with_prefix(format!(
            "failed to look up content in {}",
            target.display_name
        ))),
        Err(_) => Ok(None),
    }
}

/// Returns whether a lookup failed because the registry is unavailable, or because of an internal
/// error. In these cases, the copy cannot succeed either.
fn is_outage(error: &Error) -> bool {
    error.is_transient() || *error.kind() == Kind::Internal
}

/// Creates the error for a requested manifest or a referrer that does not exist.
fn missing_manifest(source: &Repository, descriptor: &Descriptor) -> Error {
    let message = format!(
        "failed to look up {}: it does not exist",
        source.full_name(&descriptor.digest)
    );
    Error::new(Kind::ManifestUnknown, message).with_detail(json!({"digest": descriptor.digest}))
}

fn missing_child(source: &Repository, descriptor: &Descriptor) -> Error {
    let platform = descriptor
        .platform
        .as_ref()
        .map_or_else(String::new, |platform| format!(" ({platform})"));
    let message = format!(
        "failed to look up {}: its index references it{platform}, but it does not exist",
        source.full_name(&descriptor.digest)
    );
    Error::new(Kind::CONTENT_MISSING, message)
        .with_detail(json!({"missing": descriptor}))
        .with_help("add `--sparse` to copy without it, or `--platform` to select other images")
}
