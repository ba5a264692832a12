//! Gives each manifest the policy of the repository that it is pushed to.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use globset::{GlobBuilder, GlobMatcher};
use portolan_model::{Algorithm, ByteRange, Descriptor, Digest, MediaType, Reference, RepositoryName, Tag};

use crate::{
    BlobInfo, BlobRead, Body, Context, Deleter, Deletion, Lister, ManifestInfo, ManifestRead, Mount, Page, PageRequest,
    Policy, PutManifest, PutOutcome, Reader, Registry, Result, Upload, UploadId, Writer,
};

/// A policy, and the repositories that it is for.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    repositories: GlobMatcher,
    policy: Policy,
}

/// The pattern is no glob.
#[derive(Debug, thiserror::Error)]
#[error("not a pattern for repository names: {0}")]
pub struct PatternError(#[from] globset::Error);

impl PolicyRule {
    /// `*` stands for any part of one component of a name, `**` for any number of components.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(repositories: &str, policy: Policy) -> Result<Self, PatternError> {
        let glob = GlobBuilder::new(repositories).literal_separator(true).build()?;
        Ok(Self { repositories: glob.compile_matcher(), policy })
    }
}

/// A registry in which the last rule that matches a repository decides what may be pushed there.
pub struct Policies {
    inner: Arc<dyn Registry>,
    rules: Vec<PolicyRule>,
}

impl Policies {
    /// Wraps `inner`. A repository that no rule matches has the policy that the caller names.
    pub fn new(inner: Arc<dyn Registry>, rules: Vec<PolicyRule>) -> Self {
        Self { inner, rules }
    }

    fn policy(&self, repository: &RepositoryName) -> Option<&Policy> {
        let matching = self.rules.iter().rev().find(|rule| rule.repositories.is_match(repository.as_str()));
        matching.map(|rule| &rule.policy)
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
        if let Some(policy) = self.policy(repository) {
            options.policy = policy.clone();
        }
        self.inner.put_manifest(context, repository, bytes, options).await
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
        self.inner.start_upload(context, repository, algorithm).await
    }

    async fn upload_status(&self, context: &Context, repository: &RepositoryName, id: &UploadId) -> Result<Upload> {
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
        self.inner.write_upload(context, repository, id, offset, body).await
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
        self.inner.finish_upload(context, repository, id, offset, body, digest).await
    }

    async fn cancel_upload(&self, context: &Context, repository: &RepositoryName, id: &UploadId) -> Result<()> {
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
        self.inner.get_blob(context, repository, digest, range).await
    }

    async fn head_blob(&self, context: &Context, repository: &RepositoryName, digest: &Digest) -> Result<BlobInfo> {
        self.inner.head_blob(context, repository, digest).await
    }

    async fn get_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        self.inner.get_manifest(context, repository, reference).await
    }

    async fn head_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        self.inner.head_manifest(context, repository, reference).await
    }
}

#[async_trait]
impl Lister for Policies {
    async fn repositories(&self, context: &Context, page: &PageRequest) -> Result<Page<RepositoryName>> {
        self.inner.repositories(context, page).await
    }

    async fn tags(&self, context: &Context, repository: &RepositoryName, page: &PageRequest) -> Result<Page<Tag>> {
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
        self.inner.referrers(context, repository, digest, artifact_type, page).await
    }
}

#[async_trait]
impl Deleter for Policies {
    async fn delete_tag(&self, context: &Context, repository: &RepositoryName, tag: &Tag) -> Result<()> {
        self.inner.delete_tag(context, repository, tag).await
    }

    async fn delete_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.inner.delete_manifest(context, repository, digest, deletion).await
    }

    async fn delete_blob(
        &self,
        context: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        deletion: Deletion,
    ) -> Result<()> {
        self.inner.delete_blob(context, repository, digest, deletion).await
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::repository;

    use super::*;
    use crate::Preset;
    use crate::memory::MemoryRegistry;

    fn policies<const N: usize>(rules: [(&str, Preset); N]) -> Policies {
        let rule = |(pattern, preset): (&str, Preset)| PolicyRule::new(pattern, preset.into()).unwrap();
        Policies::new(Arc::new(MemoryRegistry::new()), rules.into_iter().map(rule).collect())
    }

    fn matches(pattern: &str, name: &str) -> bool {
        policies([(pattern, Preset::Sparse)]).policy(&repository(name)).is_some()
    }

    #[test]
    fn the_last_rule_that_matches_counts() {
        let policies = policies([
            ("**", Preset::Sparse),
            ("team/**", Preset::Open),
            ("team/cache", Preset::Sparse),
            ("x", Preset::Open),
        ]);
        let (open, sparse) = (Policy::from(Preset::Open), Policy::from(Preset::Sparse));
        for (name, policy) in [("other", &sparse), ("team/app", &open), ("team/cache", &sparse), ("x", &open)] {
            assert_eq!(policies.policy(&repository(name)), Some(policy), "{name}");
        }
    }

    #[test]
    fn without_a_rule_that_matches_the_caller_decides() {
        assert_eq!(policies([]).policy(&repository("team/app")), None);
        assert_eq!(policies([("mirror/**", Preset::Sparse)]).policy(&repository("team/app")), None);
    }

    #[test]
    fn one_star_stays_within_a_component() {
        for name in ["team/app", "team/x"] {
            assert!(matches("team/*", name), "{name}");
        }
        for name in ["team", "team/app/cache", "other/app"] {
            assert!(!matches("team/*", name), "{name}");
        }
        assert!(matches("*/cache", "team/cache") && !matches("*/cache", "team/app/cache"));
        assert!(matches("team/app-*", "team/app-one") && !matches("team/app-*", "team/app-one/cache"));
    }

    #[test]
    fn two_stars_are_any_number_of_components() {
        for name in ["mirror/a", "mirror/a/b", "mirror/a/b/c"] {
            assert!(matches("mirror/**", name), "{name}");
        }
        for name in ["mirror", "mirrors/a", "team/mirror/a"] {
            assert!(!matches("mirror/**", name), "{name}");
        }
        for name in ["cache", "team/cache", "team/app/cache"] {
            assert!(matches("**/cache", name), "{name}");
        }
        for name in ["team/cache", "team/app/cache", "team/app/x/cache"] {
            assert!(matches("team/**/cache", name), "{name}");
        }
    }

    #[test]
    fn a_malformed_pattern_is_an_error() {
        for pattern in ["team/[", "team/{a,b", "[z-a]"] {
            let error = PolicyRule::new(pattern, Policy::default()).unwrap_err();
            assert!(error.to_string().starts_with("not a pattern for repository names: "), "{error}");
        }
    }
}
