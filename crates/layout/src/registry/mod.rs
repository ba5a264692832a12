//! Layouts as a [`Registry`](portolan_registry::Registry), in files of the names that every implementation has.

mod deleter;
mod lister;
mod reader;
mod writer;

use std::sync::{Arc, LazyLock};

use portolan_model::RepositoryName;
use portolan_registry::{Error, Kind, Result};

use crate::layout::Layout;
use crate::storage::Storage;

/// Where the layout of each repository is. All of it waits for the disk.
pub trait Places: Send + Sync + 'static {
    /// What the layouts are kept in.
    type Storage: Storage;

    /// The layout of a repository, if there is one.
    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<Self::Storage>>>>;

    /// The layout of a repository that is to be written to.
    fn make(&self, repository: &RepositoryName) -> Result<Arc<Layout<Self::Storage>>>;

    /// The repositories that may hold something, in order.
    fn list(&self) -> Result<Vec<RepositoryName>>;
}

/// A registry whose repositories are layouts.
pub struct Layouts<P> {
    places: Arc<P>,
}

impl<P: Places> Layouts<P> {
    pub(crate) fn new(places: P) -> Self {
        Self {
            places: Arc::new(places),
        }
    }

    pub(crate) fn places(&self) -> &Arc<P> {
        &self.places
    }
}

/// One layout, as a registry with a single repository.
pub struct Single<S> {
    layout: Arc<Layout<S>>,
}

impl<S: Storage> Single<S> {
    pub(crate) fn new(storage: S) -> Self {
        Self {
            layout: Arc::new(Layout::new(storage)),
        }
    }

    pub(crate) fn layout(&self) -> &Arc<Layout<S>> {
        &self.layout
    }
}

impl<S: Storage> Places for Single<S> {
    type Storage = S;

    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<S>>>> {
        Ok((*repository == *LAYOUT_REPOSITORY).then(|| Arc::clone(&self.layout)))
    }

    fn make(&self, repository: &RepositoryName) -> Result<Arc<Layout<S>>> {
        let message = || {
            let what = self.layout.storage().what();
            format!(
                "{what} has one repository, which is called {}, and none called {repository}",
                *LAYOUT_REPOSITORY
            )
        };
        self.find(repository)?
            .ok_or_else(|| Error::new(Kind::Unsupported, message()))
    }

    fn list(&self) -> Result<Vec<RepositoryName>> {
        Ok(if self.layout.exists()? {
            vec![layout_repository()]
        } else {
            Vec::new()
        })
    }
}

/// The name of the one repository that a layout or an archive is, since these have no name of their own.
pub fn layout_repository() -> RepositoryName {
    LAYOUT_REPOSITORY.clone()
}

static LAYOUT_REPOSITORY: LazyLock<RepositoryName> =
    LazyLock::new(|| "layout".parse().expect("it is within the grammar of names"));
