//! One request, without its body.

use std::sync::Arc;

use http::request::Parts;
use http::uri::Authority;
use http::{HeaderMap, Method, Uri, Version, header};
use portolan_model::RepositoryName;
use portolan_registry::copy::Place;
use portolan_registry::{Context, Registry};
use portolan_wire::headers::X_REQUEST_ID;

use crate::app::App;

/// What the handlers of a request are given.
pub(crate) struct Call {
    pub(crate) app: Arc<App>,
    pub(crate) context: Context,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    uri: Uri,
    version: Version,
}

impl Call {
    pub(crate) fn new(app: Arc<App>, head: Parts) -> Self {
        let context = app.context.clone();
        Self {
            app,
            context,
            method: head.method,
            headers: head.headers,
            uri: head.uri,
            version: head.version,
        }
    }

    pub(crate) fn registry(&self) -> &dyn Registry {
        &*self.app.registry
    }

    /// A repository as the caller sees it.
    pub(crate) fn place(&self, repository: RepositoryName) -> Place {
        let (registry, context) = (self.app.registry.clone(), self.context.clone());
        Place {
            registry,
            context,
            name: repository.as_str().into(),
            repository,
        }
    }

    /// The host that the request is for, where its target names it, as in HTTP/2.
    pub(crate) fn authority(&self) -> Option<&Authority> {
        self.uri.authority()
    }

    /// The path as it was sent, percent-encoded.
    pub(crate) fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query as it was sent, empty where there is none.
    pub(crate) fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// Whether the client, when it is refused, may send its body all the same or not: nobody can
    /// tell then where its next request begins.
    pub(crate) fn may_leave_out_its_body(&self) -> bool {
        self.version < Version::HTTP_2 && self.headers.contains_key(header::EXPECT)
    }

    /// The id under which this request is found in the log.
    pub(crate) fn request_id(&self) -> &str {
        self.headers
            .get(X_REQUEST_ID)
            .and_then(|id| id.to_str().ok())
            .unwrap_or_default()
    }
}
