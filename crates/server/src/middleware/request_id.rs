//! Request ids. An id identifies a request in the response and in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use portolan_wire::headers::X_REQUEST_ID;

/// Maximum length of an id accepted from a request.
const MAX_LENGTH: usize = 64;

/// Generator of ids that are unique within the process, and very likely unique globally.
pub(crate) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Creates the generator. `process` is a random number that identifies the process.
    pub(crate) fn new(process: u64) -> Self {
        Self {
            process,
            count: AtomicU64::new(0),
        }
    }

    fn next(&self) -> String {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        format!("{:016x}-{count:x}", self.process)
    }
}

/// Keeps the id that a proxy has set, if it is well-formed, or generates a new id. Handlers find it
/// in the request headers, and clients in the response headers.
pub(crate) async fn request_id(
    State(ids): State<Arc<RequestIds>>,
    mut request: Request,
    next: Next,
) -> Response {
    let given = request
        .headers()
        .get(X_REQUEST_ID)
        .filter(|id| is_plain(id))
        .cloned();
    let id = given.or_else(|| HeaderValue::try_from(ids.next()).ok());
    let Some(id) = id else {
        return next.run(request).await;
    };
    request.headers_mut().insert(X_REQUEST_ID, id.clone());
    let mut response = next.run(request).await;
    response.headers_mut().insert(X_REQUEST_ID, id);
    response
}

/// Returns whether an id is safe to log.
fn is_plain(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_plain_ids() {
        let plain = |id: &str| is_plain(&HeaderValue::from_str(id).unwrap());
        assert!(plain("a1B2-c_d.e") && plain(&"x".repeat(64)));
        assert!(!plain("") && !plain("a b") && !plain("a\"b") && !plain(&"x".repeat(65)));
    }

    #[test]
    fn ids_are_unique() {
        let ids = RequestIds::new(0xabc);
        assert_eq!(
            (ids.next(), ids.next()),
            ("0000000000000abc-0".into(), "0000000000000abc-1".into())
        );
    }
}
