//! What really happens: what a peer is asked to do with an image, and how that ended.

use anyhow::{Context, Result};
use portolan_model::compat::Operation;

use crate::interop::document::Kind;
use crate::interop::place::Place;
use crate::interop::registry::Registry;
use crate::interop::sandbox::Failure;

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    /// Well, and what arrived is what was sent, byte for byte.
    Works,
    /// The peer refused with these words.
    Refused(String),
    /// The peer said that all was well; this was found.
    Feigned(String),
}

impl Truth {
    /// What a peer's answer shows, and a look at what arrived if it said that all was well.
    ///
    /// Fails if the peer neither did it nor refused.
    pub(crate) fn of(
        answer: Result<(), Failure>,
        look: impl FnOnce() -> Result<()>,
    ) -> Result<Self> {
        match answer {
            Ok(()) => Ok(look().map_or_else(
                |error| Self::Feigned(format!("{error:#}")),
                |()| Self::Works,
            )),
            Err(Failure::Refused(words)) => Ok(Self::Refused(words)),
            Err(Failure::Broken(error)) => Err(error),
        }
    }
}

/// Something that a peer is asked to do with a kind.
pub(crate) struct Task<'a> {
    pub(crate) operation: Operation,
    pub(crate) kind: &'a Kind,
    /// Where it stands.
    pub(crate) from: &'a Place,
    /// Where it goes if it is pushed or copied.
    pub(crate) to: &'a Place,
}

impl Task<'_> {
    /// Fails unless all of the kind is where it had to go.
    pub(crate) fn compare(&self) -> Result<()> {
        Registry::new(&self.to.host)?.compare(self.kind, &self.kind.top, self.to)
    }

    /// A name for a folder of the client.
    pub(crate) fn folder(&self) -> String {
        format!(
            "pull-{}-{}",
            self.kind.name,
            self.kind.platform.replace('/', "-")
        )
    }

    /// What a client takes that takes the image for one platform: the image, or what is no index by itself.
    pub(crate) fn one_image(&self) -> Result<Kind> {
        let single = || Some(self.kind.clone()).filter(|kind| !kind.is_list());
        self.kind
            .only_image()
            .or_else(single)
            .context("it took what is no image")
    }
}

/// A program that is asked.
pub(crate) trait Peer: Sync {
    /// The name by which people call it.
    fn name(&self) -> &'static str;

    /// What the table calls it, in the version that is installed here.
    fn target(&self) -> &'static str;

    /// What it can be asked.
    fn operations(&self) -> &'static [Operation];

    /// Does it.
    ///
    /// # Errors
    /// When that shows nothing about the kind, because the peer does not run.
    fn attempt(&self, task: &Task) -> Result<Truth>;
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn only_what_arrived_works() {
        assert_eq!(Truth::of(Ok(()), || Ok(())).unwrap(), Truth::Works);
        assert_eq!(
            Truth::of(Ok(()), || Err(anyhow!("empty"))).unwrap(),
            Truth::Feigned("empty".into())
        );
        let refused = Err(Failure::Refused("no".into()));
        assert_eq!(
            Truth::of(refused, || Ok(())).unwrap(),
            Truth::Refused("no".into())
        );
    }

    #[test]
    fn a_peer_that_does_not_answer_shows_nothing() {
        assert!(Truth::of(Err(anyhow!("no end after 60 seconds").into()), || Ok(())).is_err());
    }
}
