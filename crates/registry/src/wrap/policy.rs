//! Gives each manifest the policy of the repository that it is pushed to, and deletes what that lets go.
//!
//! What the policy has to know beyond the document and what is stored under the digests in it is found out here: the
//! tree below it is read, and what is remarkable about that is judged together with the rest.

mod normalise;
mod rules;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::lint::{Limits, Notes, Reach, Tree};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, Finding, Manifest, MediaType, Reference,
    RepositoryName, Tag,
};
use tokio::sync::Semaphore;

use crate::copy::Place;
use crate::take_in::OTHER_DOCUMENTS;
use crate::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Deletions, Error, Kind, Lister,
    ManifestInfo, ManifestRead, Mount, Page, PageRequest, PutManifest, PutOutcome, Reader,
    Registry, Result, Upload, UploadId, Writer, lint_document, verified_digest,
};

use normalise::Push;

pub use normalise::{is_mended, normalised};
pub use rules::{PatternError, PolicyRule, PolicyRules};

/// How much of the tree below a document is read when that is pushed.
const LIMITS: Limits = Limits {
    depth: 16,
    documents: 10_000,
};

/// Most pushes and checks that hold a tree at the same time, each of which may take what [`Limits`] allow; others wait.
const TREES: usize = 4;

/// A registry in which the last rule that matches a repository decides what may be pushed there, and deleted.
pub struct Policies {
    inner: Arc<dyn Registry>,
    rules: PolicyRules,
    /// Who may hold a tree.
    trees: Semaphore,
}

impl Policies {
    /// Wraps `inner`. A repository that no rule matches has the policy that the caller names.
    /// What is done about a push is what the rules say when it begins.
    pub fn new(inner: Arc<dyn Registry>, rules: impl Into<PolicyRules>) -> Self {
        Self {
            inner,
            rules: rules.into(),
            trees: Semaphore::new(TREES),
        }
    }

    /// How something is deleted, if anything may be.
    fn deletion(&self, repository: &RepositoryName, asked_for: Deletion) -> Result<Deletion> {
        match self
            .rules
            .policy(repository)
            .unwrap_or_default()
            .deletions()
        {
            Deletions::Unreferenced => Ok(asked_for),
            Deletions::Always => Ok(Deletion::Forced),
            Deletions::Never => {
                let message =
                    "nothing is deleted from this repository; its policy says deletion = \"never\"";
                Err(Error::new(Kind::Unsupported, message))
            }
        }
    }

    /// Puts a manifest whose policy stands in `options`.
    async fn put_judged(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        mut options: PutManifest,
    ) -> Result<PutOutcome> {
        let normalises = options
            .policy
            .normalises()
            .filter(|_| !options.tags.is_empty());
        if normalises.is_none() && !options.policy.asks_for_the_tree() {
            return self
                .inner
                .put_manifest(context, repository, bytes, options)
                .await;
        }
        let turn = self
            .trees
            .acquire()
            .await
            .map_err(|error| Error::internal("waiting to read a tree", error))?;
        // What cannot be read is for the registry itself to refuse.
        let Some((digest, manifest)) = read(&bytes, &options) else {
            return self
                .inner
                .put_manifest(context, repository, bytes, options)
                .await;
        };
        let place = Place {
            registry: Arc::clone(&self.inner),
            context: context.clone(),
            repository: repository.clone(),
            name: repository.as_str().into(),
        };
        let tree = lint_document(&place, digest, manifest, LIMITS).await?;
        options.known.extend(about_the_tree(&tree));
        let push = Push {
            place: &place,
            bytes,
            options,
        };
        if let Some(format) = normalises {
            return push.normalised(&tree, format).await;
        }
        drop((tree, turn));
        push.unchanged().await
    }
}

#[async_trait]
impl Writer for Policies {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        mut options: PutManifest,
    ) -> Result<PutOutcome> {
        if let Some(policy) = self.rules.policy(repository) {
            options.policy = policy;
        }
        self.put_judged(context, repository, bytes, options).await
    }

    async fn put_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        self.inner.put_blob(context, repository, digest, body).await
    }

    async fn start_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.inner
            .start_upload(context, repository, algorithm)
            .await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.inner.upload_status(context, repository, id).await
    }

    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.inner
            .write_upload(context, repository, id, offset, body)
            .await
    }

    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        self.inner
            .finish_upload(context, repository, id, offset, body, digest)
            .await
    }

    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        self.inner.cancel_upload(context, repository, id).await
    }

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        self.inner.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Reader for Policies {
    async fn get_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        self.inner
            .get_blob(context, repository, digest, range)
            .await
    }

    async fn head_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.inner
            .get_manifest(context, repository, reference)
            .await
    }

    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        self.inner
            .head_manifest(context, repository, reference)
            .await
    }
}

#[async_trait]
impl Lister for Policies {
    async fn repositories(
        &self,
        context: &Context,
        page: &PageRequest,
    ) -> Result<Page<RepositoryName>> {
        self.inner.repositories(context, page).await
    }

    async fn tags(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Tag>> {
        self.inner.tags(context, repository, page).await
    }

    async fn referrers(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        artifact_type: Option<&MediaType>,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.inner
            .referrers(context, repository, digest, artifact_type, page)
            .await
    }
}

#[async_trait]
impl Deleter for Policies {
    async fn delete_tag(
        &self,
        context: &Context,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<()> {
        self.deletion(repository, Deletion::Guarded)?;
        self.inner.delete_tag(context, repository, tag).await
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let deletion = self.deletion(repository, deletion)?;
        self.inner
            .delete_manifest(context, repository, digest, deletion)
            .await
    }

    async fn delete_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let deletion = self.deletion(repository, deletion)?;
        self.inner
            .delete_blob(context, repository, digest, deletion)
            .await
    }
}

/// What only the whole tree shows, with a bound.
fn about_the_tree(tree: &Tree) -> Vec<Finding> {
    let mut notes = Notes::default();
    tree.findings()
        .filter(|finding| finding.rule.reach() == Reach::Tree)
        .cloned()
        .for_each(|finding| notes.take(finding));
    notes.finish_in(OTHER_DOCUMENTS)
}

/// What is pushed, if its digest and its document can be read.
fn read(bytes: &Bytes, options: &PutManifest) -> Option<(Digest, Manifest)> {
    let digest = verified_digest(bytes, options.digest.as_ref()).ok()?;
    let manifest = Manifest::parse(bytes.clone(), options.media_type.as_ref()).ok()?;
    Some((digest, manifest))
}

#[cfg(test)]
mod tests;
