//! Looking at one thing, at the target first and then at the source.

use portolan_model::{Descriptor, Digest, Manifest, Role, Tag};
use serde_json::json;

use super::tree::{Blob, Document, Visit, Want};
use super::{Options, Place, Request};
use crate::{Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, Result, verified_digest};

/// What a child of an index probably is, going by its type.
#[derive(Clone, Copy, PartialEq)]
enum Likely {
    Manifest,
    Blob,
    Either,
}

impl Likely {
    fn of(descriptor: &Descriptor) -> Self {
        let too_large = descriptor
            .size
            .is_some_and(|size| size > MAX_MANIFEST_BYTES as u64);
        match &descriptor.media_type {
            Some(media_type)
                if matches!(
                    media_type.role(),
                    Role::Manifest | Role::Index | Role::Schema1
                ) =>
            {
                Self::Manifest
            }
            _ if too_large => Self::Blob,
            Some(media_type) if media_type.is_part() => Self::Blob,
            _ => Self::Either,
        }
    }
}

/// Looks at a child of an index, or at a referrer.
///
/// One whose type is unknown is carried as whatever the source serves it as (image-spec,
/// image-index.md, "`manifests`").
pub(super) async fn visit(request: &Request, options: &Options, want: Want) -> Result<Visit> {
    let descriptor = want.descriptor;
    let likely = if want.manifest {
        Likely::Manifest
    } else {
        Likely::of(&descriptor)
    };
    let document = match likely {
        Likely::Manifest => document(request, &descriptor, want.load).await?,
        Likely::Blob if has_blob(&request.source, &descriptor.digest).await? => None,
        Likely::Blob | Likely::Either => {
            let found = document(request, &descriptor, want.load).await?;
            found.map(|document| Document {
                or_blob: true,
                ..document
            })
        }
    };
    match document {
        Some(document) => Ok(Visit::Document(Box::new(document))),
        None if likely != Likely::Manifest => Ok(Visit::Blob(Blob {
            descriptor,
            required: true,
        })),
        None if want.manifest => Err(gone(&request.source, &descriptor)),
        None if options.sparse => Ok(Visit::Absent(descriptor)),
        None => Err(absent(&request.source, &descriptor)),
    }
}

/// The document under a descriptor; nothing if the source has none.
pub(super) async fn document(
    request: &Request,
    descriptor: &Descriptor,
    load: bool,
) -> Result<Option<Document>> {
    let digest = &descriptor.digest;
    let known = known_manifest(&request.target, digest).await?;
    let there = known.is_some();
    if let Some(info) = known.filter(|_| !load) {
        return Ok(Some(Document {
            digest: digest.clone(),
            size: info.size,
            media_type: Some(info.media_type),
            manifest: None,
            there,
            or_blob: false,
            written: false,
            children: Vec::new(),
        }));
    }
    let Some((info, manifest)) = load_nearest(request, descriptor, there).await? else {
        return Ok(None);
    };
    Ok(Some(Document {
        digest: digest.clone(),
        size: info.size,
        media_type: Some(manifest.media_type().clone()),
        manifest: Some(manifest),
        there,
        or_blob: false,
        written: false,
        children: Vec::new(),
    }))
}

/// A manifest with its bytes, from the target if that has it: it may be nearer. What is wrong with it
/// there is found out at the source.
async fn load_nearest(
    request: &Request,
    descriptor: &Descriptor,
    there: bool,
) -> Result<Option<(ManifestInfo, Manifest)>> {
    if there && let Ok(Some(loaded)) = load_manifest(&request.target, descriptor).await {
        return Ok(Some(loaded));
    }
    match load_manifest(&request.source, descriptor).await {
        // What was damaged on the way may not be another time.
        Err(error) if *error.kind() == Kind::DigestInvalid => {
            load_manifest(&request.source, descriptor).await
        }
        loaded => loaded,
    }
}

/// A manifest of a place with its bytes, held against its digest; nothing if there is none.
async fn load_manifest(
    place: &Place,
    descriptor: &Descriptor,
) -> Result<Option<(ManifestInfo, Manifest)>> {
    let read = found(place.manifest(&descriptor.digest.clone().into()).await);
    let read = read
        .map_err(|error| error.while_doing(format!("reading {}", place.at(&descriptor.digest))))?;
    let Some((info, bytes)) = read else {
        return Ok(None);
    };
    verified_digest(&bytes, Some(&descriptor.digest))?;
    let served = Some(&info.media_type).filter(|media_type| !media_type.is_generic());
    let claimed = served.or(descriptor.media_type.as_ref());
    let manifest = Manifest::parse(bytes, claimed).map_err(|error| {
        Error::manifest_unreadable(claimed, &error)
            .while_doing(format!("reading {}", place.at(&descriptor.digest)))
    })?;
    Ok(Some((info, manifest)))
}

/// What the target knows of a manifest.
///
/// A registry may hide what a stranger could not pull, so a refusal reads as no; if it is more than
/// that, the push that follows says so.
pub(super) async fn known_manifest(
    target: &Place,
    digest: &Digest,
) -> Result<Option<ManifestInfo>> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = target;
    let reference = digest.clone().into();
    found(visible(
        registry
            .head_manifest(context, repository, &reference)
            .await,
    ))
    .map_err(|error| looking(error, target))
}

/// Where a tag points at the target, as far as it shows that.
pub(super) async fn tagged(target: &Place, tag: &Tag) -> Result<Option<Digest>> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = target;
    let head = found(visible(
        registry
            .head_manifest(context, repository, &tag.clone().into())
            .await,
    ));
    Ok(head
        .map_err(|error| looking(error, target))?
        .map(|info| info.digest))
}

fn looking(error: Error, target: &Place) -> Error {
    error.while_doing(format!("looking at {}", target.name))
}

/// Whether the target has a blob.
pub(super) async fn has_visible_blob(target: &Place, digest: &Digest) -> Result<bool> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = target;
    let head = found(visible(
        registry.head_blob(context, repository, digest).await,
    ));
    Ok(head.map_err(|error| looking(error, target))?.is_some())
}

/// Whether a place has a blob.
pub(super) async fn has_blob(place: &Place, digest: &Digest) -> Result<bool> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    Ok(found(registry.head_blob(context, repository, digest).await)?.is_some())
}

fn visible<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| match error.kind() {
        Kind::Denied | Kind::Unauthorized => Error::new(Kind::ManifestUnknown, error.message()),
        _ => error,
    })
}

/// What is not there is no failure.
pub(super) fn found<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            Kind::ManifestUnknown | Kind::BlobUnknown | Kind::RepositoryUnknown => Ok(None),
            _ => Err(error),
        },
    }
}

/// It was there, or was said to be.
fn gone(source: &Place, descriptor: &Descriptor) -> Error {
    let message = format!("{} is not there", source.at(&descriptor.digest));
    Error::new(Kind::ManifestUnknown, message).with_detail(json!({"digest": descriptor.digest}))
}

fn absent(source: &Place, descriptor: &Descriptor) -> Error {
    let what = descriptor
        .platform
        .as_ref()
        .map_or_else(String::new, |platform| format!(" ({platform})"));
    let message = format!(
        "{} is named by its index{what}, but is not there; copy what there is with --sparse, or choose platforms",
        source.at(&descriptor.digest)
    );
    Error::new(Kind::ContentMissing, message).with_detail(json!({"missing": descriptor}))
}
