//! Record of the clients' requests and their acknowledgments, which are responses with 201. The
//! server is checked against it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tags::TagHistory;

/// Endpoint of content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ContentKind {
    Blob,
    Manifest,
}

/// Content in a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ContentName {
    pub(crate) repository: String,
    pub(crate) kind: ContentKind,
    pub(crate) digest: String,
}

impl ContentName {
    /// Returns the URL path of the content.
    pub(crate) fn path(&self) -> String {
        let kind = match self.kind {
            ContentKind::Blob => "blobs",
            ContentKind::Manifest => "manifests",
        };
        format!("/v2/{}/{kind}/{}", self.repository, self.digest)
    }
}

/// Expected state of content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExpectedState {
    /// True if the server acknowledged a request with 201, so that the content must exist.
    /// Otherwise it may exist.
    pub(crate) acknowledged: bool,
    /// Number of requests to store the content that received no response.
    pub(crate) unanswered: u32,
    /// Round of the latest request.
    pub(crate) round: u32,
}

/// Repository and tag.
pub(crate) type TagName = (String, String);

/// Shared ledger of all clients of a series.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<LedgerEntries>);

/// Contents of the ledger.
#[derive(Default)]
pub(crate) struct LedgerEntries {
    pub(crate) contents: BTreeMap<ContentName, ExpectedState>,
    pub(crate) tags: BTreeMap<TagName, TagHistory>,
    /// Number of manifests acknowledged with 201.
    pub(crate) pushes: u64,
    /// Number of upload sessions that clients abandoned on purpose.
    pub(crate) abandoned: u64,
    clock: u64,
}

impl Ledger {
    /// Records that a client is about to send content.
    pub(crate) fn record_request(&self, name: &ContentName, round: u32) {
        let mut entries = self.entries();
        let fate = entries.contents.entry(name.clone()).or_default();
        fate.unanswered += 1;
        fate.round = round;
    }

    /// Records the acknowledgment of the content with 201.
    pub(crate) fn record_acknowledgment(&self, name: &ContentName) {
        let mut entries = self.entries();
        if name.kind == ContentKind::Manifest {
            entries.pushes += 1;
        }
        let fate = entries.contents.entry(name.clone()).or_default();
        fate.acknowledged = true;
        fate.unanswered = fate.unanswered.saturating_sub(1);
    }

    /// Records a response to the request that stored nothing.
    pub(crate) fn record_withdrawal(&self, name: &ContentName) {
        if let Some(fate) = self.entries().contents.get_mut(name) {
            fate.unanswered = fate.unanswered.saturating_sub(1);
        }
    }

    /// Records that a client is about to set a tag. The returned index identifies this push for
    /// [`Ledger::record_tag_acknowledgment`].
    pub(crate) fn record_tag_request(&self, name: &TagName, digest: &str, round: u32) -> usize {
        let mut entries = self.entries();
        let now = entries.tick();
        let tag = entries.tags.entry(name.clone()).or_default();
        tag.round = round;
        tag.record_request(digest, now)
    }

    /// Records the acknowledgment of the tag's push with 201.
    pub(crate) fn record_tag_acknowledgment(&self, name: &TagName, push: usize) {
        let mut entries = self.entries();
        let now = entries.tick();
        if let Some(tag) = entries.tags.get_mut(name) {
            tag.record_acknowledgment(push, now);
        }
    }

    /// Records that a client abandoned an upload session.
    pub(crate) fn record_abandoned_session(&self) {
        self.entries().abandoned += 1;
    }

    /// Locks the ledger and returns its contents. Clients wait meanwhile.
    pub(crate) fn entries(&self) -> MutexGuard<'_, LedgerEntries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LedgerEntries {
    /// Returns the next tick of the clock that orders requests and responses.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Returns the contents whose latest request is from `round` or later.
    pub(crate) fn contents_since(&self, round: u32) -> Vec<(ContentName, ExpectedState)> {
        let recent = self.contents.iter().filter(|(_, fate)| fate.round >= round);
        recent.map(|(name, fate)| (name.clone(), *fate)).collect()
    }

    /// Returns the tags whose latest push is from `round` or later.
    pub(crate) fn tags_since(&self, round: u32) -> Vec<TagName> {
        let recent = self.tags.iter().filter(|(_, tag)| tag.round >= round);
        recent.map(|(name, _)| name.clone()).collect()
    }

    /// Returns, per blob digest across all repositories, whether it must be stored and how many
    /// more files may exist.
    pub(crate) fn blobs_by_digest(&self) -> BTreeMap<String, ExpectedState> {
        let mut blobs: BTreeMap<String, ExpectedState> = BTreeMap::new();
        for (name, fate) in self
            .contents
            .iter()
            .filter(|(name, _)| name.kind == ContentKind::Blob)
        {
            let total = blobs.entry(name.digest.clone()).or_default();
            total.acknowledged |= fate.acknowledged;
            total.unanswered += fate.unanswered;
        }
        blobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(repository: &str) -> ContentName {
        ContentName {
            repository: repository.to_owned(),
            kind: ContentKind::Blob,
            digest: "sha256:1".to_owned(),
        }
    }

    #[test]
    fn acknowledged_content_is_required_and_unanswered_content_is_possible() {
        let ledger = Ledger::default();
        ledger.record_request(&blob("a"), 1);
        assert!(!ledger.entries().contents[&blob("a")].acknowledged);
        ledger.record_acknowledgment(&blob("a"));
        ledger.record_request(&blob("b"), 2);
        let total = ledger.entries().blobs_by_digest()["sha256:1"];
        assert!(total.acknowledged);
        assert_eq!(total.unanswered, 1);
    }

    #[test]
    fn latest_request_determines_the_round() {
        let ledger = Ledger::default();
        ledger.record_request(&blob("a"), 1);
        ledger.record_request(&blob("b"), 2);
        assert_eq!(ledger.entries().contents_since(2).len(), 1);
        ledger.record_request(&blob("a"), 3);
        assert_eq!(ledger.entries().contents_since(2).len(), 2);
    }

    #[test]
    fn blobs_and_manifests_have_different_paths() {
        let mut name = blob("a/b");
        assert_eq!(name.path(), "/v2/a/b/blobs/sha256:1");
        name.kind = ContentKind::Manifest;
        assert_eq!(name.path(), "/v2/a/b/manifests/sha256:1");
    }
}
