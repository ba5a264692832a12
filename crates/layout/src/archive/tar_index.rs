//! Index of the files in a tar, from one pass over the headers. Nothing is unpacked.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use portolan_files::file_error;
use portolan_model::Compression;
use portolan_registry::{Error, Kind, Result};
use tar::{Archive, Entry, EntryType};

use crate::content::Content;
use crate::spool::{Spool, compressed_error, read_beginning};

/// Block size of a tar.
pub(super) const BLOCK_SIZE: u64 = 512;

/// Maximum number of links to follow.
const MAX_LINKS: usize = 16;

/// Names and positions of the entries of a tar.
pub struct TarIndex {
    pub(super) path: PathBuf,
    file: Arc<File>,
    files: HashMap<String, Range<u64>>,
    /// Links, from the name of the link to the name of its target.
    links: HashMap<String, String>,
    /// Names and full ranges of the entries, including headers and padding, in order.
    raw_entries: Vec<(String, Range<u64>)>,
    /// First entry that must not be copied to another archive.
    irregular_entry: Option<IrregularEntry>,
}

/// Entry that an archive of images does not need, and that may write outside of the folder to which
/// other programs unpack the archive.
struct IrregularEntry {
    path: PathBuf,
    reason: &'static str,
}

impl TarIndex {
    /// Reads the headers of the tar at `path`. A compressed tar does not allow random access, so it
    /// is unpacked to a temporary file.
    ///
    /// # Errors
    /// Returns an error if the file is not a tar, or is truncated.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let (mut file, compression) = open_file(path)?;
        if compression != Compression::None {
            file = Spool::default().store(&path.display().to_string(), file)?;
        }
        Self::from_file(Arc::new(file), path)
    }

    /// Reads the headers of the tar at `path`, to which content will be added.
    ///
    /// # Errors
    /// Returns the errors of [`TarIndex::open`], and [`Kind::Unsupported`] if the tar is
    /// compressed, because the new tar is not compressed, or if it has an irregular entry, because
    /// all entries are copied to the new tar.
    pub(super) fn open_for_append(path: &Path) -> Result<Self> {
        let entries = match open_file(path)? {
            (file, Compression::None) => Self::from_file(Arc::new(file), path)?,
            (_, compression) => return Err(compressed_error(&path.display(), compression)),
        };
        match &entries.irregular_entry {
            Some(entry) => Err(entry.to_error(path)),
            None => Ok(entries),
        }
    }

    /// Reads the headers of a tar from a stream. Copies the tar to a temporary file first. `name`
    /// is the name of the stream in messages.
    ///
    /// # Errors
    /// Returns the errors of [`TarIndex::open`], and [`Kind::TooLarge`] if the tar exceeds the
    /// limit of `spool`.
    pub(super) fn from_stream(name: &str, input: impl Read, spool: &Spool) -> Result<Self> {
        Self::from_file(Arc::new(spool.store(name, input)?), name.as_ref())
    }

    /// Reads the headers of an open tar. Error messages refer to it as `path`.
    fn from_file(file: Arc<File>, path: &Path) -> Result<Self> {
        let length = file.metadata().map_err(file_error("inspect", path))?.len();
        let mut entries = Self {
            path: path.to_owned(),
            file,
            files: HashMap::new(),
            links: HashMap::new(),
            raw_entries: Vec::new(),
            irregular_entry: None,
        };
        let file = Arc::clone(&entries.file);
        (&*file).rewind().map_err(file_error("read", path))?;
        let mut archive = Archive::new(&*file);
        let mut begin = 0;
        for entry in archive
            .entries_with_seek()
            .map_err(|error| entries.invalid(&error))?
        {
            let entry = entry.map_err(|error| entries.invalid(&error))?;
            // The header has the size of the content in the tar, so use it for a sparse file. The
            // full size of such a file is larger.
            let sparse = entry.header().entry_type().is_gnu_sparse();
            let size = if sparse {
                entry.header().entry_size()
            } else {
                Ok(entry.size())
            };
            let end = entry.raw_file_position() + size.map_err(|error| entries.invalid(&error))?;
            let name = entries.record(&entry)?;
            if end > length {
                return Err(entries.invalid(&format_args!(
                    "{name} should end at byte {end}, but the file has {length} bytes"
                )));
            }
            let whole = begin..end.next_multiple_of(BLOCK_SIZE);
            begin = whole.end;
            entries.raw_entries.push((name, whole));
        }
        Ok(entries)
    }

    /// Records an entry and returns its name. Skips an entry that points outside the archive:
    /// returns an empty name, because no caller looks up an empty name.
    fn record(&mut self, entry: &Entry<'_, &File>) -> Result<String> {
        let kind = entry.header().entry_type();
        let path = entry
            .path()
            .map_err(|error| self.invalid(&error))?
            .into_owned();
        let link = entry.link_name().map_err(|error| self.invalid(&error))?;
        if self.irregular_entry.is_none() {
            self.irregular_entry = IrregularEntry::detect(kind, &path, link.as_deref());
        }
        let Some(name) = normalize_path(&path) else {
            return Ok(String::new());
        };
        // Of several entries with the same name, the last entry counts, as for tar.
        self.files.remove(&name);
        self.links.remove(&name);
        match (kind, link) {
            (EntryType::Regular | EntryType::Continuous, _) => {
                let begin = entry.raw_file_position();
                self.files.insert(name.clone(), begin..begin + entry.size());
            }
            (EntryType::Symlink, Some(target)) => {
                let folder = path.parent().unwrap_or(Path::new(""));
                self.links.extend(
                    normalize_path(&folder.join(target)).map(|target| (name.clone(), target)),
                );
            }
            (EntryType::Link, Some(target)) => {
                self.links
                    .extend(normalize_path(&target).map(|target| (name.clone(), target)));
            }
            _ => (),
        }
        Ok(name)
    }

    /// Returns the content of a file in the archive. Follows links.
    pub(super) fn find(&self, name: &str) -> Option<Content> {
        let mut name = normalize_path(Path::new(name))?;
        for _ in 0..MAX_LINKS {
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

    /// Returns the names of all files and links.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.files
            .keys()
            .chain(self.links.keys())
            .map(String::as_str)
    }

    /// Returns the names and the full content of all entries, including headers and padding, in
    /// order.
    pub(super) fn raw_entries(&self) -> impl Iterator<Item = (&str, Content)> {
        self.raw_entries.iter().map(|(name, range)| {
            let content = Content::Part {
                file: Arc::clone(&self.file),
                range: range.clone(),
            };
            (name.as_str(), content)
        })
    }

    fn invalid(&self, reason: &dyn std::fmt::Display) -> Error {
        let message = format!(
            "{} is not a valid tar archive: {reason}",
            self.path.display()
        );
        Error::new(Kind::MANIFEST_INVALID, message)
    }
}

impl IrregularEntry {
    fn detect(kind: EntryType, path: &Path, link: Option<&Path>) -> Option<Self> {
        let reason = irregular_path(path).or_else(|| irregular_kind(kind, path, link))?;
        Some(Self {
            path: path.to_owned(),
            reason,
        })
    }

    fn to_error(&self, archive: &Path) -> Error {
        let message = format!(
            "archive {} cannot be changed: entry \"{}\" {}",
            archive.display(),
            self.path.display(),
            self.reason
        );
        Error::new(Kind::Unsupported, message).with_help("copy its images to a new archive")
    }
}

fn irregular_path(path: &Path) -> Option<&'static str> {
    path.components().find_map(|component| match component {
        Component::RootDir | Component::Prefix(_) => Some("has an absolute path"),
        Component::ParentDir => Some("has `..` in its path"),
        Component::CurDir | Component::Normal(_) => None,
    })
}

fn irregular_kind(kind: EntryType, path: &Path, link: Option<&Path>) -> Option<&'static str> {
    const OUTSIDE: &str = "is a link to a path outside of the archive";
    let target = match kind {
        EntryType::Regular
        | EntryType::Continuous
        | EntryType::Directory
        | EntryType::GNUSparse => return None,
        EntryType::Symlink => path.parent().unwrap_or(Path::new("")).join(link?),
        EntryType::Link => link?.to_owned(),
        _ => return Some("is not a file, a folder or a link"),
    };
    normalize_path(&target).is_none().then_some(OUTSIDE)
}

/// Opens a file, and returns its compression.
fn open_file(path: &Path) -> Result<(File, Compression)> {
    let mut file = File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(
            Kind::RepositoryUnknown,
            format!("archive {} does not exist", path.display()),
        ),
        _ => file_error("open the archive", path)(error),
    })?;
    let beginning = read_beginning(&mut file).map_err(file_error("read", path))?;
    file.rewind().map_err(file_error("read", path))?;
    Ok((file, Compression::detect(&beginning)))
}

/// Normalizes a path within the archive, without `.` and `..`. Returns `None` if it points outside
/// the archive.
fn normalize_path(path: &Path) -> Option<String> {
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
