//! Changes of repositories, as the cache sees them: which are being written, and what was read
//! before.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use portolan_model::RepositoryName;

/// Number of slots. Repositories with the same slot share its state: a change of one of them also
/// keeps reads of the others from being cached while it is written.
const SLOTS: usize = 256;

/// Point in the sequence of changes of a slot.
pub(super) type Generation = u64;

/// State of all repositories, by slot.
pub(super) struct Changes {
    slots: Vec<Arc<Slot>>,
    hasher: RandomState,
}

#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    /// Entries of earlier generations are invalid.
    valid_from: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Number of changes that are being written.
    in_progress: usize,
    /// Increases when a change begins and when it ends.
    generation: Generation,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| Arc::default()).collect(),
            hasher: RandomState::new(),
        }
    }
}

impl Changes {
    fn slot(&self, repository: &RepositoryName) -> &Arc<Slot> {
        let hash = self.hasher.hash_one(repository);
        let position = usize::try_from(hash % SLOTS as u64).unwrap_or_default();
        &self.slots[position]
    }

    /// Begins a change. If it affects the whole repository, all entries so far become invalid.
    pub(super) fn begin(&self, repository: &RepositoryName, affects_all: bool) -> Change {
        let slot = Arc::clone(self.slot(repository));
        let mut state = slot.state();
        state.in_progress += 1;
        state.generation += 1;
        if affects_all {
            slot.valid_from.store(state.generation, Ordering::Release);
        }
        drop(state);
        Change { slot }
    }

    /// Returns the current generation of a repository, or `None` while it is being changed.
    pub(super) fn generation(&self, repository: &RepositoryName) -> Option<Generation> {
        let state = self.slot(repository).state();
        (state.in_progress == 0).then_some(state.generation)
    }

    /// Returns whether an entry that was read at `generation` is still valid.
    pub(super) fn is_valid(&self, repository: &RepositoryName, generation: Generation) -> bool {
        generation >= self.slot(repository).valid_from.load(Ordering::Acquire)
    }

    /// Calls `add` if no change has begun since `generation`. No change can begin during the call.
    pub(super) fn if_unchanged(
        &self,
        repository: &RepositoryName,
        generation: Generation,
        add: impl FnOnce(),
    ) {
        let state = self.slot(repository).state();
        if state.generation == generation {
            add();
        }
    }
}

impl Slot {
    /// Locks the state. Ignores poisoning, because a panic leaves the numbers intact.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Change of a repository that is being written. Dropping it ends the change.
pub(crate) struct Change {
    slot: Arc<Slot>,
}

impl Drop for Change {
    fn drop(&mut self) {
        let mut state = self.slot.state();
        state.in_progress -= 1;
        state.generation += 1;
    }
}
