//! A request before it is sent: what it asks for, what rights that needs, how often it may be sent.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use portolan_model::RepositoryName;
use portolan_registry::{Body, Error, Result};
use portolan_wire::{Endpoint, Scopes};
use reqwest::Url;

use crate::payload::Payload;

/// A request.
#[derive(Clone)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) payload: Payload,
    pub(crate) access: Access,
    pub(crate) again: Again,
    /// Whether the body of the answer is handed on piece by piece.
    pub(crate) download: bool,
    /// A failure that is an answer, and not to be asked away.
    pub(crate) settled: Option<StatusCode>,
    /// Most bytes of an answer of success that are read at once; none, if its body is not read.
    pub(crate) read: Option<usize>,
}

/// The rights that a request needs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) scopes: Scopes,
    /// Whose credentials will do, where they are kept by repository.
    pub(crate) repository: Option<RepositoryName>,
}

/// When a request may be sent again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Again {
    /// Whenever it failed in a way that may pass: twice is the same as once.
    Always,
    /// If it has not arrived.
    IfUnheard,
}

impl Call {
    pub(crate) fn new(method: Method, url: Url, access: Access) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            payload: Payload::empty(),
            access,
            again: Again::Always,
            download: false,
            settled: None,
            read: None,
        }
    }

    /// The same with a header.
    ///
    /// # Errors
    /// A value that no header can hold.
    pub(crate) fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Result<Self> {
        let value = HeaderValue::from_str(value.as_ref());
        self.headers.insert(
            name,
            value.map_err(|error| Error::internal("writing a header", error))?,
        );
        Ok(self)
    }

    /// The same with a body.
    pub(crate) fn with(self, payload: impl Into<Payload>) -> Self {
        Self {
            payload: payload.into(),
            ..self
        }
    }

    /// The same with bytes that are appended to a session, and twice if they are sent twice.
    pub(crate) fn appending(self, body: Body) -> Self {
        Self {
            again: Again::IfUnheard,
            ..self.with(body)
        }
    }

    /// The same, to read an answer of up to `limit` bytes.
    pub(crate) fn reading(self, limit: usize) -> Self {
        Self {
            read: Some(limit),
            ..self
        }
    }

    /// The same, to hand the answer's body on.
    pub(crate) fn downloading(self) -> Self {
        Self {
            download: true,
            ..self
        }
    }

    /// The same, with a status that ends it, although it means that another attempt may help.
    pub(crate) fn settled_by(self, status: StatusCode) -> Self {
        Self {
            settled: Some(status),
            ..self
        }
    }

    /// The same with further rights.
    pub(crate) fn also(mut self, scopes: Scopes) -> Self {
        self.access.scopes = std::mem::take(&mut self.access.scopes).and(scopes);
        self
    }
}

impl Access {
    /// The rights that a method needs at an endpoint, as Docker's registry names them.
    pub(crate) fn to(method: &Method, endpoint: &Endpoint) -> Self {
        let reads = matches!(*method, Method::GET | Method::HEAD);
        match endpoint {
            Endpoint::Base => Self::default(),
            Endpoint::Catalog => Self {
                scopes: Scopes::catalog(),
                repository: None,
            },
            Endpoint::Uploads(name) | Endpoint::Upload(name, _) => {
                Self::repository(name, &["pull", "push"])
            }
            Endpoint::Tags(name) | Endpoint::Referrers(name, _) => {
                Self::repository(name, &["pull"])
            }
            Endpoint::Manifest(name, _) | Endpoint::Blob(name, _) => match *method {
                Method::DELETE => Self::repository(name, &["delete"]),
                _ if reads => Self::repository(name, &["pull"]),
                _ => Self::repository(name, &["pull", "push"]),
            },
        }
    }

    pub(crate) fn repository(name: &RepositoryName, actions: &[&str]) -> Self {
        Self {
            scopes: Scopes::repository(name, actions),
            repository: Some(name.clone()),
        }
    }
}
