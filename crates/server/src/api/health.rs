//! What is said of the process, and of the registry behind it.

use serde::Serialize;
use utoipa::ToSchema;

/// How it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` for a process that answers, `ready` for a registry that can serve.
    pub(crate) status: &'static str,
}
