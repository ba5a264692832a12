//! Where each file of a tar lies in it, found in one pass over the headers. Nothing is unpacked.

use std::collections::HashMap;
use std::fs::File;
use std::io::Seek;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use portolan_registry::{Error, Kind, Result};
use tar::{Archive, Entry, EntryType};

use crate::content::Content;
use crate::files::failed;

/// The unit in which a tar is laid out.
pub(super) const BLOCK: u64 = 512;

/// Most links that are followed from one to the next.
const MOST_LINKS: usize = 16;

/// How compressed files begin, and what unpacks them.
const COMPRESSED: [(&[u8], &str); 4] = [
    (b"\x1f\x8b", "gunzip"),
    (b"\x28\xb5\x2f\xfd", "zstd -d"),
    (b"\xfd7zXZ\0", "unxz"),
    (b"BZh", "bunzip2"),
];

/// The entries of a tar.
pub struct Entries {
    pub(super) path: PathBuf,
    file: Arc<File>,
    files: HashMap<String, Range<u64>>,
    /// From a name to the name that it stands for.
    links: HashMap<String, String>,
    /// Each entry whole, with its headers and its padding, in order.
    pub(super) whole: Vec<(String, Range<u64>)>,
}

impl Entries {
    /// Reads the headers of the tar at `path`.
    ///
    /// # Errors
    /// When it is no tar, a compressed one, or one that ends too early.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Error::new(
                Kind::RepositoryUnknown,
                format!("there is no archive {}", path.display()),
            ),
            _ => failed("opening the archive", path)(error),
        })?;
        check_plain(&file, path)?;
        Self::of(Arc::new(file), path)
    }

    /// Reads the headers of a tar that is open, and is called `path` in messages.
    pub(super) fn of(file: Arc<File>, path: &Path) -> Result<Self> {
        let length = file.metadata().map_err(failed("looking at", path))?.len();
        let mut entries = Self {
            path: path.to_owned(),
            file,
            files: HashMap::new(),
            links: HashMap::new(),
            whole: Vec::new(),
        };
        let file = Arc::clone(&entries.file);
        (&*file).rewind().map_err(failed("reading", path))?;
        let mut archive = Archive::new(&*file);
        let mut begin = 0;
        for entry in archive
            .entries_with_seek()
            .map_err(|error| entries.invalid(&error))?
        {
            let entry = entry.map_err(|error| entries.invalid(&error))?;
            // A sparse file takes less room in the tar than on disk.
            let sparse = entry.header().entry_type().is_gnu_sparse();
            let size = if sparse {
                entry.header().entry_size()
            } else {
                Ok(entry.size())
            };
            let end = entry.raw_file_position() + size.map_err(|error| entries.invalid(&error))?;
            let name = entries.take(&entry)?;
            if end > length {
                return Err(entries.invalid(&format_args!(
                    "{name} should go up to byte {end}, and it has {length}"
                )));
            }
            let whole = begin..end.next_multiple_of(BLOCK);
            begin = whole.end;
            entries.whole.push((name, whole));
        }
        Ok(entries)
    }

    /// Takes an entry in, and answers its name. What lies outside of the archive is passed over: it
    /// has a name that nobody asks for.
    fn take(&mut self, entry: &Entry<'_, &File>) -> Result<String> {
        let kind = entry.header().entry_type();
        let path = entry
            .path()
            .map_err(|error| self.invalid(&error))?
            .into_owned();
        let Some(name) = clean(&path) else {
            return Ok(String::new());
        };
        let link = entry.link_name().map_err(|error| self.invalid(&error))?;
        self.files.remove(&name);
        self.links.remove(&name);
        match (kind, link) {
            (EntryType::Regular | EntryType::Continuous, _) => {
                let begin = entry.raw_file_position();
                self.files.insert(name.clone(), begin..begin + entry.size());
            }
            (EntryType::Symlink, Some(target)) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                self.links
                    .extend(clean(&folder.join(target)).map(|target| (name.clone(), target)));
            }
            (EntryType::Link, Some(target)) => {
                self.links
                    .extend(clean(&target).map(|target| (name.clone(), target)));
            }
            _ => (),
        }
        Ok(name)
    }

    /// The content of a file of the archive, through links too.
    pub(super) fn find(&self, name: &str) -> Option<Content> {
        let mut name = clean(Path::new(name))?;
        for _ in 0..MOST_LINKS {
            if let Some(range) = self.files.get(&name) {
                return Some(Content::Part {
                    file: Arc::clone(&self.file),
                    range: range.clone(),
                });
            }
            name = self.links.get(&name)?.clone();
        }
        None
    }

    /// The names of all files and links.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files
            .keys()
            .chain(self.links.keys())
            .map(String::as_str)
    }

    pub(super) fn file(&self) -> &Arc<File> {
        &self.file
    }

    fn invalid(&self, reason: &dyn std::fmt::Display) -> Error {
        let message = format!(
            "{} is no tar archive that can be read: {reason}",
            self.path.display()
        );
        Error::new(Kind::ManifestInvalid, message)
    }
}

/// Refuses what would have to be unpacked to be read in any order.
fn check_plain(file: &File, path: &Path) -> Result<()> {
    let mut beginning = [0; 6];
    let count = file
        .read_at(&mut beginning, 0)
        .map_err(failed("reading", path))?;
    let Some((_, tool)) = COMPRESSED
        .iter()
        .find(|(magic, _)| beginning[..count].starts_with(magic))
    else {
        return Ok(());
    };
    let path = path.display();
    let message = format!(
        "the archive {path} is compressed, and only a plain tar can be read in any order; unpack it with `{tool}`"
    );
    Err(Error::new(Kind::Unsupported, message))
}

/// The path within the archive, without `.` and `..`; nothing if it leads out of it.
fn clean(path: &Path) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?),
            Component::CurDir => (),
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!parts.is_empty()).then(|| parts.join("/"))
}
