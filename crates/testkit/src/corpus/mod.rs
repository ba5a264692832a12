//! The corpus: documents of every kind and with every defect, built from symbolic names.
//!
//! A case is named for the rule that it is about, `RULE/fires…` or `RULE/just-not…`, the latter being as near to the
//! defect as can be; or for the kind that it shows, `kind/…`. Snapshots hold what Portolan says of each, and the
//! fuzzers begin with them.

mod case;
mod contents;
mod conversion;
mod defects;
mod document;
mod kinds;
mod media;
mod refused;

pub use case::Case;
pub use contents::{Contents, Stored};
pub use conversion::convert;
pub use refused::{Refused, refused};

/// Every case, kinds first, then rule by rule.
pub fn all() -> Vec<Case> {
    let mut cases = kinds::cases();
    cases.extend(defects::cases());
    cases
}

#[cfg(test)]
mod tests {
    use portolan_model::Digest;

    #[test]
    fn everything_is_stored_under_its_own_digest() {
        for case in super::all() {
            assert_eq!(
                &case.contents().get(case.root()).unwrap().bytes,
                case.document(),
                "{}",
                case.name()
            );
            for (digest, stored) in case.stored() {
                assert_eq!(
                    Digest::of(digest.algorithm(), &stored.bytes).as_ref(),
                    Some(digest),
                    "{}",
                    case.name()
                );
            }
        }
    }
}
