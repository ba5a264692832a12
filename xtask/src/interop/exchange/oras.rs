//! oras: OCI layouts, which it also reads from a tar file.

use super::super::document::Kind;
use super::super::oras::Oras;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, path_argument};
use super::form::{DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

impl Holder for Oras {
    fn writes(&self) -> &'static [DiskForm] {
        &[DiskForm::Oci]
    }

    fn reads(&self) -> &'static [DiskForm] {
        &[DiskForm::Oci, DiskForm::OciArchive]
    }

    fn write(
        &self,
        _kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        self.copy(&[
            "--from-plain-http",
            &from.to_string(),
            "--to-oci-layout",
            &layout(saved, from),
        ])
        .map(drop)
    }

    fn read(
        &self,
        _kind: &Kind,
        saved: &DiskImage,
        to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        self.copy(&[
            "--from-oci-layout",
            &layout(saved, to),
            "--to-plain-http",
            &to.to_string(),
        ])?;
        Ok(ReadDestination::Pushed)
    }
}

fn layout(saved: &DiskImage, place: &TaggedReference) -> String {
    format!("{}:{}", path_argument("", &saved.path), place.tag)
}
