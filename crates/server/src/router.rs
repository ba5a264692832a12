//! Routes: every path and method of the server, on one page.
//!
//! [`Endpoint`] and [`ApiEndpoint`] parse the paths: repository names span several segments, and a path
//! must be split before it is decoded.

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::Request;
use axum_core::response::Response;
use http::{Method, Version, header};
use http_body::Body as _;
use portolan_registry::UploadId;
use portolan_wire::headers::X_REQUEST_ID;
use portolan_wire::{ApiEndpoint, Endpoint};

use crate::app::App;
use crate::body::RequestBody;
use crate::client_address::ClientAddress;
use crate::error::{HandlerResult, HttpError};
use crate::handlers::{
    base, blobs, catalog, check, description, health, manifest_list, manifests, referrers,
    repositories, tags, tree, uploads,
};
use crate::middleware::access_log::LogLine;
use crate::middleware::request_head::check_head;
use crate::middleware::request_id::RequestIds;
use crate::middleware::response_timeout::limit_response_time;
use crate::network::Network;
use crate::request_context::RequestContext;

/// Service for all requests.
pub(crate) struct Router {
    app: Arc<App>,
    ids: RequestIds,
    trusted_proxies: Vec<Network>,
}

impl Router {
    pub(crate) fn new(app: Arc<App>, ids: RequestIds, trusted_proxies: Vec<Network>) -> Self {
        Self {
            app,
            ids,
            trusted_proxies,
        }
    }

    /// Answers a request of `peer`, which may be a proxy of the client.
    pub(crate) async fn respond(&self, peer: ClientAddress, mut request: Request) -> Response {
        let client = peer.behind_proxies(request.headers(), &self.trusted_proxies);
        request.extensions_mut().insert(client);
        let id = self.ids.assign(request.headers_mut());
        let line = LogLine::begin(&request);
        let (is_head, version) = (request.method() == Method::HEAD, request.version());
        let mut response = match check_head(&self.app, request) {
            Ok(request) => route(Arc::clone(&self.app), request).await,
            Err(rejection) => rejection,
        };
        if is_head {
            response = without_body(response);
        } else if version == Version::HTTP_2 {
            response = limit_response_time(response, self.app.write_timeout);
        }
        line.end(&mut response);
        response.headers_mut().insert(X_REQUEST_ID, id);
        response
    }
}

/// Removes the body of the response to a HEAD request. The header keeps its length.
fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    if let Some(length) = body.size_hint().exact()
        && !head.headers.contains_key(header::CONTENT_LENGTH)
    {
        head.headers.insert(header::CONTENT_LENGTH, length.into());
    }
    Response::from_parts(head, Body::empty())
}

async fn route(app: Arc<App>, request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/v2/") {
        registry(app, request).await
    } else if path.starts_with("/api/v1/") {
        api(app, request).await
    } else {
        other(app, request).await
    }
}

async fn registry(app: Arc<App>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = RequestBody::new(body, &head.headers, &app.bodies);
    let call = RequestContext::new(app, head);
    let answer = match Endpoint::parse(call.path()) {
        Ok(endpoint) => {
            let allowed = allowed_methods(&endpoint);
            dispatch(&call, body, endpoint)
                .await
                .map_err(|failure| failure.with_other_methods(&call.method, allowed))
        }
        Err(error) => Err(HttpError::from_path_error(error, &call.method)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn dispatch(call: &RequestContext, body: RequestBody, endpoint: Endpoint) -> HandlerResult {
    let method = call.method.as_str();
    match (endpoint, method) {
        (Endpoint::Base, "GET" | "HEAD") => base::get(),
        (Endpoint::Catalog, "GET" | "HEAD") => catalog::list(call).await,
        (Endpoint::Tags(name), "GET" | "HEAD") => tags::list(call, name).await,
        (Endpoint::Referrers(name, digest), "GET" | "HEAD") => {
            referrers::list(call, name, digest).await
        }

        (Endpoint::Manifest(name, reference), "GET") => {
            manifests::get(call, &name, &reference).await
        }
        (Endpoint::Manifest(name, reference), "HEAD") => {
            manifests::head(call, &name, &reference).await
        }
        (Endpoint::Manifest(name, reference), "PUT") => {
            manifests::put(call, body, name, reference).await
        }
        (Endpoint::Manifest(name, reference), "DELETE") => {
            manifests::delete(call, &name, &reference).await
        }

        (Endpoint::Blob(name, digest), "GET") => blobs::get(call, &name, &digest).await,
        (Endpoint::Blob(name, digest), "HEAD") => blobs::head(call, &name, &digest).await,
        (Endpoint::Blob(name, digest), "DELETE") => blobs::delete(call, &name, &digest).await,

        (Endpoint::Uploads(name), "POST") => uploads::start(call, body, name).await,
        (Endpoint::Upload(name, id), "GET") => uploads::status(call, name, UploadId::new(id)).await,
        (Endpoint::Upload(name, id), "PATCH") => {
            uploads::write(call, body, name, UploadId::new(id)).await
        }
        (Endpoint::Upload(name, id), "PUT") => {
            uploads::finish(call, body, name, UploadId::new(id)).await
        }
        (Endpoint::Upload(name, id), "DELETE") => {
            uploads::cancel(call, &name, &UploadId::new(id)).await
        }

        (endpoint, _) => Err(HttpError::method_not_allowed(
            &call.method,
            allowed_methods(&endpoint),
        )),
    }
}

/// Returns the methods of an endpoint, in the format of the `Allow` header.
fn allowed_methods(endpoint: &Endpoint) -> &'static str {
    match endpoint {
        Endpoint::Base | Endpoint::Catalog | Endpoint::Tags(_) | Endpoint::Referrers(..) => READ,
        Endpoint::Manifest(..) => "GET, HEAD, PUT, DELETE",
        Endpoint::Blob(..) => "GET, HEAD, DELETE",
        Endpoint::Uploads(_) => "POST",
        Endpoint::Upload(..) => "GET, PATCH, PUT, DELETE",
    }
}

const READ: &str = "GET, HEAD";

async fn api(app: Arc<App>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = RequestBody::new(body, &head.headers, &app.bodies);
    let call = RequestContext::new(app, head);
    let answer = match ApiEndpoint::parse(call.path()) {
        Ok(endpoint) => {
            let allowed = allowed_api_methods(&endpoint);
            dispatch_api(&call, body, endpoint)
                .await
                .map_err(|failure| failure.with_other_methods(&call.method, allowed))
        }
        Err(error) => Err(HttpError::from_path_error(error, &call.method)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

/// Dispatches a request to Portolan's own API. A new endpoint must also be added to the OpenAPI
/// description, or its test fails.
async fn dispatch_api(
    call: &RequestContext,
    body: RequestBody,
    endpoint: ApiEndpoint,
) -> HandlerResult {
    match (endpoint, call.method.as_str()) {
        (ApiEndpoint::Description, "GET" | "HEAD") => description::get(),
        (ApiEndpoint::Repository(name), "DELETE") => repositories::delete(call, &name).await,
        (ApiEndpoint::Manifests(name), "GET" | "HEAD") => manifest_list::list(call, name).await,
        (ApiEndpoint::Check(name), "POST") => check::check(call, body, name).await,
        (ApiEndpoint::Tree(name, reference), "GET" | "HEAD") => {
            tree::get(call, name, reference).await
        }
        (endpoint, _) => Err(HttpError::method_not_allowed(
            &call.method,
            allowed_api_methods(&endpoint),
        )),
    }
}

fn allowed_api_methods(endpoint: &ApiEndpoint) -> &'static str {
    match endpoint {
        ApiEndpoint::Description | ApiEndpoint::Manifests(_) | ApiEndpoint::Tree(..) => READ,
        ApiEndpoint::Repository(_) => "DELETE",
        ApiEndpoint::Check(_) => "POST",
    }
}

async fn other(app: Arc<App>, request: Request) -> Response {
    let call = RequestContext::new(app, request.into_parts().0);
    let answer = match (call.path(), call.method.as_str()) {
        ("/healthz", "GET" | "HEAD") => health::alive(),
        ("/readyz", "GET" | "HEAD") => health::ready(&call).await,
        ("/healthz" | "/readyz", _) => Err(HttpError::method_not_allowed(&call.method, READ)),
        _ => Err(HttpError::not_found()),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}
