//! Turns of the calls that write to an upload session. A newer call ends the previous call.
//!
//! If a connection breaks, the registry may not notice it until the body times out. The client
//! sends its next request earlier. Without turns, this request would wait for the timeout.

use std::pin::pin;

use futures_util::future::{Either, pending, select};
use futures_util::{StreamExt, stream};
use serde_json::json;
use tokio::sync::watch;

use crate::{Body, Error, Kind};

/// Turns of one upload session.
#[derive(Debug, Default)]
pub struct Turns {
    newest: watch::Sender<u64>,
}

/// Turn of one call, which ends when the next turn begins.
#[derive(Clone, Debug)]
pub struct Turn {
    number: u64,
    newest: watch::Receiver<u64>,
}

impl Turns {
    /// Begins the next turn, and ends the previous turn.
    pub fn next(&self) -> Turn {
        let mut number = 0;
        self.newest.send_modify(|newest| {
            *newest += 1;
            number = *newest;
        });
        Turn {
            number,
            newest: self.newest.subscribe(),
        }
    }
}

impl Turn {
    /// Limits a body to this turn. If the turn ends before the stream is complete, the stream ends
    /// with [`Kind::OutOfOrder`], whose offset is the number of bytes that `stored` returns. After
    /// this error, the caller must discard all bytes that it has received but not stored, because
    /// the newer call begins at the stored offset.
    pub fn limit(self, body: Body, stored: impl Fn() -> u64 + Send + Sync + 'static) -> Body {
        let Body::Stream { pieces, length } = body else {
            return body;
        };
        let rest = Some((pieces, self, stored));
        let pieces = stream::unfold(rest, |rest| async {
            let (mut pieces, mut turn, stored) = rest?;
            let piece = match select(pin!(turn.end()), pieces.next()).await {
                Either::Left(_) => return Some((Err(taken_over(stored())), None)),
                Either::Right((piece, _)) => piece,
            };
            piece.map(|piece| (piece, Some((pieces, turn, stored))))
        });
        Body::Stream {
            pieces: pieces.boxed(),
            length,
        }
    }

    /// Waits until the next turn begins.
    async fn end(&mut self) {
        let number = self.number;
        if self
            .newest
            .wait_for(|newest| *newest > number)
            .await
            .is_err()
        {
            // The session was dropped, so no other turn can begin.
            pending::<()>().await;
        }
    }
}

fn taken_over(offset: u64) -> Error {
    let message = "a newer request continues this upload session";
    Error::new(Kind::OutOfOrder { offset }, message).with_detail(json!({"received": offset}))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[tokio::test]
    async fn a_newer_turn_ends_a_body() {
        let turns = Turns::default();
        let endless = || {
            let piece = Ok(Bytes::from("0"));
            Body::from_stream(stream::iter([piece]).chain(stream::pending()))
        };
        let mut older = turns.next().limit(endless(), || 7);
        assert_eq!(older.next().await.unwrap().unwrap(), "0");
        let mut newer = turns.next().limit(endless(), || 8);
        let error = older.next().await.unwrap().unwrap_err();
        assert_eq!(*error.kind(), Kind::OutOfOrder { offset: 7 });
        assert!(older.next().await.is_none());
        assert_eq!(newer.next().await.unwrap().unwrap(), "0");
    }

    #[tokio::test]
    async fn a_body_within_its_turn_is_complete() {
        let turns = Turns::default();
        let pieces = stream::iter([Ok(Bytes::from("0")), Ok(Bytes::from("1"))]);
        let body = turns.next().limit(Body::with_length(2, pieces), || 0);
        assert_eq!(body.length(), Some(2));
        drop(turns);
        assert_eq!(body.collect(2).await.unwrap(), "01");
    }
}
