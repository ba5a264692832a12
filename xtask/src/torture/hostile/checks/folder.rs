//! Data folder that is moved or replaced, and a limit of the file size.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::super::scene::Scene;
use super::caller::Caller;
use crate::load::{LoadBlob, Random};
use crate::servers::RunningServer;

/// Time within which the server has to notice that its folder is gone.
const NOTICE: Duration = Duration::from_secs(5);

/// Moves the folder: pushes fail, and the server is not ready.
pub(super) fn moved(scene: &Scene) -> Result<()> {
    lose_folder(scene, "folder-moved", false)
}

/// Moves the folder and creates an empty one in its place: pushes fail, and the server is not
/// ready.
pub(super) fn replaced(scene: &Scene) -> Result<()> {
    lose_folder(scene, "folder-replaced", true)
}

fn lose_folder(scene: &Scene, name: &str, replace: bool) -> Result<()> {
    let mut server = scene.start(name, "")?;
    let caller = Caller::new(scene, server.address());
    let mut random = Random::new(scene.seed, 2);
    let ready = caller.status("/readyz")?;
    ensure!(ready == 200, "/readyz before: {ready}");
    caller.push_successfully(&LoadBlob::random(&mut random, 100))?;
    let data = scene.data(name);
    fs::rename(&data, data.with_extension("moved"))?;
    if replace {
        fs::create_dir(&data)?;
    }
    let acknowledged = push_until_noticed(&mut server, &caller, &mut random)?;
    ensure!(
        acknowledged.is_empty(),
        "{} pushes were acknowledged after the folder was moved",
        acknowledged.len()
    );
    Ok(())
}

/// Pushes until the server is not ready or has ended, and returns the acknowledged digests.
fn push_until_noticed(
    server: &mut RunningServer,
    caller: &Caller<'_>,
    random: &mut Random,
) -> Result<Vec<String>> {
    let begin = Instant::now();
    let mut acknowledged = Vec::new();
    while begin.elapsed() < NOTICE {
        let blob = LoadBlob::random(random, 100);
        if caller.push(&blob).is_ok_and(|status| status == 201) {
            acknowledged.push(blob.digest);
        }
        if server.has_ended()? || caller.status("/readyz").is_ok_and(|status| status == 503) {
            return Ok(acknowledged);
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("/readyz is not 503 after {NOTICE:?}")
}

/// Limits the file size (`ulimit -f`): a larger upload is answered with 507, and the server goes
/// on.
pub(super) fn file_size_limit(scene: &Scene) -> Result<()> {
    // In units of 1024 bytes.
    let server = scene.start_in_shell("file-size-limit", "ulimit -f 2000; ", "")?;
    let caller = Caller::new(scene, server.address());
    let mut random = Random::new(scene.seed, 3);
    let status = caller.push(&LoadBlob::random(&mut random, 5_000_000))?;
    ensure!(status == 507, "a push above the limit: {status}");
    caller.push_successfully(&LoadBlob::random(&mut random, 1000))
}
