//! The ways in which clients push blobs and manifests, and what a refusal is told apart from a broken line.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::{Answer, Blob, Connection, Image, Payload};

const OCTETS: &str = "application/octet-stream";

/// Why a push was not answered 201.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PushError {
    /// The server lives and said no.
    #[error("{what}: {status}: {body}")]
    Refused {
        what: String,
        status: StatusCode,
        body: String,
    },
    /// There was no answer.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// How a blob travels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// `POST ?digest=` with the body; on 202 the body again with PUT, as the specification says.
    Single,
    /// POST, then PUT with the whole body.
    Closing,
    /// POST, PATCH twice, an empty PUT.
    Chunks,
    /// POST, one PATCH, an empty PUT: as docker, skopeo and crane do.
    Stream,
}

/// Pushes one blob; `Ok` means 201.
pub(crate) async fn blob(
    connection: &mut Connection,
    repository: &str,
    blob: &Blob,
    way: Way,
) -> Result<(), PushError> {
    let whole = blob.bytes.clone();
    let half = whole.len() / 2;
    match way {
        Way::Single => return single(connection, repository, blob).await,
        Way::Closing => {
            let location = begin(connection, repository).await?;
            return finish(connection, &location, &blob.digest, Payload::whole(whole)).await;
        }
        Way::Chunks => {
            let chunks = [whole.slice(..half), whole.slice(half..)];
            chunked(connection, repository, &blob.digest, chunks).await
        }
        Way::Stream => chunked(connection, repository, &blob.digest, [whole]).await,
    }
}

/// Opens an upload session and answers its URL.
pub(crate) async fn begin(
    connection: &mut Connection,
    repository: &str,
) -> Result<String, PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/");
    let answer = connection
        .send(Method::POST, &target, "", Payload::empty())
        .await?;
    location(&target, &answer)
}

/// Sends one PATCH and answers the session's next URL.
pub(crate) async fn append(
    connection: &mut Connection,
    session: &str,
    payload: Payload,
) -> Result<String, PushError> {
    let answer = connection
        .send(Method::PATCH, session, OCTETS, payload)
        .await?;
    location(session, &answer)
}

/// Closes a session with PUT.
pub(crate) async fn finish(
    connection: &mut Connection,
    session: &str,
    digest: &str,
    payload: Payload,
) -> Result<(), PushError> {
    let separator = if session.contains('?') { '&' } else { '?' };
    let target = format!("{session}{separator}digest={digest}");
    let answer = connection
        .send(Method::PUT, &target, OCTETS, payload)
        .await?;
    created(&target, &answer)
}

/// Asks for a mount; true means 201, false a session that is left behind.
pub(crate) async fn mount(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    from: &str,
) -> Result<bool, PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
    let answer = connection
        .send(Method::POST, &target, "", Payload::empty())
        .await?;
    if answer.status == StatusCode::ACCEPTED {
        return Ok(false);
    }
    created(&target, &answer).map(|()| true)
}

/// Puts a manifest under a tag or a digest; `Ok` means 201.
pub(crate) async fn manifest(
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    bytes: Bytes,
) -> Result<(), PushError> {
    let target = format!("/v2/{repository}/manifests/{reference}");
    let media_type = super::image::MANIFEST;
    let answer = connection
        .send(Method::PUT, &target, media_type, Payload::whole(bytes))
        .await?;
    created(&target, &answer)
}

/// Pushes config, layers and manifest as docker does.
pub(crate) async fn image(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    image: &Image,
) -> Result<(), PushError> {
    for part in image.blobs() {
        blob(connection, repository, part, Way::Stream).await?;
    }
    manifest(connection, repository, tag, image.manifest.bytes.clone()).await
}

async fn single(
    connection: &mut Connection,
    repository: &str,
    blob: &Blob,
) -> Result<(), PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
    let body = Payload::whole(blob.bytes.clone());
    let answer = connection.send(Method::POST, &target, OCTETS, body).await?;
    if answer.status != StatusCode::ACCEPTED {
        return created(&target, &answer);
    }
    let session = location(&target, &answer)?;
    finish(
        connection,
        &session,
        &blob.digest,
        Payload::whole(blob.bytes.clone()),
    )
    .await
}

async fn chunked(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Result<(), PushError> {
    let mut session = begin(connection, repository).await?;
    for chunk in chunks {
        session = append(connection, &session, Payload::whole(chunk)).await?;
    }
    finish(connection, &session, digest, Payload::empty()).await
}

fn created(what: &str, answer: &Answer) -> Result<(), PushError> {
    if answer.status == StatusCode::CREATED {
        Ok(())
    } else {
        Err(refused(what, answer))
    }
}

/// The path and query of a 202's `Location`, which may be absolute.
fn location(what: &str, answer: &Answer) -> Result<String, PushError> {
    let location = answer.header("location");
    if answer.status != StatusCode::ACCEPTED || location.is_empty() {
        return Err(refused(what, answer));
    }
    let path = location
        .strip_prefix("http://")
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    Ok(path.unwrap_or(location).to_owned())
}

fn refused(what: &str, answer: &Answer) -> PushError {
    let body = String::from_utf8_lossy(&answer.body)
        .chars()
        .take(300)
        .collect();
    PushError::Refused {
        what: what.to_owned(),
        status: answer.status,
        body,
    }
}
