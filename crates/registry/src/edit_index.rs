//! Editing the index that a tag points to, without losing concurrent edits by other clients.

use std::time::Duration;

use bytes::Bytes;
use portolan_model::{Digest, Manifest, MediaType, Tag};
use tokio::time::sleep;

use crate::{Error, Kind, Precondition, PutManifest, Repository, Result, TagUpdate};

/// Maximum number of attempts when other writers keep changing the tag.
const ATTEMPTS: u32 = 100;

/// Upper bound of the pause between two attempts. The pause is random, so that concurrent writers
/// do not retry at the same time.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// Minimum pause after a push without a precondition. Other writers that read the tag before the
/// push overwrite it during this pause, and the check after the pause detects that. It is longer
/// than the time between a read and the push that follows it.
const VERIFICATION_PAUSE: Duration = Duration::from_millis(500);

const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// New document for the tag, created by the caller of [`edit_index`].
#[derive(Clone, Debug)]
pub struct EditedDocument {
    /// Media type of the document.
    pub media_type: MediaType,
    /// Bytes of the document.
    pub bytes: Bytes,
}

/// Outcome of [`edit_index`].
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexEdit {
    /// Digest that the tag points to after the edit.
    pub digest: Digest,
    /// Digest that the tag pointed to before the edit, if the tag existed.
    pub previous: Option<Digest>,
    /// True if the registry guaranteed that the tag did not move between the read and the push.
    /// Otherwise, a concurrent change may be lost.
    pub guarded: bool,
}

/// Edits the document that a tag points to. `change` creates the new document from the current
/// document, or from `None` if the tag does not exist.
///
/// Nothing is pushed if `change` changes nothing. The tag is set only if it still points to the
/// document that was read. Otherwise, `change` is called again with the new document, so it must
/// have no side effects. If the registry does not support preconditions, the tag is read again
/// before the push, and half a second to a second after it. This detects most lost updates, but not
/// all of them: see [`IndexEdit::guarded`].
///
/// # Errors
/// Returns the error of `change`, [`Kind::PreconditionFailed`] if other writers keep changing the
/// tag, and the errors of the registry.
pub async fn edit_index(
    repository: &Repository,
    tag: &Tag,
    change: impl Fn(Option<&Manifest>) -> Result<EditedDocument>,
) -> Result<IndexEdit> {
    let mut attempt = 1;
    loop {
        let current = read(repository, tag).await?;
        let edited = change(current.as_ref().map(|(_, manifest)| manifest))?;
        if let Some((digest, _)) = current
            .as_ref()
            .filter(|(_, manifest)| *manifest.bytes() == edited.bytes)
        {
            return Ok(IndexEdit {
                digest: digest.clone(),
                previous: Some(digest.clone()),
                guarded: true,
            });
        }
        let previous = current.map(|(digest, _)| digest);
        let error = match put_guarded(repository, tag, &edited, previous.as_ref()).await {
            Ok((digest, guarded)) => {
                return Ok(IndexEdit {
                    digest,
                    previous,
                    guarded,
                });
            }
            Err(error) => error,
        };
        if *error.kind() != Kind::PreconditionFailed || attempt == ATTEMPTS {
            return Err(error.with_prefix(format!("failed to edit {}", repository.full_name(tag))));
        }
        sleep(pause(attempt)?).await;
        attempt += 1;
    }
}

/// Returns a random pause before the next attempt. The average pause grows with `attempt`.
fn pause(attempt: u32) -> Result<Duration> {
    let mut chance = [0];
    getrandom::fill(&mut chance)
        .map_err(|error| Error::internal("failed to choose a pause", error))?;
    let longest = LONGEST_PAUSE.min(FIRST_PAUSE * attempt);
    Ok(longest * chance[0].into() / 256)
}

async fn read(repository: &Repository, tag: &Tag) -> Result<Option<(Digest, Manifest)>> {
    let Some(stored) = repository.try_manifest(&tag.clone().into()).await? else {
        return Ok(None);
    };
    let manifest = stored.parse()?;
    Ok(Some((stored.info.digest, manifest)))
}

/// Pushes the edited document, and returns the digest of the new document and whether the registry
/// enforced the precondition.
async fn put_guarded(
    repository: &Repository,
    tag: &Tag,
    edited: &EditedDocument,
    previous: Option<&Digest>,
) -> Result<(Digest, bool)> {
    let precondition = match previous {
        Some(digest) => Precondition::PointsTo([digest.clone()].into()),
        None => Precondition::Absent,
    };
    match put_with_precondition(repository, tag, edited, precondition).await {
        Err(error) if *error.kind() == Kind::Unsupported => (),
        guarded => return guarded.map(|digest| (digest, true)),
    }
    // This registry does not support preconditions. Emulate them: check the tag before the push,
    // and again after a pause. If another writer has moved the tag, the caller starts over and
    // applies its change to the document of that writer.
    let current = read(repository, tag).await?.map(|(digest, _)| digest);
    if current.as_ref() != previous {
        return Err(Error::new(
            Kind::PreconditionFailed,
            "another client moved the tag",
        ));
    }
    let digest = put_with_precondition(repository, tag, edited, Precondition::None).await?;
    sleep(VERIFICATION_PAUSE + pause(ATTEMPTS)?).await;
    match read(repository, tag).await? {
        Some((current, _)) if current == digest => Ok((digest, false)),
        _ => Err(Error::new(
            Kind::PreconditionFailed,
            "another client moved the tag",
        )),
    }
}

/// Pushes the edited document, sets the tag, and returns the digest that the tag points to. If the
/// registry converts pushed manifests, this is not the digest of `edited`.
async fn put_with_precondition(
    repository: &Repository,
    tag: &Tag,
    edited: &EditedDocument,
    precondition: Precondition,
) -> Result<Digest> {
    let options = PutManifest {
        media_type: Some(edited.media_type.clone()),
        tags: vec![TagUpdate {
            tag: tag.clone(),
            precondition,
        }],
        ..PutManifest::default()
    };
    let outcome = repository.put(edited.bytes.clone(), options).await?;
    Ok(outcome.normalized.unwrap_or(outcome.digest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portolan_model::convert::ImageFormat;
    use portolan_model::fixtures::{IndexFixture, image, repository, tag};
    use portolan_model::{Descriptor, ManifestDraft};

    use super::*;
    use crate::contract::TestRepository;
    use crate::memory::MemoryRegistry;
    use crate::wrap::{Policies, PolicyRule};
    use crate::{Context, Policy, Registry};

    fn handle() -> Repository {
        handle_in(Arc::new(MemoryRegistry::new()))
    }

    fn handle_in(registry: Arc<dyn Registry>) -> Repository {
        Repository::new(registry, Context::anonymous(), repository("team/app"))
    }

    /// Returns an edit that adds a child to the index, and creates the index if it does not exist.
    fn add_child(child: Descriptor) -> impl Fn(Option<&Manifest>) -> Result<EditedDocument> {
        move |current| {
            let media_type = IndexFixture::oci().media_type();
            let mut draft = current.map_or_else(
                || ManifestDraft::new_index(&media_type),
                ManifestDraft::from_manifest,
            );
            draft.add_child(&child);
            Ok(EditedDocument {
                media_type,
                bytes: draft.to_bytes(),
            })
        }
    }

    async fn children(handle: &Repository) -> usize {
        let (_, index) = read(handle, &tag("v1"))
            .await
            .unwrap()
            .expect("the index exists");
        index.children().len()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn concurrent_edits_lose_nothing() {
        let handle = handle();
        let names: Vec<_> = (0..20).map(|number: u8| number.to_string()).collect();
        let mut edits = Vec::new();
        for name in names {
            let (handle, image) = (handle.clone(), image(&name));
            TestRepository::new(&handle.registry, "team/app")
                .push_image(&image, &[])
                .await;
            edits.push(tokio::spawn(async move {
                edit_index(&handle, &tag("v1"), add_child(image.descriptor()))
                    .await
                    .unwrap()
                    .guarded
            }));
        }
        for edit in edits {
            assert!(edit.await.unwrap(), "the registry supports preconditions");
        }
        assert_eq!(children(&handle).await, 20);
    }

    #[tokio::test]
    async fn returns_the_previous_digest_of_the_tag() {
        let handle = handle();
        TestRepository::new(&handle.registry, "team/app")
            .push_image(&image("a"), &[])
            .await;
        let change = add_child(image("a").descriptor());
        let first = edit_index(&handle, &tag("v1"), &change).await.unwrap();
        let second = edit_index(&handle, &tag("v1"), &change).await.unwrap();
        assert_eq!(
            (first.previous, second.previous),
            (None, Some(first.digest))
        );
        assert_eq!(children(&handle).await, 2);
    }

    #[tokio::test]
    async fn pushes_nothing_if_nothing_changes() {
        let handle = handle();
        TestRepository::new(&handle.registry, "team/app")
            .push_image(&image("a"), &["v1"])
            .await;
        let unchanged = |current: Option<&Manifest>| {
            let current = current.expect("the tag exists");
            Ok(EditedDocument {
                media_type: current.media_type().clone(),
                bytes: current.bytes().clone(),
            })
        };
        let edit = edit_index(&handle, &tag("v1"), unchanged).await.unwrap();
        assert_eq!(
            (edit.digest.clone(), edit.previous),
            (image("a").digest(), Some(edit.digest))
        );
    }

    #[tokio::test]
    async fn returns_the_digest_that_the_registry_normalized() {
        let rule =
            PolicyRule::new("**", Policy::default().with_normalization(ImageFormat::Oci)).unwrap();
        let handle = handle_in(Arc::new(Policies::new(
            Arc::new(MemoryRegistry::new()),
            vec![rule],
        )));
        let docker = image("a").docker();
        TestRepository::new(&handle.registry, "team/app")
            .push_image(&docker, &[])
            .await;
        let edit = edit_index(&handle, &tag("v1"), add_child(docker.descriptor()))
            .await
            .unwrap();
        let (tagged, index) = read(&handle, &tag("v1"))
            .await
            .unwrap()
            .expect("the index exists");
        assert_eq!(edit.digest, tagged);
        assert_eq!(
            index.children()[0].descriptor.media_type,
            Some(MediaType::OCI_MANIFEST.into())
        );
    }

    #[tokio::test]
    async fn failed_change_leaves_the_tag_alone() {
        let handle = handle();
        let reject =
            |_: Option<&Manifest>| Err(Error::new(Kind::ManifestUnknown, "nothing to change"));
        let error = edit_index(&handle, &tag("v1"), reject).await.unwrap_err();
        assert_eq!(*error.kind(), Kind::ManifestUnknown);
        assert!(read(&handle, &tag("v1")).await.unwrap().is_none());
    }
}
