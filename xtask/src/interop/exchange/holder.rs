//! Interface of tools that store images on disk in a form that Portolan supports.

use super::super::document::Kind;
use super::super::reference::TaggedReference;
use super::super::sandbox::ClientFailure;
use super::form::{DiskContent, DiskForm, DiskImage};

/// Destination of an image that a tool read from disk.
pub(crate) enum ReadDestination {
    /// Registry, at the given reference.
    Pushed,
    /// The tool's own storage, with this digest.
    Stored(DiskContent),
}

/// Tool that writes images to disk and reads them.
pub(crate) trait Holder: Sync {
    /// Returns the forms that it writes.
    fn writes(&self) -> &'static [DiskForm];

    /// Returns the forms that it reads.
    fn reads(&self) -> &'static [DiskForm];

    /// Writes a kind to disk, with all its platforms if form and tool support several. The registry
    /// holds the kind at `from`.
    fn write(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        saved: &DiskImage,
    ) -> Result<(), ClientFailure>;

    /// Reads content written by Portolan: a full kind, or only the image if the form holds images
    /// only.
    fn read(
        &self,
        kind: &Kind,
        saved: &DiskImage,
        to: &TaggedReference,
    ) -> Result<ReadDestination, ClientFailure>;
}
