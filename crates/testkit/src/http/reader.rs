//! Reads over HTTP.

use async_trait::async_trait;
use http::{HeaderMap, Method, header};
use portolan_model::{ByteRange, Digest, MediaType, Reference, RepositoryName};
use portolan_registry::{
    BlobInfo, BlobRead, Body, Context, Error, ManifestInfo, ManifestRead, Reader, Result,
};
use portolan_wire::Endpoint;
use portolan_wire::headers::DOCKER_CONTENT_DIGEST;
use portolan_wire::range::{ContentRange, write_range};

use super::HttpRegistry;
use super::body::incoming_body;
use super::response::{protocol_error, required_header};

#[async_trait]
impl Reader for HttpRegistry {
    async fn get_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        range: Option<ByteRange>,
    ) -> Result<BlobRead> {
        let mut request = self.request(
            Method::GET,
            &Endpoint::Blob(repository.clone(), digest.clone()),
            "",
        );
        if let Some(range) = range {
            request = request.header(header::RANGE, write_range(range));
        }
        let (head, body) = self.call(request, Body::empty()).await?.into_parts();
        let length = required_header(&head.headers, &header::CONTENT_LENGTH)?;
        let (size, range) = match range {
            None => (length, 0..length),
            Some(_) => content_range(&head.headers)?,
        };
        if range.end - range.start != length {
            return Err(protocol_error(format!(
                "Content-Length is {length}, but the response contains the bytes {range:?}"
            )));
        }
        Ok(BlobRead {
            size,
            range,
            body: incoming_body(body),
        })
    }

    async fn head_blob(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobInfo> {
        let request = self.request(
            Method::HEAD,
            &Endpoint::Blob(repository.clone(), digest.clone()),
            "",
        );
        let response = self
            .call_head(request)
            .await?
            .ok_or_else(|| Error::blob_unknown(repository, digest))?;
        Ok(BlobInfo {
            size: required_header(response.headers(), &header::CONTENT_LENGTH)?,
        })
    }

    async fn get_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestRead> {
        let request = self.request(
            Method::GET,
            &Endpoint::Manifest(repository.clone(), reference.clone()),
            "",
        );
        let (head, body) = self.call(request, Body::empty()).await?.into_parts();
        Ok(ManifestRead {
            info: manifest_info(&head.headers)?,
            body: incoming_body(body),
        })
    }

    async fn head_manifest(
        &self,
        _: &Context,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<ManifestInfo> {
        let request = self.request(
            Method::HEAD,
            &Endpoint::Manifest(repository.clone(), reference.clone()),
            "",
        );
        let response = self
            .call_head(request)
            .await?
            .ok_or_else(|| Error::manifest_unknown(repository, reference))?;
        manifest_info(response.headers())
    }
}

fn content_range(headers: &HeaderMap) -> Result<(u64, std::ops::Range<u64>)> {
    let text: String = required_header(headers, &header::CONTENT_RANGE)?;
    match ContentRange::parse(&text) {
        Some(ContentRange {
            part: Some(part),
            size: Some(size),
        }) => Ok((size, part)),
        _ => Err(protocol_error(format!(
            "incomplete Content-Range header in the response: {text}"
        ))),
    }
}

fn manifest_info(headers: &HeaderMap) -> Result<ManifestInfo> {
    let media_type: String = required_header(headers, &header::CONTENT_TYPE)?;
    Ok(ManifestInfo {
        digest: required_header(headers, &DOCKER_CONTENT_DIGEST)?,
        media_type: MediaType::new(&media_type),
        size: required_header(headers, &header::CONTENT_LENGTH)?,
    })
}
