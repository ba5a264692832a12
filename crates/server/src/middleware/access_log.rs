//! One line in the log for each answer, and one more for each failure of the registry itself.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, header};
use portolan_wire::headers::X_REQUEST_ID;

use crate::error::Cause;
use crate::reply::Causes;

/// Logs when the head of the answer is known. Its content may still be on the way then: `bytes` is
/// what it will have, and nothing wraps it to count. Queries and headers stay out of the log.
pub(crate) async fn access_log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (method, uri) = (request.method().clone(), request.uri().clone());
    let id = text(request.headers(), &X_REQUEST_ID).to_owned();
    let mut response = next.run(request).await;
    let path = uri.path();
    if let Some(Cause(error)) = response.extensions_mut().remove::<Cause>() {
        tracing::error!(request = id, %method, path, error = %Causes(&*error), "the registry failed to serve a request");
    }
    let status = response.status().as_u16();
    let bytes = text(response.headers(), &header::CONTENT_LENGTH);
    let milliseconds = began.elapsed().as_secs_f64() * 1000.0;
    tracing::info!(target: "portolan::access", request = id, %method, path, status, bytes, milliseconds);
    response
}

fn text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}
