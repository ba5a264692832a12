//! Optional capabilities of a registry, detected once and cached.

use std::sync::atomic::{AtomicU8, Ordering};

use http::Method;
use portolan_registry::Result;
use portolan_wire::Endpoint;
use portolan_wire::headers::{PORTOLAN_FEATURES, PRECONDITIONS};
use tokio::sync::OnceCell;

use crate::host::Host;

/// Known capabilities of a registry.
#[derive(Default)]
pub(crate) struct Capabilities {
    features: OnceCell<Features>,
    /// Support for the referrers API (distribution-spec, "Listing Referrers").
    pub(crate) referrers: Capability,
    /// Support for setting the tags in the query of a manifest upload (distribution-spec, "Pushing
    /// Manifests").
    pub(crate) tags: Capability,
}

/// Features that a registry announces in the header [`PORTOLAN_FEATURES`] of `/v2/`. Only Portolan
/// sends it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Features {
    /// True if the registry sends the header. In this case, the client relies on behavior that
    /// other registries do not guarantee, such as lists in byte order.
    pub(crate) is_portolan: bool,
    /// True if the registry supports preconditions on the tags of a manifest upload.
    pub(crate) preconditions: bool,
}

/// Capability of a registry: supported, unsupported, or not detected yet.
#[derive(Default)]
pub(crate) struct Capability(AtomicU8);

impl Capability {
    const YES: u8 = 1;
    const NO: u8 = 2;

    pub(crate) fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            Self::YES => Some(true),
            Self::NO => Some(false),
            _ => None,
        }
    }

    pub(crate) fn set(&self, able: bool) {
        self.0
            .store(if able { Self::YES } else { Self::NO }, Ordering::Relaxed);
    }
}

impl Capabilities {
    /// Returns the features if a previous call of [`Host::features`] has requested them, without
    /// sending a request.
    pub(crate) fn features(&self) -> Option<Features> {
        self.features.get().copied()
    }
}

impl Host {
    /// Returns the features that the registry announces. The first call requests `/v2/`, and later
    /// calls return the cached result.
    ///
    /// # Errors
    /// Returns the errors of [`Host::send_with_retries`]. A response with an error status is not an
    /// error: the registry announces no features.
    pub(crate) async fn features(&self) -> Result<Features> {
        let features = self.capabilities.features.get_or_try_init(|| async {
            let answer = self
                .send_with_retries(&self.request(Method::GET, &Endpoint::Base, ""))
                .await?;
            // The header counts only if the registry itself sent it: another host that the request
            // was redirected to does not describe this registry.
            let announced: Option<String> = answer
                .header(&PORTOLAN_FEATURES)
                .filter(|_| answer.same_origin);
            Ok(Features {
                is_portolan: announced.is_some(),
                preconditions: announced
                    .is_some_and(|list| list.split(',').any(|word| word.trim() == PRECONDITIONS)),
            })
        });
        features.await.copied()
    }
}
