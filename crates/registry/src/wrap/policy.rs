//! Wrapper that applies the policy of the target repository to each push and deletion.
//!
//! The inner registry checks a push with the policy as its [`Admission`](crate::Admission). Some
//! policies need more facts than the document and the content that it references. For these, the
//! wrapper reads the tree below the document before the push, and the inner registry evaluates the
//! findings about the tree together with the other findings.

mod normalize;
mod permits;
mod push;
mod rules;

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use portolan_model::lint::{FindingSink, LintLimits, LintTree, RuleScope};
use portolan_model::{
    Algorithm, ByteRange, Descriptor, Digest, Finding, MediaType, Reference, RepositoryName, Tag,
};

use crate::promote::OTHER_DOCUMENTS;
use crate::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Deletions, Error, Kind, Lister,
    LocalRegistry, ManifestInfo, ManifestRead, MountOutcome, Page, PageRequest, PutManifest,
    PutOutcome, Reader, Registry, Repository, Result, Upload, UploadId, Uploads, Writer,
    lint_document,
};

use permits::TreePermits;
use push::{ManifestPush, PushAction, PushAdmission};

pub use normalize::{is_fixed_by_normalization, normalized_digest};
pub use rules::{PatternError, PolicyRule, PolicyRules};

/// Limits on reading the tree below a pushed document.
const LIMITS: LintLimits = LintLimits {
    depth: 16,
    documents: 10_000,
    memory: 64 << 20,
};

/// Registry with policy rules: they decide what callers may push to a repository and delete from
/// it. The last rule that matches the repository applies.
pub struct Policies {
    local: Arc<dyn LocalRegistry>,
    /// Handle to `local` for all calls except pushes of manifests.
    inner: Arc<dyn Registry>,
    rules: PolicyRules,
    tree_permits: TreePermits,
}

impl Policies {
    /// Wraps `local`. If no rule matches a repository, the default policy applies.
    ///
    /// The rules that are in force at the beginning of a push apply to all of it.
    pub fn new(local: Arc<dyn LocalRegistry>, rules: impl Into<PolicyRules>) -> Self {
        let rules = rules.into();
        Self {
            inner: local.handle(Arc::new(rules.clone())),
            local,
            rules,
            tree_permits: TreePermits::default(),
        }
    }

    /// Returns the deletion to perform: `requested`, or [`Deletion::Forced`] if the policy permits
    /// the deletion of all content. Fails if the policy forbids deletions.
    fn resolve_deletion(
        &self,
        repository: &RepositoryName,
        requested: Deletion,
    ) -> Result<Deletion> {
        match self
            .rules
            .policy(repository)
            .unwrap_or_default()
            .deletions()
        {
            Deletions::Unreferenced => Ok(requested),
            Deletions::Always => Ok(Deletion::Forced),
            Deletions::Never => {
                let message =
                    "the policy of this repository forbids deletion: deletion = \"never\"";
                Err(Error::new(Kind::Unsupported, message))
            }
        }
    }

    /// Stores or checks a manifest according to the policy of the repository.
    async fn push(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
        action: PushAction,
    ) -> Result<PutOutcome> {
        // This policy applies to the full push, even if the rules are replaced in the meantime.
        let policy = self.rules.policy(repository).unwrap_or_default();
        let format = policy.normalization().filter(|_| !options.tags.is_empty());
        let needs_tree = format.is_some() || policy.needs_tree();
        let mut push = ManifestPush {
            local: &*self.local,
            context,
            repository,
            bytes,
            options,
            action,
            admission: PushAdmission {
                policy,
                findings: Vec::new(),
            },
        };
        if !needs_tree {
            return push.run_unchanged().await;
        }
        let permit = self.tree_permits.acquire().await?;
        // If the manifest cannot be parsed, the inner registry rejects it.
        let Some((digest, manifest)) = push.parse() else {
            return push.run_unchanged().await;
        };
        let handle = Repository::new(Arc::clone(&self.inner), context.clone(), repository.clone());
        let tree = lint_document(&handle, digest, manifest, LIMITS).await?;
        push.admission.findings = tree_findings(&tree);
        if let Some(format) = format {
            return push.run_normalized(&tree, format).await;
        }
        // The tree is no longer needed. Free its memory and the permit before the push, because the
        // push may be slow.
        drop((tree, permit));
        push.run_unchanged().await
    }
}

#[async_trait]
impl Writer for Policies {
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.push(context, repository, bytes, options, PushAction::Put)
            .await
    }

    async fn check_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        self.push(context, repository, bytes, options, PushAction::Check)
            .await
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

    async fn mount(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        self.inner.mount(context, repository, digest, from).await
    }
}

#[async_trait]
impl Uploads for Policies {
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.inner.open_upload(context, repository, algorithm).await
    }

    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.inner.upload_status(context, repository, id).await
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.inner
            .append_upload(context, repository, id, offset, body)
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

    async fn manifests(
        &self,
        context: &Context,
        repository: &RepositoryName,
        page: &PageRequest,
    ) -> Result<Page<Descriptor>> {
        self.inner.manifests(context, repository, page).await
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
        self.resolve_deletion(repository, Deletion::Guarded)?;
        self.inner.delete_tag(context, repository, tag).await
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        let deletion = self.resolve_deletion(repository, deletion)?;
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
        let deletion = self.resolve_deletion(repository, deletion)?;
        self.inner
            .delete_blob(context, repository, digest, deletion)
            .await
    }

    async fn delete_repository(
        &self,
        context: &Context,
        repository: &RepositoryName,
    ) -> Result<()> {
        self.resolve_deletion(repository, Deletion::Guarded)?;
        self.inner.delete_repository(context, repository).await
    }
}

/// Returns the findings of the rules that require the complete tree. The number of findings is
/// bounded.
fn tree_findings(tree: &LintTree) -> Vec<Finding> {
    let mut notes = FindingSink::default();
    tree.findings()
        .filter(|finding| finding.rule.scope() == RuleScope::Tree)
        .cloned()
        .for_each(|finding| notes.push(finding));
    notes.finish_with_scope(OTHER_DOCUMENTS)
}

#[cfg(test)]
mod tests;
