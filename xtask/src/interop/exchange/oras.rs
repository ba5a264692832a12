//! oras: OCI layouts, which it reads out of a tar file too.

use super::super::document::Kind;
use super::super::oras::Oras;
use super::super::place::Place;
use super::super::sandbox::{Failure, prefixed};
use super::form::{Form, Saved};
use super::keeper::{Keeper, Taken};

impl Keeper for Oras {
    fn writes(&self) -> &'static [Form] {
        &[Form::Oci]
    }

    fn reads(&self) -> &'static [Form] {
        &[Form::Oci, Form::OciArchive]
    }

    fn write(&self, _kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        self.copy(&[
            "--from-plain-http",
            &from.to_string(),
            "--to-oci-layout",
            &layout(saved, from),
        ])
        .map(drop)
    }

    fn read(&self, _kind: &Kind, saved: &Saved, to: &Place) -> Result<Taken, Failure> {
        self.copy(&[
            "--from-oci-layout",
            &layout(saved, to),
            "--to-plain-http",
            &to.to_string(),
        ])?;
        Ok(Taken::Pushed)
    }
}

fn layout(saved: &Saved, place: &Place) -> String {
    format!("{}:{}", prefixed("", &saved.path), place.tag)
}
