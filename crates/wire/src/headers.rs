//! The names of headers that HTTP itself does not define.

use http::HeaderName;

/// The digest of the content that an answer is about ("Pulling manifests").
pub const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
/// The version of Docker's registry protocol, on `/v2/`.
pub const DOCKER_DISTRIBUTION_API_VERSION: HeaderName =
    HeaderName::from_static("docker-distribution-api-version");
/// The id of an upload session.
pub const DOCKER_UPLOAD_UUID: HeaderName = HeaderName::from_static("docker-upload-uuid");
/// Which filters a list of referrers went through ("Listing Referrers").
pub const OCI_FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");
/// The upstream that an answer comes from, where `ns` selected one.
pub const OCI_NAMESPACE: HeaderName = HeaderName::from_static("oci-namespace");
/// The subject that was read from a manifest ("Pushing Manifests with Subject").
pub const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
/// A tag that was set together with a manifest ("Pushing Manifests").
pub const OCI_TAG: HeaderName = HeaderName::from_static("oci-tag");
/// What a Portolan registry can do beyond the specification, on `/v2/`: a list of words, of which
/// `preconditions` says that conditions on tags are checked and set in one step.
pub const PORTOLAN_FEATURES: HeaderName = HeaderName::from_static("portolan-features");
/// The digest that a push's tags point to, where that is not what was pushed but the same converted.
pub const PORTOLAN_NORMALISED: HeaderName = HeaderName::from_static("portolan-normalised");
/// The id under which an answer's request is found in the log.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The value of [`DOCKER_DISTRIBUTION_API_VERSION`].
pub const API_VERSION: &str = "registry/2.0";
/// The word in [`PORTOLAN_FEATURES`] for conditional pushes.
pub const PRECONDITIONS: &str = "preconditions";
