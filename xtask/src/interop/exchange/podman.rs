//! podman and buildah, which have every form and keep what they read in storage.

use super::super::client::Client;
use super::super::document::{Algorithm, Kind};
use super::super::place::Place;
use super::super::podman::Podman;
use super::super::sandbox::{Failure, run};
use super::form::{Content, Form, Saved};
use super::keeper::{Keeper, Taken};

impl Keeper for Podman {
    fn writes(&self) -> &'static [Form] {
        &Form::ALL
    }

    fn reads(&self) -> &'static [Form] {
        &Form::ALL
    }

    fn write(&self, kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        if kind.is_list() && saved.form != Form::DockerArchive {
            return self
                .push_list(kind, &from.transport(), &saved.named(kind))
                .map(drop);
        }
        let id = self.pull_image(&from.transport(), kind.platform)?;
        self.save(&id, kind, saved)
    }

    fn read(&self, kind: &Kind, saved: &Saved, _to: &Place) -> Result<Taken, Failure> {
        // A layer that is in storage already is not read.
        run(&mut self.command(&["rmi", "--all", "--force"])?)?;
        self.load(kind, saved)?;
        let id = run(&mut self.command(&["images", "--quiet", "--no-trunc"])?)?;
        let id = id.trim();
        if saved.form == Form::DockerArchive {
            return Ok(Taken::Stored(Content::Config(id.to_owned())));
        }
        let manifest = self.manifest(id.trim_start_matches("sha256:"))?;
        Ok(Taken::Stored(Content::Manifest(
            Algorithm::Sha256.digest(&manifest),
        )))
    }
}

impl Podman {
    fn save(&self, id: &str, kind: &Kind, saved: &Saved) -> Result<(), Failure> {
        if self.name() == "buildah" {
            return self
                .push_from_storage(&["push", "--quiet"], id, &saved.named(kind))
                .map(drop);
        }
        let format = if saved.form == Form::Oci {
            "oci-dir"
        } else {
            saved.form.name()
        };
        let mut command = self.command(&["save", "--quiet", "--format", format, "--output"])?;
        run(command.arg(&saved.path).arg(id)).map(drop)
    }

    fn load(&self, kind: &Kind, saved: &Saved) -> Result<(), Failure> {
        if self.name() == "buildah" || saved.form == Form::Oci {
            return self.pull_image(&saved.named(kind), kind.platform).map(drop);
        }
        run(self
            .command(&["load", "--quiet", "--input"])?
            .arg(&saved.path))
        .map(drop)
    }
}
