//! What every tool must do that keeps images on disk in a form that Portolan has too.

use super::super::document::Kind;
use super::super::place::Place;
use super::super::sandbox::Failure;
use super::form::{Content, Form, Saved};

/// Where a tool put what it read from disk.
pub(crate) enum Taken {
    /// Into the registry, at the place that it was given.
    Pushed,
    /// Into its own storage, under this digest.
    Stored(Content),
}

/// A tool that writes images to disk and reads them.
pub(crate) trait Keeper: Sync {
    /// The forms that it writes.
    fn writes(&self) -> &'static [Form];

    /// The forms that it reads.
    fn reads(&self) -> &'static [Form];

    /// Writes a kind to disk, with all its platforms if form and tool have several; `from` holds it in the registry.
    fn write(&self, kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure>;

    /// Reads what Portolan wrote: a whole kind, or the image out of it if the form has images alone.
    fn read(&self, kind: &Kind, saved: &Saved, to: &Place) -> Result<Taken, Failure>;
}
