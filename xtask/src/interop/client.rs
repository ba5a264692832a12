//! What every client must do: pull a kind from the registry, and push it to another repository.

use std::path::Path;

use super::document::Kind;
use super::exchange::Keeper;
use super::place::Place;
use super::sandbox::Failure;

/// How a kind got to where it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// All of it, byte for byte.
    Whole,
    /// The image for this machine's platform out of it, byte for byte.
    OneImage,
    /// The same image in a manifest that the client wrote anew and calls by this digest.
    Rewritten(String),
}

/// One of the programs that people push and pull with.
pub(crate) trait Client: Sync {
    /// The name by which people call it.
    fn name(&self) -> &'static str;

    /// Pulls a kind into the client's own storage and compares what is there then.
    ///
    /// Of a sparse kind, a client that otherwise pulls everything pulls the image that is there.
    fn pull(&self, kind: &Kind, from: &Place) -> Result<Arrival, Failure>;

    /// Pushes a kind from disk or from the client's own storage; `from` holds it in the registry too.
    ///
    /// What arrived is compared by the caller.
    fn push(&self, kind: &Kind, from: &Place, to: &Place) -> Result<Arrival, Failure>;

    /// Makes something of its own out of the tar of a root folder, pushes it and answers the digest it names.
    ///
    /// Nothing, for a client that makes no images, or whose images the real index is already built of.
    fn push_own(&self, _root_folder: &Path, _to: &Place) -> Option<Result<String, Failure>> {
        None
    }

    /// The client as one that keeps images on disk in a form that Portolan has too, if it does.
    fn keeper(&self) -> Option<&dyn Keeper> {
        None
    }
}
