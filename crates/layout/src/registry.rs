//! Layouts as a [`Registry`](portolan_registry::Registry). Each part of the trait has the same file
//! name as in every other implementation.

mod deleter;
mod lister;
mod reader;
mod uploads;
mod writer;

use std::sync::{Arc, LazyLock};

use portolan_model::RepositoryName;
use portolan_registry::{Admission, Error, Kind, LocalRegistry, Policy, Registry, Result};

use crate::layout::Layout;
use crate::storage::Storage;

/// Source of layouts, one for each repository. All methods block on disk I/O.
pub trait LayoutSource: Send + Sync + 'static {
    /// Storage of the layouts.
    type Storage: Storage;

    /// Returns the layout of a repository, if it exists.
    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<Self::Storage>>>>;

    /// Returns the layout of a repository for writing.
    fn create(&self, repository: &RepositoryName) -> Result<Arc<Layout<Self::Storage>>>;

    /// Returns the repositories that may have content, in order.
    fn list(&self) -> Result<Vec<RepositoryName>>;
}

/// Registry whose repositories are layouts.
pub struct Layouts<P> {
    source: Arc<P>,
    admission: Arc<dyn Admission>,
}

impl<P: LayoutSource> Layouts<P> {
    pub(crate) fn new(source: P) -> Self {
        Self {
            source: Arc::new(source),
            admission: Arc::new(Policy::default()),
        }
    }

    pub(crate) fn source(&self) -> &Arc<P> {
        &self.source
    }
}

impl<P: LayoutSource> LocalRegistry for Layouts<P> {
    fn handle(&self, admission: Arc<dyn Admission>) -> Arc<dyn Registry> {
        Arc::new(Self {
            source: Arc::clone(&self.source),
            admission,
        })
    }
}

/// Source with a single layout. The layout is the only repository of its registry.
pub struct SingleLayout<S> {
    layout: Arc<Layout<S>>,
}

impl<S: Storage> SingleLayout<S> {
    pub(crate) fn new(storage: S) -> Self {
        Self {
            layout: Arc::new(Layout::new(storage)),
        }
    }

    pub(crate) fn layout(&self) -> &Arc<Layout<S>> {
        &self.layout
    }
}

impl<S: Storage> LayoutSource for SingleLayout<S> {
    type Storage = S;

    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<S>>>> {
        Ok((*repository == *LAYOUT_REPOSITORY).then(|| Arc::clone(&self.layout)))
    }

    fn create(&self, repository: &RepositoryName) -> Result<Arc<Layout<S>>> {
        let message = || {
            let what = self.layout.storage().describe();
            format!(
                "{what} has only the repository {}; repository {repository} does not exist",
                *LAYOUT_REPOSITORY
            )
        };
        self.find(repository)?
            .ok_or_else(|| Error::new(Kind::Unsupported, message()))
    }

    fn list(&self) -> Result<Vec<RepositoryName>> {
        Ok(if self.layout.has_content()? {
            vec![layout_repository()]
        } else {
            Vec::new()
        })
    }
}

/// Returns the name of the only repository in a layout or an archive. A fixed name is necessary,
/// because the layout does not contain a repository name.
pub fn layout_repository() -> RepositoryName {
    LAYOUT_REPOSITORY.clone()
}

static LAYOUT_REPOSITORY: LazyLock<RepositoryName> =
    LazyLock::new(|| "layout".parse().expect("the name is valid"));
