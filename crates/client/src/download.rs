//! Blob download that resumes at the last received byte if the connection breaks.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use futures_util::stream::{BoxStream, StreamExt};
use http::{StatusCode, header};
use portolan_model::ByteRange;
use portolan_registry::{Body, Error, Kind, Result};
use portolan_wire::range::write_range;

use crate::Client;
use crate::error_response;
use crate::failure::{Delivery, Failure};
use crate::host::Host;
use crate::limiter::RequestPermit;
use crate::reader::{content_range, is_range_rejection};
use crate::request::RegistryRequest;
use crate::response::RegistryResponse;

/// Byte range of a blob to download, and the position of this range in the response.
pub(crate) struct BlobRange {
    /// Size of the full blob.
    pub(crate) size: u64,
    /// Number of bytes to skip in the response before `range` begins.
    pub(crate) skipped: u64,
    /// Range to download, as offsets in the blob.
    pub(crate) range: Range<u64>,
}

/// Blob download in progress.
pub(crate) struct Download {
    host: Arc<Host>,
    /// Request for the full blob.
    call: RegistryRequest,
    /// Range of the blob that was not returned to the caller yet.
    remaining: Range<u64>,
    /// Size of the full blob.
    size: u64,
    /// Number of bytes to skip in `stream` before `remaining` begins.
    skipped: u64,
    /// Body of the current response, or `None` after a failure.
    stream: Option<BoxStream<'static, Result<Bytes, Failure>>>,
    /// False once the registry has rejected a request for a range, or has returned a different
    /// range.
    supports_ranges: bool,
    /// Number of consecutive failures since the last received data.
    failures: u32,
    /// Permit of the first request. Requests that resume the download use it too, so that they do
    /// not wait for a permit.
    _permit: Option<RequestPermit>,
}

impl Download {
    pub(crate) fn new(
        client: &Client,
        call: RegistryRequest,
        part: BlobRange,
        answer: RegistryResponse,
    ) -> Self {
        let (pieces, turn) = answer.into_stream();
        Self {
            host: Arc::clone(&client.host),
            call,
            remaining: part.range,
            size: part.size,
            skipped: part.skipped,
            stream: Some(pieces.boxed()),
            supports_ranges: true,
            failures: 0,
            _permit: turn,
        }
    }

    /// Returns the requested range as a body of known length.
    pub(crate) fn into_body(self) -> Body {
        let length = self.remaining.end - self.remaining.start;
        let pieces = stream::try_unfold(self, |mut download| async {
            Ok(download.next_piece().await?.map(|piece| (piece, download)))
        });
        Body::with_length(length, pieces)
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>> {
        while !self.remaining.is_empty() {
            let piece = match &mut self.stream {
                Some(pieces) => match pieces.next().await {
                    Some(piece) => piece,
                    None => Err(self.early_end_failure()),
                },
                None => match self.resume().await {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                },
            };
            match piece {
                Ok(piece) => {
                    let piece = self.trim(piece);
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                Err(failure) => self.pause(failure).await?,
            }
        }
        Ok(None)
    }

    /// Removes the bytes before and after the remaining range from a piece of the response.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "both are at most the length of a buffer in memory"
    )]
    fn trim(&mut self, mut piece: Bytes) -> Bytes {
        let skipped = self.skipped.min(piece.len() as u64);
        self.skipped -= skipped;
        let _ = piece.split_to(skipped as usize);
        piece
            .truncate((self.remaining.end - self.remaining.start).min(piece.len() as u64) as usize);
        if !piece.is_empty() {
            // Progress resets the count of failures: the connection of a large download may break
            // more often than the maximum number of attempts.
            self.failures = 0;
            self.remaining.start += piece.len() as u64;
        }
        piece
    }

    async fn pause(&mut self, failure: Failure) -> Result<()> {
        self.stream = None;
        if failure.is_final() {
            return Err(failure.error);
        }
        self.failures += 1;
        self.host.retrier.pause(self.failures, failure).await
    }

    /// Requests the remaining range, in a single attempt. The caller repeats it, and
    /// [`Download::pause`] counts and delays the attempts.
    async fn resume(&mut self) -> Result<(), Failure> {
        let range = ByteRange::Closed {
            first: self.remaining.start,
            last: self.remaining.end - 1,
        };
        let whole = self.remaining == (0..self.size) || !self.supports_ranges;
        let call = self.call.clone();
        let call = if whole {
            call
        } else {
            call.with_header(header::RANGE, write_range(range))?
        };
        let answer = self.host.attempt(&call).await?;
        self.skipped = match answer.status {
            StatusCode::PARTIAL_CONTENT
                if content_range(&answer).is_some_and(|range| self.is_continuation(range.part)) =>
            {
                0
            }
            // A server without range support sends the full blob again, so the bytes that were
            // already received are skipped.
            StatusCode::OK => self.remaining.start,
            status if !whole && (status.is_success() || self.is_rejection(status)) => {
                self.supports_ranges = false;
                return Err(Failure::new(self.wrong_offset_error(), Delivery::Unknown));
            }
            status if status.is_success() => return Err(self.wrong_offset_error().into()),
            status => {
                let failure = error_response::into_failure(self.host.name(), answer).await;
                let sent = if error_response::is_temporary(status) {
                    Delivery::Unknown
                } else {
                    Delivery::Final
                };
                return Err(Failure {
                    delivery: sent,
                    ..failure
                });
            }
        };
        let (pieces, _) = answer.into_stream();
        self.stream = Some(pieces.boxed());
        Ok(())
    }

    /// Returns whether the status rejects the range. The first 500 after received data may be
    /// temporary, so the range is requested again.
    fn is_rejection(&self, status: StatusCode) -> bool {
        let is_temporary = status == StatusCode::INTERNAL_SERVER_ERROR && self.failures <= 1;
        is_range_rejection(status) && !is_temporary
    }

    fn is_continuation(&self, part: Option<Range<u64>>) -> bool {
        part.is_some_and(|part| part.start == self.remaining.start)
    }

    fn early_end_failure(&self) -> Failure {
        let missing = self.remaining.end - self.remaining.start;
        let predicate = format!("ended the response {missing} bytes early");
        let error = Error::from_host(Kind::Unavailable, self.host.name(), predicate);
        Failure::new(error, Delivery::Unknown)
    }

    fn wrong_offset_error(&self) -> Error {
        let predicate = format!(
            "did not resume the download at byte {}",
            self.remaining.start
        );
        Error::from_host(Kind::Unsupported, self.host.name(), predicate)
    }
}
