//! Changing the index that a tag points to, without losing what others change meanwhile.

use std::time::Duration;

use bytes::Bytes;
use portolan_model::{Digest, Manifest, MediaType, Tag};
use tokio::time::sleep;

use crate::copy::Place;
use crate::{Error, Kind, Precondition, PutManifest, Result, TagUpdate};

/// How often a change is begun again because somebody else was faster.
const ATTEMPTS: u32 = 100;

/// The longest pause before that; a part of it, by chance, lets one of many go first.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// As [`pause`] counts: how long others may take who have read the tag before it was set.
const SETTLING: u32 = 20;

const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The document that a tag is to point to.
#[derive(Clone, Debug)]
pub struct Edited {
    /// Its type.
    pub media_type: MediaType,
    /// Its bytes.
    pub bytes: Bytes,
}

/// What became of a change.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexEdit {
    /// Where the tag points now.
    pub digest: Digest,
    /// Where it pointed before.
    pub previous: Option<Digest>,
    /// Whether the registry made sure that the tag had not moved meanwhile. If not, somebody else's
    /// change may have been lost between the look and the push.
    pub guarded: bool,
}

/// Changes what a tag points to: `change` is given the document as it is, if there is one.
///
/// The tag is set only if it is still where it was read; if it is not, `change` is asked again, which
/// has to be harmless if its change is there already. A registry that knows no preconditions is looked
/// at before the push and a little after it, which finds most of what would be lost and not all:
/// [`IndexEdit::guarded`] tells.
///
/// # Errors
/// What `change` answers; [`Kind::PreconditionFailed`] when others are faster time and again;
/// whatever the registry fails with.
pub async fn edit_index(
    place: &Place,
    tag: &Tag,
    change: impl Fn(Option<&Manifest>) -> Result<Edited>,
) -> Result<IndexEdit> {
    let mut attempt = 1;
    loop {
        let current = read(place, tag).await?;
        let edited = change(current.as_ref().map(|(_, manifest)| manifest))?;
        let previous = current.map(|(digest, _)| digest);
        let error = match put(place, tag, &edited, previous.as_ref()).await {
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
            return Err(error.while_doing(format!("changing {}", place.at(tag))));
        }
        sleep(pause(attempt)?).await;
        attempt += 1;
    }
}

/// A pause by chance, longer on average the more often others were faster.
fn pause(attempt: u32) -> Result<Duration> {
    let mut chance = [0];
    getrandom::fill(&mut chance).map_err(|error| Error::internal("choosing a pause", error))?;
    let longest = LONGEST_PAUSE.min(FIRST_PAUSE * attempt);
    Ok(longest * chance[0].into() / 256)
}

async fn read(place: &Place, tag: &Tag) -> Result<Option<(Digest, Manifest)>> {
    let (info, bytes) = match place.manifest(&tag.clone().into()).await {
        Err(error)
            if matches!(
                error.kind(),
                Kind::ManifestUnknown | Kind::RepositoryUnknown
            ) =>
        {
            return Ok(None);
        }
        read => read?,
    };
    let claimed = Some(&info.media_type);
    let manifest = Manifest::parse(bytes, claimed)
        .map_err(|error| Error::manifest_unreadable(claimed, &error))?;
    Ok(Some((info.digest, manifest)))
}

/// Answers the new digest, and whether the registry has held the precondition.
async fn put(
    place: &Place,
    tag: &Tag,
    edited: &Edited,
    previous: Option<&Digest>,
) -> Result<(Digest, bool)> {
    let precondition = match previous {
        Some(digest) => Precondition::At(vec![digest.clone()]),
        None => Precondition::Absent,
    };
    match put_if(place, tag, edited, precondition).await {
        Err(error) if *error.kind() == Kind::Unsupported => (),
        guarded => return guarded.map(|digest| (digest, true)),
    }
    let current = read(place, tag).await?.map(|(digest, _)| digest);
    if current.as_ref() != previous {
        return Err(Error::new(
            Kind::PreconditionFailed,
            "the tag has moved meanwhile",
        ));
    }
    let digest = put_if(place, tag, edited, Precondition::None).await?;
    sleep(pause(SETTLING)?).await;
    match read(place, tag).await? {
        Some((current, _)) if current == digest => Ok((digest, false)),
        _ => Err(Error::new(
            Kind::PreconditionFailed,
            "the tag was moved by somebody else meanwhile",
        )),
    }
}

/// Answers where the tag points then, which is elsewhere than to `edited` where the registry converts what is pushed.
async fn put_if(
    place: &Place,
    tag: &Tag,
    edited: &Edited,
    precondition: Precondition,
) -> Result<Digest> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    let options = PutManifest {
        media_type: Some(edited.media_type.clone()),
        tags: vec![TagUpdate {
            tag: tag.clone(),
            precondition,
        }],
        ..PutManifest::default()
    };
    let outcome = registry
        .put_manifest(context, repository, edited.bytes.clone(), options)
        .await?;
    Ok(outcome.normalised.unwrap_or(outcome.digest))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use portolan_model::convert::Format;
    use portolan_model::fixtures::{Index, image, repository, tag};
    use portolan_model::{Descriptor, Draft};

    use super::*;
    use crate::contract::Repository;
    use crate::memory::MemoryRegistry;
    use crate::wrap::{Policies, PolicyRule};
    use crate::{Context, Policy, Registry};

    fn place() -> Place {
        of(Arc::new(MemoryRegistry::new()))
    }

    fn of(registry: Arc<dyn Registry>) -> Place {
        Place {
            registry,
            context: Context::anonymous(),
            repository: repository("team/app"),
            name: "team/app".into(),
        }
    }

    /// Adds a child, whatever is there.
    fn adding(child: Descriptor) -> impl Fn(Option<&Manifest>) -> Result<Edited> {
        move |current| {
            let media_type = Index::oci().media_type();
            let mut draft = current.map_or_else(|| Draft::index(&media_type), Draft::of);
            draft.add_child(&child);
            Ok(Edited {
                media_type,
                bytes: draft.to_bytes(),
            })
        }
    }

    async fn children(place: &Place) -> usize {
        let (_, index) = read(place, &tag("v1"))
            .await
            .unwrap()
            .expect("the index is there");
        index.children().len()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_who_add_at_once_lose_nothing() {
        let place = place();
        let names: Vec<_> = (0..20).map(|number: u8| number.to_string()).collect();
        let mut edits = Vec::new();
        for name in names {
            let (place, image) = (place.clone(), image(&name));
            Repository::of(&place.registry, "team/app")
                .image(&image, &[])
                .await;
            edits.push(tokio::spawn(async move {
                edit_index(&place, &tag("v1"), adding(image.descriptor()))
                    .await
                    .unwrap()
                    .guarded
            }));
        }
        for edit in edits {
            assert!(edit.await.unwrap(), "the registry knows preconditions");
        }
        assert_eq!(children(&place).await, 20);
    }

    #[tokio::test]
    async fn says_where_the_tag_was() {
        let place = place();
        Repository::of(&place.registry, "team/app")
            .image(&image("a"), &[])
            .await;
        let change = adding(image("a").descriptor());
        let first = edit_index(&place, &tag("v1"), &change).await.unwrap();
        let second = edit_index(&place, &tag("v1"), &change).await.unwrap();
        assert_eq!(
            (first.previous, second.previous),
            (None, Some(first.digest))
        );
        assert_eq!(children(&place).await, 2);
    }

    #[tokio::test]
    async fn says_where_the_tag_is_that_the_registry_has_normalised() {
        let rule = PolicyRule::new("**", Policy::default().normalising(Format::Oci)).unwrap();
        let place = of(Arc::new(Policies::new(
            Arc::new(MemoryRegistry::new()),
            vec![rule],
        )));
        let docker = image("a").docker();
        Repository::of(&place.registry, "team/app")
            .image(&docker, &[])
            .await;
        let edit = edit_index(&place, &tag("v1"), adding(docker.descriptor()))
            .await
            .unwrap();
        let (tagged, index) = read(&place, &tag("v1"))
            .await
            .unwrap()
            .expect("the index is there");
        assert_eq!(edit.digest, tagged);
        assert_eq!(
            index.children()[0].descriptor.media_type,
            Some(MediaType::OCI_MANIFEST.into())
        );
    }

    #[tokio::test]
    async fn a_change_that_is_not_wanted_changes_nothing() {
        let place = place();
        let refuse =
            |_: Option<&Manifest>| Err(Error::new(Kind::ManifestUnknown, "nothing to change"));
        let error = edit_index(&place, &tag("v1"), refuse).await.unwrap_err();
        assert_eq!(*error.kind(), Kind::ManifestUnknown);
        assert!(read(&place, &tag("v1")).await.unwrap().is_none());
    }
}
