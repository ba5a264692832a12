//! From a plan to the deed: blobs, then manifests rank by rank, tags with the last.

use std::sync::Arc;

use portolan_model::Digest;

use super::blob::Brought;
use super::plan::{Action, Outcome, Plan, PlannedBlob, PlannedDocument, Tally};
use super::together::in_any_order;
use super::{Copier, Event, Observer, Place};
use crate::{Error, Kind, Policy, PutManifest, Result, TagUpdate};

impl Copier {
    /// Does what the plan says. What is done when an error comes stays done, and is found by the
    /// next plan; none of the tags that were asked for has moved then.
    ///
    /// # Errors
    /// The first thing that fails; [`Kind::PreconditionFailed`] when a tag is elsewhere by now.
    pub async fn carry_out(&self, plan: &Plan, observer: &Arc<dyn Observer>) -> Result<Outcome> {
        let (mut tally, absent) = self.blobs(plan, observer).await?;
        for documents in plan.manifests.chunk_by(|one, other| one.rank == other.rank) {
            tally.manifests += self.documents(plan, documents, observer).await?;
        }
        Ok(Outcome {
            source_digest: plan.source_digest.clone(),
            digest: plan.digest.clone(),
            tally,
            absent,
        })
    }

    /// Brings the blobs; the second value names those that the source does not have.
    async fn blobs(
        &self,
        plan: &Plan,
        observer: &Arc<dyn Observer>,
    ) -> Result<(Tally, Vec<Digest>)> {
        let (there, missing): (Vec<&PlannedBlob>, Vec<_>) = plan
            .blobs
            .iter()
            .partition(|blob| blob.action == Action::There);
        let (mut tally, mut absent) = (Tally::default(), Vec::new());
        for blob in there {
            tally.found(blob.size.unwrap_or_default());
        }
        let brought = missing
            .into_iter()
            .map(|blob| self.brought(plan, blob, observer));
        for (blob, how) in in_any_order(self.jobs, brought).await? {
            let size = blob.size.unwrap_or_default();
            match how {
                Brought::Copied => tally.copy(size),
                Brought::Mounted => tally.mount(size),
                Brought::There => tally.found(size),
                Brought::Absent => absent.push(blob.digest.clone()),
            }
        }
        Ok((tally, absent))
    }

    async fn brought<'a>(
        &self,
        plan: &Plan,
        blob: &'a PlannedBlob,
        observer: &Arc<dyn Observer>,
    ) -> Result<(&'a PlannedBlob, Brought)> {
        Ok((blob, self.bring(plan, blob, observer).await?))
    }

    /// Stores documents of one rank, and answers how many.
    async fn documents(
        &self,
        plan: &Plan,
        documents: &[PlannedDocument],
        observer: &Arc<dyn Observer>,
    ) -> Result<usize> {
        let stored = documents.iter().filter(|document| document.is_stored());
        let stored = stored.map(|document| self.document(plan, document, observer));
        Ok(in_any_order(self.jobs, stored).await?.len())
    }

    async fn document(
        &self,
        plan: &Plan,
        document: &PlannedDocument,
        observer: &Arc<dyn Observer>,
    ) -> Result<()> {
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| Error::internal("waiting for a turn", error))?;
        let stored = match put(plan, document, observer).await {
            // What was damaged on the way may not be another time.
            Err(error) if *error.kind() == Kind::DigestInvalid => {
                put(plan, document, observer).await
            }
            Err(error) if document.or_blob && is_refusal(&error) => put_as_blob(plan, document)
                .await
                .map(|()| document.digest.clone()),
            stored => stored,
        };
        let target = plan.request.target.at(&document.digest);
        let tagged =
            stored.map_err(|error| error.while_doing(format!("storing the manifest {target}")))?;
        observer.notice(Event::ManifestDone {
            digest: &document.digest,
            media_type: document.media_type.as_ref(),
        });
        for TagUpdate { tag, .. } in &document.updates {
            observer.notice(Event::TagSet {
                tag,
                digest: &tagged,
            });
        }
        Ok(())
    }
}

/// Answers the digest that the tags point to: another one where the target's policy converts what they are set to.
async fn put(
    plan: &Plan,
    document: &PlannedDocument,
    observer: &Arc<dyn Observer>,
) -> Result<Digest> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = &plan.request.target;
    let digest = &document.digest;
    let options = PutManifest {
        media_type: document.media_type.clone(),
        digest: Some(digest.clone()),
        tags: document.updates.clone(),
        policy: Policy::for_copies(plan.sparse),
        ..PutManifest::default()
    };
    let outcome = registry
        .put_manifest(context, repository, document.bytes.clone(), options)
        .await?;
    if outcome.digest != *digest {
        return Err(Error::digest_mismatch(digest, &outcome.digest));
    }
    for finding in outcome.warnings() {
        observer.notice(Event::Warned { digest, finding });
    }
    Ok(outcome.normalised.unwrap_or(outcome.digest))
}

async fn put_as_blob(plan: &Plan, document: &PlannedDocument) -> Result<()> {
    let Place {
        registry,
        context,
        repository,
        ..
    } = &plan.request.target;
    registry
        .put_blob(
            context,
            repository,
            &document.digest,
            document.bytes.clone().into(),
        )
        .await
}

/// Whether the target will not take this as a manifest, whenever it is asked.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::ManifestInvalid
            | Kind::Unsupported
            | Kind::ContentMissing
            | Kind::TooLarge
            | Kind::SizeInvalid
            | Kind::Remote(_)
            | Kind::Internal
    )
}
