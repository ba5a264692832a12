//! Check of the head of a request.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderValue, StatusCode, Version, header};

use crate::app::App;
use crate::body::RequestBody;
use crate::request_context::RequestContext;

/// Rejects requests with a head that HTTP or the [rules about hosts](crate::host_rules) forbid,
/// before any other work on them.
pub(crate) async fn request_head(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    let (head, body) = request.into_parts();
    match app.host_rules.check(&head) {
        Ok(()) => next.run(Request::from_parts(head, body)).await,
        Err(failure) => {
            drop(RequestBody::new(body, &head.headers, &app.bodies));
            let is_http_1 = head.version < Version::HTTP_2;
            let mut response = failure.into_response(&RequestContext::new(app, head));
            // A proxy may disagree with the server about the end of such a request.
            if is_http_1 && response.status() == StatusCode::BAD_REQUEST {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(header::CONNECTION, close);
            }
            response
        }
    }
}
