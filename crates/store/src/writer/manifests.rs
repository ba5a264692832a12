//! A manifest, the blobs that have to become manifests with it, and its tags, in one transaction; or
//! the look alone that would come before it.

use std::cell::RefCell;
use std::collections::HashMap;

use bytes::Bytes;
use portolan_model::{Digest, Manifest, RepositoryName};
use portolan_registry::{
    Admitted, Error, Held, Holdings, Judged, Kind, MAX_MANIFEST_BYTES, PutManifest, PutOutcome,
    Result, TakenIn, admit, verified_digest,
};
use serde_json::json;

use crate::metadata::{
    Change, Database, Timestamp, Transaction, find_blob, find_repository, find_tag, held,
    holds_manifest, repository_id, set_tag, store_manifest,
};
use crate::store::{Inner, now};

/// Most bytes of blobs that one put takes in as manifests.
const MAX_TAKEN_IN: usize = 8 * MAX_MANIFEST_BYTES;

/// A put that can be tried again with more blobs at hand.
#[derive(Clone)]
struct Put {
    repository: RepositoryName,
    who: String,
    now: Timestamp,
    new: TakenIn,
    options: PutManifest,
    /// Blobs that an earlier try wanted to read.
    at_hand: HashMap<Digest, Bytes>,
}

/// What came of a try.
enum Tried<T> {
    Done(T),
    /// These blobs have to be read first, outside of the transaction.
    Wants(Vec<Digest>),
}

impl<D: Database> Inner<D> {
    pub(super) async fn put_manifest(
        &self,
        repository: RepositoryName,
        who: String,
        bytes: Bytes,
        options: PutManifest,
    ) -> Result<PutOutcome> {
        let digest = verified_digest(&bytes, options.digest.as_ref())?;
        let claimed = options.media_type.as_ref();
        let manifest = Manifest::parse(bytes, claimed)
            .map_err(|error| Error::manifest_unreadable(claimed, &error))?;
        let new = TakenIn { digest, manifest };
        let mut put = Put {
            repository,
            who,
            now: now(),
            new,
            options,
            at_hand: HashMap::new(),
        };
        loop {
            let attempt = put.clone();
            let tried = if put.options.dry_run {
                self.database
                    .read(move |transaction| attempt.rehearse(transaction))
                    .await?
            } else {
                self.database
                    .write(move |transaction| attempt.run(transaction))
                    .await?
            };
            match tried {
                Tried::Done(outcome) => return Ok(outcome),
                Tried::Wants(digests) => {
                    for digest in digests {
                        self.fetch(&mut put, digest).await?;
                    }
                }
            }
        }
    }

    /// Reads a blob for the next try. One that is gone by then is missed by that try itself.
    async fn fetch(&self, put: &mut Put, digest: Digest) -> Result<()> {
        let at_hand: usize = put.at_hand.values().map(Bytes::len).sum();
        if at_hand > MAX_TAKEN_IN {
            let message = format!(
                "its children were pushed as blobs and have more than {MAX_TAKEN_IN} bytes together; push them as manifests first"
            );
            return Err(Error::new(Kind::ManifestInvalid, message)
                .with_detail(json!({"limit": MAX_TAKEN_IN})));
        }
        let (repository, wanted) = (put.repository.clone(), digest.clone());
        let row = self
            .database
            .read(move |transaction| find_blob(transaction, &repository, &wanted))
            .await?;
        if let Some(row) = row {
            let body = self.objects.read(&row.key, 0..row.size).await?;
            put.at_hand
                .insert(digest, body.collect(MAX_MANIFEST_BYTES).await?);
        }
        Ok(())
    }
}

impl Put {
    fn run(&self, transaction: &mut dyn Transaction) -> Result<Tried<PutOutcome>> {
        let repository_id = repository_id(transaction, &self.repository, self.now)?;
        let Admitted { taken_in, findings } = match self.look(transaction, Some(repository_id))? {
            Tried::Done(admitted) => admitted,
            Tried::Wants(digests) => return Ok(Tried::Wants(digests)),
        };
        for new in taken_in.iter().chain([&self.new]) {
            store_manifest(transaction, repository_id, new, self.now)?;
        }
        self.set_tags(transaction, repository_id)?;
        Ok(Tried::Done(self.outcome(findings)))
    }

    /// What a run would answer now, by looking alone.
    fn rehearse(&self, transaction: &mut dyn Transaction) -> Result<Tried<PutOutcome>> {
        let repository_id = find_repository(transaction, &self.repository)?;
        let findings = match self.look(transaction, repository_id)? {
            Tried::Done(admitted) => admitted.findings,
            Tried::Wants(digests) => return Ok(Tried::Wants(digests)),
        };
        for update in &self.options.tags {
            let current = match repository_id {
                Some(repository_id) => find_tag(transaction, repository_id, &update.tag)?,
                None => None,
            };
            if !update.precondition.holds(current.as_ref()) {
                return Err(Error::precondition_failed(update, current.as_ref()));
            }
        }
        Ok(Tried::Done(self.outcome(findings)))
    }

    /// Holds the manifest, and its children that were pushed as blobs, against the policy.
    fn look(
        &self,
        transaction: &mut dyn Transaction,
        repository_id: Option<i64>,
    ) -> Result<Tried<Admitted>> {
        let PutManifest { policy, known, .. } = &self.options;
        let here = Here {
            transaction: RefCell::new(transaction),
            repository_id,
            put: self,
            wants: RefCell::default(),
        };
        let admitted = admit(&self.new.manifest, policy, known, &here);
        let wants = here.wants.take();
        if wants.is_empty() {
            admitted.map(Tried::Done)
        } else {
            Ok(Tried::Wants(wants))
        }
    }

    fn outcome(&self, findings: Vec<Judged>) -> PutOutcome {
        let subject = self
            .new
            .manifest
            .subject()
            .map(|subject| subject.digest.clone());
        PutOutcome {
            digest: self.new.digest.clone(),
            subject,
            findings,
            normalised: None,
        }
    }

    fn set_tags(&self, transaction: &mut dyn Transaction, repository_id: i64) -> Result<()> {
        let change = Change {
            repository_id,
            who: &self.who,
            now: self.now,
        };
        for update in &self.options.tags {
            if let Err(actual) = set_tag(transaction, change, update, &self.new.digest)? {
                return Err(Error::precondition_failed(update, actual.as_ref()));
            }
        }
        Ok(())
    }
}

/// What the repository holds, within the transaction; nothing if there is no such repository.
struct Here<'a> {
    transaction: RefCell<&'a mut dyn Transaction>,
    repository_id: Option<i64>,
    put: &'a Put,
    wants: RefCell<Vec<Digest>>,
}

impl Holdings for Here<'_> {
    fn held(&self, digest: &Digest) -> Result<Option<Held>> {
        let Some(repository_id) = self.repository_id else {
            return Ok(None);
        };
        held(&mut **self.transaction.borrow_mut(), repository_id, digest)
    }

    fn holds_manifest(&self, digest: &Digest) -> Result<bool> {
        let Some(repository_id) = self.repository_id else {
            return Ok(false);
        };
        holds_manifest(&mut **self.transaction.borrow_mut(), repository_id, digest)
    }

    fn read_blob(&self, digest: &Digest) -> Result<Option<Bytes>> {
        let bytes = self.put.at_hand.get(digest).cloned();
        if bytes.is_none() {
            self.wants.borrow_mut().push(digest.clone());
        }
        Ok(bytes)
    }
}
