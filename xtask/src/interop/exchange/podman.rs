//! podman and buildah, which support every form and keep what they read in storage.

use super::super::client::Client;
use super::super::document::{Algorithm, Kind};
use super::super::podman::Podman;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, run};
use super::form::{DiskContent, DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

impl Holder for Podman {
    fn writes(&self) -> &'static [DiskForm] {
        &DiskForm::ALL
    }

    fn reads(&self) -> &'static [DiskForm] {
        &DiskForm::ALL
    }

    fn write(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        if kind.is_list() && saved.form != DiskForm::DockerArchive {
            return self
                .push_list(
                    kind,
                    &from.transport_reference(),
                    &saved.named_reference(kind),
                )
                .map(drop);
        }
        let id = self.pull_image(&from.transport_reference(), kind.platform)?;
        self.save(&id, kind, saved)
    }

    fn read(
        &self,
        kind: &Kind,
        saved: &DiskImage,
        _to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        // Layers that are already in storage are not read.
        run(&mut self.command(&["rmi", "--all", "--force"])?)?;
        self.load(kind, saved)?;
        let id = run(&mut self.command(&["images", "--quiet", "--no-trunc"])?)?;
        let id = id.trim();
        if saved.form == DiskForm::DockerArchive {
            return Ok(ReadDestination::Stored(DiskContent::Config(id.to_owned())));
        }
        let manifest = self.manifest(id.trim_start_matches("sha256:"))?;
        Ok(ReadDestination::Stored(DiskContent::Manifest(
            Algorithm::Sha256.digest(&manifest),
        )))
    }
}

impl Podman {
    fn save(&self, id: &str, kind: &Kind, saved: &DiskImage) -> Result<(), ClientFailure> {
        if self.name() == "buildah" {
            return self
                .push_from_storage(&["push", "--quiet"], id, &saved.named_reference(kind))
                .map(drop);
        }
        let format = if saved.form == DiskForm::Oci {
            "oci-dir"
        } else {
            saved.form.name()
        };
        let mut command = self.command(&["save", "--quiet", "--format", format, "--output"])?;
        run(command.arg(&saved.path).arg(id)).map(drop)
    }

    fn load(&self, kind: &Kind, saved: &DiskImage) -> Result<(), ClientFailure> {
        if self.name() == "buildah" || saved.form == DiskForm::Oci {
            return self
                .pull_image(&saved.named_reference(kind), kind.platform)
                .map(drop);
        }
        run(self
            .command(&["load", "--quiet", "--input"])?
            .arg(&saved.path))
        .map(drop)
    }
}
