//! An ext4 file system in a file, which can be copied as it is at one moment.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

const SIZE: u64 = 2 << 30;

/// ext4 by itself writes every five seconds; left alone it writes only what it is asked to, so a copy of the image
/// is the worst a power cut may leave, and nothing moves while it is made.
const MOUNT_OPTIONS: &str = "loop,commit=600";

/// An image file and the place where it is mounted; unmounted when dropped.
pub(crate) struct Disk {
    image: PathBuf,
    place: PathBuf,
    mounted: bool,
}

impl Disk {
    /// A fresh file system, mounted.
    pub(crate) fn format(path: &Path) -> Result<Self> {
        let mut disk = Self::at(path)?;
        File::create(&disk.image)?.set_len(SIZE)?;
        let options = "lazy_itable_init=0,lazy_journal_init=0,nodiscard";
        let image = disk.image.as_os_str();
        tool(
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

    /// Copies the image file while this one is mounted and nobody writes to it.
    pub(crate) fn copy(&self, path: &Path) -> Result<Self> {
        let copy = Self::at(path)?;
        let (from, to) = (self.image.as_os_str(), copy.image.as_os_str());
        tool("cp", ["--sparse=always".as_ref(), from, to])?;
        Ok(copy)
    }

    /// Mounts the image; ext4 replays its journal as it would after a power cut.
    pub(crate) fn mount(&mut self) -> Result<()> {
        let (image, place) = (self.image.as_os_str(), self.place.as_os_str());
        tool(
            "mount",
            ["-o".as_ref(), MOUNT_OPTIONS.as_ref(), image, place],
        )?;
        self.mounted = true;
        Ok(())
    }

    /// Where the server's data folder is.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.join("data")
    }

    /// Unmounts and deletes the image.
    pub(crate) fn remove(&mut self) -> Result<()> {
        self.unmount()?;
        fs::remove_file(&self.image)?;
        Ok(())
    }

    fn at(path: &Path) -> Result<Self> {
        let place = path.with_extension("mount");
        fs::create_dir_all(&place)?;
        Ok(Self {
            image: path.with_extension("ext4"),
            place,
            mounted: false,
        })
    }

    fn unmount(&mut self) -> Result<()> {
        if self.mounted {
            tool("umount", [self.place.as_os_str()])?;
            self.mounted = false;
        }
        Ok(())
    }
}

impl Drop for Disk {
    /// A server that still writes keeps the mount; a lazy unmount lets go when it ends.
    fn drop(&mut self) {
        if self.mounted && self.unmount().is_err() {
            let _ = tool("umount", ["--lazy".as_ref(), self.place.as_os_str()]);
        }
    }
}

fn tool<'a>(program: &str, arguments: impl IntoIterator<Item = &'a OsStr>) -> Result<()> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("power cuts need `{program}`"))?;
    if !output.status.success() {
        bail!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}
