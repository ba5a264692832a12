//! A blob on its way here, which goes on where it stands when it breaks off.

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
use crate::answer::Answer;
use crate::call::Call;
use crate::failure::{Failure, Sent};
use crate::host::Host;
use crate::reader::content_range;
use crate::refusal;
use crate::turns::Turn;

/// Which bytes are wanted.
pub(crate) struct Part {
    /// Size of the whole blob.
    pub(crate) size: u64,
    /// Number of bytes that the answer has in front of them.
    pub(crate) skipped: u64,
    pub(crate) wanted: Range<u64>,
}

/// The wanted bytes that have not come yet.
pub(crate) struct Download {
    host: Arc<Host>,
    /// Asks for the whole blob.
    call: Call,
    left: Range<u64>,
    size: u64,
    /// Bytes to come that are not wanted.
    skipped: u64,
    pieces: Option<BoxStream<'static, Result<Bytes, Failure>>>,
    /// Attempts in a row that have brought nothing.
    failures: u32,
    /// Kept over all attempts: a download that goes on need not wait behind others.
    _turn: Option<Turn>,
}

impl Download {
    pub(crate) fn new(client: &Client, call: Call, part: Part, answer: Answer) -> Self {
        let (pieces, turn) = answer.into_pieces();
        Self {
            host: Arc::clone(&client.host),
            call,
            left: part.wanted,
            size: part.size,
            skipped: part.skipped,
            pieces: Some(pieces.boxed()),
            failures: 0,
            _turn: turn,
        }
    }

    /// The wanted bytes, exactly as many.
    pub(crate) fn into_body(self) -> Body {
        let length = self.left.end - self.left.start;
        let pieces = stream::try_unfold(self, |mut download| async {
            Ok(download.next().await?.map(|piece| (piece, download)))
        });
        Body::sized(length, pieces)
    }

    async fn next(&mut self) -> Result<Option<Bytes>> {
        while !self.left.is_empty() {
            let piece = match &mut self.pieces {
                Some(pieces) => pieces.next().await.unwrap_or_else(|| Err(self.ended())),
                None => match self.ask_again().await {
                    Ok(()) => continue,
                    Err(failure) => Err(failure),
                },
            };
            match piece {
                Ok(piece) => {
                    let piece = self.take(piece);
                    if !piece.is_empty() {
                        return Ok(Some(piece));
                    }
                }
                Err(failure) => self.pause(failure).await?,
            }
        }
        Ok(None)
    }

    /// Cuts off what is not wanted.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "neither is more than the length of what is in memory"
    )]
    fn take(&mut self, mut piece: Bytes) -> Bytes {
        let skipped = self.skipped.min(piece.len() as u64);
        self.skipped -= skipped;
        let _ = piece.split_to(skipped as usize);
        piece.truncate((self.left.end - self.left.start).min(piece.len() as u64) as usize);
        if !piece.is_empty() {
            self.failures = 0;
            self.left.start += piece.len() as u64;
        }
        piece
    }

    async fn pause(&mut self, failure: Failure) -> Result<()> {
        self.pieces = None;
        if failure.is_final() {
            return Err(failure.error);
        }
        self.failures += 1;
        self.host.persistence.pause(self.failures, failure).await
    }

    /// Asks for what is left.
    async fn ask_again(&mut self) -> Result<(), Failure> {
        let range = ByteRange::Closed {
            first: self.left.start,
            last: self.left.end - 1,
        };
        let whole = self.left == (0..self.size);
        let call = self.call.clone();
        let call = if whole {
            call
        } else {
            call.header(header::RANGE, write_range(range))?
        };
        let answer = self.host.attempt(&call).await?;
        self.skipped = match answer.status {
            StatusCode::PARTIAL_CONTENT
                if content_range(&answer).is_some_and(|range| self.is_next(range.part)) =>
            {
                0
            }
            StatusCode::OK => self.left.start,
            status if status.is_success() => return Err(self.elsewhere().into()),
            status => {
                let failure = refusal::failure(self.host.name(), answer).await;
                let sent = if refusal::may_pass(status) {
                    Sent::Perhaps
                } else {
                    Sent::Enough
                };
                return Err(Failure { sent, ..failure });
            }
        };
        let (pieces, _) = answer.into_pieces();
        self.pieces = Some(pieces.boxed());
        Ok(())
    }

    fn is_next(&self, part: Option<Range<u64>>) -> bool {
        part.is_some_and(|part| part.start == self.left.start)
    }

    fn ended(&self) -> Failure {
        let message = format!(
            "the answer of {} ended {} bytes early",
            self.host.name(),
            self.left.end - self.left.start
        );
        Failure::new(Error::new(Kind::Unavailable, message), Sent::Perhaps)
    }

    fn elsewhere(&self) -> Error {
        let message = format!(
            "{} was asked to go on at {} and went on elsewhere",
            self.host.name(),
            self.left.start
        );
        Error::new(Kind::Unsupported, message)
    }
}
