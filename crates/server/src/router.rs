//! Every path and method that the server knows, on one page.
//!
//! The framework sees only `/v2/` and `/api/v1/` and everything below them: it would decode a path
//! before splitting it, and repository names span segments. What a path means is read by [`Endpoint`]
//! and [`ApiEndpoint`].

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
use crate::call::Call;
use crate::error::{Answer, Failure};
use crate::handlers::{
    base, blobs, catalog, check, description, health, manifests, referrers, tags, tree, uploads,
};
use crate::middleware::access_log::access_log;
use crate::middleware::request_id::{RequestIds, request_id};

pub(crate) fn router(app: Arc<App>, ids: RequestIds) -> Router {
    Router::new()
        .route("/v2/", any(registry))
        .route("/v2/{*rest}", any(registry))
        .route("/api/v1/{*rest}", any(api))
        .route("/healthz", any(healthz))
        .route("/readyz", any(readyz))
        .fallback(nothing)
        .layer(from_fn(access_log))
        .layer(from_fn_with_state(Arc::new(ids), request_id))
        .with_state(app)
}

async fn registry(State(app): State<Arc<App>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = RequestBody::new(body, &head.headers, &app.bodies);
    let call = Call::new(app, head);
    let answer = match Endpoint::parse(call.path()) {
        Ok(endpoint) => {
            let allowed = allowed(&endpoint);
            answer(&call, body, endpoint)
                .await
                .map_err(|failure| failure.allowing_others(&call.method, allowed))
        }
        Err(error) => Err(Failure::of_path(error, &call.method)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn answer(call: &Call, body: RequestBody, endpoint: Endpoint) -> Answer {
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

        (endpoint, _) => Err(Failure::method_not_allowed(
            &call.method,
            allowed(&endpoint),
        )),
    }
}

/// The methods of an endpoint, as the `Allow` header lists them.
fn allowed(endpoint: &Endpoint) -> &'static str {
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
    let call = Call::new(app, head);
    let answer = match ApiEndpoint::parse(call.path(), &call.method) {
        Ok(endpoint) => {
            let allowed = allowed_by_api(&endpoint);
            answer_of_api(&call, body, endpoint)
                .await
                .map_err(|failure| failure.allowing_others(&call.method, allowed))
        }
        Err(error) => Err(Failure::of_path(error, &call.method)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

/// What is added here is added to the description of the API too, or its test fails.
async fn answer_of_api(call: &Call, body: RequestBody, endpoint: ApiEndpoint) -> Answer {
    match (endpoint, call.method.as_str()) {
        (ApiEndpoint::Description, "GET" | "HEAD") => description::get(),
        (ApiEndpoint::Check(name), "POST") => check::check(call, body, name).await,
        (ApiEndpoint::Tree(name, reference), "GET" | "HEAD") => {
            tree::get(call, name, reference).await
        }
        (endpoint, _) => Err(Failure::method_not_allowed(
            &call.method,
            allowed_by_api(&endpoint),
        )),
    }
}

fn allowed_by_api(endpoint: &ApiEndpoint) -> &'static str {
    match endpoint {
        ApiEndpoint::Description | ApiEndpoint::Tree(..) => READ,
        ApiEndpoint::Check(_) => "POST",
    }
}

async fn healthz(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::new(app, request.into_parts().0);
    let answer = match call.method.as_str() {
        "GET" | "HEAD" => health::alive(),
        _ => Err(Failure::method_not_allowed(&call.method, READ)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn readyz(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::new(app, request.into_parts().0);
    let answer = match call.method.as_str() {
        "GET" | "HEAD" => health::ready(&call).await,
        _ => Err(Failure::method_not_allowed(&call.method, READ)),
    };
    answer.unwrap_or_else(|failure| failure.into_response(&call))
}

async fn nothing(State(app): State<Arc<App>>, request: Request) -> Response {
    let call = Call::new(app, request.into_parts().0);
    Failure::no_endpoint().into_response(&call)
}
