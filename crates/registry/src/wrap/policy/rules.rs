//! Which policy a repository has, replaced as a whole while the registry runs.

use std::sync::{Arc, PoisonError, RwLock};

use globset::{GlobBuilder, GlobMatcher};
use portolan_model::RepositoryName;

use crate::{Policy, Result};

/// A policy, and the repositories that it is for.
#[derive(Clone, Debug)]
pub struct PolicyRule {
    repositories: GlobMatcher,
    policy: Policy,
}

/// The pattern is no glob.
#[derive(Debug, thiserror::Error)]
#[error("not a pattern for repository names: {0}")]
pub struct PatternError(#[from] globset::Error);

impl PolicyRule {
    /// `*` stands for any part of one component of a name, `**` for any number of components.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(repositories: &str, policy: Policy) -> Result<Self, PatternError> {
        let glob = GlobBuilder::new(repositories).literal_separator(true).build()?;
        Ok(Self { repositories: glob.compile_matcher(), policy })
    }

    /// Whether it is for a repository.
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_match(repository.as_str())
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// The rules of a registry, of which the last that matches a repository counts. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct PolicyRules(Arc<RwLock<Arc<[PolicyRule]>>>);

impl PolicyRules {
    /// Puts others in their place. Whoever asks from now on is answered by these alone.
    pub fn replace(&self, rules: Vec<PolicyRule>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
    }

    /// The policy of a repository, unless no rule matches it.
    pub fn policy(&self, repository: &RepositoryName) -> Option<Policy> {
        let rules = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        rules.iter().rev().find(|rule| rule.matches(repository)).map(|rule| rule.policy.clone())
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
        rules.into_iter().map(|(pattern, preset)| PolicyRule::new(pattern, preset.into()).unwrap()).collect()
    }

    fn policies<const N: usize>(patterns: [(&str, Preset); N]) -> PolicyRules {
        rules(patterns).into()
    }

    fn matches(pattern: &str, name: &str) -> bool {
        PolicyRule::new(pattern, Policy::default()).unwrap().matches(&repository(name))
    }

    #[test]
    fn rules_are_replaced_for_all_who_share_them() {
        let policies = policies([("**", Preset::Sparse)]);
        let shared = policies.clone();
        policies.replace(rules([("team/**", Preset::OciOnly)]));
        assert_eq!(shared.policy(&repository("team/app")), Some(Preset::OciOnly.into()));
        assert_eq!(shared.policy(&repository("other")), None);
    }

    #[test]
    fn the_last_rule_that_matches_counts() {
        let policies = policies([
            ("**", Preset::Sparse),
            ("team/**", Preset::Open),
            ("team/cache", Preset::Sparse),
            ("x", Preset::Open),
        ]);
        let (open, sparse) = (Preset::Open, Preset::Sparse);
        for (name, preset) in [("other", sparse), ("team/app", open), ("team/cache", sparse), ("x", open)] {
            assert_eq!(policies.policy(&repository(name)), Some(preset.into()), "{name}");
        }
    }

    #[test]
    fn without_a_rule_that_matches_the_caller_decides() {
        assert_eq!(policies([]).policy(&repository("team/app")), None);
        assert_eq!(policies([("mirror/**", Preset::Sparse)]).policy(&repository("team/app")), None);
    }

    #[test]
    fn one_star_stays_within_a_component() {
        for name in ["team/app", "team/x"] {
            assert!(matches("team/*", name), "{name}");
        }
        for name in ["team", "team/app/cache", "other/app"] {
            assert!(!matches("team/*", name), "{name}");
        }
        assert!(matches("*/cache", "team/cache") && !matches("*/cache", "team/app/cache"));
        assert!(matches("team/app-*", "team/app-one") && !matches("team/app-*", "team/app-one/cache"));
    }

    #[test]
    fn two_stars_are_any_number_of_components() {
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
    fn a_malformed_pattern_is_an_error() {
        for pattern in ["team/[", "team/{a,b", "[z-a]"] {
            let error = PolicyRule::new(pattern, Policy::default()).unwrap_err();
            assert!(error.to_string().starts_with("not a pattern for repository names: "), "{error}");
        }
    }
}
