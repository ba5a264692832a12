//! The HTTP grammar of the distribution specification, without IO: shared by server and client.
//!
//! Everything here turns text of a request or an answer into types of `portolan_model` and back:
//! paths ([`Endpoint`], [`ApiEndpoint`]), queries ([`query`]), ranges ([`range`]), conditions ([`condition`]), links
//! ([`link`]), challenges ([`Challenge`]), scopes ([`Scopes`]), error bodies ([`ErrorBody`]) and
//! warnings ([`warning`]). A text of a request that cannot be read becomes a [`RequestError`], which
//! carries the code, sentence and detail that the answer is made of. Section names in the
//! documentation are those of opencontainers/distribution-spec.

mod challenge;
pub mod condition;
mod endpoint;
mod error_body;
pub mod headers;
pub mod link;
mod list;
pub mod query;
pub mod range;
mod request_error;
mod scope;
pub mod warning;

pub use challenge::Challenge;
pub use endpoint::{ApiEndpoint, Endpoint, EndpointError, upload_uuid};
pub use error_body::{ErrorBody, ErrorEntry};
pub use request_error::RequestError;
pub use scope::Scopes;
