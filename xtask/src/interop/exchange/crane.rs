//! crane: OCI layouts, and tarballs, which are docker-archives with gzipped layers.

use super::super::crane::Crane;
use super::super::document::Kind;
use super::super::place::Place;
use super::super::sandbox::{Failure, run};
use super::form::{Form, Saved};
use super::keeper::{Keeper, Taken};

const FORMS: &[Form] = &[Form::Oci, Form::DockerArchive];

impl Keeper for Crane {
    fn writes(&self) -> &'static [Form] {
        FORMS
    }

    fn reads(&self) -> &'static [Form] {
        FORMS
    }

    fn write(&self, _kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        let format = if saved.form == Form::Oci {
            "oci"
        } else {
            "tarball"
        };
        run(&mut self.pull_command(format, from, &saved.path)).map(drop)
    }

    fn read(&self, _kind: &Kind, saved: &Saved, to: &Place) -> Result<Taken, Failure> {
        self.push_path(&saved.path, to)?;
        Ok(Taken::Pushed)
    }
}
