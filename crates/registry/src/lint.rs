//! Linting of a complete tree of documents in a repository.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use portolan_model::lint::{
    ContentKind, ContentRequest, ContentResponse, LintLimits, LintTree, Linter, Stored,
};
use portolan_model::{Digest, Manifest, MediaType, Reference, RepositoryName};

use crate::repository::none_if_unknown;
use crate::{
    Body, Context, Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, ManifestRead, Reader, Repository,
    Result, StoredManifest, verify_digest,
};

/// Maximum number of concurrent reads.
const CONCURRENCY: usize = 8;

/// Reads the tree of manifests and indexes below a reference, and returns it with the findings
/// about it.
///
/// Reads each document and the config of each image. Layers are only checked for presence. Content
/// that is missing, or that cannot be read as its declared type, is a finding.
///
/// # Errors
/// Returns [`Kind::ManifestUnknown`] or [`Kind::ManifestInvalid`] if the referenced manifest itself
/// cannot be read. For the rest of the tree, returns an error only if the registry itself fails,
/// because content that could not be looked up must not be reported as missing.
pub async fn lint(
    repository: &Repository,
    reference: &Reference,
    limits: LintLimits,
) -> Result<LintTree> {
    let stored = repository.manifest(reference).await?;
    let digest = stored.info.digest.clone();
    let manifest = stored
        .parse()
        .map_err(|error| read_error(repository, &digest, error))?;
    let linter = Linter::new(digest, manifest, limits);
    walk(repository, linter, Stage::Stored).await
}

/// Lints a document before a push stores it.
///
/// A child that was pushed as a blob is read as the manifest that its descriptor declares, because
/// storing the document promotes it to a manifest.
///
/// # Errors
/// Returns an error only if the registry itself fails.
pub async fn lint_document(
    repository: &Repository,
    digest: Digest,
    manifest: Manifest,
    limits: LintLimits,
) -> Result<LintTree> {
    let linter = Linter::new(digest, manifest, limits);
    walk(repository, linter, Stage::Pushed).await
}

/// Stage of the linted document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// The repository already has the document, so children that had to become manifests are
    /// manifests.
    Stored,
    /// The repository does not have the document yet. Blobs that the document declares to be
    /// manifests will become manifests.
    Pushed,
}

async fn walk(repository: &Repository, linter: Linter, stage: Stage) -> Result<LintTree> {
    let reader = TreeReader {
        reader: &*repository.registry,
        context: &repository.context,
        repository: &repository.name,
        stage,
    };
    reader
        .read_tree(linter)
        .await
        .map_err(|(digest, error)| read_error(repository, &digest, error))
}

fn read_error(repository: &Repository, digest: &Digest, error: Error) -> Error {
    error.with_prefix(format!("failed to read {}", repository.full_name(digest)))
}

/// Reader of the content that a [`Linter`] requests.
#[derive(Clone, Copy)]
struct TreeReader<'a> {
    reader: &'a dyn Reader,
    context: &'a Context,
    repository: &'a RepositoryName,
    stage: Stage,
}

impl TreeReader<'_> {
    /// Reads all content that the linter requests. An error contains the digest of the content that
    /// could not be read.
    ///
    /// Responses are supplied in the order of the requests, each as soon as possible. So only a few
    /// responses are in memory at a time, and nothing more is read after a limit is reached.
    async fn read_tree(self, mut lint: Linter) -> Result<LintTree, (Digest, Error)> {
        let mut reads = FuturesOrdered::new();
        loop {
            while reads.len() < CONCURRENCY
                && let Some(request) = lint.next_request()
            {
                reads.push_back(self.fetch_with_request(request));
            }
            let Some(read) = reads.next().await else {
                return Ok(lint.finish());
            };
            let (request, response) = read?;
            lint.supply(&request, response);
        }
    }

    async fn fetch_with_request(
        self,
        request: ContentRequest,
    ) -> Result<(ContentRequest, ContentResponse), (Digest, Error)> {
        match self.fetch(&request).await {
            Ok(response) => Ok((request, response)),
            Err(error) => Err((request.digest, error)),
        }
    }

    async fn fetch(self, request: &ContentRequest) -> Result<ContentResponse> {
        match request.kind {
            ContentKind::Manifest => self.fetch_manifest(request).await,
            ContentKind::Config => self.fetch_config(&request.digest).await,
            // A request for presence without a media type is usually for a subject, and a subject
            // is a manifest.
            ContentKind::Presence if request.media_type.is_none() => {
                self.head_any(&request.digest, true).await
            }
            ContentKind::Presence => self.head_any(&request.digest, false).await,
        }
    }

    async fn fetch_manifest(self, request: &ContentRequest) -> Result<ContentResponse> {
        let reference = request.digest.clone().into();
        let read = self
            .reader
            .get_manifest(self.context, self.repository, &reference)
            .await;
        match absent_as_none(read)? {
            Some(read) => {
                let stored = Stored {
                    size: read.info.size,
                    media_type: Some(read.info.media_type.clone()),
                };
                parse_manifest(stored, read, request).await
            }
            None if self.stage == Stage::Pushed => self.fetch_blob_as_manifest(request).await,
            None => self.head_blob(&request.digest).await,
        }
    }

    async fn fetch_blob_as_manifest(self, request: &ContentRequest) -> Result<ContentResponse> {
        let read = self
            .reader
            .get_blob(self.context, self.repository, &request.digest, None)
            .await;
        let Some(read) = absent_as_none(read)? else {
            return Ok(ContentResponse::Absent);
        };
        let stored = Stored {
            size: read.size,
            media_type: request.media_type.clone(),
        };
        let info = ManifestInfo {
            digest: request.digest.clone(),
            media_type: MediaType::OCTET_STREAM.into(),
            size: read.size,
        };
        let body = read.body;
        parse_manifest(stored, ManifestRead { info, body }, request).await
    }

    async fn fetch_config(self, digest: &Digest) -> Result<ContentResponse> {
        let read = self
            .reader
            .get_blob(self.context, self.repository, digest, None)
            .await;
        let Some(read) = absent_as_none(read)? else {
            return Ok(ContentResponse::Absent);
        };
        let stored = Stored {
            size: read.size,
            media_type: None,
        };
        Ok(ContentResponse::Content(
            stored,
            collect_verified(read.body, digest).await?.ok(),
        ))
    }

    /// Looks up content as a blob and as a manifest. `manifest_first` determines the order, because
    /// the first request usually succeeds.
    async fn head_any(self, digest: &Digest, manifest_first: bool) -> Result<ContentResponse> {
        let first = if manifest_first {
            self.head_manifest(digest).await?
        } else {
            self.head_blob(digest).await?
        };
        match first {
            ContentResponse::Absent if manifest_first => self.head_blob(digest).await,
            ContentResponse::Absent => self.head_manifest(digest).await,
            present => Ok(present),
        }
    }

    async fn head_blob(self, digest: &Digest) -> Result<ContentResponse> {
        let info = absent_as_none(
            self.reader
                .head_blob(self.context, self.repository, digest)
                .await,
        )?;
        Ok(info.map_or(ContentResponse::Absent, |info| {
            ContentResponse::Content(
                Stored {
                    size: info.size,
                    media_type: None,
                },
                None,
            )
        }))
    }

    async fn head_manifest(self, digest: &Digest) -> Result<ContentResponse> {
        let reference = digest.clone().into();
        let info = absent_as_none(
            self.reader
                .head_manifest(self.context, self.repository, &reference)
                .await,
        )?;
        let stored = info.map(|info| Stored {
            size: info.size,
            media_type: Some(info.media_type),
        });
        Ok(stored.map_or(ContentResponse::Absent, |stored| {
            ContentResponse::Content(stored, None)
        }))
    }
}

/// Parses a manifest as the media type that the registry reports. If that type is generic, parses
/// it as the type in the descriptor.
async fn parse_manifest(
    stored: Stored,
    read: ManifestRead,
    request: &ContentRequest,
) -> Result<ContentResponse> {
    let collected = StoredManifest::collect(read, &request.digest.clone().into()).await;
    let manifest = match content_or_reason(collected)? {
        Ok(manifest) => manifest
            .parse_as(request.media_type.as_ref())
            .map_err(|error| error.message().to_owned()),
        Err(reason) => Err(reason),
    };
    Ok(manifest.map_or_else(
        |reason| ContentResponse::Unreadable(stored, reason),
        ContentResponse::Manifest,
    ))
}

/// Collects a body and verifies its digest. The inner error is the reason why the content is
/// invalid.
async fn collect_verified(body: Body, digest: &Digest) -> Result<Result<Bytes, String>> {
    let collected = match body.collect(MAX_MANIFEST_BYTES).await {
        Ok(bytes) => verify_digest(&bytes, Some(digest)).map(|_| bytes),
        Err(error) => Err(error),
    };
    content_or_reason(collected)
}

/// Separates invalid content from failures of the registry. The inner error is the reason why the
/// content is invalid.
fn content_or_reason<T>(collected: Result<T>) -> Result<Result<T, String>> {
    match collected {
        Ok(content) => Ok(Ok(content)),
        Err(error)
            if matches!(
                error.kind(),
                Kind::TooLarge | Kind::DigestInvalid | Kind::SizeInvalid
            ) =>
        {
            Ok(Err(error.message().to_owned()))
        }
        Err(error) => Err(error),
    }
}

/// Maps an error for missing content to `None`. A digest that the registry does not accept counts
/// as missing too.
fn absent_as_none<T>(result: Result<T>) -> Result<Option<T>> {
    match none_if_unknown(result) {
        Err(error) if *error.kind() == Kind::DigestInvalid => Ok(None),
        result => result,
    }
}
