//! `/v2/NAME/blobs/uploads/…` ("Pushing Blobs", "Mounting a blob from another repository").

use axum_core::response::Response;
use http::{StatusCode, header};
use portolan_model::{Algorithm, Digest, ErrorCode, RepositoryName};
use portolan_registry::{Error, Kind, MountOutcome, Upload, UploadId};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID};
use portolan_wire::query::{self, UploadStart};
use portolan_wire::range::{ChunkRange, upload_range};
use portolan_wire::{Endpoint, RequestError, upload_uuid};
use serde_json::json;

use crate::body::RequestBody;
use crate::detached::run_detached;
use crate::error::{HandlerResult, HttpError};
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

pub(crate) async fn start(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
) -> HandlerResult {
    let (registry, context) = (call.registry(), &call.context);
    let upload = match UploadStart::parse(call.query())? {
        UploadStart::Monolithic(digest) => {
            return put_monolithic(call, body, repository, digest).await;
        }
        UploadStart::Session(algorithm) => {
            check_algorithm(&algorithm)?;
            registry
                .open_upload(context, &repository, &algorithm)
                .await?
        }
        UploadStart::Mount { digest, from } => {
            match registry
                .mount(context, &repository, &digest, from.as_ref())
                .await?
            {
                MountOutcome::Mounted => return Ok(created_response(repository, digest)),
                MountOutcome::Upload(upload) => upload,
            }
        }
    };
    Ok(session_response(StatusCode::ACCEPTED, repository, &upload))
}

pub(crate) async fn status(
    call: &RequestContext,
    repository: RepositoryName,
    id: UploadId,
) -> HandlerResult {
    let upload = call
        .registry()
        .upload_status(&call.context, &repository, &id)
        .await?;
    Ok(session_response(
        StatusCode::NO_CONTENT,
        repository,
        &upload,
    ))
}

pub(crate) async fn write(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
    id: UploadId,
) -> HandlerResult {
    let slot = body.acquire_slot(call).await?;
    let (offset, body) = parse_chunk(call, body)?;
    let (context, name, upload) = (call.context.clone(), repository.clone(), id.clone());
    let written = run_detached(&call.app, |app| async move {
        // Hold the slot until the work ends, even if the client disconnects earlier.
        let _slot = slot;
        app.registry
            .append_upload(&context, &name, &upload, offset, body.into_stream())
            .await
    });
    match written.await {
        Ok(upload) => Ok(session_response(StatusCode::ACCEPTED, repository, &upload)),
        Err(error) => Err(session_error(error, repository, &id)),
    }
}

pub(crate) async fn finish(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
    id: UploadId,
) -> HandlerResult {
    let digest = query::closing_digest(call.query())?;
    let slot = body.acquire_slot(call).await?;
    let (offset, body) = parse_chunk(call, body)?;
    let (context, name, upload, expected) = (
        call.context.clone(),
        repository.clone(),
        id.clone(),
        digest.clone(),
    );
    let finished = run_detached(&call.app, |app| async move {
        // Hold the slot until the work ends, as in `write`.
        let _slot = slot;
        app.registry
            .finish_upload(
                &context,
                &name,
                &upload,
                offset,
                body.into_stream(),
                &expected,
            )
            .await
    });
    match finished.await {
        Ok(()) => Ok(created_response(repository, digest)),
        Err(error) if is_repeated(call, &error, &repository, &digest).await => {
            Ok(created_response(repository, digest))
        }
        Err(error) => Err(session_error(error, repository, &id)),
    }
}

/// Returns whether a session that is unknown has probably stored its blob already: the response to
/// the closing request was lost, and the client repeats the request.
async fn is_repeated(
    call: &RequestContext,
    error: &Error,
    repository: &RepositoryName,
    digest: &Digest,
) -> bool {
    let head = call.registry().head_blob(&call.context, repository, digest);
    *error.kind() == Kind::UploadUnknown && head.await.is_ok()
}

pub(crate) async fn cancel(
    call: &RequestContext,
    repository: &RepositoryName,
    id: &UploadId,
) -> HandlerResult {
    call.registry()
        .cancel_upload(&call.context, repository, id)
        .await?;
    Ok(ResponseBuilder::new(StatusCode::NO_CONTENT).empty())
}

async fn put_monolithic(
    call: &RequestContext,
    body: RequestBody,
    repository: RepositoryName,
    digest: Digest,
) -> HandlerResult {
    let slot = body.acquire_slot(call).await?;
    let (context, name, expected) = (call.context.clone(), repository.clone(), digest.clone());
    let put = run_detached(&call.app, |app| async move {
        // Hold the slot until the work ends, as in `write`.
        let _slot = slot;
        app.registry
            .put_blob(&context, &name, &expected, body.into_stream())
            .await
    });
    put.await?;
    Ok(created_response(repository, digest))
}

/// Returns the offset of the body in the blob, if the request has a `Content-Range`, and the body.
/// The body must have the length of the range.
fn parse_chunk(
    call: &RequestContext,
    body: RequestBody,
) -> Result<(Option<u64>, RequestBody), HttpError> {
    match ChunkRange::from_headers(&call.headers)? {
        Some(range) => Ok((Some(range.first), body.with_length(range.length)?)),
        None => Ok((None, body)),
    }
}

fn check_algorithm(algorithm: &Algorithm) -> Result<(), RequestError> {
    if algorithm.hasher().is_some() {
        return Ok(());
    }
    let message = format!("{algorithm} digests are not supported; use sha256 or sha512");
    let detail = json!({"algorithm": algorithm.as_str(), "supported": ["sha256", "sha512"]});
    Err(RequestError {
        code: ErrorCode::DigestInvalid,
        message,
        detail,
    })
}

fn session_response(status: StatusCode, repository: RepositoryName, upload: &Upload) -> Response {
    ResponseBuilder::new(status)
        .header(header::LOCATION, location(repository, &upload.id))
        .header(header::RANGE, upload_range(upload.offset))
        .header(DOCKER_UPLOAD_UUID, upload_uuid(upload.id.as_str()))
        .empty()
}

/// Adds the state of the session to the error for a chunk that is out of order. The session stays
/// open, so the client needs the offset to continue.
fn session_error(error: Error, repository: RepositoryName, id: &UploadId) -> HttpError {
    let Kind::OutOfOrder { offset } = *error.kind() else {
        return error.into();
    };
    HttpError::from(error)
        .with_header(header::LOCATION, location(repository, id))
        .with_header(header::RANGE, upload_range(offset))
        .with_header(DOCKER_UPLOAD_UUID, upload_uuid(id.as_str()))
}

fn created_response(repository: RepositoryName, digest: Digest) -> Response {
    ResponseBuilder::new(StatusCode::CREATED)
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
