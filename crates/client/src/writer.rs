//! Writes to a registry over HTTP (distribution-spec, "Push").

use async_trait::async_trait;
use bytes::Bytes;
use http::{Method, StatusCode, header};
use portolan_model::{
    Algorithm, Descriptor, Digest, Manifest, MediaType, Reference, RepositoryName, Tag,
};
use portolan_registry::{
    Body, Context, Error, Kind, MountOutcome, Precondition, PutManifest, PutOutcome, Reader,
    Result, Writer, referrer_descriptor, verify_digest,
};
use portolan_wire::Endpoint;
use portolan_wire::condition::TagCondition;
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, PORTOLAN_NORMALIZED};
use portolan_wire::query::{MAX_TAGS, write_tags};

use crate::Client;
use crate::response::RegistryResponse;

#[async_trait]
impl Writer for Client {
    /// Stores a manifest. The registry applies its own policy. The warnings of the registry go to
    /// the [`Observer`](crate::Observer), and the result has no findings.
    ///
    /// Preconditions on tags require a registry that announces support for them, and must be the
    /// same for all tags of the call. Any other combination fails with [`Kind::Unsupported`] before
    /// anything is written. If the registry sets only one tag per request, each tag is set with a
    /// separate request. More than [`MAX_TAGS`] tags always need several requests.
    async fn put_manifest(
        &self,
        context: &Context,
        repository: &RepositoryName,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let digest = verify_digest(&bytes, options.digest.as_ref())?;
        let condition = request_condition(&options)?;
        if condition != TagCondition::None && !self.host.features().await?.preconditions {
            return Err(self.preconditions_error());
        }
        let manifest = Manifest::parse(bytes.clone(), options.media_type.as_ref()).ok();
        let media_type = media_type(options.media_type, manifest.as_ref());
        let tags = options.tags.into_iter().map(|update| update.tag).collect();
        let push = ManifestPush {
            client: self,
            context,
            repository,
            bytes,
            media_type,
            digest,
            condition,
        };
        let PutResponse {
            subject,
            normalized,
        } = push.run(tags).await?;
        let digest = push.digest;
        let declared = manifest.as_ref().and_then(Manifest::subject);
        if let (
            Some(manifest),
            Some(Descriptor {
                digest: declared, ..
            }),
        ) = (&manifest, declared)
            && !(subject.as_ref() == Some(declared)
                && self.supports_referrers(repository, declared).await?)
        {
            let descriptor = referrer_descriptor(manifest, &digest);
            self.add_referrer(context, repository, declared, &descriptor)
                .await?;
        }
        let subject = declared.map(|subject| subject.digest.clone()).or(subject);
        Ok(PutOutcome {
            digest,
            subject,
            findings: Vec::new(),
            normalized,
        })
    }

    /// Returns [`Kind::Unsupported`] without sending a request: the specification does not define
    /// dry runs.
    async fn check_manifest(
        &self,
        _: &Context,
        _: &RepositoryName,
        _: Bytes,
        _: PutManifest,
    ) -> Result<PutOutcome> {
        Err(Error::from_host(
            Kind::Unsupported,
            self.host.name(),
            "does not support dry runs",
        ))
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
        self.upload_blob(repository, digest, body).await
    }

    async fn mount(
        &self,
        _: &Context,
        repository: &RepositoryName,
        digest: &Digest,
        from: Option<&RepositoryName>,
    ) -> Result<MountOutcome> {
        self.try_mount(repository, digest, from).await
    }
}

/// Upload of a manifest and its tags.
pub(crate) struct ManifestPush<'a> {
    pub(crate) client: &'a Client,
    pub(crate) context: &'a Context,
    pub(crate) repository: &'a RepositoryName,
    pub(crate) bytes: Bytes,
    pub(crate) media_type: Option<MediaType>,
    pub(crate) digest: Digest,
    pub(crate) condition: TagCondition,
}

/// Headers of the response to a manifest upload.
pub(crate) struct PutResponse {
    /// Subject of the manifest, if the registry supports the referrers API (`OCI-Subject`).
    pub(crate) subject: Option<Digest>,
    /// Digest of the normalized manifest that the tags point to, if the registry converts pushed
    /// manifests.
    normalized: Option<Digest>,
}

impl ManifestPush<'_> {
    /// Stores the manifest and sets the tags.
    ///
    /// The manifest is pushed by digest, with the tags in the query. If it is corrupted in transit,
    /// the registry rejects it, and no tag points to corrupted content. The exception is a registry
    /// that is known to ignore tags in the query: there, the manifest is pushed by its first tag,
    /// to save a request.
    pub(crate) async fn run(&self, mut tags: Vec<Tag>) -> Result<PutResponse> {
        let one_by_one = self.client.host.capabilities.tags.get() == Some(false);
        // A registry assigns a sha256 digest to a manifest that is pushed by tag, so a manifest
        // with another algorithm must be pushed by digest.
        let reference: Reference = match self.digest.algorithm() {
            Algorithm::Sha256 if one_by_one && !tags.is_empty() => tags.remove(0).into(),
            _ => self.digest.clone().into(),
        };
        let further = tags.split_off(tags.len().min(MAX_TAGS));
        let mut outcome = self.put_with_tags(&reference, tags).await?;
        for tags in further.chunks(MAX_TAGS) {
            let reference = self.digest.clone().into();
            let response = self.put_with_tags(&reference, tags.to_vec()).await?;
            outcome.normalized = outcome.normalized.or(response.normalized);
        }
        Ok(outcome)
    }

    /// Stores the manifest and sets tags. If the registry does not set all tags with the first
    /// request, sets each of the remaining tags with a separate request.
    async fn put_with_tags(&self, reference: &Reference, tags: Vec<Tag>) -> Result<PutResponse> {
        let answer = self.put_reference(reference, &tags).await?;
        let mut outcome = PutResponse {
            subject: answer.header(&OCI_SUBJECT),
            normalized: answer.header(&PORTOLAN_NORMALIZED),
        };
        let normalized = outcome.normalized.clone();
        for tag in self
            .unconfirmed_tags(&answer, tags, normalized.as_ref())
            .await?
        {
            let answer = self.put_reference(&tag.into(), &[]).await?;
            outcome.normalized = outcome
                .normalized
                .or_else(|| answer.header(&PORTOLAN_NORMALIZED));
        }
        Ok(outcome)
    }

    /// Returns the tags in the query that the registry did not set. `normalized` is the digest that
    /// the tags point to if the registry normalized the manifest.
    ///
    /// # Errors
    /// Returns [`Kind::Unsupported`] if tags are left and the digest is not sha256: a push by tag
    /// would assign a sha256 digest.
    async fn unconfirmed_tags(
        &self,
        answer: &RegistryResponse,
        mut tags: Vec<Tag>,
        normalized: Option<&Digest>,
    ) -> Result<Vec<Tag>> {
        // The response is an error only if an earlier attempt of the request has set all tags (see
        // `put_reference`).
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
        self.client.host.capabilities.tags.set(!set.is_empty());
        tags.retain(|tag| !set.contains(&tag.as_str()));
        // A registry that lists some tags may have set more tags: Portolan lists only as many as
        // fit into the head of the response. These tags must not be set again, because the
        // precondition of the request, such as "tag does not exist", is no longer met.
        if !set.is_empty() {
            tags = self
                .tags_elsewhere(tags, normalized.unwrap_or(&self.digest))
                .await?;
        }
        match tags.first() {
            Some(tag) if *self.digest.algorithm() != Algorithm::Sha256 => {
                Err(self.unset_tag_error(tag))
            }
            _ => Ok(tags),
        }
    }

    /// Returns the elements of `tags` that do not point to `digest`.
    async fn tags_elsewhere(&self, tags: Vec<Tag>, digest: &Digest) -> Result<Vec<Tag>> {
        let mut elsewhere = Vec::new();
        for tag in tags {
            if !self.points_to(&tag.clone().into(), digest).await {
                elsewhere.push(tag);
            }
        }
        Ok(elsewhere)
    }

    async fn points_to(&self, reference: &Reference, digest: &Digest) -> bool {
        let (client, context) = (self.client, self.context);
        let info = client.head_manifest(context, self.repository, reference);
        info.await.is_ok_and(|info| info.digest == *digest)
    }

    /// Pushes the manifest to `reference`, with the tags of `also` in the query unless the registry
    /// is known to ignore them.
    ///
    /// The response has a success status, or status 412 if an earlier attempt has stored the
    /// manifest and set the tags.
    async fn put_reference(&self, reference: &Reference, also: &[Tag]) -> Result<RegistryResponse> {
        let host = &self.client.host;
        let query = if host.capabilities.tags.get() == Some(false) {
            String::new()
        } else {
            write_tags(also)
        };
        let endpoint = Endpoint::Manifest(self.repository.clone(), reference.clone());
        let mut call = host
            .request(Method::PUT, &endpoint, &query)
            .with_body(Body::from(self.bytes.clone()));
        if let Some(media_type) = &self.media_type {
            call = call.with_header(header::CONTENT_TYPE, media_type.as_str())?;
        }
        if let Some((name, value)) = self.condition.to_header() {
            call = call.with_header(name, value)?;
        }
        let answer = host.send_with_retries(&call).await?;
        let is_met = answer.status != StatusCode::PRECONDITION_FAILED;
        if !is_met && answer.attempts > 1 && self.points_to_manifest(reference, also).await? {
            // An earlier attempt succeeded, but its response was lost. The change by the earlier
            // attempt violates the precondition of this attempt.
            return Ok(answer);
        }
        if !answer.is_success() {
            return Err(host.error_from_response(answer).await);
        }
        self.check_digest(&answer)?;
        Ok(answer)
    }

    /// Returns whether `reference` and all tags of `also` point to the manifest.
    async fn points_to_manifest(&self, reference: &Reference, also: &[Tag]) -> Result<bool> {
        let tags = also.iter().cloned().map(Reference::from);
        for reference in tags.chain([reference.clone()]) {
            if !self.points_to(&reference, &self.digest).await {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Checks the digest in the response, to verify that the registry received the same bytes.
    fn check_digest(&self, answer: &RegistryResponse) -> Result<()> {
        let named: Option<Digest> = answer.header(&DOCKER_CONTENT_DIGEST);
        match named
            .filter(|named| named.algorithm() == self.digest.algorithm() && *named != self.digest)
        {
            Some(named) => Err(Error::digest_mismatch(&self.digest, &named)),
            None => Ok(()),
        }
    }

    fn unset_tag_error(&self, tag: &Tag) -> Error {
        let predicate = format!(
            "stored the manifest as {}, but tags only sha256 digests; tag {tag} was not set",
            self.digest
        );
        Error::from_host(Kind::Unsupported, self.client.host.name(), predicate)
    }
}

impl Client {
    /// Returns whether the registry supports the referrers API. The registry must have confirmed
    /// the subject of the pushed manifest with `OCI-Subject`.
    ///
    /// Without this header, the registry has not processed the subject. In this case, the client
    /// must add the manifest to the referrers index, even if the referrers API responds
    /// (distribution-spec, "Pushing Manifests with Subject"). With the header, the registry must
    /// list the manifest. But Amazon ECR once sent the header without supporting the API, so this
    /// function requests the API.
    async fn supports_referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
    ) -> Result<bool> {
        let ability = &self.host.capabilities.referrers;
        if ability.get() == Some(true) || self.host.features().await?.is_portolan {
            return Ok(true);
        }
        let endpoint = Endpoint::Referrers(repository.clone(), subject.clone());
        let is_listed = self.first_page_of_referrers(&endpoint, "").await?.is_some();
        if is_listed {
            ability.set(true);
        }
        Ok(is_listed)
    }

    fn preconditions_error(&self) -> Error {
        let predicate = "does not support preconditions on tags; a concurrent change could be lost";
        Error::from_host(Kind::Unsupported, self.host.name(), predicate)
    }
}

/// Returns the media type to send: `claimed`, or the type in the manifest if `claimed` is missing
/// or generic. Some registries do not read the type from the manifest.
fn media_type(claimed: Option<MediaType>, manifest: Option<&Manifest>) -> Option<MediaType> {
    match claimed {
        Some(claimed) if !claimed.is_generic() => Some(claimed),
        claimed => manifest
            .map(|manifest| manifest.media_type().clone())
            .or(claimed),
    }
}

/// Returns the precondition to send in the headers of a request. The headers apply to all tags of
/// the request.
///
/// # Errors
/// Returns [`Kind::Unsupported`] if the tags have different preconditions.
fn request_condition(options: &PutManifest) -> Result<TagCondition> {
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
