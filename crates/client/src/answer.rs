//! What came back: a status, headers, and a body that is still on its way or was read whole.

use std::str::FromStr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http::{HeaderMap, HeaderName, StatusCode};
use portolan_registry::{Error, Kind};
use reqwest::{Response, Url};
use tokio::time::timeout;

use crate::failure::{Failure, Sent, authority, causes};
use crate::turns::Turn;

/// Most bytes of a body that are read only to keep its connection.
const DISCARDED: usize = 64 << 10;

/// An answer, whatever it says.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    /// Where it came from, at the end of all redirects.
    pub(crate) url: Url,
    /// Whether it came from the origin that was asked, and over no other.
    pub(crate) own: bool,
    /// How often the request was sent until this came.
    pub(crate) attempts: u32,
    content: Content,
    idle: Duration,
    turn: Option<Turn>,
}

enum Content {
    Coming(Response),
    Read(Bytes),
}

impl Answer {
    pub(crate) fn new(response: Response, url: Url, own: bool, idle: Duration) -> Self {
        Self {
            status: response.status(),
            headers: response.headers().clone(),
            url,
            own,
            attempts: 1,
            content: Content::Coming(response),
            idle,
            turn: None,
        }
    }

    /// The same, with the turn that its request had, to be kept while the body comes.
    pub(crate) fn holding(self, turn: Turn) -> Self {
        Self {
            turn: Some(turn),
            ..self
        }
    }

    /// The same, from somewhere that has no business with the registry's credentials.
    pub(crate) fn of_another_origin(self) -> Self {
        Self { own: false, ..self }
    }

    /// The same, after as many attempts.
    pub(crate) fn after(self, attempts: u32) -> Self {
        Self { attempts, ..self }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A header's value; nothing where it is missing or cannot be read.
    pub(crate) fn header<T: FromStr>(&self, name: &HeaderName) -> Option<T> {
        self.headers.get(name)?.to_str().ok()?.trim().parse().ok()
    }

    /// The same with its whole body.
    ///
    /// # Errors
    /// [`Kind::TooLarge`] for more than `limit` bytes; a body that breaks off.
    pub(crate) async fn read(mut self, limit: usize) -> Result<Self, Failure> {
        if let Content::Coming(response) = self.content {
            self.content = Content::Read(read(response, &self.url, self.idle, limit).await?);
        }
        Ok(self)
    }

    /// The same with its body, or without one if that is too long or breaks off: that of an error
    /// is a help, and the status is what counts. Nobody waits for it longer than for a sign of life.
    pub(crate) async fn read_if_possible(mut self, limit: usize) -> Self {
        if let Content::Coming(response) = self.content {
            let bytes = timeout(self.idle, read(response, &self.url, self.idle, limit)).await;
            self.content = Content::Read(bytes.ok().and_then(Result::ok).unwrap_or_default());
        }
        self
    }

    /// The same without its body, of which nothing is wanted.
    pub(crate) async fn unread(mut self) -> Self {
        if let Content::Coming(response) = self.content {
            discard(response, self.idle).await;
            self.content = Content::Read(Bytes::new());
        }
        self
    }

    /// The body that [`Answer::read`] has read.
    pub(crate) fn bytes(&self) -> Bytes {
        match &self.content {
            Content::Coming(_) => Bytes::new(),
            Content::Read(bytes) => bytes.clone(),
        }
    }

    /// The body piece by piece, and the turn that is to be kept meanwhile.
    pub(crate) fn into_pieces(
        self,
    ) -> (
        impl Stream<Item = Result<Bytes, Failure>> + Send + use<>,
        Option<Turn>,
    ) {
        let pieces = match self.content {
            Content::Coming(response) => pieces(response, self.url, self.idle).left_stream(),
            Content::Read(bytes) => stream::iter([Ok(bytes)]).right_stream(),
        };
        (pieces, self.turn)
    }
}

/// Reads what is left of a small body that comes quickly, so that its connection can be used again.
pub(crate) async fn discard(mut response: Response, idle: Duration) {
    let rest = async {
        let mut left = DISCARDED;
        while let Ok(Some(piece)) = response.chunk().await {
            match left.checked_sub(piece.len()) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    // Without it the connection is closed, and nothing else is lost.
    let _ = timeout(idle, rest).await;
}

async fn read(
    response: Response,
    url: &Url,
    idle: Duration,
    limit: usize,
) -> Result<Bytes, Failure> {
    let mut read = BytesMut::new();
    let mut pieces = std::pin::pin!(pieces(response, url.clone(), idle));
    while let Some(piece) = pieces.next().await.transpose()? {
        if read.len() + piece.len() > limit {
            let message = format!(
                "{} sends more than the {limit} bytes that are read",
                authority(url)
            );
            return Err(Error::new(Kind::TooLarge, message).into());
        }
        read.extend_from_slice(&piece);
    }
    Ok(read.freeze())
}

fn pieces(
    response: Response,
    url: Url,
    idle: Duration,
) -> impl Stream<Item = Result<Bytes, Failure>> + Send {
    stream::try_unfold(response, move |mut response| {
        let url = url.clone();
        async move {
            match timeout(idle, response.chunk()).await {
                Ok(Ok(piece)) => Ok(piece.map(|piece| (piece, response))),
                Ok(Err(error)) => Err(broke_off(&url, error)),
                Err(_) => Err(Failure::silence(&url, idle)),
            }
        }
    })
}

fn broke_off(url: &Url, error: reqwest::Error) -> Failure {
    let error = error.without_url();
    let message = format!(
        "the answer of {} broke off: {}",
        authority(url),
        causes(&error)
    );
    Failure::new(
        Error::new(Kind::Unavailable, message).with_source(error),
        Sent::Perhaps,
    )
}
