//! Looking at a whole tree of documents in a repository, to say what is remarkable about it.

#[cfg(test)]
mod tests;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::FuturesOrdered;
use portolan_model::lint::{Answer, Held, Limits, Lint, Seek, Tree, Want};
use portolan_model::{Digest, Manifest, MediaType, Reference, RepositoryName};

use crate::copy::Place;
use crate::{
    Body, Context, Error, Kind, MAX_MANIFEST_BYTES, ManifestInfo, Reader, Result, verified_digest,
};

/// Things that are looked at at the same time.
const AT_ONCE: usize = 8;

/// The tree below a reference, and what is remarkable about it: each document is read, configs of images too, and of
/// layers it is looked whether they are there.
///
/// What is not there, or cannot be read as what it is said to be, is a finding.
///
/// # Errors
/// [`Kind::ManifestUnknown`] and [`Kind::ManifestInvalid`] for what the reference names; of the rest of the tree
/// failures of the registry itself alone, as it would be wrong to call missing what could not be looked at.
pub async fn lint(place: &Place, reference: &Reference, limits: Limits) -> Result<Tree> {
    let (info, bytes) = place.manifest(reference).await?;
    let manifest = Manifest::parse(bytes, Some(&info.media_type)).map_err(|error| {
        Error::manifest_unreadable(Some(&info.media_type), &error)
            .while_doing(format!("reading {}", place.at(&info.digest)))
    })?;
    walk(
        place,
        Lint::new(info.digest, manifest, limits),
        Stage::Stored,
    )
    .await
}

/// The same for a document that is still to be stored under `digest`. A child that was pushed as a blob is read as the
/// manifest that it is said to be, since it will be one.
///
/// # Errors
/// Failures of the registry itself alone.
pub async fn lint_document(
    place: &Place,
    digest: Digest,
    manifest: Manifest,
    limits: Limits,
) -> Result<Tree> {
    walk(place, Lint::new(digest, manifest, limits), Stage::Pushed).await
}

/// How far the document is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// It is stored, and what it names is what it will be.
    Stored,
    /// It is not stored, and blobs that it calls manifests will become ones.
    Pushed,
}

async fn walk(place: &Place, lint: Lint, stage: Stage) -> Result<Tree> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = place;
    let look = Look {
        reader: &**registry,
        context,
        repository,
        stage,
    };
    let unread = |(digest, error): (Digest, Error)| {
        error.while_doing(format!("looking at {}", place.at(&digest)))
    };
    look.through(lint).await.map_err(unread)
}

/// What is looked into.
#[derive(Clone, Copy)]
struct Look<'a> {
    reader: &'a dyn Reader,
    context: &'a Context,
    repository: &'a RepositoryName,
    stage: Stage,
}

impl Look<'_> {
    /// Looks at everything that a tree is made of; what could not be looked at comes with the failure.
    ///
    /// Each answer is taken in as soon as those before it are, so that no more than a handful are held at a time, and that
    /// nothing more is read when enough was.
    async fn through(self, mut lint: Lint) -> Result<Tree, (Digest, Error)> {
        let mut looks = FuturesOrdered::new();
        loop {
            while looks.len() < AT_ONCE
                && let Some(want) = lint.next_want()
            {
                looks.push_back(self.named(want));
            }
            let Some(look) = looks.next().await else {
                return Ok(lint.finish());
            };
            let (want, answer) = look?;
            lint.supply(&want, answer);
        }
    }

    async fn named(self, want: Want) -> Result<(Want, Answer), (Digest, Error)> {
        match self.at(&want).await {
            Ok(answer) => Ok((want, answer)),
            Err(error) => Err((want.digest, error)),
        }
    }

    async fn at(self, want: &Want) -> Result<Answer> {
        match want.seek {
            Seek::Manifest => self.manifest(want).await,
            Seek::Config => self.config(&want.digest).await,
            // What has no type in its descriptor is a subject, and so a manifest.
            Seek::Presence if want.media_type.is_none() => self.either(&want.digest, true).await,
            Seek::Presence => self.either(&want.digest, false).await,
        }
    }

    async fn manifest(self, want: &Want) -> Result<Answer> {
        let reference = want.digest.clone().into();
        let read = self
            .reader
            .get_manifest(self.context, self.repository, &reference)
            .await;
        match unless_absent(read)? {
            Some(read) => {
                let media_type = stored_type(&read.info, want).cloned();
                let held = Held {
                    size: read.info.size,
                    media_type: Some(read.info.media_type),
                };
                as_manifest(held, read.body, &want.digest, media_type.as_ref()).await
            }
            None if self.stage == Stage::Pushed => self.blob_as_manifest(want).await,
            None => self.head_blob(&want.digest).await,
        }
    }

    async fn blob_as_manifest(self, want: &Want) -> Result<Answer> {
        let read = self
            .reader
            .get_blob(self.context, self.repository, &want.digest, None)
            .await;
        let Some(read) = unless_absent(read)? else {
            return Ok(Answer::Absent);
        };
        let held = Held {
            size: read.size,
            media_type: want.media_type.clone(),
        };
        as_manifest(held, read.body, &want.digest, want.media_type.as_ref()).await
    }

    async fn config(self, digest: &Digest) -> Result<Answer> {
        let read = self
            .reader
            .get_blob(self.context, self.repository, digest, None)
            .await;
        let Some(read) = unless_absent(read)? else {
            return Ok(Answer::Absent);
        };
        let held = Held {
            size: read.size,
            media_type: None,
        };
        Ok(Answer::Content(held, whole(read.body, digest).await?.ok()))
    }

    /// Whether something is there, asked where it more probably is first.
    async fn either(self, digest: &Digest, manifest_first: bool) -> Result<Answer> {
        let first = if manifest_first {
            self.head_manifest(digest).await?
        } else {
            self.head_blob(digest).await?
        };
        match first {
            Answer::Absent if manifest_first => self.head_blob(digest).await,
            Answer::Absent => self.head_manifest(digest).await,
            there => Ok(there),
        }
    }

    async fn head_blob(self, digest: &Digest) -> Result<Answer> {
        let info = unless_absent(
            self.reader
                .head_blob(self.context, self.repository, digest)
                .await,
        )?;
        Ok(info.map_or(Answer::Absent, |info| {
            Answer::Content(
                Held {
                    size: info.size,
                    media_type: None,
                },
                None,
            )
        }))
    }

    async fn head_manifest(self, digest: &Digest) -> Result<Answer> {
        let reference = digest.clone().into();
        let info = unless_absent(
            self.reader
                .head_manifest(self.context, self.repository, &reference)
                .await,
        )?;
        let held = info.map(|info| Held {
            size: info.size,
            media_type: Some(info.media_type),
        });
        Ok(held.map_or(Answer::Absent, |held| Answer::Content(held, None)))
    }
}

/// The type that it is served with; the descriptor's where that says nothing.
fn stored_type<'a>(info: &'a ManifestInfo, want: &'a Want) -> Option<&'a MediaType> {
    Some(&info.media_type)
        .filter(|media_type| !media_type.is_generic())
        .or(want.media_type.as_ref())
}

/// A manifest that is read as `media_type`.
async fn as_manifest(
    held: Held,
    body: Body,
    digest: &Digest,
    media_type: Option<&MediaType>,
) -> Result<Answer> {
    let manifest = match whole(body, digest).await? {
        Ok(bytes) => Manifest::parse(bytes, media_type).map_err(|error| error.to_string()),
        Err(reason) => Err(reason),
    };
    Ok(manifest.map_or_else(|reason| Answer::Unreadable(held, reason), Answer::Manifest))
}

/// All of a body, or why it is not what its digest promises.
async fn whole(body: Body, digest: &Digest) -> Result<Result<Bytes, String>> {
    let collected = match body.collect(MAX_MANIFEST_BYTES).await {
        Ok(bytes) => verified_digest(&bytes, Some(digest)).map(|_| bytes),
        Err(error) => Err(error),
    };
    match collected {
        Ok(bytes) => Ok(Ok(bytes)),
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

/// What is not there, or is named by a digest that the registry does not take, is no failure.
fn unless_absent<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.kind() {
            Kind::ManifestUnknown
            | Kind::BlobUnknown
            | Kind::RepositoryUnknown
            | Kind::DigestInvalid => Ok(None),
            _ => Err(error),
        },
    }
}
