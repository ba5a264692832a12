//! Interrupted copies.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use super::super::fault::Fault;
use super::super::scene::Scene;
use super::{large_image, partial_uploads};
use crate::interop::layout;
use crate::interop::registry::RegistryConnection;

pub(super) const FAULTS: &[Fault] = &[Fault {
    name: "interrupted-copies",
    check: interrupted_copies,
}];

/// Length of the layer: long enough to be interrupted, wherever it is.
const LAYER: usize = 96 << 20;

/// Time limit for the next bytes of an upload.
const LIMIT: Duration = Duration::from_secs(20);

fn interrupted_copies(scene: &Scene) -> Result<()> {
    let server = scene.serve("")?;
    let data = scene.path("registry-1");
    let kind = large_image("interrupted", LAYER);
    layout::write_oci(&scene.path("image"), &kind, "v1")?;
    let target = format!("{}/app:v1", server.host());
    let copy = ["copy", "oci:image:v1", &target];
    let mut first = None;
    let mut sent = 0;
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let mut running = scene.start_portolan(&copy)?;
        wait_for_upload(&mut running, &data, sent + (4 << 20))?;
        let process = Pid::from_raw(i32::try_from(running.id())?).context("no process id")?;
        kill_process(process, signal)?;
        running.wait()?;
        let uploads = large_uploads(&data)?;
        let [(file, length)] = uploads.as_slice() else {
            bail!("after {signal:?}, the uploads are {uploads:?}");
        };
        ensure!(
            first.get_or_insert(file.clone()) == file,
            "the upload was not resumed"
        );
        sent = *length;
    }
    let resumed = scene.portolan(&copy)?;
    resumed.expect_status(0)?;
    let left = large_uploads(&data)?;
    resumed.expect(
        left.is_empty(),
        &format!("no upload left, but there is {left:?}"),
    )?;
    let place = super::super::indexes::place(&server.host(), "app", "v1");
    RegistryConnection::new(&server.host())?.compare(&kind, &kind.top, &place)
}

/// Returns the uploads of the layer. Small blobs are sent in one request and not resumed, so a process
/// that is killed may leave a few bytes of the config.
fn large_uploads(data: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut uploads = partial_uploads(data)?;
    uploads.retain(|(_, length)| *length > 1 << 20);
    Ok(uploads)
}

/// Waits until the uploads have this length.
fn wait_for_upload(copy: &mut Child, data: &Path, length: u64) -> Result<()> {
    let start = Instant::now();
    loop {
        let sent: u64 = large_uploads(data)?.iter().map(|(_, length)| length).sum();
        if sent >= length {
            return Ok(());
        }
        if let Some(status) = copy.try_wait()? {
            bail!("the copy ended before it was interrupted, with {status}");
        }
        ensure!(start.elapsed() < LIMIT, "the copy sends nothing");
        sleep(Duration::from_millis(1));
    }
}
