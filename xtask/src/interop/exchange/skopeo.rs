//! skopeo, which supports every form.

use super::super::document::Kind;
use super::super::reference::TaggedReference;
use super::super::sandbox::ClientFailure;
use super::super::skopeo::Skopeo;
use super::form::{DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

impl Holder for Skopeo {
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
        self.copy(
            copy_options(saved.form),
            &from.transport_reference(),
            &saved.named_reference(kind),
        )
    }

    fn read(
        &self,
        kind: &Kind,
        saved: &DiskImage,
        to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        self.copy(
            copy_options(saved.form),
            &saved.named_reference(kind),
            &to.transport_reference(),
        )?;
        Ok(ReadDestination::Pushed)
    }
}

fn copy_options(form: DiskForm) -> &'static [&'static str] {
    if form == DiskForm::DockerArchive {
        &[]
    } else {
        &["--all"]
    }
}
