//! How much memory a document takes once it was read, which can be many times its bytes.

use super::Finding;
use crate::{Json, Manifest};

/// A value of a document; the arrays that values stand in grow by doubling.
const VALUE: usize = 2 * size_of::<Json>();

/// A finding of the parser's with its text, once there and once among the findings.
const NOTE: usize = 2 * (size_of::<Finding>() + 128);

/// About how many bytes a document takes: as it was written, its values, and what is kept beside them.
pub(super) fn weight(manifest: &Manifest) -> usize {
    let children = size_of_val(manifest.children());
    let notes = manifest.notes().findings().len() * NOTE;
    2 * manifest.bytes().len() + values(manifest.document()) * VALUE + children + notes
}

fn values(document: &Json) -> usize {
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
    fn what_is_short_to_write_weighs_what_it_takes() {
        let weight = |text: String| {
            let manifest =
                Manifest::parse(text.into(), Some(&MediaType::OCI_MANIFEST.into())).unwrap();
            weight(&manifest)
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
