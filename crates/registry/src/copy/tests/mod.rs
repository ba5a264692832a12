//! What copying does, seen at both ends.

mod broken;
mod converting;
mod kinds;
mod parts;
mod spy;

use std::sync::Arc;

use bytes::Bytes;
use portolan_model::fixtures::{repository, tag};
use portolan_model::{Digest, Platform};

use super::{Copier, NoSessions, Observer, Options, Outcome, Place, Plan, Request};
use crate::contract::Repository;
use crate::{Context, Registry, Result, TagUpdate};
use spy::Spy;

/// Both ends of a copy, and what is done between them.
struct Ends {
    source: Arc<Spy>,
    target: Arc<Spy>,
    copier: Copier,
    options: Options,
}

impl Ends {
    fn new() -> Self {
        let (source, target) = spy::spies();
        Self {
            source,
            target,
            copier: copier(),
            options: Options::default(),
        }
    }

    /// Where things are copied from, to be filled.
    fn source(&self) -> Repository {
        Repository::of(
            &(Arc::clone(&self.source) as Arc<dyn Registry>),
            "sparse/from",
        )
    }

    /// Where they arrive.
    fn target(&self) -> Repository {
        Repository::of(
            &(Arc::clone(&self.target) as Arc<dyn Registry>),
            "sparse/to",
        )
    }

    fn request(&self, reference: &str) -> Request {
        Request {
            source: place(Arc::clone(&self.source) as _, "sparse/from"),
            reference: reference.parse().unwrap(),
            target: place(Arc::clone(&self.target) as _, "sparse/to"),
            tags: vec![TagUpdate::always(tag("copied"))],
        }
    }

    async fn plan(&self, reference: &str) -> Result<Plan> {
        self.copier
            .plan(&self.request(reference), &self.options)
            .await
    }

    async fn copy(&self, reference: &str) -> Result<Outcome> {
        let plan = self.plan(reference).await?;
        self.copier.carry_out(&plan, &nobody()).await
    }
}

fn copier() -> Copier {
    Copier::new(4, Arc::new(NoSessions))
}

fn nobody() -> Arc<dyn Observer> {
    Arc::new(())
}

fn place(registry: Arc<dyn Registry>, name: &str) -> Place {
    Place {
        registry,
        context: Context::anonymous(),
        repository: repository(name),
        name: name.into(),
    }
}

fn platforms(names: &[&str]) -> Vec<Platform> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A blob that is too large to be sent in one request out of memory.
fn large(seed: u8) -> (Digest, Bytes) {
    let content: Bytes = (0..3 << 20)
        .map(|position: u32| seed ^ position.to_le_bytes()[1])
        .collect();
    (Digest::sha256(&content), content)
}
