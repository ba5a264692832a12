//! `/v2/NAME/blobs/uploads/…` ("Pushing Blobs", "Mounting a blob from another repository").

use axum::response::Response;
use http::{StatusCode, header};
use portolan_model::{Algorithm, Digest, ErrorCode, RepositoryName};
use portolan_registry::{Error, Kind, Mount, Upload, UploadId};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID};
use portolan_wire::query::{self, UploadStart};
use portolan_wire::range::{PieceRange, upload_range};
use portolan_wire::{Endpoint, RequestError, upload_uuid};
use serde_json::json;

use crate::body::RequestBody;
use crate::call::Call;
use crate::detached::detached;
use crate::error::{Answer, Failure};
use crate::reply::Reply;

pub(crate) async fn start(call: &Call, body: RequestBody, repository: RepositoryName) -> Answer {
    let (registry, context) = (call.registry(), &call.context);
    let upload = match UploadStart::parse(call.query())? {
        UploadStart::Whole(digest) => return put_whole(call, body, repository, digest).await,
        UploadStart::Session(algorithm) => {
            check_algorithm(&algorithm)?;
            registry
                .start_upload(context, &repository, &algorithm)
                .await?
        }
        UploadStart::Mount { digest, from } => {
            match registry
                .mount(context, &repository, &digest, from.as_ref())
                .await?
            {
                Mount::Mounted => return Ok(created(repository, digest)),
                Mount::Upload(upload) => upload,
            }
        }
    };
    Ok(session(StatusCode::ACCEPTED, repository, &upload))
}

pub(crate) async fn status(call: &Call, repository: RepositoryName, id: UploadId) -> Answer {
    let upload = call
        .registry()
        .upload_status(&call.context, &repository, &id)
        .await?;
    Ok(session(StatusCode::NO_CONTENT, repository, &upload))
}

pub(crate) async fn write(
    call: &Call,
    body: RequestBody,
    repository: RepositoryName,
    id: UploadId,
) -> Answer {
    let slot = call.app.uploads.take()?;
    let (offset, body) = piece(call, body)?;
    let (context, name, asked) = (call.context.clone(), repository.clone(), id.clone());
    let written = detached(&call.app, |app| async move {
        let _slot = slot;
        app.registry
            .write_upload(&context, &name, &asked, offset, body.into_stream())
            .await
    });
    match written.await {
        Ok(upload) => Ok(session(StatusCode::ACCEPTED, repository, &upload)),
        Err(error) => Err(in_session(error, repository, &id)),
    }
}

pub(crate) async fn finish(
    call: &Call,
    body: RequestBody,
    repository: RepositoryName,
    id: UploadId,
) -> Answer {
    let digest = query::closing_digest(call.query())?;
    let slot = call.app.uploads.take()?;
    let (offset, body) = piece(call, body)?;
    let (context, name, asked, wanted) = (
        call.context.clone(),
        repository.clone(),
        id.clone(),
        digest.clone(),
    );
    let finished = detached(&call.app, |app| async move {
        let _slot = slot;
        app.registry
            .finish_upload(&context, &name, &asked, offset, body.into_stream(), &wanted)
            .await
    });
    match finished.await {
        Ok(()) => Ok(created(repository, digest)),
        Err(error) => Err(in_session(error, repository, &id)),
    }
}

pub(crate) async fn cancel(call: &Call, repository: &RepositoryName, id: &UploadId) -> Answer {
    call.registry()
        .cancel_upload(&call.context, repository, id)
        .await?;
    Ok(Reply::new(StatusCode::NO_CONTENT).empty())
}

async fn put_whole(
    call: &Call,
    body: RequestBody,
    repository: RepositoryName,
    digest: Digest,
) -> Answer {
    let slot = call.app.uploads.take()?;
    let (context, name, wanted) = (call.context.clone(), repository.clone(), digest.clone());
    let put = detached(&call.app, |app| async move {
        let _slot = slot;
        app.registry
            .put_blob(&context, &name, &wanted, body.into_stream())
            .await
    });
    put.await?;
    Ok(created(repository, digest))
}

/// Where the body begins, if the request says so, and the body, held to the length it says.
fn piece(call: &Call, body: RequestBody) -> Result<(Option<u64>, RequestBody), Failure> {
    match PieceRange::of(&call.headers)? {
        Some(range) => Ok((Some(range.first), body.of_length(range.length)?)),
        None => Ok((None, body)),
    }
}

fn check_algorithm(algorithm: &Algorithm) -> Result<(), RequestError> {
    if algorithm.hasher().is_some() {
        return Ok(());
    }
    let message = format!("digests of {algorithm} cannot be verified here, use sha256 or sha512");
    let detail = json!({"algorithm": algorithm.as_str(), "supported": ["sha256", "sha512"]});
    Err(RequestError {
        code: ErrorCode::DigestInvalid,
        message,
        detail,
    })
}

fn session(status: StatusCode, repository: RepositoryName, upload: &Upload) -> Response {
    Reply::new(status)
        .header(header::LOCATION, location(repository, &upload.id))
        .header(header::RANGE, upload_range(upload.offset))
        .header(DOCKER_UPLOAD_UUID, upload_uuid(upload.id.as_str()))
        .empty()
}

/// A piece that comes out of order leaves the session alive: the answer says how to go on.
fn in_session(error: Error, repository: RepositoryName, id: &UploadId) -> Failure {
    let Kind::OutOfOrder { offset } = *error.kind() else {
        return error.into();
    };
    Failure::from(error)
        .with_header(header::LOCATION, location(repository, id))
        .with_header(header::RANGE, upload_range(offset))
        .with_header(DOCKER_UPLOAD_UUID, upload_uuid(id.as_str()))
}

fn created(repository: RepositoryName, digest: Digest) -> Response {
    Reply::new(StatusCode::CREATED)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(
            header::LOCATION,
            Endpoint::Blob(repository, digest).to_path(),
        )
        .empty()
}

fn location(repository: RepositoryName, id: &UploadId) -> String {
    Endpoint::Upload(repository, id.as_str().into()).to_path()
}
