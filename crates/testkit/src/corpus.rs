//! Corpus of manifests and indexes: each kind of document that is in use, and for each lint rule,
//! documents with and without the defect.
//!
//! The name of a [`Case`] about a rule is `RULE/fires…` if the rule reports a finding, and
//! `RULE/near-miss…` if the document is as similar to a defective one as possible without a
//! finding. The name of a case about a kind of document is `kind/…`. Snapshot tests record the
//! results of Portolan for each case, and the fuzzers use the cases as seeds.

mod case;
mod contents;
mod conversion;
mod defects;
mod document;
mod invalid;
mod kinds;
mod media;

pub use case::Case;
pub use contents::{Contents, StoredContent};
pub use conversion::convert;
pub use invalid::{InvalidDocument, invalid_documents};

/// Returns all cases: those about kinds of documents, then those about lint rules, rule by rule.
pub fn all() -> Vec<Case> {
    let mut cases = kinds::cases();
    cases.extend(defects::cases());
    cases
}

#[cfg(test)]
mod tests {
    use portolan_model::Digest;

    #[test]
    fn stores_all_content_under_its_own_digest() {
        for case in super::all() {
            assert_eq!(
                &case.contents().get(case.root()).unwrap().bytes,
                case.document(),
                "{}",
                case.name()
            );
            for (digest, stored) in case.stored() {
                assert_eq!(
                    Digest::compute(digest.algorithm(), &stored.bytes).as_ref(),
                    Some(digest),
                    "{}",
                    case.name()
                );
            }
        }
    }
}
