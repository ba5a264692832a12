//! Routes: every path and method of the server, on one page.
//!
//! The framework has a single route for everything below `/v2/`, and another for everything below
//! `/api/v1/`. It cannot parse these paths: it would decode a path before splitting it, and
//! repository names span several segments. [`Endpoint`] and [`ApiEndpoint`] parse these paths.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use axum::routing::any;
use portolan_registry::UploadId;
use portolan_wire::{ApiEndpoint, Endpoint};

use crate::app::App;
use crate::body::RequestBody;
use crate::error::{HandlerResult, HttpError};
use crate::handlers::{
    base, blobs, catalog, check, description, health, manifest_list, manifests, referrers,
    repositories, tags, tree, uploads,
};
use crate::middleware::access_log::access_log;
use crate::middleware::client_address::client_address;
use crate::middleware::request_head::request_head;
use crate::middleware::request_id::{RequestIds, request_id};
use crate::middleware::response_timeout::response_timeout;
use crate::network::Network;
use crate::request_context::RequestContext;

pub(crate) fn router(app: Arc<App>, ids: RequestIds, trusted_proxies: &[Network]) -> Router {
    Router::new()
        .route("/v2/", any(registry))
        .route("/v2/{*rest}", any(registry))
        .route("/api/v1/{*rest}", any(api))
        .route("/healthz", any(healthz))
        .route("/readyz", any(readyz))
        .fallback(not_found)
        .layer(from_fn_with_state(app.write_timeout, response_timeout))
        .layer(from_fn_with_state(Arc::clone(&app), request_head))
        // The last layer runs first: the access log needs the client's address and the request id.
        .layer(from_fn(access_log))
        .layer(from_fn_with_state(
            Arc::from(trusted_proxies),
            client_address,
        ))
        .layer(from_fn_with_state(Arc::new(ids), request_id))
        .with_state(app)
}

async fn registry(State(app): State<Arc<App>>, request: Request) -> Response {
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

async fn api(State(app): State<Arc<App>>, request: Request) -> Response {
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

async fn healthz(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = RequestContext::new(app, request.into_parts().0);
    let answer = match call.method.as_str() {
        "GET" | "HEAD" => health::alive(),
        _ => Err(HttpError::method_not_allowed(&call.method, READ)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn readyz(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = RequestContext::new(app, request.into_parts().0);
    let answer = match call.method.as_str() {
        "GET" | "HEAD" => health::ready(&call).await,
        _ => Err(HttpError::method_not_allowed(&call.method, READ)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn not_found(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = RequestContext::new(app, request.into_parts().0);
    HttpError::not_found().into_response(&call)
}
