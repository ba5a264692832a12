//! Gives each request an id, so that what a client saw can be found in the log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderValue;
use portolan_wire::headers::X_REQUEST_ID;

/// Longest id that is taken from a request.
const LONGEST: usize = 64;

/// Ids that are unique within a process, and very likely among all.
pub(crate) struct RequestIds {
    process: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Ids of a process that this random number stands for.
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

/// Keeps the id that a proxy in front has given, if it is a plain one, or makes one. The handlers
/// find it among the request's headers, the client among the answer's.
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

/// Whether an id can stand in a log without being mistaken for anything else.
fn is_plain(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
    (1..=LONGEST).contains(&id.len()) && id.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_ids_are_taken_over() {
        let plain = |id: &str| is_plain(&HeaderValue::from_str(id).unwrap());
        assert!(plain("a1B2-c_d.e") && plain(&"x".repeat(64)));
        assert!(!plain("") && !plain("a b") && !plain("a\"b") && !plain(&"x".repeat(65)));
    }

    #[test]
    fn no_id_comes_twice() {
        let ids = RequestIds::new(0xabc);
        assert_eq!(
            (ids.next(), ids.next()),
            ("0000000000000abc-0".into(), "0000000000000abc-1".into())
        );
    }
}
