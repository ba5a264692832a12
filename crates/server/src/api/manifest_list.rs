//! List of the manifests of a repository.

use portolan_model::Descriptor;
use serde::Serialize;
use utoipa::ToSchema;

use super::schemas;

/// Page of the list of the manifests of a repository.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ManifestList<'a> {
    /// Descriptors of the manifests, with media type, digest and size.
    #[schema(value_type = Vec<schemas::Descriptor>)]
    pub(crate) manifests: &'a [Descriptor],
}
