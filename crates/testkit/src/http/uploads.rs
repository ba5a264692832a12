//! Upload sessions over HTTP.

use async_trait::async_trait;
use http::{Method, Response, StatusCode, header};
use hyper::body::Incoming;
use portolan_model::{Algorithm, Digest, RepositoryName};
use portolan_registry::{Body, Context, Error, Kind, Result, Upload, UploadId, Uploads};
use portolan_wire::Endpoint;
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::query::{UploadStart, closing_location};
use portolan_wire::range::{ChunkRange, parse_upload_range};

use super::HttpRegistry;
use super::response::{protocol_error, required_header};

#[async_trait]
impl Uploads for HttpRegistry {
    async fn open_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        let start = UploadStart::Session(algorithm.clone());
        let request = self.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        );
        let response =
            self.call(request, Body::empty())
                .await
                .map_err(|error| match error.kind() {
                    // The server reports an unsupported algorithm as `DIGEST_INVALID`, but the
                    // contract requires `Unsupported` for it.
                    Kind::DigestInvalid => Error::new(Kind::Unsupported, error.message())
                        .with_detail(error.detail().clone()),
                    _ => error,
                })?;
        parse_session(&response)
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let request = self.request(Method::GET, &upload_endpoint(repository, id), "");
        parse_session(&self.call(request, Body::empty()).await?)
    }

    async fn append_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let range = self
            .chunk_range(context, repository, id, offset, body.length())
            .await?;
        let mut request = self.request(Method::PATCH, &upload_endpoint(repository, id), "");
        if let Some(range) = range {
            request = request.header(header::CONTENT_RANGE, range.to_string());
        }
        parse_session(&self.call(request, body).await?)
    }

    async fn finish_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        let range = self
            .chunk_range(context, repository, id, offset, body.length())
            .await?;
        let location = closing_location(&upload_endpoint(repository, id).to_path(), digest);
        let mut request = self.request_to(Method::PUT, &location);
        if let Some(range) = range {
            request = request.header(header::CONTENT_RANGE, range.to_string());
        }
        check_created(&self.call(request, body).await?, digest)
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let request = self.request(Method::DELETE, &upload_endpoint(repository, id), "");
        self.call(request, Body::empty()).await.map(drop)
    }
}

impl HttpRegistry {
    /// Returns the `Content-Range` of a chunk that starts at `offset`, or `None` if the request
    /// must not have one.
    ///
    /// A `Content-Range` requires the length of the chunk, which may be unknown for a stream, and
    /// cannot express an empty chunk at offset 0. In both cases, this function compares `offset`
    /// with the offset of the session instead.
    async fn chunk_range(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        length: Option<u64>,
    ) -> Result<Option<ChunkRange>> {
        let Some(first) = offset else { return Ok(None) };
        if let Some(length) = length.filter(|length| first + length > 0) {
            return Ok(Some(ChunkRange { first, length }));
        }
        match self.upload_status(context, repository, id).await?.offset {
            offset if offset == first => Ok(None),
            offset => Err(Error::out_of_order(offset, first)),
        }
    }
}

fn upload_endpoint(repository: &RepositoryName, id: &UploadId) -> Endpoint {
    Endpoint::Upload(repository.clone(), id.as_str().into())
}

/// Reads the upload session in a response.
///
/// The range `0-0` counts as an empty session, although a session of a single byte also has it.
pub(super) fn parse_session(response: &Response<Incoming>) -> Result<Upload> {
    let location: String = required_header(response.headers(), &header::LOCATION)?;
    let path = location
        .split_once('?')
        .map_or(location.as_str(), |(path, _)| path);
    let Ok(Endpoint::Upload(_, id)) = Endpoint::parse(path) else {
        return Err(protocol_error(format!(
            "Location is not an upload session: {location}"
        )));
    };
    let range: String = required_header(response.headers(), &header::RANGE)?;
    let last = parse_upload_range(&range)
        .ok_or_else(|| protocol_error(format!("invalid Range header: {range}")))?;
    let offset = if last == 0 { 0 } else { last + 1 };
    Ok(Upload::new(UploadId::new(id), offset))
}

/// Checks that the response to an upload has the status 201 and contains the digest of the blob.
pub(super) fn check_created(response: &Response<Incoming>, digest: &Digest) -> Result<()> {
    let named: Digest = required_header(response.headers(), &DOCKER_CONTENT_DIGEST)?;
    match response.status() {
        StatusCode::CREATED if named == *digest => Ok(()),
        status => Err(protocol_error(format!(
            "failed to store {digest}: the response is {status} for {named}"
        ))),
    }
}
