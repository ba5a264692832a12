//! Scopes: the actions that a token allows (Docker's token protocol, `repository:NAME:pull,push`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use portolan_model::RepositoryName;

/// Action that includes all other actions.
const ANY_ACTION: &str = "*";

/// Set of scopes. A scope consists of a resource (its kind and name) and the allowed actions.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scopes(BTreeMap<Resource, BTreeSet<Box<str>>>);

type Resource = (Box<str>, Box<str>);

impl Scopes {
    /// Creates an empty set. A token with these scopes allows no action and only identifies the
    /// caller.
    pub fn none() -> Self {
        Self::default()
    }

    /// Creates a scope for actions on a repository, such as `pull`, `push`, `delete` or `*`.
    pub fn repository(name: &RepositoryName, actions: &[&str]) -> Self {
        Self::single("repository", name.as_str(), actions)
    }

    /// Creates a scope for all actions on the list of repositories, `registry:catalog:*`.
    pub fn catalog() -> Self {
        Self::single("registry", "catalog", &[ANY_ACTION])
    }

    /// Parses scopes that are separated by spaces.
    ///
    /// A name can contain colons, for example in a host with a port. Malformed scopes are skipped.
    pub fn parse(text: &str) -> Self {
        text.split_whitespace()
            .filter_map(parse_scope)
            .fold(Self::none(), Self::union)
    }

    /// Returns the scopes that allow all actions of `self` and of `other`.
    #[must_use]
    pub fn union(mut self, other: Self) -> Self {
        for (resource, actions) in other.0 {
            self.0.entry(resource).or_default().extend(actions);
        }
        self
    }

    /// Returns whether `self` allows all actions that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(resource, wanted)| {
            self.0
                .get(resource)
                .is_some_and(|allowed| allowed.contains(ANY_ACTION) || wanted.is_subset(allowed))
        })
    }

    /// Returns whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns each scope as a string, for the `scope` parameters of a token request.
    pub fn to_strings(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((kind, name), actions)| {
            let actions: Vec<&str> = actions.iter().map(|action| &**action).collect();
            format!("{kind}:{name}:{}", actions.join(","))
        })
    }

    fn single(kind: &str, name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| Box::from(*action)).collect();
        Self([((kind.into(), name.into()), actions)].into())
    }
}

/// Writes all scopes, separated by spaces.
impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.to_strings().collect::<Vec<_>>().join(" "))
    }
}

fn parse_scope(text: &str) -> Option<Scopes> {
    let (kind, rest) = text.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let actions: Vec<&str> = actions
        .split(',')
        .filter(|action| !action.is_empty())
        .collect();
    Some(Scopes::single(kind, name, &actions))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(actions: &[&str]) -> Scopes {
        Scopes::repository(&"team/app".parse().unwrap(), actions)
    }

    #[test]
    fn parses_and_writes_scopes() {
        assert_eq!(
            app(&["push", "pull"]).to_string(),
            "repository:team/app:pull,push"
        );
        assert_eq!(Scopes::catalog().to_string(), "registry:catalog:*");
        let two = "registry:catalog:* repository:127.0.0.1:5000/a:pull";
        assert_eq!(Scopes::parse(two).to_string(), two);
        assert_eq!(Scopes::parse(two).to_strings().count(), 2);
        assert_eq!(Scopes::parse(" nothing a:b "), Scopes::none());
        assert!(Scopes::none().is_empty() && !app(&["pull"]).is_empty());
    }

    #[test]
    fn merges_actions_of_one_resource() {
        assert_eq!(app(&["pull"]).union(app(&["push"])), app(&["pull", "push"]));
        assert_eq!(
            Scopes::parse("repository:team/app:push repository:team/app:pull"),
            app(&["pull", "push"])
        );
    }

    #[test]
    fn covers_only_allowed_actions() {
        let both = app(&["pull", "push"]);
        assert!(
            both.covers(&app(&["pull"]))
                && both.covers(&Scopes::none())
                && app(&["*"]).covers(&both)
        );
        assert!(
            !app(&["pull"]).covers(&both)
                && !both.covers(&Scopes::catalog())
                && !both.covers(&app(&["*"]))
        );
    }

    proptest! {
        #[test]
        fn scopes_round_trip(text in "([a-z]{1,5}:[a-z:/0-9]{1,9}:[a-z,]{1,9} ?){0,4}") {
            let scopes = Scopes::parse(&text);
            prop_assert_eq!(Scopes::parse(&scopes.to_string()), scopes);
        }

        #[test]
        fn union_covers_its_parts(one in "[a-z:, ]{0,40}", other in "[a-z:, ]{0,40}") {
            let (one, other) = (Scopes::parse(&one), Scopes::parse(&other));
            let union = one.clone().union(other.clone());
            prop_assert!(union.covers(&one) && union.covers(&other));
        }
    }
}
