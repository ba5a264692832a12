//! Registry over plain HTTP: kinds are pushed to it, and stored content is compared byte by byte.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Method;
use tokio::runtime::{Builder, Runtime};

use super::document::{self, Document, Kind, Role};
use super::reference::TaggedReference;
use super::sandbox::ClientFailure;
use crate::load::{Connection, Payload, ReceivedResponse};

const OCTETS: &str = "application/octet-stream";

/// Connection to the registry under test.
pub(crate) struct RegistryConnection {
    runtime: Runtime,
    connection: Connection,
}

impl RegistryConnection {
    /// Creates a connection. `host` is an address and a port.
    pub(crate) fn new(host: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            runtime,
            connection: Connection::new(host.parse()?),
        })
    }

    /// Pushes all documents of a kind and tags its top.
    pub(crate) fn seed(&mut self, kind: &Kind, place: &TaggedReference) -> Result<()> {
        for document in &kind.documents {
            self.put(document, place)
                .with_context(|| format!("failed to push {} over HTTP", document.media_type))?;
        }
        let top = kind
            .document(&kind.top)
            .context("the kind has no top document")?;
        let target = format!("/v2/{}/manifests/{}", place.repository, place.tag);
        self.put_manifest(top, &target)
            .context("failed to tag over HTTP")
    }

    /// Checks that the tag points to `top`, and that the registry stores everything below it byte
    /// for byte.
    pub(crate) fn compare(
        &mut self,
        kind: &Kind,
        top: &str,
        place: &TaggedReference,
    ) -> Result<()> {
        let tagged = self.manifest(place, &place.tag)?;
        ensure!(
            tagged.digest == top,
            "the tag points to {} instead of {top}",
            tagged.digest
        );
        for document in kind.documents_below(top) {
            let stored = match document.role {
                Role::Manifest => self.manifest(place, &document.digest)?,
                Role::Blob => self.blob(place, &document.digest)?,
            };
            ensure!(
                stored.bytes == document.bytes,
                "{} is stored with different bytes",
                document.digest
            );
            let typed = document.role == Role::Blob || stored.media_type == document.media_type;
            ensure!(
                typed,
                "{} is returned as {}",
                document.digest,
                stored.media_type
            );
        }
        Ok(())
    }

    /// Checks that the tag points to `digest`, and that everything below it exists and matches its
    /// digest. Returns the digests below.
    pub(crate) fn check_tree(
        &mut self,
        digest: &str,
        place: &TaggedReference,
    ) -> Result<Vec<String>> {
        let mut open = vec![self.manifest(place, &place.tag)?];
        ensure!(
            open[0].digest == digest,
            "the tag points to {}, but the client printed {digest}",
            open[0].digest
        );
        let mut below = Vec::new();
        while let Some(document) = open.pop() {
            for child in document.children() {
                let stored = if document.is_list() {
                    self.manifest(place, &child)?
                } else {
                    self.blob(place, &child)?
                };
                below.push(child);
                open.push(stored);
            }
        }
        Ok(below)
    }

    /// Checks content like [`RegistryConnection::check_tree`], and that the client preserved what it must: a
    /// rewritten list names the children of the original one, and a rewritten manifest names the
    /// image's config.
    pub(crate) fn compare_rewritten(
        &mut self,
        kind: &Kind,
        digest: &str,
        place: &TaggedReference,
    ) -> Result<()> {
        let below = self.check_tree(digest, place)?;
        let listed = kind
            .document(&kind.top)
            .filter(|top| top.is_list())
            .map(Document::children);
        let config = kind.image.iter().map(|image| image.config.clone());
        for kept in listed.unwrap_or_else(|| config.collect()) {
            ensure!(
                below.contains(&kept),
                "{digest}, written by the client, does not contain {kept}"
            );
        }
        Ok(())
    }

    /// Returns a manifest by tag or digest, after verifying its digest.
    pub(crate) fn manifest(
        &mut self,
        place: &TaggedReference,
        reference: &str,
    ) -> Result<Document> {
        let response = self.get(&format!("/v2/{}/manifests/{reference}", place.repository))?;
        let digest = response.header("docker-content-digest").to_owned();
        ensure!(
            document::has_digest(&digest, &response.body),
            "the digest of {reference} is not that of its content: {digest}"
        );
        ensure!(
            !reference.contains(':') || reference == digest,
            "requested {reference}, but received {digest}"
        );
        let media_type = response.header("content-type").to_owned();
        Ok(Document {
            role: Role::Manifest,
            media_type,
            digest,
            bytes: response.body,
        })
    }

    /// Returns a blob after verifying its digest.
    pub(crate) fn blob(&mut self, place: &TaggedReference, digest: &str) -> Result<Document> {
        let response = self.get(&format!("/v2/{}/blobs/{digest}", place.repository))?;
        ensure!(
            document::has_digest(digest, &response.body),
            "blob {digest} has different bytes"
        );
        let (media_type, digest) = (OCTETS.to_owned(), digest.to_owned());
        Ok(Document {
            role: Role::Blob,
            media_type,
            digest,
            bytes: response.body,
        })
    }

    fn put(&mut self, document: &Document, place: &TaggedReference) -> Result<()> {
        let Document { role, digest, .. } = document;
        match role {
            Role::Manifest => self.put_manifest(
                document,
                &format!("/v2/{}/manifests/{digest}", place.repository),
            ),
            Role::Blob => self.put_blob(document, &place.repository),
        }
    }

    fn put_manifest(&mut self, document: &Document, target: &str) -> Result<()> {
        check_created(
            target,
            &self.send(
                Method::PUT,
                target,
                &document.media_type,
                document.bytes.clone(),
            )?,
        )
    }

    /// Pushes a blob in one request, or in two if the registry responds with 202, which the
    /// specification allows.
    fn put_blob(&mut self, blob: &Document, repository: &str) -> Result<()> {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
        let response = self.send(Method::POST, &target, OCTETS, blob.bytes.clone())?;
        if response.status != 202 {
            return check_created(&target, &response);
        }
        let location = response.header("location");
        let path = location
            .find("/v2/")
            .map_or(location, |start| &location[start..]);
        let separator = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{separator}digest={}", blob.digest);
        check_created(
            &target,
            &self.send(Method::PUT, &target, OCTETS, blob.bytes.clone())?,
        )
    }

    fn get(&mut self, target: &str) -> Result<ReceivedResponse> {
        let response = self.send(Method::GET, target, "", Bytes::new())?;
        if response.status != 200 {
            bail!("GET {target}: {}: {}", response.status, excerpt(&response));
        }
        Ok(response)
    }

    /// Sends a request. An empty `media_type` sends no `Content-Type`.
    pub(crate) fn send(
        &mut self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<ReceivedResponse> {
        self.runtime.block_on(self.connection.send(
            method,
            target,
            media_type,
            Payload::from_bytes(body),
        ))
    }
}

fn check_created(target: &str, response: &ReceivedResponse) -> Result<()> {
    if response.status != 201 {
        return Err(ClientFailure::Rejected(format!(
            "{target}: {}: {}",
            response.status,
            excerpt(response)
        ))
        .into());
    }
    Ok(())
}

fn excerpt(response: &ReceivedResponse) -> String {
    String::from_utf8_lossy(&response.body)
        .chars()
        .take(300)
        .collect()
}
