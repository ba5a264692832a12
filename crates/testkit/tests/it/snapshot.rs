//! Snapshots of results without digests, in folders by topic.

use std::collections::BTreeMap;

use portolan_testkit::corpus::{self, Case};

/// Compares a text with the snapshot `name` in the folder `folder`.
pub(crate) fn assert_same(folder: &str, name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(format!("../snapshots/{folder}"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Groups the cases by the first part of their names: a rule, or `kind`.
pub(crate) fn by_topic() -> BTreeMap<&'static str, Vec<Case>> {
    let mut topics: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for case in corpus::all() {
        let (topic, _) = case
            .name()
            .split_once('/')
            .expect("a case name is TOPIC/VARIANT");
        topics.entry(topic).or_default().push(case);
    }
    topics
}
