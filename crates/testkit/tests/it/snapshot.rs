//! Snapshots without hashes, in folders by what they show.

use std::collections::BTreeMap;

use portolan_testkit::corpus::{self, Case};

/// Compares a text with the snapshot `NAME` in the folder `FOLDER`.
pub(crate) fn assert_same(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// The cases by what their names begin with: a rule, or `kind`.
pub(crate) fn by_topic() -> BTreeMap<&'static str, Vec<Case>> {
    let mut topics: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for case in corpus::all() {
        let (topic, _) = case.name().split_once('/').expect("TOPIC/WHAT");
        topics.entry(topic).or_default().push(case);
    }
    topics
}
