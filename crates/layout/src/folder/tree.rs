//! A folder of layouts: each repository is the subfolder of its name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use portolan_model::RepositoryName;
use portolan_registry::{Error, Kind, Result};

use super::open::is_layout;
use super::uploads::Uploads;
use super::{Access, BLOBS_FOLDER, Folder, INDEX_FILE, LAYOUT_FILE, entries, lock_of};
use crate::layout::Layout;
use crate::registry::Places;

/// The layouts below one folder.
pub struct Tree {
    root: PathBuf,
    access: Access,
    /// Those that there are, so that a layout is locked once.
    known: Mutex<HashMap<RepositoryName, Arc<Layout<Arc<Folder>>>>>,
}

impl Tree {
    pub(crate) fn new(root: PathBuf, access: Access) -> Self {
        Self {
            root,
            access,
            known: Mutex::default(),
        }
    }

    fn layout(&self, repository: &RepositoryName, path: PathBuf) -> Arc<Layout<Arc<Folder>>> {
        let new = || Arc::new(Layout::new(Arc::new(Folder::new(path, self.access))));
        Arc::clone(
            lock_of(&self.known)
                .entry(repository.clone())
                .or_insert_with(new),
        )
    }

    /// Refuses a name whose folder would be one of those that another layout has for itself.
    fn check(&self, repository: &RepositoryName) -> Result<()> {
        const OWN: [&str; 3] = [BLOBS_FOLDER, INDEX_FILE, LAYOUT_FILE];
        let mut above = self.root.clone();
        for part in repository.as_str().split('/') {
            if OWN.contains(&part) && is_layout(&above) {
                return Err(in_the_way(repository, &above));
            }
            above.push(part);
        }
        let below = OWN
            .iter()
            .map(|own| above.join(own))
            .find(|below| is_layout(below));
        below.map_or(Ok(()), |below| Err(in_the_way(repository, &below)))
    }

    fn list_below(&self, folder: &Path, name: &str, found: &mut Vec<RepositoryName>) -> Result<()> {
        let layout = is_layout(folder);
        if layout
            && let Ok(repository) = name.parse()
            && self.layout(&repository, folder.to_owned()).exists()?
        {
            found.push(repository);
        }
        for path in entries(folder)? {
            let Some(part) = path.file_name().and_then(|part| part.to_str()) else {
                continue;
            };
            // A link could lead back to where it lies.
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
            if is_folder && !part.starts_with('.') && !(layout && part == BLOBS_FOLDER) {
                let name = if name.is_empty() {
                    part.to_owned()
                } else {
                    format!("{name}/{part}")
                };
                self.list_below(&path, &name, found)?;
            }
        }
        Ok(())
    }
}

impl Places for Tree {
    type Storage = Arc<Folder>;

    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<Arc<Folder>>>>> {
        let path = self.root.join(repository.as_str());
        let there = is_layout(&path) || Uploads::are_in(&path);
        Ok((there && self.check(repository).is_ok()).then(|| self.layout(repository, path)))
    }

    fn make(&self, repository: &RepositoryName) -> Result<Arc<Layout<Arc<Folder>>>> {
        self.check(repository)?;
        Ok(self.layout(repository, self.root.join(repository.as_str())))
    }

    fn list(&self) -> Result<Vec<RepositoryName>> {
        let mut found = Vec::new();
        self.list_below(&self.root, "", &mut found)?;
        found.sort_unstable();
        Ok(found)
    }
}

fn in_the_way(repository: &RepositoryName, other: &Path) -> Error {
    let message = format!(
        "the repository {repository} would share a folder with the layout {}, whose own files are called so; use another name",
        other.display()
    );
    Error::new(Kind::Unsupported, message)
}
