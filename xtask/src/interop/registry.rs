//! A registry over plain HTTP, byte by byte: kinds are put into it and what arrived is compared.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http::Method;
use tokio::runtime::{Builder, Runtime};

use super::document::{self, Document, Kind, Role};
use super::place::Place;
use super::sandbox::Failure;
use crate::load::{Answer, Connection, Payload};

const OCTETS: &str = "application/octet-stream";

/// A connection to the registry under test.
pub(crate) struct Registry {
    runtime: Runtime,
    connection: Connection,
}

impl Registry {
    /// `host` is an address and a port.
    pub(crate) fn new(host: &str) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self {
            runtime,
            connection: Connection::new(host.parse()?),
        })
    }

    /// Pushes everything there is of a kind and tags its top.
    pub(crate) fn seed(&mut self, kind: &Kind, place: &Place) -> Result<()> {
        for document in &kind.documents {
            self.put(document, place)
                .with_context(|| format!("pushing {} by HTTP", document.media_type))?;
        }
        let top = kind.document(&kind.top).context("a kind without its top")?;
        let target = format!("/v2/{}/manifests/{}", place.repository, place.tag);
        self.put_manifest(top, &target).context("tagging by HTTP")
    }

    /// Fails unless the tag stands for `top` and everything below it is there byte for byte.
    pub(crate) fn compare(&mut self, kind: &Kind, top: &str, place: &Place) -> Result<()> {
        let tagged = self.manifest(place, &place.tag)?;
        ensure!(
            tagged.digest == top,
            "the tag stands for {}, not {top}",
            tagged.digest
        );
        for document in kind.tree(top) {
            let stored = match document.role {
                Role::Manifest => self.manifest(place, &document.digest)?,
                Role::Blob => self.blob(place, &document.digest)?,
            };
            ensure!(
                stored.bytes == document.bytes,
                "{} is stored with other bytes",
                document.digest
            );
            let typed = document.role == Role::Blob || stored.media_type == document.media_type;
            ensure!(
                typed,
                "{} is answered as {}",
                document.digest,
                stored.media_type
            );
        }
        Ok(())
    }

    /// Fails unless the tag stands for `digest`, and everything below it is there and matches its own digest.
    ///
    /// Answers the digests below.
    pub(crate) fn walk(&mut self, digest: &str, place: &Place) -> Result<Vec<String>> {
        let mut open = vec![self.manifest(place, &place.tag)?];
        ensure!(
            open[0].digest == digest,
            "the tag stands for {}, the client said {digest}",
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

    /// As [`Registry::walk`], and fails unless what a new list names is what the old one named, or a new
    /// manifest's config is that of the image.
    pub(crate) fn compare_rewritten(
        &mut self,
        kind: &Kind,
        digest: &str,
        place: &Place,
    ) -> Result<()> {
        let below = self.walk(digest, place)?;
        let listed = kind
            .document(&kind.top)
            .filter(|top| top.is_list())
            .map(Document::children);
        let config = kind.image.iter().map(|image| image.config.clone());
        for kept in listed.unwrap_or_else(|| config.collect()) {
            ensure!(
                below.contains(&kept),
                "{kept} is not below {digest}, which the client wrote"
            );
        }
        Ok(())
    }

    /// A manifest by tag or digest, hashed anew.
    pub(crate) fn manifest(&mut self, place: &Place, reference: &str) -> Result<Document> {
        let answer = self.get(&format!("/v2/{}/manifests/{reference}", place.repository))?;
        let digest = answer.header("docker-content-digest").to_owned();
        ensure!(
            document::matches(&digest, &answer.body),
            "{reference} answers another digest than its own: {digest}"
        );
        ensure!(
            !reference.contains(':') || reference == digest,
            "asked for {reference}, got {digest}"
        );
        let media_type = answer.header("content-type").to_owned();
        Ok(Document {
            role: Role::Manifest,
            media_type,
            digest,
            bytes: answer.body,
        })
    }

    /// A blob, hashed anew.
    pub(crate) fn blob(&mut self, place: &Place, digest: &str) -> Result<Document> {
        let answer = self.get(&format!("/v2/{}/blobs/{digest}", place.repository))?;
        ensure!(
            document::matches(digest, &answer.body),
            "the blob {digest} has other bytes"
        );
        let (media_type, digest) = (OCTETS.to_owned(), digest.to_owned());
        Ok(Document {
            role: Role::Blob,
            media_type,
            digest,
            bytes: answer.body,
        })
    }

    fn put(&mut self, document: &Document, place: &Place) -> Result<()> {
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
        created(
            target,
            &self.send(
                Method::PUT,
                target,
                &document.media_type,
                document.bytes.clone(),
            )?,
        )
    }

    /// In one request, or in the two that the specification allows a registry to ask for.
    fn put_blob(&mut self, blob: &Document, repository: &str) -> Result<()> {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
        let answer = self.send(Method::POST, &target, OCTETS, blob.bytes.clone())?;
        if answer.status != 202 {
            return created(&target, &answer);
        }
        let location = answer.header("location");
        let path = location
            .find("/v2/")
            .map_or(location, |start| &location[start..]);
        let separator = if path.contains('?') { '&' } else { '?' };
        let target = format!("{path}{separator}digest={}", blob.digest);
        created(
            &target,
            &self.send(Method::PUT, &target, OCTETS, blob.bytes.clone())?,
        )
    }

    fn get(&mut self, target: &str) -> Result<Answer> {
        let answer = self.send(Method::GET, target, "", Bytes::new())?;
        if answer.status != 200 {
            bail!("GET {target}: {}: {}", answer.status, excerpt(&answer));
        }
        Ok(answer)
    }

    fn send(
        &mut self,
        method: Method,
        target: &str,
        media_type: &str,
        body: Bytes,
    ) -> Result<Answer> {
        self.runtime.block_on(self.connection.send(
            method,
            target,
            media_type,
            Payload::whole(body),
        ))
    }
}

fn created(target: &str, answer: &Answer) -> Result<()> {
    if answer.status != 201 {
        return Err(
            Failure::Refused(format!("{target}: {}: {}", answer.status, excerpt(answer))).into(),
        );
    }
    Ok(())
}

fn excerpt(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body)
        .chars()
        .take(300)
        .collect()
}
