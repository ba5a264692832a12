//! Execution of a plan: blobs, then manifests in order of rank, with the tags last.

use std::sync::Arc;

use portolan_model::Digest;

use super::blob::TransferOutcome;
use super::concurrency::in_any_order;
use super::plan::{CopyOutcome, Plan, PlannedAction, PlannedBlob, PlannedDocument, Tally};
use super::sessions::OpenSessions;
use super::{Copier, CopyEvent, CopyObserver};
use crate::{Error, Kind, PutManifest, Result, TagUpdate};

impl Copier {
    /// Executes a plan.
    ///
    /// If an error occurs, the tags of the request have not moved. Content that was already
    /// transferred remains at the target, so a new plan does not transfer it again. Upload sessions
    /// remain only after a transient error, so that a later copy can resume them.
    ///
    /// # Errors
    /// Returns the first error that occurs, and [`Kind::PreconditionFailed`] if a tag has moved
    /// since the plan was made.
    pub async fn execute(
        &self,
        plan: &Plan,
        observer: &Arc<dyn CopyObserver>,
    ) -> Result<CopyOutcome> {
        let (mut tally, absent) = self.transfer_blobs(plan, observer).await?;
        // A document references only documents of a lower rank, so documents of the same rank can
        // be stored concurrently. The plan is sorted by rank.
        for documents in plan.manifests.chunk_by(|one, other| one.rank == other.rank) {
            tally.manifests += self.store_documents(plan, documents, observer).await?;
        }
        Ok(CopyOutcome {
            source_digest: plan.source_digest.clone(),
            digest: plan.digest.clone(),
            tally,
            absent,
        })
    }

    /// Transfers the blobs, and returns the numbers of blobs by outcome, and the optional blobs
    /// that the source does not have.
    async fn transfer_blobs(
        &self,
        plan: &Plan,
        observer: &Arc<dyn CopyObserver>,
    ) -> Result<(Tally, Vec<Digest>)> {
        let (present, missing): (Vec<&PlannedBlob>, Vec<_>) = plan
            .blobs
            .iter()
            .partition(|blob| blob.action == PlannedAction::Present);
        let (mut tally, mut absent) = (Tally::default(), Vec::new());
        let open = OpenSessions::default();
        for blob in present {
            tally.add_present(blob.size.unwrap_or_default());
        }
        let transfers = missing
            .into_iter()
            .map(|blob| self.transfer(plan, blob, observer, &open));
        let transferred = in_any_order(self.jobs, transfers).await;
        // After a transient error, a later copy can resume the sessions.
        if transferred
            .as_ref()
            .is_err_and(|error| !error.is_transient())
        {
            open.cancel(&plan.request.target, &*self.sessions).await;
        }
        for (blob, outcome) in transferred? {
            let size = blob.size.unwrap_or_default();
            match outcome {
                TransferOutcome::Copied => tally.add_copied(size),
                TransferOutcome::Mounted => tally.add_mounted(size),
                TransferOutcome::Present => tally.add_present(size),
                TransferOutcome::Absent => absent.push(blob.digest.clone()),
            }
        }
        Ok((tally, absent))
    }

    async fn transfer<'a>(
        &self,
        plan: &Plan,
        blob: &'a PlannedBlob,
        observer: &Arc<dyn CopyObserver>,
        open: &OpenSessions,
    ) -> Result<(&'a PlannedBlob, TransferOutcome)> {
        Ok((blob, self.transfer_blob(plan, blob, observer, open).await?))
    }

    /// Stores those documents of one rank that must be sent, and returns the number of stored
    /// documents.
    async fn store_documents(
        &self,
        plan: &Plan,
        documents: &[PlannedDocument],
        observer: &Arc<dyn CopyObserver>,
    ) -> Result<usize> {
        let stored = documents.iter().filter(|document| document.is_sent());
        let stored = stored.map(|document| self.store_document(plan, document, observer));
        Ok(in_any_order(self.jobs, stored).await?.len())
    }

    async fn store_document(
        &self,
        plan: &Plan,
        document: &PlannedDocument,
        observer: &Arc<dyn CopyObserver>,
    ) -> Result<()> {
        let _permit = self
            .permits
            .acquire()
            .await
            .map_err(|error| Error::internal("failed to acquire a transfer permit", error))?;
        let stored = match put(plan, document, observer).await {
            // The content may have been damaged in transit. Try once more.
            Err(error) if *error.kind() == Kind::DigestInvalid => {
                put(plan, document, observer).await
            }
            Err(error) if document.blob_fallback && is_rejection(&error) => {
                put_as_blob(plan, document)
                    .await
                    .map(|()| document.digest.clone())
            }
            stored => stored,
        };
        let target = plan.request.target.full_name(&document.digest);
        let tagged = stored
            .map_err(|error| error.with_prefix(format!("failed to store manifest {target}")))?;
        observer.on_event(CopyEvent::ManifestDone {
            digest: &document.digest,
            media_type: document.media_type.as_ref(),
        });
        for TagUpdate { tag, .. } in &document.updates {
            observer.on_event(CopyEvent::TagSet {
                tag,
                digest: &tagged,
            });
        }
        Ok(())
    }
}

/// Stores a document, sets its tags, and returns the digest that the tags point to. If the target
/// converts pushed manifests, this is not the digest of the document.
async fn put(
    plan: &Plan,
    document: &PlannedDocument,
    observer: &Arc<dyn CopyObserver>,
) -> Result<Digest> {
    let digest = &document.digest;
    let options = PutManifest {
        media_type: document.media_type.clone(),
        digest: Some(digest.clone()),
        tags: document.updates.clone(),
    };
    let target = &plan.request.target;
    let outcome = target.put(document.bytes.clone(), options).await?;
    if outcome.digest != *digest {
        return Err(Error::digest_mismatch(digest, &outcome.digest));
    }
    for finding in outcome.warnings() {
        observer.on_event(CopyEvent::Warned { digest, finding });
    }
    Ok(outcome.normalized.unwrap_or(outcome.digest))
}

async fn put_as_blob(plan: &Plan, document: &PlannedDocument) -> Result<()> {
    let target = &plan.request.target;
    target
        .put_blob(&document.digest, document.bytes.clone())
        .await
}

/// Returns whether an error means that the target rejects the document as a manifest.
fn is_rejection(error: &Error) -> bool {
    match error.kind() {
        Kind::ManifestInvalid { .. }
        | Kind::Unsupported
        | Kind::ContentMissing { .. }
        | Kind::TooLarge
        | Kind::SizeInvalid => true,
        Kind::Remote(code) => {
            let code = code.as_str();
            matches!(code, "HTTP_400" | "HTTP_415" | "HTTP_422") || code.starts_with("MANIFEST_")
        }
        _ => false,
    }
}
