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

/// The pattern can match no repository.
#[derive(Debug, thiserror::Error)]
#[error("\"{pattern}\" matches no repository: {reason}")]
pub struct PatternError {
    pattern: String,
    reason: String,
}

impl PolicyRule {
    /// `*` stands for any part of one component of a name, `**` for any number of components.
    ///
    /// # Errors
    /// [`PatternError`].
    pub fn new(repositories: &str, policy: Policy) -> Result<Self, PatternError> {
        let wrong = |reason: String| PatternError {
            pattern: repositories.to_owned(),
            reason,
        };
        if let Some(reason) = mistake(repositories) {
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

    /// Whether it is for a repository.
    pub fn matches(&self, repository: &RepositoryName) -> bool {
        self.repositories.is_match(repository.as_str())
    }

    /// The policy.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }
}

/// Why no name can match: what a pattern says beside its stars has to be part of one.
fn mistake(pattern: &str) -> Option<String> {
    if pattern.is_empty() {
        return Some("it is empty; ** stands for all of them".into());
    }
    if pattern
        .split('/')
        .any(|component| component.contains("**") && component != "**")
    {
        return Some("** stands for whole components, between slashes; * for part of one".into());
    }
    let like_a_name = pattern.replace("**", "a").replace('*', "a");
    let error = like_a_name.parse::<RepositoryName>().err()?;
    Some(format!(
        "{error}; beside that a pattern has * for any part of one component and ** for any number of them"
    ))
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
        rules
            .iter()
            .rev()
            .find(|rule| rule.matches(repository))
            .map(|rule| rule.policy.clone())
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
    fn rules_are_replaced_for_all_who_share_them() {
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
    fn the_last_rule_that_matches_counts() {
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
    fn without_a_rule_that_matches_the_caller_decides() {
        assert_eq!(policies([]).policy(&repository("team/app")), None);
        assert_eq!(
            policies([("mirror/**", Preset::Sparse)]).policy(&repository("team/app")),
            None
        );
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
        assert!(
            matches("team/app-*", "team/app-one") && !matches("team/app-*", "team/app-one/cache")
        );
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
    fn a_pattern_that_can_match_nothing_is_an_error() {
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
                error.starts_with(&format!("\"{pattern}\" matches no repository: ")),
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
