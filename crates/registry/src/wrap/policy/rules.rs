//! Policy rules of a registry. They can be replaced while the registry runs.

use std::sync::{Arc, PoisonError, RwLock};

use globset::{GlobBuilder, GlobMatcher};
use portolan_model::RepositoryName;

use crate::{Admission, JudgedFinding, Policy, PushFacts, Result};

/// A policy, and the pattern of the repositories that it applies to.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    repositories: GlobMatcher,
    policy: Policy,
}

/// Error for a pattern that cannot match any repository.
#[derive(Debug, thiserror::Error)]
#[error("pattern \"{pattern}\" cannot match any repository: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl PolicyRule {
    /// Creates a rule for the repositories that match a pattern. In a pattern, `*` matches any part
    /// of one component of a name, and `**` matches any number of components.
    ///
    /// # Errors
    /// Returns [`PatternError`] if the pattern cannot match any repository.
    pub fn new(repositories: &str, policy: Policy) -> Result<Self, PatternError> {
        let wrong = |reason: String| PatternError {
            pattern: repositories.to_owned(),
            reason,
        };
        if let Some(reason) = invalid_reason(repositories) {
            return Err(wrong(reason));
        }
        let glob = GlobBuilder::new(repositories)
            .literal_separator(true)
            .build();
        let glob = glob.map_err(|error| wrong(error.to_string()))?;
        Ok(Self {
            repositories: glob.compile_matcher(),
            policy,
        })
    }

    /// Returns whether the rule applies to a repository.
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_match(repository.as_str())
    }

    /// Returns the policy of the rule.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Returns the reason why no repository can match `pattern`, or `None` if a repository can match
/// it. The text between the wildcards must be valid in a repository name.
fn invalid_reason(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some("it is empty; use ** to match every repository".into());
    }
    if pattern
        .split('/')
        .any(|component| component.contains("**") && component != "**")
    {
        return Some("** must be a full component between slashes; use * for a part of one".into());
    }
    let like_a_name = pattern.replace("**", "a").replace('*', "a");
    let error = like_a_name.parse::<RepositoryName>().err()?;
    Some(format!(
        "{error}; a pattern may also contain * for any part of one component, and ** for any number of components"
    ))
}

/// Policy rules of a registry. The last rule that matches a repository applies. Clones share the
/// rules.
#[derive(Clone, Debug, Default)]
pub struct PolicyRules(Arc<RwLock<Arc<[PolicyRule]>>>);

impl PolicyRules {
    /// Replaces all rules. Later lookups use only the new rules.
    pub fn replace(&self, rules: Vec<PolicyRule>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
    }

    /// Returns the policy of a repository, or `None` if no rule matches it.
    pub fn policy(&self, repository: &RepositoryName) -> Option<Policy> {
        // Take a snapshot, so that the lock is not held while patterns are matched. A poisoned lock
        // is harmless: the rules are replaced in one assignment and cannot be inconsistent.
        let rules = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        rules
            .iter()
            .rev()
            .find(|rule| rule.matches(repository))
            .map(|rule| rule.policy.clone())
    }
}

/// Checks a push with the current policy of its repository, or with the default policy if no rule
/// matches.
impl Admission for PolicyRules {
    fn admit(&self, push: &PushFacts<'_>) -> Result<Vec<JudgedFinding>> {
        let policy = self.policy(push.repository).unwrap_or_default();
        policy.admit(push)
    }
}

impl From<Vec<PolicyRule>> for PolicyRules {
    fn from(rules: Vec<PolicyRule>) -> Self {
        Self(Arc::new(RwLock::new(rules.into())))
    }
}

#[cfg(test)]
mod tests {
    use portolan_model::fixtures::repository;

    use super::*;
    use crate::Preset;

    fn rules<const N: usize>(rules: [(&str, Preset); N]) -> Vec<PolicyRule> {
        rules
            .into_iter()
            .map(|(pattern, preset)| PolicyRule::new(pattern, preset.into()).unwrap())
            .collect()
    }

    fn policies<const N: usize>(patterns: [(&str, Preset); N]) -> PolicyRules {
        rules(patterns).into()
    }

    fn matches(pattern: &str, name: &str) -> bool {
        PolicyRule::new(pattern, Policy::default())
            .unwrap()
            .matches(&repository(name))
    }

    #[test]
    fn replacing_rules_affects_all_clones() {
        let policies = policies([("**", Preset::Sparse)]);
        let shared = policies.clone();
        policies.replace(rules([("team/**", Preset::OciOnly)]));
        assert_eq!(
            shared.policy(&repository("team/app")),
            Some(Preset::OciOnly.into())
        );
        assert_eq!(shared.policy(&repository("other")), None);
    }

    #[test]
    fn last_matching_rule_applies() {
        let policies = policies([
            ("**", Preset::Sparse),
            ("team/**", Preset::Open),
            ("team/cache", Preset::Sparse),
            ("x", Preset::Open),
        ]);
        let (open, sparse) = (Preset::Open, Preset::Sparse);
        for (name, preset) in [
            ("other", sparse),
            ("team/app", open),
            ("team/cache", sparse),
            ("x", open),
        ] {
            assert_eq!(
                policies.policy(&repository(name)),
                Some(preset.into()),
                "{name}"
            );
        }
    }

    #[test]
    fn no_matching_rule_means_no_policy() {
        assert_eq!(policies([]).policy(&repository("team/app")), None);
        assert_eq!(
            policies([("mirror/**", Preset::Sparse)]).policy(&repository("team/app")),
            None
        );
    }

    #[test]
    fn one_star_matches_within_a_component() {
        for name in ["team/app", "team/x"] {
            assert!(matches("team/*", name), "{name}");
        }
        for name in ["team", "team/app/cache", "other/app"] {
            assert!(!matches("team/*", name), "{name}");
        }
        assert!(matches("*/cache", "team/cache") && !matches("*/cache", "team/app/cache"));
        assert!(
            matches("team/app-*", "team/app-one") && !matches("team/app-*", "team/app-one/cache")
        );
    }

    #[test]
    fn two_stars_match_any_number_of_components() {
        for name in ["mirror/a", "mirror/a/b", "mirror/a/b/c"] {
            assert!(matches("mirror/**", name), "{name}");
        }
        for name in ["mirror", "mirrors/a", "team/mirror/a"] {
            assert!(!matches("mirror/**", name), "{name}");
        }
        for name in ["cache", "team/cache", "team/app/cache"] {
            assert!(matches("**/cache", name), "{name}");
        }
        for name in ["team/cache", "team/app/cache", "team/app/x/cache"] {
            assert!(matches("team/**/cache", name), "{name}");
        }
    }

    #[test]
    fn rejects_patterns_that_cannot_match() {
        for pattern in [
            "",
            "/",
            "Mirror/**",
            "/mirror/**",
            "mirror/",
            "mirror//**",
            "a/**, b/**",
            "host:5000/a/**",
            "team/[",
            "{a,b}",
            "a?",
            "[a-z]",
            "team/.*",
            "team**",
            "a/***",
            "mirror/ä",
        ] {
            let error = PolicyRule::new(pattern, Policy::default())
                .unwrap_err()
                .to_string();
            assert!(
                error.starts_with(&format!(
                    "pattern \"{pattern}\" cannot match any repository: "
                )),
                "{error}"
            );
        }
        for pattern in [
            "*", "**", "a", "a-*", "*-a", "a*b", "a.*", "*/*", "a/**/b", "a__*", "0*",
        ] {
            PolicyRule::new(pattern, Policy::default()).unwrap();
        }
    }
}
