//! Cold reads: the files of a server are dropped from the page cache. The server keeps running, so
//! what it caches in its own memory stays.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use anyhow::{Context, Result};
use rustix::fs::{Advice, fadvise};

/// Drops all files below a folder from the page cache.
pub(crate) fn drop_page_cache(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            drop_page_cache(&path)?;
        } else {
            drop_file(&path).with_context(|| path.display().to_string())?;
        }
    }
    Ok(())
}

fn drop_file(path: &Path) -> io::Result<()> {
    let file = match File::open(path) {
        // The server has deleted the file in the meantime.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    // Pages that were not written yet would stay in the cache.
    file.sync_data()?;
    Ok(fadvise(&file, 0, None, Advice::DontNeed)?)
}

#[cfg(test)]
mod tests {
    use std::io::IoSliceMut;

    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    use super::*;

    /// Reads the first byte, and returns an error instead of reading it from the disk.
    fn read_cached(path: &Path) -> Result<usize, Errno> {
        let file = File::open(path).unwrap();
        let mut byte = [0];
        preadv2(
            &file,
            &mut [IoSliceMut::new(&mut byte)],
            0,
            ReadWriteFlags::NOWAIT,
        )
    }

    #[test]
    fn dropped_files_are_read_from_the_disk() {
        // The system's temporary folder may be in memory.
        let folder = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir(&inner).unwrap();
        let path = inner.join("file");
        fs::write(&path, vec![1; 1 << 20]).unwrap();
        assert_eq!(read_cached(&path), Ok(1));
        drop_page_cache(folder.path()).unwrap();
        assert_eq!(read_cached(&path), Err(Errno::AGAIN));
    }
}
