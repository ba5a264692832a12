//! Upload sessions. In a session, a blob arrives in several calls (distribution-spec, "Pushing
//! blobs").

use std::fmt;

use async_trait::async_trait;
use portolan_model::{Algorithm, Digest, RepositoryName};

use crate::{Body, Context, Error, Result};

/// Receives blobs in upload sessions.
///
/// A session retains the bytes that it has received, so an upload can resume after a failure. The
/// blob is durable only when [`Uploads::finish_upload`] has returned success. A session belongs to
/// one repository and to the caller that opened it. In every other repository, and for every other
/// caller, it does not exist. For a remote registry, the caller is the account that the client
/// uses. [`Writer::mount`](crate::Writer::mount) opens a session too.
#[async_trait]
pub trait Uploads: Send + Sync {
    /// Opens a session. `algorithm` is the algorithm of the digest that will be passed to
    /// [`Uploads::finish_upload`].
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`](crate::Kind::Unsupported) if `algorithm` is not supported.
    async fn open_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload>;

    /// Returns the current state of a session. Its offset is the number of bytes that are stored.
    /// Does not wait for a call that appends to the session.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](crate::Kind::UploadUnknown) if the session does not exist in
    /// this repository.
    async fn upload_status(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload>;

    /// Appends `body` to a session. `offset` is the position of the first byte of `body` in the
    /// blob, if the sender declared one.
    ///
    /// Ends an older call that still appends to the session, unless `offset` differs from the
    /// current offset. The call that is ended returns
    /// [`Kind::OutOfOrder`](crate::Kind::OutOfOrder).
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](crate::Kind::UploadUnknown) if the session does not exist in
    /// this repository, [`Kind::OutOfOrder`](crate::Kind::OutOfOrder) if `offset` is not the
    /// current offset (the session is unchanged), and the error of `body` if it fails. In the last
    /// case, the session retains the bytes before the error, so the upload can resume after them.
    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload>;

    /// Appends `body` as the last chunk, stores the complete content as a blob, and ends the
    /// session. `body` may be empty.
    ///
    /// # Errors
    /// Returns [`Kind::DigestInvalid`](crate::Kind::DigestInvalid) if the content does not match
    /// `digest`. This error ends the session. Returns the errors of [`Uploads::append_upload`].
    /// They do not end the session.
    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()>;

    /// Ends a session and discards its content. A call that still appends to the session fails.
    ///
    /// # Errors
    /// Returns [`Kind::UploadUnknown`](crate::Kind::UploadUnknown) if the session does not exist in
    /// this repository.
    async fn cancel_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()>;
}

/// Id of an upload session: an opaque string. It may change with each call, so use the id from the
/// last [`Upload`].
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct UploadId(Box<str>);

impl UploadId {
    /// Creates an id from a text that the registry implementation chose.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// Creates an unguessable id: 128 random bits in hexadecimal.
    ///
    /// # Errors
    /// Returns [`Kind::Internal`](crate::Kind::Internal) if the system provides no randomness.
    pub fn random() -> Result<Self> {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits)
            .map_err(|error| Error::internal("failed to generate an upload session id", error))?;
        Ok(Self::new(format!("{:032x}", u128::from_be_bytes(bits))))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UploadId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// State of an upload session.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upload {
    /// Id for the next call.
    pub id: UploadId,
    /// Number of bytes that the session has received.
    pub offset: u64,
    /// Minimum length of each chunk except the last, in bytes, if the registry requires one
    /// (distribution-spec, "Pushing a blob in chunks"). It is known only after the session was
    /// opened, and not from its status.
    pub min_chunk_length: Option<u64>,
}

impl Upload {
    /// Creates the state of a session that accepts chunks of any length.
    pub fn new(id: UploadId, offset: u64) -> Self {
        Self {
            id,
            offset,
            min_chunk_length: None,
        }
    }
}
