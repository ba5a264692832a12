//! oci-archives: an OCI layout in a tar (image-spec, image-layout.md).

use std::collections::HashMap;

use portolan_model::{Digest, Manifest};
use portolan_registry::{Error, Kind, PutManifest, Result};

use super::entries::Entries;
use super::{Format, Held};
use crate::folder::{BLOBS_FOLDER, INDEX_FILE, LAYOUT, LAYOUT_FILE, check_version};
use crate::index::{Index, MAX_LIST_BYTES, REF_NAME};

/// An OCI layout in a tar.
pub struct Oci;

impl Format for Oci {
    const NAME: &str = "oci-archive";
    const NAMED_BY: &str = REF_NAME;
    const LISTS: &[&str] = &[LAYOUT_FILE, INDEX_FILE];
    const BEGINNING: &[(&str, &[u8])] = &[(LAYOUT_FILE, LAYOUT)];
    const KEEPS_MANIFESTS: bool = true;

    fn read(lists: &Entries, entries: &Entries) -> Result<Held> {
        let path = lists.path.display();
        let read = |name: &str| {
            let missing = || {
                let message = format!(
                    "{path} is no oci-archive: it has no file {name}; if docker made it, try docker-archive:"
                );
                Error::new(Kind::RepositoryUnknown, message)
            };
            let list = lists.find(name).ok_or_else(missing)?;
            list.read(MAX_LIST_BYTES)
                .map_err(|error| error.while_doing(format_args!("{path}, {name}")))
        };
        check_version(&read(LAYOUT_FILE)?)
            .map_err(|error| error.while_doing(format!("{path}, {LAYOUT_FILE}")))?;
        let index = Index::parse(read(INDEX_FILE)?).map_err(|error| error.while_doing(path))?;
        let blobs = entries
            .names()
            .filter_map(|name| Some((blob_digest(name)?, entries.find(name)?)));
        Ok(Held {
            index,
            contents: blobs.collect(),
            names: HashMap::new(),
        })
    }

    fn carry_over(&self, index: Index) -> Index {
        index
    }

    fn accept(&self, _: &Manifest, _: &PutManifest) -> Result<()> {
        Ok(())
    }

    fn list(
        &self,
        index: &Index,
        _: &HashMap<Digest, String>,
        _: &dyn Fn(&Digest) -> Result<Manifest>,
    ) -> Result<(&'static str, Vec<u8>)> {
        Ok((INDEX_FILE, index.bytes().into()))
    }
}

/// The digest that a name in an archive stands for, if it is a blob's.
pub(super) fn blob_digest(name: &str) -> Option<Digest> {
    let (algorithm, encoded) = name
        .strip_prefix(BLOBS_FOLDER)?
        .strip_prefix('/')?
        .split_once('/')?;
    format!("{algorithm}:{encoded}").parse().ok()
}

/// The name in an archive of the blob under a digest.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("{BLOBS_FOLDER}/{}/{}", digest.algorithm(), digest.encoded())
}
