//! What mends an image, as it can be typed.

use portolan_model::lint::mend_with_names;
use portolan_model::{Digest, Finding};

use super::findings::MOST_PLACES;
use crate::location::Location;

/// Puts names into the commands of rules and targets.
pub(super) struct Mender {
    reference: String,
}

impl Mender {
    pub(super) fn new(location: &Location) -> Self {
        Self {
            reference: location.to_string(),
        }
    }

    /// The command with the names of what it is about, each once, as many of them as are told; where the mended image goes
    /// is left to whoever types it.
    pub(super) fn command<'a>(
        &self,
        template: &str,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> String {
        let mut named: Vec<&str> = Vec::new();
        for digest in digests.into_iter().take(MOST_PLACES).map(Digest::as_str) {
            if !named.contains(&digest) {
                named.push(digest);
            }
        }
        let digests = Some(named.join(" ")).filter(|digests| !digests.is_empty());
        mend_with_names(template, Some(&self.reference), digests.as_deref())
    }

    /// What mends findings: one command for all that are mended alike.
    pub(super) fn commands<'a>(
        &self,
        findings: impl IntoIterator<Item = &'a Finding>,
    ) -> Vec<String> {
        let mut alike: Vec<(&str, Vec<&Digest>)> = Vec::new();
        for Finding { mend, digest, .. } in findings {
            match alike.iter_mut().find(|(known, _)| known == mend) {
                Some((_, digests)) => digests.extend(digest),
                None => alike.push((mend, digest.iter().collect())),
            }
        }
        alike
            .into_iter()
            .map(|(mend, digests)| self.command(mend, digests))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Rule;

    use super::*;

    #[test]
    fn what_is_mended_alike_is_mended_by_one_command() {
        let mender = Mender::new(&"oci:my images:app".parse().unwrap());
        let digests = ["a", "b", "a"].map(|content| Digest::sha256(content.as_bytes()));
        let finding = |digest: &Digest| Finding {
            digest: Some(digest.clone()),
            ..Finding::new(Rule::UnreadableChild, "/manifests/0", "it cannot be read")
        };
        let other = Finding {
            mend: "push again",
            ..finding(&digests[0])
        };
        let findings: Vec<_> = digests.iter().map(finding).chain([other]).collect();
        let [one, two, _] = &digests;
        let removed = format!("portolan index remove 'oci:my images:app' {one} {two}");
        assert_eq!(mender.commands(&findings), [removed, "push again".into()]);
    }
}
