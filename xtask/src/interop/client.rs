//! Interface of clients: pull a kind from the registry, and push it to another repository.

use std::path::Path;

use super::document::Kind;
use super::exchange::Holder;
use super::reference::TaggedReference;
use super::sandbox::ClientFailure;

/// Form in which a kind arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// The full kind, byte for byte.
    Full,
    /// Only the image for the machine's platform, byte for byte.
    OneImage,
    /// Equal content in a manifest that the client rewrote, with this digest.
    Rewritten(String),
}

/// Program that pushes and pulls images.
pub(crate) trait Client: Sync {
    /// Returns the common name of the program.
    fn name(&self) -> &'static str;

    /// Pulls a kind into the client's own storage and compares the stored content.
    ///
    /// From a sparse kind, a client that otherwise pulls everything pulls only the available image.
    fn pull(&self, kind: &Kind, from: &TaggedReference) -> Result<Arrival, ClientFailure>;

    /// Pushes a kind from disk or from the client's own storage. The registry also holds it at
    /// `from`.
    ///
    /// The caller compares the pushed content.
    fn push(
        &self,
        kind: &Kind,
        from: &TaggedReference,
        to: &TaggedReference,
    ) -> Result<Arrival, ClientFailure>;

    /// Builds something from the tar of a root folder, pushes it and returns the digest that the
    /// client prints.
    ///
    /// Returns `None` for clients that build no images, and for clients that built the images of
    /// the mixed index.
    fn push_own(
        &self,
        _root_folder: &Path,
        _to: &TaggedReference,
    ) -> Option<Result<String, ClientFailure>> {
        None
    }

    /// Returns the client as a [`Holder`] if it stores images on disk in a form that Portolan
    /// supports.
    fn as_holder(&self) -> Option<&dyn Holder> {
        None
    }
}
