//! Request to a registry: target, required permissions, and whether it may be retried.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use portolan_model::RepositoryName;
use portolan_registry::{Body, Error, Result};
use portolan_wire::{Endpoint, Scopes};
use reqwest::Url;

use crate::error_response;
use crate::payload::Payload;

/// Request to a registry, before it is authenticated and sent.
#[derive(Clone)]
pub(crate) struct RegistryRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) access: Access,
    pub(crate) retry_condition: RetryCondition,
    /// True if the caller streams the body of the response.
    pub(crate) download: bool,
    /// Returns whether a response with this status counts as a failed attempt, which is retried.
    /// Any other response is returned to the caller.
    pub(crate) is_retried: fn(StatusCode) -> bool,
    /// Maximum size of the body of a successful response, in bytes, for reading it into memory. If
    /// `None`, the body is discarded, unless `download` is true.
    pub(crate) body_limit: Option<usize>,
}

/// Permissions that a request needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) scopes: Scopes,
    /// Repository of the request, for credential stores with credentials by repository.
    pub(crate) repository: Option<RepositoryName>,
}

/// Condition for sending a request again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum RetryCondition {
    /// The request is idempotent, so it is sent again after every temporary failure.
    Always,
    /// The request is sent again only if it did not reach the registry.
    IfNotReceived,
}

impl RegistryRequest {
    pub(crate) fn new(method: Method, url: Url, access: Access) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::empty(),
            access,
            retry_condition: RetryCondition::Always,
            download: false,
            is_retried: error_response::is_temporary,
            body_limit: None,
        }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](portolan_registry::Kind::Internal) if the value is not valid in a
    /// header.
    pub(crate) fn with_header(mut self, name: HeaderName, value: impl AsRef<str>) -> Result<Self> {
        let value = HeaderValue::from_str(value.as_ref());
        self.headers.insert(
            name,
            value.map_err(|error| Error::internal("failed to write a header", error))?,
        );
        Ok(self)
    }

    /// Sets the body.
    pub(crate) fn with_body(self, payload: impl Into<Payload>) -> Self {
        Self {
            payload: payload.into(),
            ..self
        }
    }

    /// Sets a body that the registry appends to an upload session. It must not be appended twice,
    /// so the request is sent again only if it did not reach the registry.
    pub(crate) fn with_appended_body(self, body: Body) -> Self {
        Self {
            retry_condition: RetryCondition::IfNotReceived,
            ..self.with_body(body)
        }
    }

    /// Requests that the body of a successful response is read into memory. A body of more than
    /// `limit` bytes fails with [`Kind::TooLarge`](portolan_registry::Kind::TooLarge).
    pub(crate) fn with_body_limit(self, limit: usize) -> Self {
        Self {
            body_limit: Some(limit),
            ..self
        }
    }

    /// Requests that the body of a successful response is returned as a stream.
    pub(crate) fn with_streamed_body(self) -> Self {
        Self {
            download: true,
            ..self
        }
    }

    /// Requests that only responses with a status for which `is_retried` returns true are retried.
    /// All other responses are returned to the caller.
    pub(crate) fn with_retried(self, is_retried: fn(StatusCode) -> bool) -> Self {
        Self { is_retried, ..self }
    }

    /// Adds `scopes` to the scopes that the request needs.
    pub(crate) fn with_scopes(mut self, scopes: Scopes) -> Self {
        self.access.scopes = std::mem::take(&mut self.access.scopes).union(scopes);
        self
    }
}

impl Access {
    /// Returns the permissions that a request with `method` to `endpoint` needs, as scopes of
    /// Docker's token protocol.
    pub(crate) fn for_request(method: &Method, endpoint: &Endpoint) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match endpoint {
            Endpoint::Base => Self::default(),
            Endpoint::Catalog => Self {
                scopes: Scopes::catalog(),
                repository: None,
            },
            Endpoint::Uploads(name) | Endpoint::Upload(name, _) => {
                Self::for_repository(name, &["pull", "push"])
            }
            Endpoint::Tags(name) | Endpoint::Referrers(name, _) => {
                Self::for_repository(name, &["pull"])
            }
            Endpoint::Manifest(name, _) | Endpoint::Blob(name, _) => match *method {
                Method::DELETE => Self::for_repository(name, &["delete"]),
                _ if reads => Self::for_repository(name, &["pull"]),
                _ => Self::for_repository(name, &["pull", "push"]),
            },
        }
    }

    pub(crate) fn for_repository(name: &RepositoryName, actions: &[&str]) -> Self {
        Self {
            scopes: Scopes::repository(name, actions),
            repository: Some(name.clone()),
        }
    }
}
