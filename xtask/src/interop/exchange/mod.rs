//! The second table: what tools write to disk Portolan reads, and the reverse, digest by digest.

mod check;
mod containerd;
mod crane;
mod docker;
mod expect;
mod form;
mod keeper;
mod limits;
mod oras;
mod podman;
mod skopeo;
mod umoci;

use std::path::PathBuf;

use anyhow::anyhow;

use super::client::Arrival;
use super::document::Kind;
use super::matrix::{Cell, Seeded, judge};
use super::place::Place;
use super::portolan::Portolan;
use super::registry::Registry;
use super::sandbox::Failure;
use expect::expected;
use form::{Content, Form, Saved};
use keeper::Taken;

pub(crate) use keeper::Keeper;
pub(crate) use umoci::Umoci;

/// The kinds that are exchanged, after [`REAL_IMAGE`].
const KINDS: [&str; 3] = ["real-eleven", "index-docker-child", "docker-image"];

/// The image for linux/amd64 out of the first of them.
const REAL_IMAGE: &str = "real-image";

/// Who writes to disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Portolan does, and the tool reads.
    Read,
    /// The tool does, and Portolan reads.
    Write,
}

impl Way {
    /// The word in tables, which is about the tool.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

/// A tool that exchanges, with what it needs for that.
pub(crate) struct Exchange<'a> {
    pub(crate) name: &'static str,
    pub(crate) keeper: &'a dyn Keeper,
    /// The tool's own.
    pub(crate) folder: PathBuf,
    pub(crate) portolan: &'a Portolan,
}

/// One kind on its way from the registry to disk and from there to another repository.
struct Trip<'a> {
    kind: &'a Kind,
    from: &'a Place,
    saved: Saved,
    to: Place,
}

/// What is exchanged, out of what stands in the registry.
pub(crate) fn subjects(seeded: &[Seeded]) -> Vec<Seeded> {
    let chosen = seeded
        .iter()
        .filter(|seed| KINDS.contains(&seed.kind.name))
        .cloned();
    seeded.iter().filter_map(real_image).chain(chosen).collect()
}

fn real_image(eleven: &Seeded) -> Option<Seeded> {
    let kind = eleven
        .kind
        .only_image()
        .filter(|kind| kind.name == KINDS[0])?;
    // Under this tag it was pushed when it was built.
    let place = Place {
        tag: "amd64".to_owned(),
        ..eleven.place.clone()
    };
    Some(Seeded {
        kind: Kind {
            name: REAL_IMAGE,
            ..kind
        },
        place,
        error: eleven.error.clone(),
    })
}

impl Exchange<'_> {
    /// Runs all of a tool's cells, one after another.
    pub(crate) fn run(&self, subjects: &[Seeded], registry: &mut Registry) -> Vec<Cell> {
        let mut cells = Vec::new();
        for (way, forms) in [
            (Way::Read, self.keeper.reads()),
            (Way::Write, self.keeper.writes()),
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

    fn run_cell(&self, way: Way, form: Form, subject: &Seeded, registry: &mut Registry) -> Cell {
        let Seeded {
            kind, place: from, ..
        } = subject;
        let (name, way_name, form_name) = (self.name, way.name(), form.name());
        let path = self
            .folder
            .join(format!("{way_name}-{form_name}-{}", kind.name));
        let repository = format!("open/exchange/{name}/{way_name}/{form_name}/{}", kind.name);
        let to = Place {
            repository,
            tag: "sea".to_owned(),
            ..from.clone()
        };
        let trip = Trip {
            kind,
            from,
            saved: Saved { form, path },
            to,
        };
        let result = match way {
            Way::Read => self.read(&trip, registry),
            Way::Write => self.write(&trip, registry),
        };
        let outcome = judge(expected(name, way, form, kind.name), result);
        Cell {
            client: name,
            direction: way_name,
            kind: format!("{form_name}:{}", kind.name),
            outcome,
        }
    }

    fn read(
        &self,
        Trip {
            kind,
            from,
            saved,
            to,
        }: &Trip,
        registry: &mut Registry,
    ) -> Result<Arrival, Failure> {
        self.copy(&from.to_string(), &saved.named(kind))?;
        let wanted = saved.form.content(kind)?;
        match self.keeper.read(kind, saved, to)? {
            Taken::Pushed => {
                check::compare(registry, &wanted, to)?;
                Ok(wanted.arrival(kind))
            }
            Taken::Stored(Content::Config(config)) if wanted != Content::Config(config.clone()) => {
                Err(anyhow!("the image has the config {config}, not {wanted:?}").into())
            }
            Taken::Stored(content) => Ok(content.arrival(kind)),
        }
    }

    fn write(
        &self,
        Trip {
            kind,
            from,
            saved,
            to,
        }: &Trip,
        registry: &mut Registry,
    ) -> Result<Arrival, Failure> {
        self.keeper.write(kind, from, saved)?;
        let (stated, reference) = saved.stated()?;
        self.copy(&reference, &to.to_string())?;
        check::compare(registry, &stated, to)?;
        Ok(stated.arrival(kind))
    }

    fn copy(&self, source: &str, destination: &str) -> Result<(), Failure> {
        self.portolan
            .copy(&[], source, destination)
            .map_err(|failure| ours(source, destination, &failure))
    }
}

/// What Portolan refuses is no limit of the tool.
fn ours(source: &str, destination: &str, failure: &Failure) -> Failure {
    anyhow!("portolan copy {source} {destination}: {failure}").into()
}

#[cfg(test)]
mod tests {
    use super::super::kinds;
    use super::super::matrix::Outcome;
    use super::*;

    #[test]
    fn what_portolan_refuses_is_no_limit_of_the_tool() {
        let expected = expected(Umoci::NAME, Way::Read, Form::Oci, KINDS[0]);
        let refused = || Failure::Refused("tag is ambiguous: sea".to_owned());
        assert!(matches!(
            judge(expected, Err(refused())),
            Outcome::Cannot(..)
        ));
        assert!(matches!(
            judge(expected, Err(ours("a", "b", &refused()))),
            Outcome::Failed(_)
        ));
    }

    #[test]
    fn the_real_image_stands_where_it_was_built() {
        let find = |name| {
            kinds::all()
                .unwrap()
                .into_iter()
                .find(|kind| kind.name == name)
                .unwrap()
        };
        let place = Place {
            host: "h".to_owned(),
            repository: "open/r".to_owned(),
            tag: "sea".to_owned(),
        };
        let eleven = Kind {
            name: KINDS[0],
            ..find("oci-index")
        };
        let seeds = [eleven, find("docker-image"), find("zero-layers")];
        let subjects = subjects(&seeds.map(|kind| Seeded {
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
