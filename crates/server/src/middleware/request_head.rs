//! Check of the head of a request.

use std::sync::Arc;

use axum_core::extract::Request;
use axum_core::response::Response;
use http::{HeaderValue, StatusCode, Version, header};

use crate::app::App;
use crate::body::RequestBody;
use crate::request_context::RequestContext;

/// Returns the rejection of a request with a head that HTTP or the
/// [rules about hosts](crate::host_rules) forbid, or the request.
#[expect(clippy::result_large_err, reason = "either is used at once")]
pub(crate) fn check_head(app: &Arc<App>, request: Request) -> Result<Request, Response> {
    let (head, body) = request.into_parts();
    let Err(failure) = app.host_rules.check(&head) else {
        return Ok(Request::from_parts(head, body));
    };
    drop(RequestBody::new(body, &head.headers, &app.bodies));
    let is_http_1 = head.version < Version::HTTP_2;
    let mut response = failure.into_response(&RequestContext::new(Arc::clone(app), head));
    // A proxy may disagree with the server about the end of such a request.
    if is_http_1 && response.status() == StatusCode::BAD_REQUEST {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Err(response)
}
