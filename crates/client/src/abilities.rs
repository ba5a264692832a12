//! What a registry can do beyond what all of them can, found out once and remembered.

use std::sync::atomic::{AtomicU8, Ordering};

use http::Method;
use portolan_registry::Result;
use portolan_wire::Endpoint;
use portolan_wire::headers::{PORTOLAN_FEATURES, PRECONDITIONS};
use tokio::sync::OnceCell;

use crate::host::Host;

/// What is known of a registry.
#[derive(Default)]
pub(crate) struct Abilities {
    features: OnceCell<Features>,
    /// Whether it lists referrers (distribution-spec, "Listing Referrers").
    pub(crate) referrers: Ability,
    /// Whether it sets the tags that a push names in its query (distribution-spec, "Pushing Manifests").
    pub(crate) tags: Ability,
}

/// What a registry announces on `/v2/`: it is one of Portolan.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Features {
    /// Whether it announces anything, and so keeps what Portolan's interface promises.
    pub(crate) any: bool,
    /// Whether it holds conditions on tags.
    pub(crate) preconditions: bool,
}

/// Something that a registry can do, or cannot, or that nobody has tried yet.
#[derive(Default)]
pub(crate) struct Ability(AtomicU8);

impl Ability {
    const YES: u8 = 1;
    const NO: u8 = 2;

    pub(crate) fn known(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            Self::YES => Some(true),
            Self::NO => Some(false),
            _ => None,
        }
    }

    pub(crate) fn learn(&self, able: bool) {
        self.0
            .store(if able { Self::YES } else { Self::NO }, Ordering::Relaxed);
    }
}

impl Abilities {
    /// The features, if they were looked up already.
    pub(crate) fn features(&self) -> Option<Features> {
        self.features.get().copied()
    }
}

impl Host {
    /// What the registry announces, looked up when it is first needed.
    ///
    /// # Errors
    /// Failures on the way there and back; a registry that refuses to say announces nothing.
    pub(crate) async fn features(&self) -> Result<Features> {
        let features = self.abilities.features.get_or_try_init(|| async {
            let answer = self
                .exchange(&self.call(Method::GET, &Endpoint::Base, ""))
                .await?;
            let announced: Option<String> =
                answer.header(&PORTOLAN_FEATURES).filter(|_| answer.own);
            Ok(Features {
                any: announced.is_some(),
                preconditions: announced
                    .is_some_and(|list| list.split(',').any(|word| word.trim() == PRECONDITIONS)),
            })
        });
        features.await.copied()
    }
}
