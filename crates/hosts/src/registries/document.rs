//! Document `registries.conf` in format version 1 or 2.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result, anyhow, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::{Table, Value};

/// `[[registry]]` table, and the file that contains it.
#[derive(Clone, Debug)]
pub(super) struct RegistryEntry {
    pub(super) file: Arc<Path>,
    pub(super) prefix: String,
    /// Location that replaces `prefix` in the names of images. If it is `None`, which is possible
    /// only for a wildcard prefix, names are not rewritten.
    pub(super) location: Option<String>,
    pub(super) insecure: bool,
    pub(super) blocked: bool,
    pub(super) mirrors: Vec<MirrorEntry>,
}

/// `[[registry.mirror]]` table.
#[derive(Clone, Debug)]
pub(super) struct MirrorEntry {
    pub(super) location: String,
    pub(super) insecure: bool,
    pub(super) pulls: Pulls,
}

/// Image references for which a mirror is used (`pull-from-mirror`).
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

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryTable {
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
    mirror: Vec<Value>,
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

/// Usable entries of a document.
#[derive(Debug, Default)]
pub struct RegistriesDocument {
    pub(super) entries: Vec<RegistryEntry>,
    /// Parts that cannot be used, each with its place in the document and the reason.
    pub skipped: Vec<String>,
}

/// Parses a document. Unknown keys are ignored. `file` is the name of the document in errors about
/// its entries.
///
/// # Errors
/// Returns an error if the document is not TOML.
pub fn parse_registries(text: &str, file: &Path) -> Result<RegistriesDocument> {
    let table: Table = toml::from_str(text).map_err(|error| with_line(text, &error))?;
    let mut reader = DocumentReader {
        file: file.into(),
        document: RegistriesDocument::default(),
    };
    reader.read_version_1(&table);
    for (position, registry) in reader.list("registry", table.get("registry")).enumerate() {
        reader.read_registry(position + 1, registry);
    }
    Ok(reader.document)
}

/// Returns the error in one line, without the excerpt that [`toml::de::Error`] prints.
fn with_line(text: &str, error: &toml::de::Error) -> Error {
    let before = error.span().and_then(|span| text.get(..span.start));
    let line = before.map_or(1, |before| before.matches('\n').count() + 1);
    anyhow!("line {line}: {}", error.message())
}

/// Reader of the tables of a document. Skips tables and items that cannot be used.
struct DocumentReader {
    file: Arc<Path>,
    document: RegistriesDocument,
}

impl DocumentReader {
    fn skip(&mut self, item: &str, reason: impl std::fmt::Display) {
        self.document
            .skipped
            .push(format!("{item} was not used: {reason}"));
    }

    /// Returns the elements of a list. An absent list has no elements.
    fn list(&mut self, name: &str, value: Option<&Value>) -> std::vec::IntoIter<Value> {
        match value {
            None => Vec::new(),
            Some(Value::Array(values)) => values.clone(),
            Some(other) => {
                self.skip(
                    name,
                    format_args!("it is a {}, not a list", other.type_str()),
                );
                Vec::new()
            }
        }
        .into_iter()
    }

    /// Reads the lists of format version 1, in which a registry is a host. Ignores the search list,
    /// as in version 2.
    fn read_version_1(&mut self, table: &Table) {
        let Some(tables) = table.get("registries") else {
            return;
        };
        let hosts = |reader: &mut Self, kind: &str| {
            let name = format!("registries.{kind}.registries");
            let value = tables.get(kind).and_then(|table| table.get("registries"));
            reader.list(&name, value)
        };
        let blocked: Vec<_> = hosts(self, "block").collect();
        let insecure: Vec<_> = hosts(self, "insecure").collect();
        for (kind, host) in blocked
            .iter()
            .map(|host| ("block", host))
            .chain(insecure.iter().map(|host| ("insecure", host)))
        {
            let table = RegistryTable {
                prefix: String::new(),
                location: host.as_str().unwrap_or_default().into(),
                insecure: insecure.contains(host),
                blocked: blocked.contains(host),
                mirror_by_digest_only: false,
                mirror: Vec::new(),
            };
            self.add(&format!("{host} in registries.{kind}"), table);
        }
    }

    fn read_registry(&mut self, number: usize, value: Value) {
        let key = |name| value.get(name).and_then(Value::as_str);
        let item = match key("prefix").or_else(|| key("location")) {
            Some(name) => format!("the [[registry]] table of {name}"),
            None => format!("[[registry]] table {number}"),
        };
        match parse_table(value) {
            Ok(table) => self.add(&item, table),
            Err(error) => self.skip(&item, format_args!("{error:#}")),
        }
    }

    fn add(&mut self, item: &str, mut table: RegistryTable) {
        let mirrors = std::mem::take(&mut table.mirror);
        let mut entry = match RegistryEntry::new(&table, &self.file) {
            Ok(entry) => entry,
            Err(error) => return self.skip(item, format_args!("{error:#}")),
        };
        for mirror in mirrors {
            let mirror = parse_table(mirror)
                .and_then(|mirror| MirrorEntry::new(&mirror, table.mirror_by_digest_only));
            match mirror {
                Ok(mirror) => entry.mirrors.push(mirror),
                Err(error) => self.skip(
                    &format!("a mirror of {}", entry.prefix),
                    format_args!("{error:#}"),
                ),
            }
        }
        self.document.entries.push(entry);
    }
}

fn parse_table<T: DeserializeOwned>(value: Value) -> Result<T> {
    value
        .try_into()
        .map_err(|error: toml::de::Error| anyhow!("{}", error.message()))
}

impl RegistryEntry {
    fn new(table: &RegistryTable, file: &Arc<Path>) -> Result<Self> {
        let location = parse_location("location", &table.location)?;
        let prefix = parse_location("prefix", &table.prefix)?.or_else(|| location.clone());
        let prefix = prefix.context("it has neither prefix nor location")?;
        let wildcard = prefix.strip_prefix("*.");
        if wildcard.unwrap_or(&prefix).contains('*')
            || wildcard.is_some_and(|host| host.contains(['/', ':', '@']))
        {
            bail!(
                "invalid prefix {prefix:?}: * is only allowed at the start of a host, as in *.example.com"
            );
        }
        let location = location.or_else(|| Some(prefix.clone()).filter(|_| wildcard.is_none()));
        Ok(Self {
            file: Arc::clone(file),
            prefix,
            location,
            insecure: table.insecure,
            blocked: table.blocked,
            mirrors: Vec::new(),
        })
    }
}

impl MirrorEntry {
    fn new(table: &MirrorTable, by_digest_only: bool) -> Result<Self> {
        let location =
            parse_location("location", &table.location)?.context("it has no location")?;
        let pulls = match (by_digest_only, table.pull_from_mirror) {
            (true, Pulls::All) => Pulls::DigestOnly,
            (true, _) => bail!(
                "{location} has pull-from-mirror, which cannot be combined with mirror-by-digest-only"
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

/// Parses a host with an optional repository or namespace. Returns `None` for empty text.
fn parse_location(key: &str, text: &str) -> Result<Option<String>> {
    if text.contains("://") {
        bail!("{key} {text:?} is a URL; write HOST[:PORT][/NAME]");
    }
    if text.starts_with('/') {
        bail!("{key} {text:?} has no host; write HOST[:PORT][/NAME]");
    }
    Ok(Some(text.trim_end_matches('/').to_owned()).filter(|text| !text.is_empty()))
}
