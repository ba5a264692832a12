//! What is noted of a session beside its bytes, so that it survives a restart.

use std::fs;
use std::io;
use std::path::Path;

use portolan_model::{Algorithm, RepositoryName};
use portolan_registry::Result;
use serde::{Deserialize, Serialize};

use crate::files::storage_error;

/// The session's repository, and the algorithm that its bytes are hashed with on the way in.
#[derive(Clone, Debug)]
pub(super) struct Sidecar {
    pub(super) repository: RepositoryName,
    pub(super) algorithm: Algorithm,
}

#[derive(Deserialize, Serialize)]
struct Written {
    repository: String,
    algorithm: String,
}

impl Sidecar {
    /// Writes it without a sync: a session promises nothing that a power cut could break.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let written = Written {
            repository: self.repository.to_string(),
            algorithm: self.algorithm.to_string(),
        };
        let write = || fs::write(path, serde_json::to_vec(&written)?);
        write().map_err(|error| storage_error(error, "noting an upload"))
    }

    /// Reads it; nothing if there is none, or if a power cut tore it.
    pub(super) fn read(path: &Path) -> Result<Option<Self>> {
        let bytes = match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => {
                read.map_err(|error| storage_error(error, "reading what is noted of an upload"))?
            }
        };
        let written: Option<Written> = serde_json::from_slice(&bytes).ok();
        Ok(written.and_then(|written| {
            Some(Self {
                repository: written.repository.parse().ok()?,
                algorithm: written.algorithm.parse().ok()?,
            })
        }))
    }
}
