//! Request ids. An id identifies a request in the response and in the log.

use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue};
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

    /// Keeps the id that a proxy has set in the headers of a request, if it is well-formed, or sets a
    /// new id. Returns the id for the headers of the response.
    pub(crate) fn assign(&self, headers: &mut HeaderMap) -> HeaderValue {
        let given = headers.get(X_REQUEST_ID).filter(|id| is_plain(id)).cloned();
        let id = given.unwrap_or_else(|| self.next());
        headers.insert(X_REQUEST_ID, id.clone());
        id
    }

    fn next(&self) -> HeaderValue {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:016x}-{count:x}", self.process);
        // Digits and a hyphen are always valid.
        HeaderValue::try_from(id).unwrap_or(HeaderValue::from_static("-"))
    }
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
            (
                HeaderValue::from_static("0000000000000abc-0"),
                HeaderValue::from_static("0000000000000abc-1")
            )
        );
    }
}
