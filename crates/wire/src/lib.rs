//! Conversion between the HTTP messages of the distribution specification and Rust types, without
//! IO. Shared by the server and the client.
//!
//! This crate converts the text of requests and responses to types of `portolan_model` and back:
//! paths ([`Endpoint`], [`ApiEndpoint`]), queries ([`query`]), ranges ([`range`]), conditions
//! ([`condition`]), hosts ([`HostPort`]), the rules about a head ([`request_head`]), links ([`link`]), challenges ([`Challenge`]), scopes ([`Scopes`]), error bodies
//! ([`ErrorBody`]) and warnings ([`warning`]). If a part of a request cannot be parsed, the result
//! is a [`RequestError`] with the code, message and detail of the error response. Section names in
//! the documentation refer to opencontainers/distribution-spec.

mod challenge;
pub mod condition;
mod endpoint;
mod error_body;
pub mod headers;
mod host_port;
pub mod link;
mod list;
pub mod query;
pub mod range;
mod request_error;
pub mod request_head;
mod scope;
pub mod warning;

pub use challenge::Challenge;
pub use endpoint::{ApiEndpoint, Endpoint, EndpointError, upload_uuid};
pub use error_body::{ErrorBody, ErrorEntry};
pub use host_port::{HostPort, HostPortError};
pub use request_error::RequestError;
pub use scope::Scopes;
