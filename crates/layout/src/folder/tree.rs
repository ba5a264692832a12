//! Folder of layouts: the layout of each repository is in the subfolder of its name.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use portolan_model::RepositoryName;
use portolan_registry::{Error, Kind, Result};

use super::open::is_layout;
use super::uploads;
use super::{Access, BLOBS_FOLDER, Folder, INDEX_FILE, LAYOUT_FILE, list_folder, lock_of};
use crate::layout::Layout;
use crate::registry::LayoutSource;

/// Layouts in the subfolders of a folder.
pub struct FolderTree {
    root: PathBuf,
    access: Access,
    /// Open layouts. Each is opened once, so that it is locked once.
    open_layouts: Mutex<HashMap<RepositoryName, Arc<Layout<Arc<Folder>>>>>,
}

impl FolderTree {
    pub(crate) fn new(root: PathBuf, access: Access) -> Self {
        Self {
            root,
            access,
            open_layouts: Mutex::default(),
        }
    }

    fn get_or_open(&self, repository: &RepositoryName, path: PathBuf) -> Arc<Layout<Arc<Folder>>> {
        let new = || Arc::new(Layout::new(Arc::new(Folder::new(path, self.access))));
        Arc::clone(
            lock_of(&self.open_layouts)
                .entry(repository.clone())
                .or_insert_with(new),
        )
    }

    /// Returns an error if the folder of a repository would be in a folder that another layout
    /// reserves for its own files, or if another layout would be in a folder that this layout
    /// reserves.
    fn check_name(&self, repository: &RepositoryName) -> Result<()> {
        const OWN: [&str; 3] = [BLOBS_FOLDER, INDEX_FILE, LAYOUT_FILE];
        let mut above = self.root.clone();
        for part in repository.as_str().split('/') {
            if OWN.contains(&part) && is_layout(&above) {
                return Err(collision_error(repository, &above));
            }
            above.push(part);
        }
        let below = OWN
            .iter()
            .map(|own| above.join(own))
            .find(|below| is_layout(below));
        below.map_or(Ok(()), |below| Err(collision_error(repository, &below)))
    }

    fn collect_repositories(
        &self,
        folder: &Path,
        name: &str,
        found: &mut Vec<RepositoryName>,
    ) -> Result<()> {
        let layout = is_layout(folder);
        if layout
            && let Ok(repository) = name.parse()
            && self
                .get_or_open(&repository, folder.to_owned())
                .has_content()?
        {
            found.push(repository);
        }
        for path in list_folder(folder)? {
            let Some(part) = path.file_name().and_then(|part| part.to_str()) else {
                continue;
            };
            // Symbolic links are skipped, because they could form a cycle.
            let is_folder = fs::symlink_metadata(&path).is_ok_and(|metadata| metadata.is_dir());
            if is_folder && !part.starts_with('.') && !(layout && part == BLOBS_FOLDER) {
                let name = if name.is_empty() {
                    part.to_owned()
                } else {
                    format!("{name}/{part}")
                };
                self.collect_repositories(&path, &name, found)?;
            }
        }
        Ok(())
    }
}

impl LayoutSource for FolderTree {
    type Storage = Arc<Folder>;

    fn find(&self, repository: &RepositoryName) -> Result<Option<Arc<Layout<Arc<Folder>>>>> {
        let path = self.root.join(repository.as_str());
        let found = is_layout(&path) || uploads::exists_in(&path);
        Ok((found && self.check_name(repository).is_ok())
            .then(|| self.get_or_open(repository, path)))
    }

    fn create(&self, repository: &RepositoryName) -> Result<Arc<Layout<Arc<Folder>>>> {
        self.check_name(repository)?;
        Ok(self.get_or_open(repository, self.root.join(repository.as_str())))
    }

    fn list(&self) -> Result<Vec<RepositoryName>> {
        let mut found = Vec::new();
        self.collect_repositories(&self.root, "", &mut found)?;
        found.sort_unstable();
        Ok(found)
    }
}

fn collision_error(repository: &RepositoryName, other: &Path) -> Error {
    let message = format!(
        "repository {repository} would share a folder with the files of the layout {}; \
         use another name",
        other.display()
    );
    Error::new(Kind::Unsupported, message)
}
