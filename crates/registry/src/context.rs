//! Who asks, and what they may do.

use std::fmt;
use std::sync::Arc;

use portolan_model::RepositoryName;

/// What every call of a registry is told about the request that it serves.
#[derive(Clone)]
pub struct Context {
    caller: Caller,
    authorize: Arc<dyn Authorize>,
}

/// Who asks.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Caller {
    /// Nobody in particular.
    Anonymous,
    /// An account, by name.
    Named(Arc<str>),
}

/// What somebody wants to do with a repository.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Read its content.
    Pull,
    /// Add content and set tags.
    Push,
    /// Remove content and tags.
    Delete,
}

/// Decides who may do what.
pub trait Authorize: Send + Sync {
    /// Whether `caller` may do `action` in `repository`.
    fn allows(&self, caller: &Caller, action: Action, repository: &RepositoryName) -> bool;
}

/// Everybody may do everything: a registry without accounts.
#[derive(Clone, Copy, Debug)]
pub struct Everything;

impl Authorize for Everything {
    fn allows(&self, _: &Caller, _: Action, _: &RepositoryName) -> bool {
        true
    }
}

impl Context {
    /// The context of a caller whose rights `authorize` knows.
    pub fn new(caller: Caller, authorize: Arc<dyn Authorize>) -> Self {
        Self { caller, authorize }
    }

    /// Anybody, who may do everything.
    pub fn anonymous() -> Self {
        Self::new(Caller::Anonymous, Arc::new(Everything))
    }

    /// Who asks.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Whether the caller may do `action` in `repository`.
    pub fn allows(&self, action: Action, repository: &RepositoryName) -> bool {
        self.authorize.allows(&self.caller, action, repository)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Context")
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Anonymous => "anonymous",
            Self::Named(name) => name,
        })
    }
}
