//! Health of the process and of the registry behind it.

use serde::Serialize;
use utoipa::ToSchema;

/// Health status.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    /// `alive` if the process responds, `ready` if the registry can serve.
    pub(crate) status: &'static str,
}
