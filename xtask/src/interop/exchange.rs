//! Second table: Portolan reads images that tools write to disk, and the reverse, compared digest
//! by digest.

mod check;
mod containerd;
mod crane;
mod docker;
mod expect;
mod form;
mod holder;
mod limits;
mod oras;
mod podman;
mod skopeo;
mod umoci;

use std::path::PathBuf;

use anyhow::anyhow;

use super::client::Arrival;
use super::document::Kind;
use super::matrix::{MatrixCell, SeededKind, cell_outcome};
use super::portolan::Portolan;
use super::reference::TaggedReference;
use super::registry::RegistryConnection;
use super::sandbox::ClientFailure;
use expect::expected_result;
use form::{DiskContent, DiskForm, DiskImage};
use holder::ReadDestination;

pub(crate) use holder::Holder;
pub(crate) use umoci::Umoci;

/// Kinds in the exchange, in addition to [`REAL_IMAGE`].
const KINDS: [&str; 3] = ["real-eleven", "index-docker-child", "docker-image"];

/// Image for linux/amd64 from the first of these kinds.
const REAL_IMAGE: &str = "real-image";

/// Direction of an exchange on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskDirection {
    /// Portolan writes, and the tool reads.
    Read,
    /// The tool writes, and Portolan reads.
    Write,
}

impl DiskDirection {
    /// Returns the word for tables, from the view of the tool.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// Tool that exchanges images on disk, with its context.
pub(crate) struct Exchange<'a> {
    pub(crate) name: &'static str,
    pub(crate) keeper: &'a dyn Holder,
    /// Folder for the tool.
    pub(crate) folder: PathBuf,
    pub(crate) portolan: &'a Portolan,
}

/// One kind on its way from the registry to disk, and from disk to another repository.
struct RoundTrip<'a> {
    kind: &'a Kind,
    from: &'a TaggedReference,
    saved: DiskImage,
    to: TaggedReference,
}

/// Returns the kinds to exchange, chosen from those stored in the registry.
pub(crate) fn subjects(seeded: &[SeededKind]) -> Vec<SeededKind> {
    let chosen = seeded
        .iter()
        .filter(|seed| KINDS.contains(&seed.kind.name))
        .cloned();
    seeded
        .iter()
        .filter_map(real_image_subject)
        .chain(chosen)
        .collect()
}

fn real_image_subject(eleven: &SeededKind) -> Option<SeededKind> {
    let kind = eleven
        .kind
        .reduce_to_image()
        .filter(|kind| kind.name == KINDS[0])?;
    // The image was pushed under this tag when it was built.
    let place = TaggedReference {
        tag: "amd64".to_owned(),
        ..eleven.place.clone()
    };
    Some(SeededKind {
        kind: Kind {
            name: REAL_IMAGE,
            ..kind
        },
        place,
        error: eleven.error.clone(),
    })
}

impl Exchange<'_> {
    /// Runs all cells of a tool, one after another.
    pub(crate) fn run(
        &self,
        subjects: &[SeededKind],
        registry: &mut RegistryConnection,
    ) -> Vec<MatrixCell> {
        let mut cells = Vec::new();
        for (way, forms) in [
            (DiskDirection::Read, self.keeper.reads()),
            (DiskDirection::Write, self.keeper.writes()),
        ] {
            for form in forms {
                cells.extend(
                    subjects
                        .iter()
                        .map(|subject| self.run_cell(way, *form, subject, registry)),
                );
            }
        }
        cells
    }

    fn run_cell(
        &self,
        way: DiskDirection,
        form: DiskForm,
        subject: &SeededKind,
        registry: &mut RegistryConnection,
    ) -> MatrixCell {
        let SeededKind {
            kind, place: from, ..
        } = subject;
        let (name, way_name, form_name) = (self.name, way.name(), form.name());
        let path = self
            .folder
            .join(format!("{way_name}-{form_name}-{}", kind.name));
        let repository = format!("open/exchange/{name}/{way_name}/{form_name}/{}", kind.name);
        let to = TaggedReference {
            repository,
            tag: "sea".to_owned(),
            ..from.clone()
        };
        let trip = RoundTrip {
            kind,
            from,
            saved: DiskImage { form, path },
            to,
        };
        let result = match way {
            DiskDirection::Read => self.read(&trip, registry),
            DiskDirection::Write => self.write(&trip, registry),
        };
        let outcome = cell_outcome(expected_result(name, way, form, kind.name), result);
        MatrixCell {
            client: name,
            direction: way_name,
            kind: format!("{form_name}:{}", kind.name),
            outcome,
        }
    }

    fn read(
        &self,
        RoundTrip {
            kind,
            from,
            saved,
            to,
        }: &RoundTrip,
        registry: &mut RegistryConnection,
    ) -> Result<Arrival, ClientFailure> {
        self.copy(&from.to_string(), &saved.named_reference(kind))?;
        let wanted = saved.form.content(kind)?;
        match self.keeper.read(kind, saved, to)? {
            ReadDestination::Pushed => {
                check::check_content(registry, &wanted, to)?;
                Ok(wanted.arrival(kind))
            }
            ReadDestination::Stored(DiskContent::Config(config))
                if wanted != DiskContent::Config(config.clone()) =>
            {
                Err(anyhow!("the image has config {config} instead of {wanted:?}").into())
            }
            ReadDestination::Stored(content) => Ok(content.arrival(kind)),
        }
    }

    fn write(
        &self,
        RoundTrip {
            kind,
            from,
            saved,
            to,
        }: &RoundTrip,
        registry: &mut RegistryConnection,
    ) -> Result<Arrival, ClientFailure> {
        self.keeper.write(kind, from, saved)?;
        let (stated, reference) = saved.read_content()?;
        self.copy(&reference, &to.to_string())?;
        check::check_content(registry, &stated, to)?;
        Ok(stated.arrival(kind))
    }

    fn copy(&self, source: &str, destination: &str) -> Result<(), ClientFailure> {
        self.portolan
            .copy(&[], source, destination)
            .map_err(|failure| portolan_failure(source, destination, &failure))
    }
}

/// Converts a failure of Portolan, so that it is not counted as a limit of the tool.
fn portolan_failure(source: &str, destination: &str, failure: &ClientFailure) -> ClientFailure {
    anyhow!("portolan copy {source} {destination}: {failure}").into()
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::super::matrix::CellOutcome;
    use super::*;

    #[test]
    fn rejection_by_portolan_is_not_a_limit_of_the_tool() {
        let expected = expected_result(Umoci::NAME, DiskDirection::Read, DiskForm::Oci, KINDS[0]);
        let refused = || ClientFailure::Rejected("tag is ambiguous: sea".to_owned());
        assert!(matches!(
            cell_outcome(expected, Err(refused())),
            CellOutcome::Unsupported(..)
        ));
        assert!(matches!(
            cell_outcome(expected, Err(portolan_failure("a", "b", &refused()))),
            CellOutcome::Failed(_)
        ));
    }

    #[test]
    fn real_image_has_the_tag_of_its_build() {
        let find = |name| {
            kinds::all_kinds()
                .unwrap()
                .into_iter()
                .find(|kind| kind.name == name)
                .unwrap()
        };
        let place = TaggedReference {
            host: "h".to_owned(),
            repository: "open/r".to_owned(),
            tag: "sea".to_owned(),
        };
        let eleven = Kind {
            name: KINDS[0],
            ..find("oci-index")
        };
        let seeds = [eleven, find("docker-image"), find("zero-layers")];
        let subjects = subjects(&seeds.map(|kind| SeededKind {
            kind,
            place: place.clone(),
            error: None,
        }));
        let names: Vec<_> = subjects
            .iter()
            .map(|subject| (subject.kind.name, subject.place.tag.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                (REAL_IMAGE, "amd64"),
                (KINDS[0], "sea"),
                ("docker-image", "sea")
            ]
        );
        assert!(subjects[0].kind.is_single_image());
    }
}
