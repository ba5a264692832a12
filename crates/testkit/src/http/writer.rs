//! Writes over HTTP.

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use portolan_model::{Digest, Reference, RepositoryName, Tag};
use portolan_registry::{
    Body, Context, Error, Kind, MountOutcome, Precondition, PutManifest, PutOutcome, Result, Writer,
};
use portolan_wire::Endpoint;
use portolan_wire::condition::TagCondition;
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, PORTOLAN_NORMALIZED};
use portolan_wire::query::{UploadStart, write_tags};

use super::HttpRegistry;
use super::response::{optional_header, required_header};
use super::uploads::{check_created, parse_session};

#[async_trait]
impl Writer for HttpRegistry {
    /// Pushes a manifest by the digest in `options`, or if there is none, by the first tag. Other
    /// tags are query parameters.
    ///
    /// The server applies its own policy, and its warnings are ignored.
    async fn put_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let condition = tag_condition(&options)?.to_header();
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
        let response = self.call(request, bytes.into()).await?;
        let digest = required_header(response.headers(), &DOCKER_CONTENT_DIGEST)?;
        let subject = optional_header(response.headers(), &OCI_SUBJECT)?;
        let normalized = optional_header(response.headers(), &PORTOLAN_NORMALIZED)?;
        Ok(PutOutcome {
            digest,
            subject,
            findings: Vec::new(),
            normalized,
        })
    }

    /// Returns [`Kind::Unsupported`] without sending a request, because the protocol has no dry
    /// runs.
    async fn check_manifest(
        &self,
        _: &Context,
        _: &RepositoryName,
        _: Bytes,
        _: PutManifest,
    ) -> Result<PutOutcome> {
        let message = "dry runs are not supported over HTTP";
        Err(Error::new(Kind::Unsupported, message))
    }

    async fn put_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        body: Body,
    ) -> Result<()> {
        let start = UploadStart::Monolithic(digest.clone());
        let request = self.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        );
        check_created(&self.call(request, body).await?, digest)
    }

    async fn mount(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        let start = UploadStart::Mount {
            digest: digest.clone(),
            from: from.cloned(),
        };
        let request = self.request(
            Method::POST,
            &Endpoint::Uploads(repository.clone()),
            &start.to_string(),
        );
        let response = self.call(request, Body::empty()).await?;
        if response.status() == StatusCode::CREATED {
            return check_created(&response, digest).map(|()| MountOutcome::Mounted);
        }
        parse_session(&response).map(MountOutcome::Upload)
    }
}

/// Returns the precondition of a request. Its headers apply to all tags of the request.
fn tag_condition(options: &PutManifest) -> Result<TagCondition> {
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
            "all tags of a request must have the same precondition",
        ));
    }
    Ok(match &first.precondition {
        Precondition::None => TagCondition::None,
        Precondition::Absent => TagCondition::Absent,
        Precondition::Present => TagCondition::Present,
        Precondition::PointsTo(digests) => TagCondition::PointsTo(digests.to_vec()),
    })
}
