//! Storing over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, Response, StatusCode, header};
use hyper::body::Incoming;
use portolan_model::{Algorithm, Digest, Reference, RepositoryName, Tag};
use portolan_registry::{
    Body, Context, Error, Kind, Mount, Precondition, PutManifest, PutOutcome, Result, Upload,
    UploadId, Writer,
};
use portolan_wire::Endpoint;
use portolan_wire::condition::TagCondition;
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, PORTOLAN_NORMALISED};
use portolan_wire::query::{UploadStart, closing_location, write_tags};
use portolan_wire::range::{PieceRange, parse_upload_range};

use super::HttpRegistry;
use super::answer::{optional, value, wrong};

#[async_trait]
impl Writer for HttpRegistry {
    /// Under the first tag if no digest is given, and under the digest else; further tags stand in
    /// the query. The policy is the server's own, and its warnings are not read. There are no dry runs.
    async fn put_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        if options.dry_run {
            return Err(Error::new(
                Kind::Unsupported,
                "there are no dry runs over HTTP",
            ));
        }
        let condition = condition(&options)?.to_header();
        let mut tags: Vec<Tag> = options.tags.into_iter().map(|update| update.tag).collect();
        let reference: Reference = match options.digest {
            Some(digest) => digest.into(),
            None if tags.is_empty() => Digest::sha256(&bytes).into(),
            None => tags.remove(0).into(),
        };
        let endpoint = Endpoint::Manifest(repository.clone(), reference);
        let mut request = self.request(Method::PUT, &endpoint, &write_tags(&tags));
        if let Some(media_type) = &options.media_type {
            request = request.header(header::CONTENT_TYPE, media_type.as_str());
        }
        if let Some((name, value)) = condition {
            request = request.header(name, value);
        }
        let response = self.ask(request, bytes.into()).await?;
        let digest = value(response.headers(), &DOCKER_CONTENT_DIGEST)?;
        let subject = optional(response.headers(), &OCI_SUBJECT)?;
        let normalised = optional(response.headers(), &PORTOLAN_NORMALISED)?;
        Ok(PutOutcome {
            digest,
            subject,
            findings: Vec::new(),
            normalised,
        })
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let start = UploadStart::Whole(digest.clone());
        let request = self.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        );
        created(&self.ask(request, body).await?, digest)
    }

    async fn start_upload(
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
            self.ask(request, Body::empty())
                .await
                .map_err(|error| match error.kind() {
                    // On the wire an algorithm that is not offered looks like a digest that cannot be verified.
                    Kind::DigestInvalid => Error::new(Kind::Unsupported, error.message())
                        .with_detail(error.detail().clone()),
                    _ => error,
                })?;
        session(&response)
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        let request = self.request(Method::GET, &upload(repository, id), "");
        session(&self.ask(request, Body::empty()).await?)
    }

    async fn write_upload(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        let range = self
            .piece(context, repository, id, offset, body.length())
            .await?;
        let mut request = self.request(Method::PATCH, &upload(repository, id), "");
        if let Some(range) = range {
            request = request.header(header::CONTENT_RANGE, range.to_string());
        }
        session(&self.ask(request, body).await?)
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
            .piece(context, repository, id, offset, body.length())
            .await?;
        let location = closing_location(&upload(repository, id).to_path(), digest);
        let mut request = self.request_to(Method::PUT, &location);
        if let Some(range) = range {
            request = request.header(header::CONTENT_RANGE, range.to_string());
        }
        created(&self.ask(request, body).await?, digest)
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        let request = self.request(Method::DELETE, &upload(repository, id), "");
        self.ask(request, Body::empty()).await.map(drop)
    }

    async fn mount(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        let start = UploadStart::Mount {
            digest: digest.clone(),
            from: from.cloned(),
        };
        let request = self.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        );
        let response = self.ask(request, Body::empty()).await?;
        if response.status() == StatusCode::CREATED {
            return created(&response, digest).map(|()| Mount::Mounted);
        }
        session(&response).map(Mount::Upload)
    }
}

impl HttpRegistry {
    /// What `Content-Range` is to say of a piece that begins at `offset`.
    ///
    /// It needs the piece's length. Of a stream that is not known, so its offset is compared here
    /// with where the session stands, as it is for an empty piece at the very beginning, which
    /// `Content-Range` cannot express.
    async fn piece(
        &self,
        context: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        length: Option<u64>,
    ) -> Result<Option<PieceRange>> {
        let Some(first) = offset else { return Ok(None) };
        if let Some(length) = length.filter(|length| first + length > 0) {
            return Ok(Some(PieceRange { first, length }));
        }
        match self.upload_status(context, repository, id).await?.offset {
            offset if offset == first => Ok(None),
            offset => Err(Error::out_of_order(offset, first)),
        }
    }
}

fn upload(repository: &RepositoryName, id: &UploadId) -> Endpoint {
    Endpoint::Upload(repository.clone(), id.as_str().into())
}

/// HTTP has one condition for all tags of a request.
fn condition(options: &PutManifest) -> Result<TagCondition> {
    let Some(first) = options.tags.first() else {
        return Ok(TagCondition::None);
    };
    if options
        .tags
        .iter()
        .any(|update| update.precondition != first.precondition)
    {
        return Err(Error::new(
            Kind::Unsupported,
            "one request sets one condition for all of its tags",
        ));
    }
    Ok(match &first.precondition {
        Precondition::None => TagCondition::None,
        Precondition::Absent => TagCondition::Absent,
        Precondition::Present => TagCondition::Present,
        Precondition::At(digests) => TagCondition::At(digests.clone()),
    })
}

/// The session of an answer. `0-0` is taken for an empty one: a session of a single byte says the same.
fn session(response: &Response<Incoming>) -> Result<Upload> {
    let location: String = value(response.headers(), &header::LOCATION)?;
    let path = location
        .split_once('?')
        .map_or(location.as_str(), |(path, _)| path);
    let Ok(Endpoint::Upload(_, id)) = Endpoint::parse(path) else {
        return Err(wrong(format!(
            "the location is no upload session: {location}"
        )));
    };
    let range: String = value(response.headers(), &header::RANGE)?;
    let last = parse_upload_range(&range)
        .ok_or_else(|| wrong(format!("Range cannot be read: {range}")))?;
    Ok(Upload {
        id: UploadId::new(id),
        offset: if last == 0 { 0 } else { last + 1 },
    })
}

fn created(response: &Response<Incoming>, digest: &Digest) -> Result<()> {
    let named: Digest = value(response.headers(), &DOCKER_CONTENT_DIGEST)?;
    match response.status() {
        StatusCode::CREATED if named == *digest => Ok(()),
        status => Err(wrong(format!(
            "{digest} was to be stored, the answer is {status} and names {named}"
        ))),
    }
}
