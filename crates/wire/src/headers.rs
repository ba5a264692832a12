//! Names of HTTP headers that the HTTP standard does not define.

use http::HeaderName;

/// Digest of the content of a response ("Pulling manifests").
pub const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// Version of Docker's registry protocol, in responses from `/v2/`.
pub const DOCKER_DISTRIBUTION_API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");
/// Id of an upload session.
pub const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Minimum length of each chunk of an upload session except the last, in bytes ("Pushing a blob in
/// chunks").
pub const OCI_CHUNK_MIN_LENGTH: HeaderName = HeaderName::from_static("oci-chunk-min-length");
/// Names of the filters that the registry applied to a list of referrers ("Listing Referrers").
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// Upstream registry of a response, if the query parameter `ns` selected one.
pub const OCI_NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");
/// Digest of the subject that the registry found in a pushed manifest ("Pushing Manifests with
/// Subject").
pub const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// Tag that the registry set together with a manifest ("Pushing Manifests").
pub const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// Extensions of the specification that a Portolan registry supports, as a list of words in
/// responses from `/v2/`.
///
/// The word [`PRECONDITIONS`] means that the registry supports conditions on the tag of a push: it
/// checks the condition and sets the tag in one atomic step.
pub const PORTOLAN_FEATURES: HeaderName = HeaderName::from_static("portolan-features");
/// Digest of the converted manifest that the tags of a push point to, if the registry converted the
/// pushed manifest.
pub const PORTOLAN_NORMALIZED: HeaderName = HeaderName::from_static("portolan-normalized");
/// Id of the request in the log of the registry.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Value of [`DOCKER_DISTRIBUTION_API_VERSION`].
pub const API_VERSION: &str = "registry/2.0";
/// Word in [`PORTOLAN_FEATURES`] for the support of conditional pushes.
pub const PRECONDITIONS: &str = "preconditions";
