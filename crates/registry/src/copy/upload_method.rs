//! Ways to send a blob to an upload session, and the way that each target accepts.

use std::sync::{Arc, Mutex, PoisonError};

use crate::{Error, Kind, Registry};

/// Maximum length of the chunks after the target has rejected a longer request, in bytes. The limit
/// of common proxies is 100 MB.
const MAX_CHUNK: u64 = 64 << 20;

/// Minimum length of the chunks, in bytes. If the target rejects chunks of this length as too
/// large, the copy fails.
const MIN_CHUNK: u64 = 64 << 10;

/// Divisor that is applied to the length of the chunks each time the target rejects them as too
/// large.
const SHRINKING: u64 = 4;

/// Way to send a blob to an upload session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum UploadMethod {
    /// One chunk (PATCH), and an empty request that finishes the session. The upload can resume.
    #[default]
    Stream,
    /// All bytes in the request that finishes the session, for a target that accepts no chunks.
    Single,
    /// Chunks of at most this number of bytes, for a target that limits the length of a request.
    Chunks(u64),
}

impl UploadMethod {
    /// Returns the method to try after the target has rejected `length` bytes with `error`, or
    /// `None` if another method would not help. `is_new` is true for a session to which nothing was
    /// sent before. `min_chunk` is the minimum length of a chunk that the target requires.
    pub(super) fn next_after(
        self,
        error: &Error,
        length: u64,
        is_new: bool,
        min_chunk: u64,
    ) -> Option<Self> {
        let min_chunk = min_chunk.max(MIN_CHUNK);
        let smaller = |rejected: u64| {
            let length = (rejected.saturating_sub(1) / SHRINKING).clamp(min_chunk, MAX_CHUNK);
            (length < rejected).then_some(Self::Chunks(length))
        };
        match (self, error.kind()) {
            (Self::Stream, Kind::Unsupported) => Some(Self::Single),
            (Self::Stream, Kind::UploadUnknown) if is_new => Some(Self::Single),
            (Self::Stream, Kind::TooLarge) => smaller(length),
            (Self::Chunks(rejected), Kind::TooLarge) => smaller(rejected.min(length)),
            _ => None,
        }
    }
}

/// Method that each target is known to accept.
#[derive(Default)]
pub(super) struct UploadMethods(Mutex<Vec<(Arc<dyn Registry>, UploadMethod)>>);

impl UploadMethods {
    pub(super) fn get(&self, registry: &Arc<dyn Registry>) -> UploadMethod {
        let methods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = methods
            .iter()
            .find(|(known, _)| Arc::ptr_eq(known, registry));
        known.map(|(_, method)| *method).unwrap_or_default()
    }

    pub(super) fn set(&self, registry: &Arc<dyn Registry>, method: UploadMethod) {
        let mut methods = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        methods.retain(|(known, _)| !Arc::ptr_eq(known, registry));
        methods.push((Arc::clone(registry), method));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(method: UploadMethod, kind: Kind, length: u64) -> Option<UploadMethod> {
        method.next_after(&Error::new(kind, "no"), length, true, 0)
    }

    #[test]
    fn rejected_chunks_become_one_request_or_smaller_chunks() {
        use UploadMethod::{Chunks, Single, Stream};
        assert_eq!(after(Stream, Kind::Unsupported, 9), Some(Single));
        assert_eq!(after(Stream, Kind::UploadUnknown, 9), Some(Single));
        assert_eq!(after(Stream, Kind::Denied, 9), None);
        assert_eq!(after(Single, Kind::TooLarge, 9 << 20), None);
        let mut method = after(Stream, Kind::TooLarge, 1 << 40);
        let mut lengths = Vec::new();
        while let Some(Chunks(length)) = method {
            lengths.push(length);
            method = after(Chunks(length), Kind::TooLarge, 1 << 40);
        }
        assert_eq!((lengths[0], lengths.len()), (MAX_CHUNK, 6));
        assert_eq!(lengths.last(), Some(&MIN_CHUNK));
    }

    #[test]
    fn chunks_are_not_shorter_than_the_target_demands() {
        let error = Error::new(Kind::TooLarge, "no");
        let after = |length| UploadMethod::Stream.next_after(&error, length, true, 5 << 20);
        assert_eq!(after(8 << 20), Some(UploadMethod::Chunks(5 << 20)));
        assert_eq!(after(5 << 20), None);
    }
}
