//! `/v2/NAME/manifests/REFERENCE` ("Pulling manifests", "Pushing Manifests", "Deleting Manifests").

use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use portolan_model::{Finding, MediaType, Reference, RepositoryName, Tag};
use portolan_registry::{ManifestInfo, ManifestRead, PutOutcome};
use portolan_wire::condition::{entity_tag, is_unmodified};
use portolan_wire::headers::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG, PORTOLAN_NORMALISED};
use portolan_wire::{Endpoint, query, warning};

use super::blobs::deletion;
use super::push;
use crate::body::RequestBody;
use crate::call::Call;
use crate::detached::detached;
use crate::error::Answer;
use crate::mend::Mender;
use crate::reply::Reply;

pub(crate) async fn get(call: &Call, repository: &RepositoryName, reference: &Reference) -> Answer {
    let ManifestRead { info, body } = call
        .registry()
        .get_manifest(&call.context, repository, reference)
        .await?;
    if is_unmodified(&call.headers, &info.digest) {
        return Ok(about(StatusCode::NOT_MODIFIED, &info).head(info.size));
    }
    Ok(about(StatusCode::OK, &info).content(info.size, body))
}

pub(crate) async fn head(
    call: &Call,
    repository: &RepositoryName,
    reference: &Reference,
) -> Answer {
    let info = call
        .registry()
        .head_manifest(&call.context, repository, reference)
        .await?;
    let unmodified = is_unmodified(&call.headers, &info.digest);
    let status = if unmodified {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    Ok(about(status, &info).head(info.size))
}

pub(crate) async fn put(
    call: &Call,
    body: RequestBody,
    repository: RepositoryName,
    reference: Reference,
) -> Answer {
    let also = query::tags(call.query())?;
    let by_tag = matches!(reference, Reference::Tag(_));
    let options = push::options(call, Some(reference), &also)?;
    let slot = call.app.uploads.take()?;
    let bytes = body.collect(call.app.limits.manifest_bytes).await?;
    let (context, name) = (call.context.clone(), repository.clone());
    let tag = options.tags.first().map(|update| update.tag.clone());
    let outcome = detached(&call.app, |app| async move {
        let _slot = slot;
        app.registry
            .put_manifest(&context, &name, bytes, options)
            .await
    });
    let outcome = outcome
        .await
        .map_err(|error| Mender::default().mended(error))?;
    // A tag that leads to a converted document does not name what the findings are about.
    let tag = tag.filter(|_| outcome.normalised.is_none());
    let pushed = tag.map_or_else(|| outcome.digest.clone().into(), Reference::Tag);
    let mender = Mender::new(call, &repository, &pushed);
    let sentences: Vec<_> = outcome
        .warnings()
        .map(|finding| sentence(finding, &mender))
        .collect();
    let further = outcome.warnings().map(|finding| finding.further).sum();
    let warnings = warning::values(sentences.iter().map(String::as_str), further);
    Ok(created(repository, outcome, by_tag, &also, warnings))
}

pub(crate) async fn delete(
    call: &Call,
    repository: &RepositoryName,
    reference: &Reference,
) -> Answer {
    let registry = call.registry();
    match reference {
        Reference::Tag(tag) => registry.delete_tag(&call.context, repository, tag).await?,
        Reference::Digest(digest) => {
            registry
                .delete_manifest(&call.context, repository, digest, deletion(call))
                .await?;
        }
    }
    Ok(Reply::new(StatusCode::ACCEPTED).empty())
}

/// The answer to a push. Its digest is that of what was pushed; its entity tag is that of what is served where it was
/// pushed to, which under a tag is the converted document if the policy wants tags to point to that.
fn created(
    repository: RepositoryName,
    outcome: PutOutcome,
    by_tag: bool,
    tags: &[Tag],
    warnings: Vec<HeaderValue>,
) -> Response {
    let PutOutcome {
        digest,
        subject,
        normalised,
        ..
    } = outcome;
    let served = normalised.as_ref().filter(|_| by_tag).unwrap_or(&digest);
    let mut reply = Reply::new(StatusCode::CREATED)
        .header(DOCKER_CONTENT_DIGEST, digest.as_str())
        .header(header::ETAG, entity_tag(served));
    if let Some(normalised) = &normalised {
        reply = reply.header(PORTOLAN_NORMALISED, normalised.as_str());
    }
    for tag in tags {
        reply = reply.header(OCI_TAG, tag.as_str());
    }
    if let Some(subject) = subject {
        reply = reply.header(OCI_SUBJECT, subject.as_str());
    }
    for warning in warnings {
        reply = reply.header(header::WARNING, warning);
    }
    reply
        .header(
            header::LOCATION,
            Endpoint::Manifest(repository, digest.into()).to_path(),
        )
        .empty()
}

/// A finding as a warning says it: which rule, where, what is wrong, and what mends it.
fn sentence(finding: &Finding, mender: &Mender) -> String {
    let Finding {
        rule,
        document,
        pointer,
        message,
        ..
    } = finding;
    let document = document
        .as_ref()
        .map_or_else(String::new, |digest| format!(" of {digest}"));
    format!(
        "{rule} at {pointer:?}{document}: {message}; to mend it: {}",
        mender.command(finding)
    )
}

/// The headers of a manifest. Its type is whatever it was pushed with, so browsers are told to run
/// nothing of it.
fn about(status: StatusCode, info: &ManifestInfo) -> Reply {
    let unwritable = |_| HeaderValue::from_static(MediaType::OCTET_STREAM);
    let media_type = HeaderValue::from_str(info.media_type.as_str()).unwrap_or_else(unwritable);
    Reply::new(status)
        .header(header::CONTENT_TYPE, media_type)
        .header(DOCKER_CONTENT_DIGEST, info.digest.as_str())
        .header(header::ETAG, entity_tag(&info.digest))
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_SECURITY_POLICY, "sandbox")
}
