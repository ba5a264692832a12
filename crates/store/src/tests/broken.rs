//! Broken blobs: each way in which a file can be damaged, and each request that can notice it.

mod guard;
mod manifests;
mod marks;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use portolan_model::Digest;
use portolan_model::fixtures::repository;
use portolan_registry::contract::expect_error;
use portolan_registry::{Context, Kind, Reader, Result, Writer};

use super::{Store, subject};

/// Damage of a file that every request can notice without reading the file.
const VISIBLE: [Damage; 3] = [Damage::Missing, Damage::Short, Damage::Long];

#[derive(Clone, Copy, Debug)]
enum Damage {
    Missing,
    Short,
    Long,
    /// The file has its size, but other bytes.
    Flipped,
}

impl Damage {
    fn apply(self, object: &Path, content: &[u8]) {
        match self {
            Self::Missing => fs::remove_file(object).unwrap(),
            Self::Short => shorten(object, content.len() as u64 - 1),
            Self::Long => shorten(object, content.len() as u64 + 1),
            Self::Flipped => fs::write(object, vec![0; content.len()]).unwrap(),
        }
    }
}

fn shorten(object: &Path, length: u64) {
    let file = File::options().write(true).open(object).unwrap();
    file.set_len(length).unwrap();
}

impl Store {
    async fn put(&self, name: &str, content: &Bytes) -> Digest {
        let (context, digest) = (Context::anonymous(), Digest::sha256(content));
        let (name, body) = (repository(name), content.clone().into());
        let put = self.put_blob(&context, &name, &digest, body);
        put.await.unwrap();
        digest
    }

    async fn get(&self, name: &str, digest: &Digest) -> Result<Bytes> {
        let (context, name) = (Context::anonymous(), repository(name));
        let read = self.get_blob(&context, &name, digest, None);
        read.await?.body.collect(usize::MAX).await
    }

    async fn head(&self, name: &str, digest: &Digest) -> Result<u64> {
        let (context, name) = (Context::anonymous(), repository(name));
        let head = self.head_blob(&context, &name, digest);
        Ok(head.await?.size)
    }

    /// Requires that the repositories `a` and `b` do not serve the blob.
    async fn expect_broken(&self, digest: &Digest) {
        for name in ["a", "b"] {
            expect_error(self.get(name, digest).await, &Kind::BlobUnknown);
            expect_error(self.head(name, digest).await, &Kind::BlobUnknown);
        }
    }

    /// Requires that the repositories `a` and `b` serve the blob.
    async fn expect_whole(&self, content: &Bytes) {
        let digest = Digest::sha256(content);
        for name in ["a", "b"] {
            assert_eq!(self.get(name, &digest).await.unwrap(), content);
            let size = self.head(name, &digest).await.unwrap();
            assert_eq!(size, content.len() as u64);
        }
    }
}

/// Returns the files of all objects.
fn objects(data: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(data.join("blobs")).unwrap();
    let files = folders.flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

/// Returns the file of the object with `content`.
fn object(data: &Path, content: &[u8]) -> PathBuf {
    let mut files = objects(data).into_iter();
    let found = files.find(|file| fs::read(file).unwrap() == content);
    found.unwrap()
}

/// Contents that are cached and that are not.
fn contents() -> [Bytes; 2] {
    let large: Vec<u8> = (0..700_000_u32).map(|byte| byte.to_le_bytes()[1]).collect();
    [Bytes::from_static(b"small"), large.into()]
}

/// Store whose repositories `a` and `b` have a blob, and the file of the blob.
async fn stored(content: &Bytes) -> (super::Subject, PathBuf) {
    let subject = subject().await;
    for name in ["a", "b"] {
        subject.store.put(name, content).await;
    }
    let object = object(subject.folder.path(), content);
    (subject, object)
}
