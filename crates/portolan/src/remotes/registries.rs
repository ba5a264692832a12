//! Files `registries.conf` and `registries.conf.d/*.conf`.
//!
//! If `$CONTAINERS_REGISTRIES_CONF` is set, only that file is read. Otherwise, the user's
//! `registries.conf` is read or, if it does not exist, the system's `registries.conf` and
//! `registries.conf.d`. In both cases, the user's `registries.conf.d` is read last and takes
//! precedence. Files and tables that cannot be used are skipped.

#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use portolan_hosts::{Registries, RegistriesDocument, parse_registries};

use super::Environment;

/// Reads all files. Returns the entries, and the skipped items, each with its file and the reason.
pub(super) fn load(environment: &Environment) -> (Registries, Vec<String>) {
    let (mut registries, mut skipped) = (Registries::default(), Vec::new());
    for path in paths(environment, &mut skipped) {
        match read(&path) {
            Ok(document) => {
                let items = document.skipped.iter();
                skipped.extend(items.map(|item| format!("{}: {item}", path.display())));
                registries.extend(document);
            }
            Err(error) => skipped.push(format!("{} was not used: {error:#}", path.display())),
        }
    }
    (registries, skipped)
}

/// Returns the files to read. Later files take precedence.
fn paths(environment: &Environment, skipped: &mut Vec<String>) -> Vec<PathBuf> {
    if let Some(alone) = &environment.registries_conf {
        return vec![alone.clone()];
    }
    let user = environment
        .config_home
        .as_ref()
        .map(|folder| folder.join("containers"));
    let system = environment.system.join("containers");
    let main = |folder: &Path| Some(folder.join("registries.conf")).filter(|path| path.exists());
    let mut drop_ins = |folder: &Path| {
        let folder = folder.join("registries.conf.d");
        list_drop_ins(&folder).unwrap_or_else(|error| {
            skipped.push(format!("{} was not used: {error:#}", folder.display()));
            Vec::new()
        })
    };
    let mut paths = Vec::new();
    if let Some(main) = user.as_deref().and_then(main) {
        paths.push(main);
    } else {
        paths.extend(main(&system));
        paths.extend(drop_ins(&system));
    }
    if let Some(user) = user {
        paths.extend(drop_ins(&user));
    }
    paths
}

/// Returns the files `*.conf` in `folder`, sorted by name.
fn list_drop_ins(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).context("failed to list the files"),
    };
    let paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>();
    let mut paths = paths.context("failed to list the files")?;
    paths.retain(|path| {
        path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "conf")
    });
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<RegistriesDocument> {
    let text = fs::read_to_string(path).context("failed to read the file")?;
    parse_registries(&text, path)
}
