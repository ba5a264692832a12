//! Referrers on registries without the referrers API. They are listed in an index. The tag of this
//! index is derived from the digest of the subject (distribution-spec, "Referrers Tag Schema").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portolan_model::{
    ChildEdit, ChildKind, Descriptor, Digest, Manifest, ManifestDraft, MediaType, RepositoryName,
    Tag,
};
use portolan_registry::{Context, Error, Kind, Reader, Result, StoredManifest};
use portolan_wire::condition::TagCondition;

use crate::Client;
use crate::writer::ManifestPush;

/// Maximum length of the encoded part of the digest in a referrers tag.
const MAX_ENCODED_CHARS: usize = 64;
/// Maximum length of the algorithm in a referrers tag.
const MAX_ALGORITHM_CHARS: usize = 32;

/// Locks that serialize the changes to a referrers index within this process. A change reads the
/// index and writes it back, so concurrent changes would be lost.
///
/// Another process may still overwrite a change, because the specification has no conditional
/// requests.
#[derive(Default)]
pub(crate) struct ReferrersTagLocks(Mutex<HashMap<(RepositoryName, Digest), Lock>>);

type Lock = Arc<tokio::sync::Mutex<()>>;

impl ReferrersTagLocks {
    fn get(&self, repository: &RepositoryName, subject: &Digest) -> Lock {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A lock that only the map refers to is not in use.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(
            locks
                .entry((repository.clone(), subject.clone()))
                .or_default(),
        )
    }
}

impl Client {
    /// Returns the referrers in the index that the referrers tag points to.
    pub(crate) async fn referrers_from_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>> {
        let index = self.referrers_index(context, repository, subject).await?;
        Ok(index.as_ref().map(descriptors).unwrap_or_default())
    }

    /// Adds a descriptor to the referrers index of `subject`, or replaces the descriptor with the
    /// same digest. Creates the index if it does not exist.
    pub(crate) async fn add_referrer(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        referrer: &Descriptor,
    ) -> Result<()> {
        let lock = self.host.referrers_tag_locks.get(repository, subject);
        let _held = lock.lock().await;
        let index = self.referrers_index(context, repository, subject).await?;
        if index
            .as_ref()
            .is_some_and(|index| descriptors(index).contains(referrer))
        {
            return Ok(());
        }
        let mut draft = index.as_ref().map_or_else(
            || ManifestDraft::new_index(&index_type()),
            ManifestDraft::from_manifest,
        );
        draft.edit_children(|child| {
            if child.digest == referrer.digest {
                ChildEdit::Drop
            } else {
                ChildEdit::Keep
            }
        });
        draft.add_child(referrer);
        self.put_referrers_index(context, repository, subject, &draft)
            .await
    }

    /// Removes a manifest from the referrers index of `subject`, if the index contains it.
    pub(crate) async fn remove_referrer(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        referrer: &Digest,
    ) -> Result<()> {
        let lock = self.host.referrers_tag_locks.get(repository, subject);
        let _held = lock.lock().await;
        let Some(index) = self.referrers_index(context, repository, subject).await? else {
            return Ok(());
        };
        if !descriptors(&index)
            .iter()
            .any(|child| child.digest == *referrer)
        {
            return Ok(());
        }
        let mut draft = ManifestDraft::from_manifest(&index);
        draft.edit_children(|child| {
            if child.digest == *referrer {
                ChildEdit::Drop
            } else {
                ChildEdit::Keep
            }
        });
        self.put_referrers_index(context, repository, subject, &draft)
            .await
    }

    async fn put_referrers_index(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        draft: &ManifestDraft,
    ) -> Result<()> {
        let bytes = draft.to_bytes();
        let digest = Digest::sha256(&bytes);
        let media_type = Some(index_type());
        let push = ManifestPush {
            client: self,
            context,
            repository,
            bytes,
            media_type,
            digest,
            condition: TagCondition::None,
        };
        push.run(vec![referrers_tag(subject)?]).await.map(drop)
    }

    /// Returns the referrers index of `subject`, or `None` if it does not exist.
    ///
    /// GitLab returns the subject itself for the referrers tag, because it interprets `sha256-HEX`
    /// as a digest. In this case, the referrers index does not exist.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if the referrers tag points to another kind of manifest.
    async fn referrers_index(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Option<Manifest>> {
        let tag = referrers_tag(subject)?;
        let reference = tag.clone().into();
        let read = match self.get_manifest(context, repository, &reference).await {
            Err(error)
                if matches!(
                    error.kind(),
                    Kind::ManifestUnknown | Kind::RepositoryUnknown
                ) =>
            {
                return Ok(None);
            }
            Ok(read) if read.info.digest == *subject => return Ok(None),
            read => read?,
        };
        let index = StoredManifest::collect(read, &reference)
            .await?
            .parse()
            .ok();
        let index = index.filter(|index| index.media_type().as_str() == MediaType::OCI_INDEX);
        index.map(Some).ok_or_else(|| {
            let predicate = format!(
                "does not list referrers, and the referrers tag {repository}:{tag} is not an OCI \
                 index"
            );
            Error::from_host(Kind::Unsupported, self.host.name(), predicate)
        })
    }
}

fn index_type() -> MediaType {
    MediaType::new(MediaType::OCI_INDEX)
}

/// Returns the descriptors in a list of referrers.
pub(crate) fn descriptors(index: &Manifest) -> Vec<Descriptor> {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    children.map(|child| child.descriptor.clone()).collect()
}

fn referrers_tag(subject: &Digest) -> Result<Tag> {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let tag = format!(
        "{}-{}",
        cut(subject.algorithm().as_str(), MAX_ALGORITHM_CHARS),
        cut(subject.encoded_part(), MAX_ENCODED_CHARS)
    );
    let tag = tag.replace(|character| !allowed(character), "-");
    tag.parse()
        .map_err(|error| Error::internal("failed to build a referrers tag", error))
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::sha512;

    use super::*;

    #[test]
    fn derives_referrers_tags_from_digests() {
        let digest = Digest::sha256(b"");
        assert_eq!(
            referrers_tag(&digest).unwrap().as_str(),
            format!("sha256-{}", digest.encoded_part())
        );
        let long = sha512(b"");
        assert_eq!(
            referrers_tag(&long).unwrap().as_str(),
            format!("sha512-{}", &long.encoded_part()[..64])
        );
        let odd: Digest = "multihash+base58:Qm=z".parse().unwrap();
        assert_eq!(
            referrers_tag(&odd).unwrap().as_str(),
            "multihash-base58-Qm-z"
        );
    }
}
