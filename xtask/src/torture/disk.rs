//! ext4 file system in a file, of which a copy preserves the state at one moment.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const SIZE: u64 = 2 << 30;

/// With its default, ext4 commits every five seconds. With this interval it writes only what it is
/// asked to sync, so that a copy of the image is the worst state a power cut can leave, and the
/// image does not change while it is copied.
const MOUNT_OPTIONS: &str = "loop,commit=600";

/// Image file and its mount point. Dropping it unmounts it.
pub(crate) struct Disk {
    image: PathBuf,
    mount_point: PathBuf,
    mounted: bool,
}

impl Disk {
    /// Creates and mounts an empty file system.
    pub(crate) fn format(path: &Path) -> Result<Self> {
        let mut disk = Self::new(path)?;
        File::create(&disk.image)?.set_len(SIZE)?;
        let options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
        let image = disk.image.as_os_str();
        run_tool(
            "mkfs.ext4",
            [
                "-q".as_ref(),
                "-F".as_ref(),
                "-E".as_ref(),
                options.as_ref(),
                image,
            ],
        )?;
        disk.mount()?;
        Ok(disk)
    }

    /// Copies the image file while it is mounted. Nothing may write to the file system meanwhile.
    pub(crate) fn copy(&self, path: &Path) -> Result<Self> {
        let copy = Self::new(path)?;
        let (from, to) = (self.image.as_os_str(), copy.image.as_os_str());
        run_tool("cp", ["--sparse=always".as_ref(), from, to])?;
        Ok(copy)
    }

    /// Mounts the image. ext4 replays its journal as it does after a power cut.
    pub(crate) fn mount(&mut self) -> Result<()> {
        let (image, place) = (self.image.as_os_str(), self.mount_point.as_os_str());
        run_tool(
            "mount",
            ["-o".as_ref(), MOUNT_OPTIONS.as_ref(), image, place],
        )?;
        self.mounted = true;
        Ok(())
    }

    /// Returns the server's data folder.
    pub(crate) fn data(&self) -> PathBuf {
        self.mount_point.join("data")
    }

    /// Unmounts and deletes the image.
    pub(crate) fn remove(&mut self) -> Result<()> {
        self.unmount()?;
        fs::remove_file(&self.image)?;
        Ok(())
    }

    fn new(path: &Path) -> Result<Self> {
        let place = path.with_extension("mount");
        fs::create_dir_all(&place)?;
        Ok(Self {
            image: path.with_extension("ext4"),
            mount_point: place,
            mounted: false,
        })
    }

    fn unmount(&mut self) -> Result<()> {
        if self.mounted {
            run_tool("umount", [self.mount_point.as_os_str()])?;
            self.mounted = false;
        }
        Ok(())
    }
}

impl Drop for Disk {
    /// Unmounts the image. A server that is still writing keeps the mount busy; a lazy unmount is
    /// completed when it exits.
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = run_tool("umount", ["--lazy".as_ref(), self.mount_point.as_os_str()]);
        }
    }
}

fn run_tool<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("failed to start `{program}`, which power cuts require"))?;
    if !output.status.success() {
        bail!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
