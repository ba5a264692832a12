//! One line in the log for each request, and one more for each failure of the registry itself.

use std::time::Instant;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, Method, Uri, header};
use portolan_wire::headers::X_REQUEST_ID;

use crate::error::Cause;
use crate::reply::Causes;

/// Logs when the head of the answer is known. Its content may still be on the way then: `bytes` is
/// what it will have, and nothing wraps it to count. Queries and headers stay out of the log.
pub(crate) async fn access_log(request: Request, next: Next) -> Response {
    let line = Line::begin(&request);
    let mut response = next.run(request).await;
    line.end(&mut response);
    response
}

/// What is known of a request before it is answered.
struct Line {
    began: Instant,
    id: String,
    method: Method,
    uri: Uri,
    answered: bool,
}

impl Line {
    fn begin(request: &Request) -> Self {
        let id = text(request.headers(), &X_REQUEST_ID).to_owned();
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Self {
            began: Instant::now(),
            id,
            method,
            uri,
            answered: false,
        }
    }

    fn end(mut self, response: &mut Response) {
        self.answered = true;
        let Self { id, method, .. } = &self;
        let (path, milliseconds) = (self.uri.path(), self.milliseconds());
        if let Some(Cause(error)) = response.extensions_mut().remove::<Cause>() {
            let error = Causes(&*error);
            tracing::error!(request = id, %method, path, %error, "the registry failed to serve a request");
        }
        let status = response.status().as_u16();
        let bytes = text(response.headers(), &header::CONTENT_LENGTH);
        tracing::info!(target: "portolan::access", request = id, %method, path, status, bytes, milliseconds);
    }

    fn milliseconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
    }
}

/// A client that hangs up has its request dropped, which deserves a line, too.
impl Drop for Line {
    fn drop(&mut self) {
        if self.answered {
            return;
        }
        let Self { id, method, .. } = &*self;
        let (path, milliseconds) = (self.uri.path(), self.milliseconds());
        tracing::info!(target: "portolan::access", request = id, %method, path, milliseconds, "the client hung up");
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}
