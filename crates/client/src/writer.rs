//! Storing over HTTP (distribution-spec, "Push").

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use portolan_model::{Algorithm, Digest, Manifest, MediaType, Reference, RepositoryName, Tag};
use portolan_registry::{
    Body, Context, Error, Kind, Mount, Precondition, PutManifest, PutOutcome, Reader, Result,
    Upload, UploadId, Writer, referrer_descriptor, verified_digest,
};
use portolan_wire::Endpoint;
use portolan_wire::condition::TagCondition;
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, PORTOLAN_NORMALISED};
use portolan_wire::query::write_tags;

use crate::Client;
use crate::answer::Answer;

#[async_trait]
impl Writer for Client {
    /// The policy is the registry's own, and its warnings go to the [`Observer`](crate::Observer).
    ///
    /// Conditions on tags are for registries that announce them, and one request has one for all of
    /// its tags; any other combination is [`Kind::Unsupported`] before anything is written, and so is
    /// a dry run, which the specification does not know. Several tags are set one by one where a
    /// registry sets no more than one in a request.
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        if options.dry_run {
            return Err(self.no_dry_run());
        }
        let digest = verified_digest(&bytes, options.digest.as_ref())?;
        let condition = condition(&options)?;
        if condition != TagCondition::None && !self.host.features().await?.preconditions {
            return Err(self.no_conditions());
        }
        let manifest = Manifest::parse(bytes.clone(), options.media_type.as_ref()).ok();
        let media_type = media_type(options.media_type, manifest.as_ref());
        let tags = options.tags.into_iter().map(|update| update.tag).collect();
        let push = Push {
            client: self,
            context,
            repository,
            bytes,
            media_type,
            digest,
            condition,
        };
        let Told {
            subject,
            normalised,
        } = push.run(tags).await?;
        let digest = push.digest;
        let subject = match (subject, manifest) {
            (None, Some(manifest)) => self.refer(context, repository, &manifest, &digest).await?,
            (subject, _) => subject,
        };
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
        if digest.algorithm().hasher().is_none() {
            return Err(Error::digest_unverifiable(digest));
        }
        self.send_whole(repository, digest, body).await
    }

    async fn start_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        algorithm: &Algorithm,
    ) -> Result<Upload> {
        self.open_session(repository, algorithm).await
    }

    async fn upload_status(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<Upload> {
        self.session_status(repository, id).await
    }

    async fn write_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
    ) -> Result<Upload> {
        self.send_piece(repository, id, offset, body).await
    }

    async fn finish_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
        offset: Option<u64>,
        body: Body,
        digest: &Digest,
    ) -> Result<()> {
        self.send_last(repository, id, offset, body, digest).await
    }

    async fn cancel_upload(
        &self,
        _: &Context,
        repository: &RepositoryName,
        id: &UploadId,
    ) -> Result<()> {
        self.end_session(repository, id).await
    }

    async fn mount(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<Mount> {
        self.try_mount(repository, digest, from).await
    }
}

/// A manifest on its way to its tags.
pub(crate) struct Push<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) bytes: Bytes,
    pub(crate) media_type: Option<MediaType>,
    pub(crate) digest: Digest,
    pub(crate) condition: TagCondition,
}

/// What a registry says about a manifest that it has stored.
pub(crate) struct Told {
    /// The subject that it has read.
    pub(crate) subject: Option<Digest>,
    /// The digest that the tags point to, if it has converted what they are set to.
    normalised: Option<Digest>,
}

impl Push<'_> {
    /// Stores the manifest and sets the tags.
    ///
    /// It goes under its digest, so that what changed on the way is refused and no tag ever points to
    /// it, unless the registry is known to set no further tags in the same request.
    pub(crate) async fn run(&self, mut tags: Vec<Tag>) -> Result<Told> {
        let one_by_one = self.client.host.abilities.tags.known() == Some(false);
        let reference: Reference = match self.digest.algorithm() {
            Algorithm::Sha256 if one_by_one && !tags.is_empty() => tags.remove(0).into(),
            _ => self.digest.clone().into(),
        };
        let answer = self.put(&reference, &tags).await?;
        let mut told = Told {
            subject: answer.header(&OCI_SUBJECT),
            normalised: answer.header(&PORTOLAN_NORMALISED),
        };
        for tag in self.left(&answer, tags)? {
            let answer = self.put(&tag.into(), &[]).await?;
            told.normalised = told
                .normalised
                .or_else(|| answer.header(&PORTOLAN_NORMALISED));
        }
        Ok(told)
    }

    /// The tags that an answer does not say were set.
    fn left(&self, answer: &Answer, mut tags: Vec<Tag>) -> Result<Vec<Tag>> {
        let all_set_before = !answer.is_success();
        if tags.is_empty() || all_set_before {
            return Ok(Vec::new());
        }
        let lines = answer
            .headers
            .get_all(OCI_TAG)
            .iter()
            .filter_map(|line| line.to_str().ok());
        let set: Vec<&str> = lines
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        self.client.host.abilities.tags.learn(!set.is_empty());
        tags.retain(|tag| !set.contains(&tag.as_str()));
        match tags.first() {
            Some(tag) if *self.digest.algorithm() != Algorithm::Sha256 => Err(self.no_tag(tag)),
            _ => Ok(tags),
        }
    }

    async fn put(&self, reference: &Reference, also: &[Tag]) -> Result<Answer> {
        let host = &self.client.host;
        let query = if host.abilities.tags.known() == Some(false) {
            String::new()
        } else {
            write_tags(also)
        };
        let endpoint = Endpoint::Manifest(self.repository.clone(), reference.clone());
        let mut call = host
            .call(Method::PUT, &endpoint, &query)
            .with(Body::from(self.bytes.clone()));
        if let Some(media_type) = &self.media_type {
            call = call.header(header::CONTENT_TYPE, media_type.as_str())?;
        }
        if let Some((name, value)) = self.condition.to_header() {
            call = call.header(name, value)?;
        }
        let answer = host.exchange(&call).await?;
        let held = answer.status != StatusCode::PRECONDITION_FAILED;
        if !held && answer.attempts > 1 && self.is_at(reference, also).await? {
            // An earlier attempt was heard after all, and it is this one's condition that failed.
            return Ok(answer);
        }
        if !answer.is_success() {
            return Err(host.refusal(answer).await);
        }
        self.check(&answer)?;
        Ok(answer)
    }

    /// Whether all that was to be set points to the manifest.
    async fn is_at(&self, reference: &Reference, also: &[Tag]) -> Result<bool> {
        let tags = also.iter().cloned().map(Reference::from);
        for reference in tags.chain([reference.clone()]) {
            let info = self
                .client
                .head_manifest(self.context, self.repository, &reference)
                .await;
            if !info.is_ok_and(|info| info.digest == self.digest) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What arrived has to be what was sent.
    fn check(&self, answer: &Answer) -> Result<()> {
        let named: Option<Digest> = answer.header(&DOCKER_CONTENT_DIGEST);
        match named
            .filter(|named| named.algorithm() == self.digest.algorithm() && *named != self.digest)
        {
            Some(named) => Err(Error::digest_mismatch(&self.digest, &named)),
            None => Ok(()),
        }
    }

    fn no_tag(&self, tag: &Tag) -> Error {
        let message = format!(
            "{} has stored the manifest as {}, but sets tags to sha256 digests alone, so {tag} was not set",
            self.client.host.name(),
            self.digest
        );
        Error::new(Kind::Unsupported, message)
    }
}

impl Client {
    /// Sees to it that a manifest is found by its subject, and answers that.
    async fn refer(
        &self,
        context: &Context,
        repository: &RepositoryName,
        manifest: &Manifest,
        digest: &Digest,
    ) -> Result<Option<Digest>> {
        let Some(subject) = manifest.subject().map(|subject| subject.digest.clone()) else {
            return Ok(None);
        };
        if !self.lists_referrers(repository, &subject).await? {
            let descriptor = referrer_descriptor(manifest, digest);
            self.add_referrer(context, repository, &subject, &descriptor)
                .await?;
        }
        Ok(Some(subject))
    }

    fn no_dry_run(&self) -> Error {
        let message = format!(
            "{} can only be asked to store a manifest, not whether it would",
            self.host.name()
        );
        Error::new(Kind::Unsupported, message)
    }

    fn no_conditions(&self) -> Error {
        let message = format!(
            "{} does not announce that it holds conditions on tags; somebody else's change could be lost",
            self.host.name()
        );
        Error::new(Kind::Unsupported, message)
    }
}

/// What the sender says, or if that is nothing of worth what the document says, which some registries
/// do not look for.
fn media_type(told: Option<MediaType>, manifest: Option<&Manifest>) -> Option<MediaType> {
    match told {
        Some(told) if !told.is_generic() => Some(told),
        told => manifest
            .map(|manifest| manifest.media_type().clone())
            .or(told),
    }
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
