//! skopeo, which has every form.

use super::super::document::Kind;
use super::super::place::Place;
use super::super::sandbox::Failure;
use super::super::skopeo::Skopeo;
use super::form::{Form, Saved};
use super::keeper::{Keeper, Taken};

impl Keeper for Skopeo {
    fn writes(&self) -> &'static [Form] {
        &Form::ALL
    }

    fn reads(&self) -> &'static [Form] {
        &Form::ALL
    }

    fn write(&self, kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        self.copy(which(saved.form), &from.transport(), &saved.named(kind))
    }

    fn read(&self, kind: &Kind, saved: &Saved, to: &Place) -> Result<Taken, Failure> {
        self.copy(which(saved.form), &saved.named(kind), &to.transport())?;
        Ok(Taken::Pushed)
    }
}

fn which(form: Form) -> &'static [&'static str] {
    if form == Form::DockerArchive {
        &[]
    } else {
        &["--all"]
    }
}
