//! Push of one manifest under the policy of its repository.

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::{Digest, Finding, Manifest, RepositoryName};

use crate::{
    Admission, Context, JudgedFinding, LocalRegistry, Policy, PushFacts, PutManifest, PutOutcome,
    Registry, Result, verify_digest,
};

/// Action to take on a pushed manifest.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum PushAction {
    /// Store the manifest and set its tags.
    Put,
    /// Return the outcome of storing the manifest, without storing it.
    Check,
}

/// Admission of one push: its policy, and the findings of checks before the push.
#[derive(Clone, Debug)]
pub(super) struct PushAdmission {
    pub(super) policy: Policy,
    /// Findings that require the complete tree.
    pub(super) findings: Vec<Finding>,
}

impl Admission for PushAdmission {
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        self.policy.admit_with_findings(push, &self.findings)
    }
}

/// Push of one manifest to a repository, or a check of such a push.
pub(super) struct ManifestPush<'a> {
    pub(super) local: &'a dyn LocalRegistry,
    pub(super) context: &'a Context,
    pub(super) repository: &'a RepositoryName,
    pub(super) bytes: Bytes,
    pub(super) options: PutManifest,
    pub(super) action: PushAction,
    pub(super) admission: PushAdmission,
}

impl ManifestPush<'_> {
    /// Parses the manifest. Returns `None` if the bytes are not a manifest or do not match the
    /// digest.
    pub(super) fn parse(&self) -> Option<(Digest, Manifest)> {
        let digest = verify_digest(&self.bytes, self.options.digest.as_ref()).ok()?;
        let media_type = self.options.media_type.as_ref();
        let manifest = Manifest::parse(self.bytes.clone(), media_type).ok()?;
        Some((digest, manifest))
    }

    /// Stores or checks the pushed manifest without converting it. The tags point to it.
    pub(super) async fn run_unchanged(self) -> Result<PutOutcome> {
        let registry = self.registry();
        let Self {
            context,
            repository,
            bytes,
            options,
            ..
        } = self;
        match self.action {
            PushAction::Put => {
                registry
                    .put_manifest(context, repository, bytes, options)
                    .await
            }
            PushAction::Check => {
                registry
                    .check_manifest(context, repository, bytes, options)
                    .await
            }
        }
    }

    /// Returns a handle to the registry that checks manifests with the admission of this push.
    pub(super) fn registry(&self) -> Arc<dyn Registry> {
        self.local.handle(Arc::new(self.admission.clone()))
    }
}
