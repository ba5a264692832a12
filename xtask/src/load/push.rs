//! Methods by which clients push blobs and manifests. Errors distinguish a rejection from a broken
//! connection.

use bytes::Bytes;
use http::{Method, StatusCode};

use super::image::MANIFEST;
use super::{Connection, LoadBlob, LoadImage, Payload, ReceivedResponse};

const OCTETS: &str = "application/octet-stream";

/// Reason why a push did not receive 201.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The server responded with another status.
    #[error("{request}: {status}: {body}")]
    Rejected {
        /// Path and query of the request.
        request: String,
        /// Status of the response.
        status: StatusCode,
        /// Beginning of the response body.
        body: String,
    },
    /// The server did not respond.
    #[error("{0:#}")]
    Broken(#[from] anyhow::Error),
}

/// Upload method for a blob.
#[derive(Clone, Copy, Debug)]
pub enum UploadMethod {
    /// `POST ?digest=` with the body. After 202, the body is sent again with PUT, as specified.
    Single,
    /// POST, then PUT with the full body.
    FinalPut,
    /// POST, two PATCH requests, an empty PUT.
    Chunks,
    /// POST, one PATCH, an empty PUT, as docker, skopeo and crane do.
    Stream,
}

/// Pushes one blob. `Ok` means that the server responded with 201.
pub async fn push_blob(
    connection: &mut Connection,
    repository: &str,
    blob: &LoadBlob,
    way: UploadMethod,
) -> Result<(), PushError> {
    let whole = blob.bytes.clone();
    let half = whole.len() / 2;
    match way {
        UploadMethod::Single => return push_single(connection, repository, blob).await,
        UploadMethod::FinalPut => {
            let location = open_session(connection, repository).await?;
            return close_session(
                connection,
                &location,
                &blob.digest,
                Payload::from_bytes(whole),
            )
            .await;
        }
        UploadMethod::Chunks => {
            let chunks = [whole.slice(..half), whole.slice(half..)];
            push_chunks(connection, repository, &blob.digest, chunks).await
        }
        UploadMethod::Stream => push_chunks(connection, repository, &blob.digest, [whole]).await,
    }
}

/// Opens an upload session and returns its URL.
pub async fn open_session(
    connection: &mut Connection,
    repository: &str,
) -> Result<String, PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/");
    let response = connection
        .send(Method::POST, &target, "", Payload::empty())
        .await?;
    session_location(&target, &response)
}

/// Sends one PATCH and returns the session's next URL.
pub async fn append_chunk(
    connection: &mut Connection,
    session: &str,
    payload: Payload,
) -> Result<String, PushError> {
    let response = connection
        .send(Method::PATCH, session, OCTETS, payload)
        .await?;
    session_location(session, &response)
}

/// Completes a session with PUT.
pub async fn close_session(
    connection: &mut Connection,
    session: &str,
    digest: &str,
    payload: Payload,
) -> Result<(), PushError> {
    let separator = if session.contains('?') { '&' } else { '?' };
    let target = format!("{session}{separator}digest={digest}");
    let response = connection
        .send(Method::PUT, &target, OCTETS, payload)
        .await?;
    check_created(&target, &response)
}

/// Requests a mount. Returns true after 201, and false if the server opened a session, which is
/// abandoned.
pub async fn mount_blob(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    from: &str,
) -> Result<bool, PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/?mount={digest}&from={from}");
    let response = connection
        .send(Method::POST, &target, "", Payload::empty())
        .await?;
    if response.status == StatusCode::ACCEPTED {
        return Ok(false);
    }
    check_created(&target, &response).map(|()| true)
}

/// Pushes a manifest by tag or digest. `Ok` means that the server responded with 201.
pub async fn push_manifest(
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    bytes: Bytes,
) -> Result<(), PushError> {
    push_document(connection, repository, reference, MANIFEST, bytes).await
}

/// Pushes a manifest of another type, such as an index, like [`push_manifest`].
pub async fn push_document(
    connection: &mut Connection,
    repository: &str,
    reference: &str,
    media_type: &str,
    bytes: Bytes,
) -> Result<(), PushError> {
    let target = format!("/v2/{repository}/manifests/{reference}");
    let response = connection
        .send(Method::PUT, &target, media_type, Payload::from_bytes(bytes))
        .await?;
    check_created(&target, &response)
}

/// Pushes config, layers and manifest as docker does.
pub async fn push_image(
    connection: &mut Connection,
    repository: &str,
    tag: &str,
    image: &LoadImage,
) -> Result<(), PushError> {
    for part in image.blobs() {
        push_blob(connection, repository, part, UploadMethod::Stream).await?;
    }
    push_manifest(connection, repository, tag, image.manifest.bytes.clone()).await
}

async fn push_single(
    connection: &mut Connection,
    repository: &str,
    blob: &LoadBlob,
) -> Result<(), PushError> {
    let target = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
    let body = Payload::from_bytes(blob.bytes.clone());
    let response = connection.send(Method::POST, &target, OCTETS, body).await?;
    if response.status != StatusCode::ACCEPTED {
        return check_created(&target, &response);
    }
    let session = session_location(&target, &response)?;
    close_session(
        connection,
        &session,
        &blob.digest,
        Payload::from_bytes(blob.bytes.clone()),
    )
    .await
}

async fn push_chunks(
    connection: &mut Connection,
    repository: &str,
    digest: &str,
    chunks: impl IntoIterator<Item = Bytes>,
) -> Result<(), PushError> {
    let mut session = open_session(connection, repository).await?;
    for chunk in chunks {
        session = append_chunk(connection, &session, Payload::from_bytes(chunk)).await?;
    }
    close_session(connection, &session, digest, Payload::empty()).await
}

fn check_created(what: &str, response: &ReceivedResponse) -> Result<(), PushError> {
    if response.status == StatusCode::CREATED {
        Ok(())
    } else {
        Err(to_error(what, response))
    }
}

/// Returns the path and query of the `Location` of a 202, which may be absolute.
fn session_location(what: &str, response: &ReceivedResponse) -> Result<String, PushError> {
    let location = response.header("location");
    if response.status != StatusCode::ACCEPTED || location.is_empty() {
        return Err(to_error(what, response));
    }
    let path = location
        .strip_prefix("http://")
        .and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    Ok(path.unwrap_or(location).to_owned())
}

fn to_error(what: &str, response: &ReceivedResponse) -> PushError {
    let body = String::from_utf8_lossy(&response.body)
        .chars()
        .take(300)
        .collect();
    PushError::Rejected {
        request: what.to_owned(),
        status: response.status,
        body,
    }
}
