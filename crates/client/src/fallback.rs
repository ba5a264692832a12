//! Referrers on registries that do not list them: an index under a tag that is made from the digest
//! of the subject (distribution-spec, "Referrers Tag Schema").

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use http::{Method, StatusCode};
use portolan_model::{
    ChildKind, Descriptor, Digest, Draft, Fate, Manifest, MediaType, RepositoryName, Tag,
};
use portolan_registry::{Context, Error, Kind, MAX_MANIFEST_BYTES, Reader, Result};
use portolan_wire::Endpoint;
use portolan_wire::condition::TagCondition;

use crate::Client;
use crate::writer::Push;

/// Characters of a digest that such a tag has room for.
const ENCODED: usize = 64;
/// And those of the name of its algorithm.
const ALGORITHM: usize = 32;

/// Lets one change such an index after the other. Other processes may still come in between.
#[derive(Default)]
pub(crate) struct FallbackLocks(Mutex<HashMap<(RepositoryName, Digest), Lock>>);

type Lock = Arc<tokio::sync::Mutex<()>>;

impl FallbackLocks {
    fn of(&self, repository: &RepositoryName, subject: &Digest) -> Lock {
        let mut locks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(
            locks
                .entry((repository.clone(), subject.clone()))
                .or_default(),
        )
    }
}

impl Client {
    /// Whether the registry lists referrers, asked about `subject` where that is not known yet.
    pub(crate) async fn lists_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<bool> {
        let ability = &self.host.abilities.referrers;
        if let Some(known) = ability.known() {
            return Ok(known);
        }
        let endpoint = Endpoint::Referrers(repository.clone(), subject.clone());
        let answer = self
            .host
            .exchange(&self.host.call(Method::GET, &endpoint, ""))
            .await?;
        let able = answer.is_success();
        if !able && !is_unheard_of(answer.status) {
            return Err(self.host.refusal(answer).await);
        }
        ability.learn(able);
        Ok(able)
    }

    /// The referrers that the index under the fallback tag names.
    pub(crate) async fn fallback_referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Vec<Descriptor>> {
        let index = self.fallback_index(context, repository, subject).await?;
        Ok(index.as_ref().map(descriptors).unwrap_or_default())
    }

    pub(crate) async fn add_referrer(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        referrer: &Descriptor,
    ) -> Result<()> {
        let lock = self.host.fallback.of(repository, subject);
        let _held = lock.lock().await;
        let index = self.fallback_index(context, repository, subject).await?;
        if index
            .as_ref()
            .is_some_and(|index| descriptors(index).contains(referrer))
        {
            return Ok(());
        }
        let mut draft = index
            .as_ref()
            .map_or_else(|| Draft::index(&index_type()), Draft::of);
        draft.children(|child| {
            if child.digest == referrer.digest {
                Fate::Drop
            } else {
                Fate::Keep
            }
        });
        draft.add_child(referrer);
        self.put_fallback(context, repository, subject, &draft)
            .await
    }

    pub(crate) async fn remove_referrer(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        referrer: &Digest,
    ) -> Result<()> {
        let lock = self.host.fallback.of(repository, subject);
        let _held = lock.lock().await;
        let Some(index) = self.fallback_index(context, repository, subject).await? else {
            return Ok(());
        };
        if !descriptors(&index)
            .iter()
            .any(|child| child.digest == *referrer)
        {
            return Ok(());
        }
        let mut draft = Draft::of(&index);
        draft.children(|child| {
            if child.digest == *referrer {
                Fate::Drop
            } else {
                Fate::Keep
            }
        });
        self.put_fallback(context, repository, subject, &draft)
            .await
    }

    async fn put_fallback(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
        draft: &Draft,
    ) -> Result<()> {
        let bytes = draft.to_bytes();
        let digest = Digest::sha256(&bytes);
        let media_type = Some(index_type());
        let push = Push {
            client: self,
            context,
            repository,
            bytes,
            media_type,
            digest,
            condition: TagCondition::None,
        };
        push.run(vec![fallback_tag(subject)?]).await.map(drop)
    }

    async fn fallback_index(
        &self,
        context: &Context,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<Option<Manifest>> {
        let tag = fallback_tag(subject)?;
        let read = match self
            .get_manifest(context, repository, &tag.clone().into())
            .await
        {
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
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        let index = Manifest::parse(bytes, Some(&read.info.media_type)).ok();
        let index = index.filter(|index| index.media_type().as_str() == MediaType::OCI_INDEX);
        index.map(Some).ok_or_else(|| {
            let message = format!(
                "{} does not list referrers, and {repository}:{tag}, where clients list them instead, is no OCI index",
                self.host.name()
            );
            Error::new(Kind::Unsupported, message)
        })
    }
}

/// Whether an answer means that there is no such list, for any digest: one without referrers is empty.
pub(crate) fn is_unheard_of(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

fn index_type() -> MediaType {
    MediaType::new(MediaType::OCI_INDEX)
}

fn descriptors(index: &Manifest) -> Vec<Descriptor> {
    let children = index
        .children()
        .iter()
        .filter(|child| child.kind == ChildKind::Manifest);
    children.map(|child| child.descriptor.clone()).collect()
}

fn fallback_tag(subject: &Digest) -> Result<Tag> {
    let cut = |text: &str, most: usize| text.chars().take(most).collect::<String>();
    let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
    let tag = format!(
        "{}-{}",
        cut(subject.algorithm().as_str(), ALGORITHM),
        cut(subject.encoded(), ENCODED)
    );
    let tag = tag.replace(|character| !allowed(character), "-");
    tag.parse()
        .map_err(|error| Error::internal("making the tag of a list of referrers", error))
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::sha512;

    use super::*;

    #[test]
    fn tags_of_digests() {
        let digest = Digest::sha256(b"");
        assert_eq!(
            fallback_tag(&digest).unwrap().as_str(),
            format!("sha256-{}", digest.encoded())
        );
        let long = sha512(b"");
        assert_eq!(
            fallback_tag(&long).unwrap().as_str(),
            format!("sha512-{}", &long.encoded()[..64])
        );
        let odd: Digest = "multihash+base58:Qm=z".parse().unwrap();
        assert_eq!(
            fallback_tag(&odd).unwrap().as_str(),
            "multihash-base58-Qm-z"
        );
    }
}
