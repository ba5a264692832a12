//! Memory use of a parsed document. It can be many times the size of the text.

use super::Finding;
use crate::{Json, Manifest};

/// Memory use of a JSON value in bytes. The size is doubled, because arrays grow by doubling and
/// may be half empty.
const VALUE_COST: usize = 2 * size_of::<Json>();

/// Memory use of a finding of the parser with its text. The size is doubled, because the manifest
/// and the tree each contain a copy.
const FINDING_COST: usize = 2 * (size_of::<Finding>() + 128);

/// Estimates the memory use of a parsed document in bytes: its text, JSON values, children and
/// findings.
pub fn memory_cost(manifest: &Manifest) -> usize {
    let children = size_of_val(manifest.children());
    let findings = manifest.finding_sink().findings().len() * FINDING_COST;
    2 * manifest.bytes().len()
        + count_values(manifest.document()) * VALUE_COST
        + children
        + findings
}

fn count_values(document: &Json) -> usize {
    let (mut count, mut pending) = (0, vec![document]);
    while let Some(value) = pending.pop() {
        count += 1;
        match value {
            Json::Array(items) => pending.extend(items),
            Json::Object(members) => pending.extend(members.iter().map(|(_, value)| value)),
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => (),
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MediaType;

    #[test]
    fn counts_values_that_are_larger_than_their_text() {
        let weight = |text: String| {
            let manifest =
                Manifest::parse(text.into(), Some(&MediaType::OCI_MANIFEST.into())).unwrap();
            memory_cost(&manifest)
        };
        let zeros = weight(format!(r#"{{"layers":[],"x":[{}0]}}"#, "0,".repeat(9999)));
        assert!(
            zeros >= 10_000 * size_of::<Json>() && zeros < 100 * 20_000,
            "{zeros}"
        );
        let twice = weight(format!(r#"{{"layers":[]{}}}"#, r#","a":1"#.repeat(900)));
        assert!(twice >= 900 * size_of::<Finding>(), "{twice}");
        assert!(weight(format!(r#"{{"layers":[],"x":"{}"}}"#, "x".repeat(10_000))) < 30_000);
    }
}
