//! Docker Engine: `docker save` and `docker load`.

use super::super::docker::Docker;
use super::super::document::Kind;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, run};
use super::form::{DiskContent, DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

const FORMS: &[DiskForm] = &[DiskForm::DockerArchive];

impl Holder for Docker {
    fn writes(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn reads(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn write(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        let name = from.to_string();
        run(&mut self.command(&["pull", "--quiet", "--platform", kind.platform, &name]))?;
        run(self
            .command(&["save", "--output"])
            .arg(&saved.path)
            .arg(name))
        .map(drop)
    }

    fn read(
        &self,
        _kind: &Kind,
        saved: &DiskImage,
        _to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        // The engine does not read layers that it already has.
        run(&mut self.command(&["image", "prune", "--all", "--force"]))?;
        run(self
            .command(&["load", "--quiet", "--input"])
            .arg(&saved.path))?;
        let id = run(&mut self.command(&["images", "--quiet", "--no-trunc"]))?;
        Ok(ReadDestination::Stored(DiskContent::Config(
            id.trim().to_owned(),
        )))
    }
}
