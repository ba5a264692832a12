//! The clients' own memory of what they sent and what was answered 201: the truth that the server is held to.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::tags::Tag;

/// Under which path content is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Blob,
    Manifest,
}

/// Content in a repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub(crate) repository: String,
    pub(crate) kind: Kind,
    pub(crate) digest: String,
}

impl Name {
    /// Where it is fetched.
    pub(crate) fn path(&self) -> String {
        let kind = match self.kind {
            Kind::Blob => "blobs",
            Kind::Manifest => "manifests",
        };
        format!("/v2/{}/{kind}/{}", self.repository, self.digest)
    }
}

/// What is known of content.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fate {
    /// It was answered 201 and must be there; else it may be.
    pub(crate) acknowledged: bool,
    /// How many requests that would store it were sent and never answered.
    pub(crate) unanswered: u32,
    /// The round of the latest request.
    pub(crate) round: u32,
}

/// A repository and a tag.
pub(crate) type TagName = (String, String);

/// Shared by all clients of a series.
#[derive(Default)]
pub(crate) struct Ledger(Mutex<Entries>);

/// What the ledger holds.
#[derive(Default)]
pub(crate) struct Entries {
    pub(crate) contents: BTreeMap<Name, Fate>,
    pub(crate) tags: BTreeMap<TagName, Tag>,
    /// Manifests answered 201.
    pub(crate) pushes: u64,
    /// Upload sessions left behind on purpose.
    pub(crate) abandoned: u64,
    clock: u64,
}

impl Ledger {
    /// Content is about to be sent.
    pub(crate) fn sending(&self, name: &Name, round: u32) {
        let mut entries = self.entries();
        let fate = entries.contents.entry(name.clone()).or_default();
        fate.unanswered += 1;
        fate.round = round;
    }

    /// That content was answered 201.
    pub(crate) fn acknowledged(&self, name: &Name) {
        let mut entries = self.entries();
        if name.kind == Kind::Manifest {
            entries.pushes += 1;
        }
        let fate = entries.contents.entry(name.clone()).or_default();
        fate.acknowledged = true;
        fate.unanswered = fate.unanswered.saturating_sub(1);
    }

    /// That request was answered, and stored nothing.
    pub(crate) fn withdrawn(&self, name: &Name) {
        if let Some(fate) = self.entries().contents.get_mut(name) {
            fate.unanswered = fate.unanswered.saturating_sub(1);
        }
    }

    /// A tag is about to be set; the answer names this push to [`Ledger::tag_acknowledged`].
    pub(crate) fn tag_sending(&self, name: &TagName, digest: &str, round: u32) -> usize {
        let mut entries = self.entries();
        let now = entries.tick();
        let tag = entries.tags.entry(name.clone()).or_default();
        tag.round = round;
        tag.sending(digest, now)
    }

    /// That tag's push was answered 201.
    pub(crate) fn tag_acknowledged(&self, name: &TagName, push: usize) {
        let mut entries = self.entries();
        let now = entries.tick();
        if let Some(tag) = entries.tags.get_mut(name) {
            tag.acknowledged(push, now);
        }
    }

    /// An upload session was left behind.
    pub(crate) fn abandoned(&self) {
        self.entries().abandoned += 1;
    }

    /// All that is known; the clients wait meanwhile.
    pub(crate) fn entries(&self) -> MutexGuard<'_, Entries> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entries {
    /// The next tick of the clock that orders sends and answers.
    pub(crate) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// Contents whose latest request is of `round` or later.
    pub(crate) fn contents_since(&self, round: u32) -> Vec<(Name, Fate)> {
        let recent = self.contents.iter().filter(|(_, fate)| fate.round >= round);
        recent.map(|(name, fate)| (name.clone(), *fate)).collect()
    }

    /// Tags whose latest push is of `round` or later.
    pub(crate) fn tags_since(&self, round: u32) -> Vec<TagName> {
        let recent = self.tags.iter().filter(|(_, tag)| tag.round >= round);
        recent.map(|(name, _)| name.clone()).collect()
    }

    /// Per blob digest, in whichever repository: must it be stored, and how many more files may there be.
    pub(crate) fn blobs_by_digest(&self) -> BTreeMap<String, Fate> {
        let mut blobs: BTreeMap<String, Fate> = BTreeMap::new();
        for (name, fate) in self
            .contents
            .iter()
            .filter(|(name, _)| name.kind == Kind::Blob)
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

    fn blob(repository: &str) -> Name {
        Name {
            repository: repository.to_owned(),
            kind: Kind::Blob,
            digest: "sha256:1".to_owned(),
        }
    }

    #[test]
    fn an_answer_makes_content_due_and_silence_makes_it_possible() {
        let ledger = Ledger::default();
        ledger.sending(&blob("a"), 1);
        assert!(!ledger.entries().contents[&blob("a")].acknowledged);
        ledger.acknowledged(&blob("a"));
        ledger.sending(&blob("b"), 2);
        let total = ledger.entries().blobs_by_digest()["sha256:1"];
        assert!(total.acknowledged);
        assert_eq!(total.unanswered, 1);
    }

    #[test]
    fn recent_is_by_the_latest_request() {
        let ledger = Ledger::default();
        ledger.sending(&blob("a"), 1);
        ledger.sending(&blob("b"), 2);
        assert_eq!(ledger.entries().contents_since(2).len(), 1);
        ledger.sending(&blob("a"), 3);
        assert_eq!(ledger.entries().contents_since(2).len(), 2);
    }

    #[test]
    fn each_kind_has_its_path() {
        let mut name = blob("a/b");
        assert_eq!(name.path(), "/v2/a/b/blobs/sha256:1");
        name.kind = Kind::Manifest;
        assert_eq!(name.path(), "/v2/a/b/manifests/sha256:1");
    }
}
