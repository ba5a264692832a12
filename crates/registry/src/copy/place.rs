//! Where something is: a repository of a registry, and what is often asked of it.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::{Descriptor, Digest, MediaType, Reference, RepositoryName};

use crate::{
    Context, MAX_MANIFEST_BYTES, ManifestInfo, PageRequest, Registry, Result, verified_digest,
};

/// Items of a list that are asked for at a time.
const PAGE: usize = 1000;

/// A repository of a registry, as seen by somebody.
#[derive(Clone)]
pub struct Place {
    /// The registry. Two places are on the same one if this is the same `Arc`.
    pub registry: Arc<dyn Registry>,
    /// Who asks.
    pub context: Context,
    /// The repository.
    pub repository: RepositoryName,
    /// What people call it, for messages and for [`Sessions`](super::Sessions): `quay.io/team/app`, `oci:folder`.
    pub name: Arc<str>,
}

impl Place {
    /// What people call something in it, for messages.
    pub(crate) fn at(&self, reference: &(impl ToString + ?Sized)) -> String {
        let reference = reference.to_string();
        let separator = if reference.contains(':') { '@' } else { ':' };
        format!("{}{separator}{reference}", self.name)
    }

    /// Whether both are on the same registry, so that blobs can be mounted.
    pub fn shares_registry_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.registry, &other.registry)
    }

    /// A manifest with all of its bytes, which have the digest that they are served under.
    ///
    /// # Errors
    /// [`Kind::ManifestUnknown`](crate::Kind::ManifestUnknown);
    /// [`Kind::TooLarge`](crate::Kind::TooLarge) for more than 4 MiB;
    /// [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) for other bytes.
    pub async fn manifest(&self, reference: &Reference) -> Result<(ManifestInfo, Bytes)> {
        let read = self
            .registry
            .get_manifest(&self.context, &self.repository, reference)
            .await?;
        let bytes = read.body.collect(MAX_MANIFEST_BYTES).await?;
        verified_digest(&bytes, Some(&read.info.digest))?;
        Ok((read.info, bytes))
    }

    /// Every manifest whose subject is `digest`, or those of one artifact type (distribution-spec,
    /// "Listing Referrers").
    ///
    /// # Errors
    /// Failures of the registry itself alone.
    pub async fn referrers(
        &self,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
    ) -> Result<Vec<Descriptor>> {
        let (mut found, mut request) = (Vec::new(), PageRequest::first(PAGE));
        loop {
            let Self {
                registry,
                context,
                repository,
                ..
            } = self;
            let page = registry
                .referrers(context, repository, digest, artifact_type, &request)
                .await?;
            found.extend(page.items);
            match page.next {
                Some(next) => request.after = Some(next),
                None => return Ok(found),
            }
        }
    }
}
