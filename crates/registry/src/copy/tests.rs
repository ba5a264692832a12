//! Effects of copies, checked at the source and at the target.

mod broken;
mod converting;
mod kinds;
mod parts;
mod spy;

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{repository, tag};
use portolan_model::{Digest, Platform};

use super::{Copier, CopyObserver, CopyOptions, CopyOutcome, CopyRequest, NoSessionStore, Plan};
use crate::contract::TestRepository;
use crate::{Context, Registry, Repository, Result, TagUpdate};
use spy::Spy;

/// Source and target of a copy, with the copier and its options.
struct Ends {
    source: Arc<Spy>,
    target: Arc<Spy>,
    copier: Copier,
    options: CopyOptions,
}

impl Ends {
    fn new() -> Self {
        let (source, target) = spy::spies();
        Self {
            source,
            target,
            copier: copier(),
            options: CopyOptions::default(),
        }
    }

    /// Returns the source repository. Tests store content in it.
    fn source(&self) -> TestRepository {
        TestRepository::new(
            &(Arc::clone(&self.source) as Arc<dyn Registry>),
            "sparse/from",
        )
    }

    /// Returns the target repository.
    fn target(&self) -> TestRepository {
        TestRepository::new(
            &(Arc::clone(&self.target) as Arc<dyn Registry>),
            "sparse/to",
        )
    }

    fn request(&self, reference: &str) -> CopyRequest {
        CopyRequest {
            source: handle(Arc::clone(&self.source) as _, "sparse/from"),
            reference: reference.parse().unwrap(),
            target: handle(Arc::clone(&self.target) as _, "sparse/to"),
            tags: vec![TagUpdate::unconditional(tag("copied"))],
        }
    }

    async fn plan(&self, reference: &str) -> Result<Plan> {
        self.copier
            .plan(&self.request(reference), &self.options)
            .await
    }

    async fn copy(&self, reference: &str) -> Result<CopyOutcome> {
        let plan = self.plan(reference).await?;
        self.copier.execute(&plan, &no_observer()).await
    }
}

fn copier() -> Copier {
    Copier::new(4, Arc::new(NoSessionStore))
}

fn no_observer() -> Arc<dyn CopyObserver> {
    Arc::new(())
}

fn handle(registry: Arc<dyn Registry>, name: &str) -> Repository {
    Repository::new(registry, Context::anonymous(), repository(name))
}

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// Returns a blob that is too large to be sent from memory in one request.
fn large_blob(seed: u8) -> (Digest, Bytes) {
    let content: Bytes = (0..3 << 20)
        .map(|position: u32| seed ^ position.to_le_bytes()[1])
        .collect();
    (Digest::sha256(&content), content)
}
