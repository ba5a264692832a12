//! Damaged objects: the blob is not found from then on, and the next push repairs it.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use http::Method;
use rustix::fs::{Advice, fadvise};

use super::super::scene::Scene;
use super::caller::Caller;
use crate::load::{LoadBlob, Random};
use crate::torture::files::{digest_of_file, list_files};

/// Length of the blob: too large for the cache of small blobs.
const LENGTH: usize = 3 << 20;

/// Removes the file.
pub(super) fn removed(scene: &Scene) -> Result<()> {
    check(scene, "object-removed", |file| Ok(fs::remove_file(file)?))
}

/// Shortens the file by half.
pub(super) fn truncated(scene: &Scene) -> Result<()> {
    check(scene, "object-truncated", |file| {
        let file = OpenOptions::new().write(true).open(file)?;
        Ok(file.set_len(LENGTH as u64 / 2)?)
    })
}

/// Changes the middle of the file on the disk. Only a reader of the full content notices it.
pub(super) fn flipped(scene: &Scene) -> Result<()> {
    check(scene, "object-flipped", |file| {
        let file = OpenOptions::new().write(true).open(file)?;
        file.write_all_at(b"flipped", LENGTH as u64 / 2)?;
        file.sync_all()?;
        // The server trusts the page cache.
        Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
    })
}

fn check(scene: &Scene, name: &str, damage: impl Fn(&Path) -> Result<()>) -> Result<()> {
    let server = scene.start(name, "")?;
    let caller = Caller::new(scene, server.address());
    let blob = LoadBlob::random(&mut Random::new(scene.seed, 1), LENGTH);
    caller.push_successfully(&blob)?;
    damage(&file_of(&scene.data(name), &blob.digest)?)?;
    // The first reader may find the damage after the head of its response, and is cut off then.
    if let Ok(response) = caller.blob(Method::GET, &blob) {
        ensure!(
            response.status == 404,
            "GET of the damaged blob: {} with {} bytes",
            response.status,
            response.body.len()
        );
    }
    for method in [Method::HEAD, Method::GET] {
        let response = caller.blob(method.clone(), &blob);
        let status =
            response.with_context(|| format!("{method} after a GET noticed the damage"))?;
        ensure!(
            status.status == 404,
            "{method} after a GET noticed the damage: {}",
            status.status
        );
    }
    caller.push_successfully(&blob)?;
    let response = caller
        .blob(Method::GET, &blob)
        .context("GET after the repair")?;
    ensure!(
        response.status == 200 && response.body == blob.bytes,
        "GET after the repair: {} with {} bytes",
        response.status,
        response.body.len()
    );
    Ok(())
}

/// Returns the file that contains a blob.
fn file_of(data: &Path, digest: &str) -> Result<PathBuf> {
    for file in list_files(&data.join("blobs"))? {
        if digest_of_file(&file)? == digest {
            return Ok(file);
        }
    }
    anyhow::bail!("no file below {} has the pushed content", data.display())
}
