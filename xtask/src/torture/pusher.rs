//! Client of the load, which pushes images with all upload methods and records each request and
//! each 201.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ledger::{ContentKind, ContentName, Ledger};
use crate::load::push::{self, UploadMethod};
use crate::load::{Connection, LoadBlob, LoadImage, Payload, PushError, Random};

const REPOSITORIES: [&str; 4] = ["torture/one", "torture/two", "torture/three", "four"];
const WAYS: [UploadMethod; 4] = [
    UploadMethod::Single,
    UploadMethod::FinalPut,
    UploadMethod::Chunks,
    UploadMethod::Stream,
];

/// Number of images that a client pushes per round. More would only make the checks longer.
const PUSH_LIMIT: u64 = 150;

/// State shared by the clients of a round.
pub(crate) struct Round {
    pub(crate) number: u32,
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Arc<Ledger>,
    /// Set just before the crash. Afterwards, a broken connection is not a fault.
    pub(crate) crashing: AtomicBool,
    /// Layer that all clients push and mount at the same time.
    pub(crate) base: LoadBlob,
}

/// Client that pushes.
pub(crate) struct Pusher {
    round: Arc<Round>,
    client: u64,
    random: Random,
    connection: Connection,
}

impl Pusher {
    pub(crate) fn new(round: Arc<Round>, client: u64, random: Random) -> Self {
        let connection = Connection::new(round.address);
        Self {
            round,
            client,
            random,
            connection,
        }
    }

    /// Pushes until the crash and returns an error that occurred before it.
    pub(crate) async fn run(mut self) -> Option<String> {
        for number in 0..PUSH_LIMIT {
            match self.push(number).await {
                Ok(()) => {}
                Err(PushError::Broken(_)) if self.round.crashing.load(Ordering::SeqCst) => break,
                Err(error) => return Some(format!("client {}: {error}", self.client)),
            }
        }
        None
    }

    async fn push(&mut self, number: u64) -> Result<(), PushError> {
        let repository = *self.random.pick(&REPOSITORIES);
        self.maybe_abandon_upload(repository).await?;
        let image = self.random_image();
        for blob in image.blobs() {
            if blob.digest == self.round.base.digest && self.try_mount(repository, blob).await? {
                continue;
            }
            self.push_blob(repository, blob).await?;
        }
        self.push_manifest(repository, number, &image.manifest)
            .await
    }

    fn random_image(&mut self) -> LoadImage {
        let base = if self.random.one_in(3) {
            vec![self.round.base.clone()]
        } else {
            Vec::new()
        };
        let layers = self.random.range(1, 3);
        let lengths: Vec<_> = (0..layers).map(|_| self.random_length()).collect();
        LoadImage::random(&mut self.random, &base, &lengths)
    }

    /// Returns the length of a layer: mostly small, some larger than one or two buffers, and none
    /// empty, because all empty layers are the same blob.
    fn random_length(&mut self) -> usize {
        let limit = match self.random.range(0, 40) {
            0 => 3 << 20,
            1..8 => 128 << 10,
            _ => 8 << 10,
        };
        usize::try_from(self.random.range(1, limit)).unwrap_or(1)
    }

    async fn push_blob(&mut self, repository: &str, blob: &LoadBlob) -> Result<(), PushError> {
        let way = *self.random.pick(&WAYS);
        let name = content_name(repository, ContentKind::Blob, blob);
        self.round.ledger.record_request(&name, self.round.number);
        push::push_blob(&mut self.connection, repository, blob, way).await?;
        self.round.ledger.record_acknowledgment(&name);
        Ok(())
    }

    /// Mounts the shared layer from a repository that acknowledged it, if there is one.
    async fn try_mount(&mut self, repository: &str, blob: &LoadBlob) -> Result<bool, PushError> {
        let Some(from) = self.mount_source(repository, blob) else {
            return Ok(false);
        };
        let name = content_name(repository, ContentKind::Blob, blob);
        self.round.ledger.record_request(&name, self.round.number);
        let mounted =
            push::mount_blob(&mut self.connection, repository, &blob.digest, from).await?;
        if mounted {
            self.round.ledger.record_acknowledgment(&name);
        } else {
            self.round.ledger.record_withdrawal(&name);
            self.round.ledger.record_abandoned_session();
        }
        Ok(mounted)
    }

    fn mount_source(&self, repository: &str, blob: &LoadBlob) -> Option<&'static str> {
        let entries = self.round.ledger.entries();
        let holds = |other: &str| {
            let fate = entries
                .contents
                .get(&content_name(other, ContentKind::Blob, blob));
            other != repository && fate.is_some_and(|fate| fate.acknowledged)
        };
        REPOSITORIES.into_iter().find(|other| holds(other))
    }

    async fn push_manifest(
        &mut self,
        repository: &str,
        number: u64,
        manifest: &LoadBlob,
    ) -> Result<(), PushError> {
        let content = content_name(repository, ContentKind::Manifest, manifest);
        self.round
            .ledger
            .record_request(&content, self.round.number);
        let Some(tag) = self.random_tag(number) else {
            self.put_manifest(repository, &manifest.digest, manifest)
                .await?;
            self.round.ledger.record_acknowledgment(&content);
            return Ok(());
        };
        let tag_name = (repository.to_owned(), tag.clone());
        let ticket =
            self.round
                .ledger
                .record_tag_request(&tag_name, &manifest.digest, self.round.number);
        self.put_manifest(repository, &tag, manifest).await?;
        self.round.ledger.record_acknowledgment(&content);
        self.round
            .ledger
            .record_tag_acknowledgment(&tag_name, ticket);
        Ok(())
    }

    async fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        manifest: &LoadBlob,
    ) -> Result<(), PushError> {
        push::push_manifest(
            &mut self.connection,
            repository,
            reference,
            manifest.bytes.clone(),
        )
        .await
    }

    /// Returns a tag that all clients compete for, a unique tag, or `None` for a push by digest.
    fn random_tag(&mut self, number: u64) -> Option<String> {
        match self.random.range(0, 8) {
            0 => None,
            1..4 => Some("latest".to_owned()),
            _ => Some(format!("r{}-c{}-{number}", self.round.number, self.client)),
        }
    }

    /// Occasionally abandons an upload halfway, between two requests or within one.
    async fn maybe_abandon_upload(&mut self, repository: &str) -> Result<(), PushError> {
        if !self.random.one_in(6) {
            return Ok(());
        }
        let half = LoadBlob::random(&mut self.random, 50_000).bytes;
        let session = push::open_session(&mut self.connection, repository).await?;
        self.round.ledger.record_abandoned_session();
        if self.random.one_in(2) {
            push::append_chunk(&mut self.connection, &session, Payload::from_bytes(half)).await?;
            return Ok(());
        }
        // This request is supposed to fail, and uses a connection of its own because it breaks it.
        let mut torn = Connection::new(self.round.address);
        let _ = push::append_chunk(&mut torn, &session, Payload::broken_halfway(&half)).await;
        Ok(())
    }
}

fn content_name(repository: &str, kind: ContentKind, blob: &LoadBlob) -> ContentName {
    ContentName {
        repository: repository.to_owned(),
        kind,
        digest: blob.digest.clone(),
    }
}
