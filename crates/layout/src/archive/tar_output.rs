//! Output of a tar, in one pass. The bytes depend only on names and contents, because times, owners
//! and modes are fixed.

use std::io::{self, Write};

use portolan_files::file_error;
use portolan_registry::{Error, Result};

use super::tar_index::BLOCK_SIZE;
use crate::content::Content;

/// Number of bytes to copy at once.
const COPY_BUFFER_BYTES: u64 = 1 << 20;

/// End of a tar: two zero blocks.
const END_OF_ARCHIVE: [u8; 1024] = [0; 1024];

/// Tar that is written in one pass.
pub(super) struct TarOutput<W>(W);

impl<W: Write> TarOutput<W> {
    pub(super) fn new(output: W) -> Self {
        Self(output)
    }

    /// Adds a file.
    pub(super) fn add(&mut self, name: &str, content: &Content) -> Result<()> {
        self.write(&entry_header(name, content.size())?)?;
        self.add_raw(content)?;
        let padding = content.size().next_multiple_of(BLOCK_SIZE) - content.size();
        self.write(&END_OF_ARCHIVE[..usize::try_from(padding).unwrap_or_default()])
    }

    /// Adds complete entries of another tar.
    pub(super) fn add_raw(&mut self, entries: &Content) -> Result<()> {
        entries.for_each_piece(COPY_BUFFER_BYTES, |_, piece| self.write(piece))
    }

    /// Ends the tar.
    pub(super) fn finish(mut self) -> Result<()> {
        self.write(&END_OF_ARCHIVE)?;
        self.0.flush().map_err(write_error)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).map_err(write_error)
    }
}

fn write_error(error: io::Error) -> Error {
    file_error("write", "the archive".as_ref())(error)
}

/// Builds the header of an entry: one block, or more for a long name.
fn entry_header(name: &str, size: u64) -> Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header.set_size(size);
    let mut builder = tar::Builder::new(Vec::new());
    let written = builder.append_data(&mut header, name, io::empty());
    written.map_err(|error| {
        Error::internal(
            format!("failed to build the archive header of {name}"),
            error,
        )
    })?;
    Ok(std::mem::take(builder.get_mut()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn other_readers_can_read_the_entries() {
        let long = format!("blobs/sha512/{}", "a".repeat(128));
        let files = [
            ("short", "one".into()),
            (&long, vec![7; 513]),
            ("empty", Vec::new()),
        ];
        let mut bytes = Vec::new();
        let mut tar = TarOutput::new(&mut bytes);
        for (name, content) in &files {
            let content = Content::Bytes(Bytes::copy_from_slice(content));
            tar.add(name, &content).unwrap();
        }
        tar.finish().unwrap();

        let mut archive = tar::Archive::new(&*bytes);
        let read = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            let fixed = (header.mode(), header.mtime(), header.uid(), header.gid());
            assert_eq!(fixed.0.unwrap(), 0o644);
            assert_eq!([fixed.1, fixed.2, fixed.3].map(Result::unwrap), [0; 3]);
            let name = entry.path().unwrap().to_string_lossy().into_owned();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).unwrap();
            (name, content)
        });
        let read: Vec<_> = read.collect();
        assert_eq!(
            read,
            files.map(|(name, content)| (name.to_owned(), content))
        );
    }

    #[test]
    fn supports_sizes_over_eight_gibibytes() {
        let size = 20 << 30;
        let header = entry_header("large", size).unwrap();
        assert_eq!(
            tar::Header::from_byte_slice(&header).entry_size().unwrap(),
            size
        );
    }
}
