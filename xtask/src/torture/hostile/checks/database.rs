//! Database that is removed while the server runs, or before it starts.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use super::super::scene::Scene;
use super::caller::Caller;
use crate::load::{LoadBlob, Random};
use crate::servers::RunningServer;
use crate::torture::files::list_files;

/// Time within which the server has to end.
const NOTICE: Duration = Duration::from_secs(10);

/// Removes the database of a running server: the server ends and acknowledges nothing more.
pub(super) fn removed(scene: &Scene) -> Result<()> {
    let name = "database-removed";
    let mut server = scene.start(name, "")?;
    let caller = Caller::new(scene, server.address());
    let mut random = Random::new(scene.seed, 4);
    let status = caller.push_manifest(0)?;
    ensure!(status == 201, "a push before was answered with {status}");
    remove_database(scene, name)?;
    let acknowledged = push_until_end(&mut server, &caller, &mut random)?;
    ensure!(
        acknowledged == 0,
        "{acknowledged} pushes were acknowledged after the database was removed"
    );
    Ok(())
}

/// Returns the number of pushes that were acknowledged until the server ended.
fn push_until_end(
    server: &mut RunningServer,
    caller: &Caller<'_>,
    random: &mut Random,
) -> Result<u32> {
    let begin = Instant::now();
    let mut acknowledged = 0;
    while begin.elapsed() < NOTICE {
        if server.has_ended()? {
            return Ok(acknowledged);
        }
        let status = caller.push_manifest(random.next_u64());
        acknowledged += u32::from(status.is_ok_and(|it| it == 201));
        // A probe, as an orchestrator sends it.
        let _ = caller.status("/readyz");
        thread::sleep(Duration::from_millis(50));
    }
    bail!(
        "the server runs {NOTICE:?} after its database was removed, and acknowledged {acknowledged} pushes"
    )
}

/// Removes the database before a start: the server does not start as an empty registry.
pub(super) fn missing_at_start(scene: &Scene) -> Result<()> {
    let name = "database-missing";
    let mut server = scene.start(name, "")?;
    let caller = Caller::new(scene, server.address());
    caller.push_successfully(&LoadBlob::random(&mut Random::new(scene.seed, 5), 3 << 20))?;
    server.stop()?;
    remove_database(scene, name)?;
    ensure!(
        scene.start(name, "").is_err(),
        "the server starts without the database of its blobs"
    );
    Ok(())
}

fn remove_database(scene: &Scene, name: &str) -> Result<()> {
    for file in list_files(&scene.data(name))? {
        let file_name = file.file_name().unwrap_or_default().to_string_lossy();
        if file_name.starts_with("portolan.db") {
            fs::remove_file(&file)?;
        }
    }
    Ok(())
}
