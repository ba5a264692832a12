//! The server.

mod commands;
mod deleting;
mod disk;
mod interrupted;
mod logs;
mod memory;
mod statuses;
mod uploads;
mod warnings;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::fault::Fault;
use super::scene::Scene;
use crate::interop::builder::{AMD64, Builder};
use crate::interop::document::Kind;
use crate::interop::media::OCI;
use crate::servers::RunningServer;

pub(crate) const FAULTS: &[&[Fault]] = &[
    uploads::FAULTS,
    disk::FAULTS,
    interrupted::FAULTS,
    warnings::FAULTS,
    logs::FAULTS,
    memory::FAULTS,
    deleting::FAULTS,
    commands::FAULTS,
    statuses::FAULTS,
];

/// Starts the server through a shell script, on the data folder `name`. In the script, `$0` is the
/// binary, `$@` are its arguments, and `$5` is the data folder.
fn serve_in(scene: &Scene, script: &str, name: &str, configuration: &str) -> Result<RunningServer> {
    let file = scene.path(&format!("{name}.sh"));
    let binary = scene.binary().display();
    fs::write(
        &file,
        format!("#!/bin/sh\nexec unshare --mount sh -c '{script}' {binary} \"$@\"\n"),
    )?;
    fs::set_permissions(&file, Permissions::from_mode(0o755))?;
    RunningServer::portolan_binary(&file, &scene.path(name), configuration)
}

/// Returns an image with one layer of `length` bytes.
fn large_image(name: &'static str, length: usize) -> Kind {
    let mut builder = Builder::new(name);
    let mut content = vec![0; length];
    for (byte, letter) in content.iter_mut().zip(name.bytes()) {
        *byte = letter;
    }
    let layer = builder.add_blob(OCI.layer, content);
    let diff_id = layer.digest().to_owned();
    let image = builder.add_image_with_layers(OCI, AMD64, [(layer, diff_id)], |_| ());
    builder.build(&image)
}

/// Returns the files of upload sessions with content, with their lengths.
fn partial_uploads(data: &Path) -> Result<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for folder in fs::read_dir(data.join("uploads"))? {
        for file in fs::read_dir(folder?.path())? {
            let file = file?;
            // The session may have ended since the folder was read.
            let length = file.metadata().map_or(0, |metadata| metadata.len());
            found.extend((length > 0).then(|| (file.path(), length)));
        }
    }
    Ok(found)
}
