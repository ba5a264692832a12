//! Rendering of fixes for an image.

use portolan_model::lint::Fix;
use portolan_model::{Digest, Finding};

use super::findings::MAX_LOCATIONS;
use crate::image_ref::Location;

/// Renders the fixes of lint rules and of targets (see [`Fix`]) as text with the name of one image.
pub(super) struct FixRenderer {
    reference: String,
}

impl FixRenderer {
    pub(super) fn new(location: &Location) -> Self {
        Self {
            reference: location.to_string(),
        }
    }

    /// Renders a fix.
    ///
    /// A command contains the image, and the distinct digests among the first [`MAX_LOCATIONS`]
    /// items of `digests`. The user replaces the placeholder `DST`.
    pub(super) fn render<'a>(
        &self,
        fix: Fix,
        digests: impl IntoIterator<Item = &'a Digest>,
    ) -> String {
        let mut distinct: Vec<&Digest> = Vec::new();
        for digest in digests.into_iter().take(MAX_LOCATIONS) {
            if !distinct.contains(&digest) {
                distinct.push(digest);
            }
        }
        fix.render(Some(&self.reference), &distinct)
    }

    /// Renders the fixes of several findings. Findings with the same kind of fix share a single
    /// command.
    pub(super) fn render_all<'a>(
        &self,
        findings: impl IntoIterator<Item = &'a Finding>,
    ) -> Vec<String> {
        let mut groups: Vec<(Fix, Vec<&Digest>)> = Vec::new();
        for Finding { fix, digest, .. } in findings {
            match groups.iter_mut().find(|(known, _)| known == fix) {
                Some((_, digests)) => digests.extend(digest),
                None => groups.push((*fix, digest.iter().collect())),
            }
        }
        groups
            .into_iter()
            .map(|(fix, digests)| self.render(fix, digests))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::Rule;

    use super::*;

    #[test]
    fn one_command_fixes_findings_with_the_same_fix() {
        let fixes = FixRenderer::new(&"oci:my images:app".parse().unwrap());
        let digests = ["a", "b", "a"].map(|content| Digest::sha256(content.as_bytes()));
        let finding = |digest: &Digest| Finding {
            digest: Some(digest.clone()),
            ..Finding::new(Rule::UnreadableChild, "/manifests/0", "cannot be read")
        };
        let other = Finding {
            fix: Fix::Advice("push again"),
            ..finding(&digests[0])
        };
        let findings: Vec<_> = digests.iter().map(finding).chain([other]).collect();
        let [one, two, _] = &digests;
        let removed = format!("portolan index remove 'oci:my images:app' {one} {two}");
        assert_eq!(fixes.render_all(&findings), [removed, "push again".into()]);
    }
}
