//! One client of the load: pushes images in every way clients do, and notes each send and each 201.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::ledger::{Kind, Ledger, Name};
use crate::load::push::{self, Way};
use crate::load::{Blob, Connection, Image, Payload, PushError, Random};

const REPOSITORIES: [&str; 4] = ["torture/one", "torture/two", "torture/three", "four"];
const WAYS: [Way; 4] = [Way::Single, Way::Closing, Way::Chunks, Way::Stream];

/// One round's images of one client; more would only lengthen the checks.
const PUSH_LIMIT: u64 = 150;

/// What the clients of a round share.
pub(crate) struct Round {
    pub(crate) number: u32,
    pub(crate) address: SocketAddr,
    pub(crate) ledger: Arc<Ledger>,
    /// Set just before the crash: from then on a broken line is no fault.
    pub(crate) crashing: AtomicBool,
    /// A layer that all clients push and mount at the same time.
    pub(crate) base: Blob,
}

/// A client.
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

    /// Pushes until the crash; the answer is what went wrong before it.
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
        self.leave_something_behind(repository).await?;
        let image = self.image();
        for blob in image.blobs() {
            if blob.digest == self.round.base.digest && self.mount(repository, blob).await? {
                continue;
            }
            self.blob(repository, blob).await?;
        }
        self.manifest(repository, number, &image.manifest).await
    }

    fn image(&mut self) -> Image {
        let base = if self.random.one_in(3) {
            vec![self.round.base.clone()]
        } else {
            Vec::new()
        };
        let layers = self.random.between(1, 3);
        let lengths: Vec<_> = (0..layers).map(|_| self.length()).collect();
        Image::random(&mut self.random, &base, &lengths)
    }

    /// Mostly small, some over a buffer or two, none empty (those would all be one blob).
    fn length(&mut self) -> usize {
        let limit = match self.random.between(0, 40) {
            0 => 3 << 20,
            1..8 => 128 << 10,
            _ => 8 << 10,
        };
        usize::try_from(self.random.between(1, limit)).unwrap_or(1)
    }

    async fn blob(&mut self, repository: &str, blob: &Blob) -> Result<(), PushError> {
        let way = *self.random.pick(&WAYS);
        let name = name(repository, Kind::Blob, blob);
        self.round.ledger.sending(&name, self.round.number);
        push::blob(&mut self.connection, repository, blob, way).await?;
        self.round.ledger.acknowledged(&name);
        Ok(())
    }

    /// Mounts the shared layer from a repository that was told it holds it, if there is one.
    async fn mount(&mut self, repository: &str, blob: &Blob) -> Result<bool, PushError> {
        let Some(from) = self.holder(repository, blob) else {
            return Ok(false);
        };
        let name = name(repository, Kind::Blob, blob);
        self.round.ledger.sending(&name, self.round.number);
        let mounted = push::mount(&mut self.connection, repository, &blob.digest, from).await?;
        if mounted {
            self.round.ledger.acknowledged(&name);
        } else {
            self.round.ledger.withdrawn(&name);
            self.round.ledger.abandoned();
        }
        Ok(mounted)
    }

    fn holder(&self, repository: &str, blob: &Blob) -> Option<&'static str> {
        let entries = self.round.ledger.entries();
        let holds = |other: &str| {
            let fate = entries.contents.get(&name(other, Kind::Blob, blob));
            other != repository && fate.is_some_and(|fate| fate.acknowledged)
        };
        REPOSITORIES.into_iter().find(|other| holds(other))
    }

    async fn manifest(
        &mut self,
        repository: &str,
        number: u64,
        manifest: &Blob,
    ) -> Result<(), PushError> {
        let content = name(repository, Kind::Manifest, manifest);
        self.round.ledger.sending(&content, self.round.number);
        let Some(tag) = self.tag(number) else {
            self.put(repository, &manifest.digest, manifest).await?;
            self.round.ledger.acknowledged(&content);
            return Ok(());
        };
        let tag_name = (repository.to_owned(), tag.clone());
        let ticket = self
            .round
            .ledger
            .tag_sending(&tag_name, &manifest.digest, self.round.number);
        self.put(repository, &tag, manifest).await?;
        self.round.ledger.acknowledged(&content);
        self.round.ledger.tag_acknowledged(&tag_name, ticket);
        Ok(())
    }

    async fn put(
        &mut self,
        repository: &str,
        reference: &str,
        manifest: &Blob,
    ) -> Result<(), PushError> {
        push::manifest(
            &mut self.connection,
            repository,
            reference,
            manifest.bytes.clone(),
        )
        .await
    }

    /// A tag all clients fight over, a tag of its own, or none (a push by digest).
    fn tag(&mut self, number: u64) -> Option<String> {
        match self.random.between(0, 8) {
            0 => None,
            1..4 => Some("latest".to_owned()),
            _ => Some(format!("r{}-c{}-{number}", self.round.number, self.client)),
        }
    }

    /// Now and then an upload ends half way: between two requests, or within one.
    async fn leave_something_behind(&mut self, repository: &str) -> Result<(), PushError> {
        if !self.random.one_in(6) {
            return Ok(());
        }
        let half = Blob::random(&mut self.random, 50_000).bytes;
        let session = push::begin(&mut self.connection, repository).await?;
        self.round.ledger.abandoned();
        if self.random.one_in(2) {
            push::append(&mut self.connection, &session, Payload::whole(half)).await?;
            return Ok(());
        }
        // That this one fails is its purpose, and a connection of its own takes the damage.
        let mut torn = Connection::new(self.round.address);
        let _ = push::append(&mut torn, &session, Payload::torn(&half)).await;
        Ok(())
    }
}

fn name(repository: &str, kind: Kind, blob: &Blob) -> Name {
    Name {
        repository: repository.to_owned(),
        kind,
        digest: blob.digest.clone(),
    }
}
