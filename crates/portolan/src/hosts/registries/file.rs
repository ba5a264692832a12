//! The files: where they are, what they say, and how several of them become one list.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Environment;

/// A `[[registry]]` table, and the file that it stands in.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) file: Arc<Path>,
    pub(super) prefix: String,
    /// Where the namespace of the prefix is; a prefix with a wildcard may have none, and is not rewritten.
    pub(super) location: Option<String>,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) mirrors: Vec<MirrorEntry>,
}

/// A `[[registry.mirror]]` table.
#[derive(Clone, Debug)]
pub(super) struct MirrorEntry {
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) pulls: Pulls,
}

/// For which references a mirror is asked.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub(super) enum Pulls {
    #[default]
    #[serde(rename = "all", alias = "")]
    All,
    #[serde(rename = "digest-only")]
    DigestOnly,
    #[serde(rename = "tag-only")]
    TagOnly,
}

/// What is read of a file; the rest of it is other programs' business.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    registry: Vec<Table>,
    /// The one table of version 1.
    registries: Option<toml::Table>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorTable {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: Pulls,
}

/// All entries, of which a later one replaces an earlier one of the same prefix.
pub(super) fn load(environment: &Environment) -> Result<Vec<Entry>> {
    let mut entries: Vec<Entry> = Vec::new();
    for path in paths(environment)? {
        for entry in read(&path)? {
            entries.retain(|earlier| earlier.prefix != entry.prefix);
            entries.push(entry);
        }
    }
    Ok(entries)
}

/// The files that are there, in the order in which they overrule each other.
fn paths(environment: &Environment) -> Result<Vec<PathBuf>> {
    if let Some(alone) = &environment.registries_conf {
        return Ok(vec![alone.clone()]);
    }
    let user = environment
        .config_home
        .as_ref()
        .map(|folder| folder.join("containers"));
    let system = environment.system.join("containers");
    let mut paths = Vec::new();
    let main = |folder: &Path| Some(folder.join("registries.conf")).filter(|path| path.exists());
    if let Some(main) = user.as_deref().and_then(main) {
        paths.push(main);
    } else {
        paths.extend(main(&system));
        paths.extend(drop_ins(&system)?);
    }
    if let Some(user) = user {
        paths.extend(drop_ins(&user)?);
    }
    Ok(paths)
}

/// `registries.conf.d/*.conf` by name.
fn drop_ins(folder: &Path) -> Result<Vec<PathBuf>> {
    let folder = folder.join("registries.conf.d");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("looking for files in {}", folder.display()));
        }
    };
    let paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>();
    let mut paths = paths.with_context(|| format!("looking for files in {}", folder.display()))?;
    paths.retain(|path| {
        path.is_file()
            && path
                .extension()
                .is_some_and(|extension| extension == "conf")
    });
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> Result<Vec<Entry>> {
    let file: Arc<Path> = path.into();
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let document: Document =
        toml::from_str(&text).with_context(|| format!("{} cannot be used", path.display()))?;
    if document.registries.is_some() {
        bail!(
            "{} is of version 1, which is not read: write a [[registry]] table for each registry instead",
            path.display()
        );
    }
    let entry = |table: &Table| {
        Entry::new(table, &file).with_context(|| format!("{} cannot be used", path.display()))
    };
    document.registry.iter().map(entry).collect()
}

impl Entry {
    fn new(table: &Table, file: &Arc<Path>) -> Result<Self> {
        let location = place("location", &table.location)?;
        let prefix = place("prefix", &table.prefix)?.or_else(|| location.clone());
        let prefix = prefix.context("a [[registry]] table has neither prefix nor location")?;
        let wildcard = prefix.strip_prefix("*.");
        if wildcard.unwrap_or(&prefix).contains('*')
            || wildcard.is_some_and(|host| host.contains(['/', ':', '@']))
        {
            bail!(
                "the prefix {prefix:?}: a * may only stand before the names of a host, as in *.example.com"
            );
        }
        let location = location.or_else(|| Some(prefix.clone()).filter(|_| wildcard.is_none()));
        let by_digest = table.mirror_by_digest_only;
        let mirrors = table
            .mirror
            .iter()
            .map(|mirror| MirrorEntry::new(mirror, by_digest));
        let mirrors = mirrors
            .collect::<Result<_>>()
            .with_context(|| format!("the registry {prefix}"))?;
        Ok(Self {
            file: Arc::clone(file),
            prefix,
            location,
            insecure: table.insecure,
            blocked: table.blocked,
            mirrors,
        })
    }
}

impl MirrorEntry {
    fn new(table: &MirrorTable, by_digest_only: bool) -> Result<Self> {
        let location = place("location", &table.location)?.context("a mirror has no location")?;
        let pulls = match (by_digest_only, table.pull_from_mirror) {
            (true, Pulls::All) => Pulls::DigestOnly,
            (true, _) => bail!(
                "the mirror {location} has pull-from-mirror, which goes not with mirror-by-digest-only"
            ),
            (false, pulls) => pulls,
        };
        Ok(Self {
            location,
            insecure: table.insecure,
            pulls,
        })
    }
}

/// A host and perhaps more of a name; nothing if the text is empty.
fn place(key: &str, text: &str) -> Result<Option<String>> {
    if text.contains("://") {
        bail!("{key} {text:?} is an URL; write HOST[:PORT][/NAME] alone");
    }
    Ok(Some(text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty()))
}
