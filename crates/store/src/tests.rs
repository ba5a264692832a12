//! Tests of the internals of the store: numbers of statements and bytes, cached blobs, broken
//! blobs, damaged manifests, data folders that were changed, the deletion of objects, and commits
//! that fail.

mod broken;
mod cached_blobs;
mod counting;
mod damaged_manifests;
mod failed_commits;
mod folder;
mod keys;
mod media_types;
#[cfg(feature = "postgres-tests")]
mod postgres;
mod size;
mod statements;
mod unfinished;

use std::sync::Arc;

use portolan_model::Digest;
use portolan_model::fixtures::{ImageFixture, repository, tag};
use portolan_registry::{Context, PutManifest, TagUpdate, Writer};

pub(crate) use counting::Counting;

use crate::metadata::Database;
use crate::store::{Settings, Store};
use portolan_files::SystemRuntime;

/// Store in a temporary folder.
struct Subject {
    store: Store,
    folder: tempfile::TempDir,
}

fn settings(folder: &tempfile::TempDir) -> Settings {
    Settings {
        folder: folder.path().to_owned(),
        ..Settings::default()
    }
}

async fn subject() -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let store = reopen(&folder).await;
    Subject { store, folder }
}

async fn reopen(folder: &tempfile::TempDir) -> Store {
    Store::open(&settings(folder), Arc::new(SystemRuntime))
        .await
        .unwrap()
}

impl Store {
    /// Pushes the blobs of an image, then the image with a tag.
    async fn push(&self, name: &str, image: &ImageFixture, tagged: &str) -> Digest {
        let (context, name) = (Context::anonymous(), repository(name));
        for blob in image.blobs() {
            self.put_blob(&context, &name, &Digest::sha256(&blob), blob.into())
                .await
                .unwrap();
        }
        let options = PutManifest {
            tags: vec![TagUpdate::unconditional(tag(tagged))],
            ..PutManifest::default()
        };
        let outcome = self
            .put_manifest(&context, &name, image.bytes(), options)
            .await;
        outcome.unwrap().digest
    }
}
