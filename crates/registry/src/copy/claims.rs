//! Who brings which blob where: one request at a time, the others wait and then mount.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use portolan_model::{Digest, RepositoryName};

use crate::Registry;

/// Where a blob has been brought, held while it is being brought.
pub(super) type Claim = Arc<tokio::sync::Mutex<Option<RepositoryName>>>;

/// The claims of a run, by registry and blob.
#[derive(Default)]
pub(super) struct Claims(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    registries: Vec<Arc<dyn Registry>>,
    claims: HashMap<(usize, Digest), Claim>,
}

impl Claims {
    pub(super) fn of(&self, registry: &Arc<dyn Registry>, digest: &Digest) -> Claim {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let number = entries.number(registry);
        Arc::clone(entries.claims.entry((number, digest.clone())).or_default())
    }
}

impl Entries {
    fn number(&mut self, registry: &Arc<dyn Registry>) -> usize {
        let known = self
            .registries
            .iter()
            .position(|known| Arc::ptr_eq(known, registry));
        known.unwrap_or_else(|| {
            self.registries.push(Arc::clone(registry));
            self.registries.len() - 1
        })
    }
}
