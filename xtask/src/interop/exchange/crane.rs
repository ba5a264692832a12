//! crane: OCI layouts, and tarballs, which are docker-archives with gzipped layers.

use super::super::crane::Crane;
use super::super::document::Kind;
use super::super::reference::TaggedReference;
use super::super::sandbox::{ClientFailure, run};
use super::form::{DiskForm, DiskImage};
use super::holder::{Holder, ReadDestination};

const FORMS: &[DiskForm] = &[DiskForm::Oci, DiskForm::DockerArchive];

impl Holder for Crane {
    fn writes(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn reads(&self) -> &'static [DiskForm] {
        FORMS
    }

    fn write(
        &self,
        _kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure> {
        let format = if saved.form == DiskForm::Oci {
            "oci"
        } else {
            "tarball"
        };
        run(&mut self.pull_command(format, from, &saved.path)).map(drop)
    }

    fn read(
        &self,
        _kind: &Kind,
        saved: &DiskImage,
        to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure> {
        self.push_path(&saved.path, to)?;
        Ok(ReadDestination::Pushed)
    }
}
