//! Output of `portolan delete`.

use portolan_model::{Digest, Tag};
use portolan_registry::Repository;
use serde::Serialize;

use super::Arguments;
use crate::failure::Outcome;
use crate::image_ref::Location;
use crate::output::{self, DataWriter};

/// Result of `portolan delete`, printed as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report<'a> {
    reference: String,
    /// Deleted tags.
    tags: Vec<&'a str>,
    /// Deleted manifests.
    manifests: &'a [Digest],
    dry_run: bool,
    #[serde(skip)]
    is_json: bool,
}

impl<'a> Report<'a> {
    pub(super) fn new(
        arguments: &Arguments,
        location: &Location,
        tags: &'a [Tag],
        manifests: &'a [Digest],
    ) -> Self {
        Self {
            reference: location.to_string(),
            tags: tags.iter().map(Tag::as_str).collect(),
            manifests,
            dry_run: arguments.dry_run,
            is_json: arguments.json,
        }
    }

    /// Prints the deleted tags, and then the deleted manifests.
    pub(super) fn print(&self, repository: &Repository) -> Outcome {
        if self.is_json {
            return output::json(self);
        }
        let mut data = DataWriter::new();
        for tag in &self.tags {
            data.line(repository.full_name(*tag))?;
        }
        for digest in self.manifests {
            data.line(repository.full_name(digest))?;
        }
        data.flush()
    }
}
