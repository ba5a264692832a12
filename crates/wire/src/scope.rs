//! Scopes: what a token is to allow (Docker's token protocol, `repository:NAME:pull,push`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use portolan_model::RepositoryName;

/// The action that stands for every other.
const EVERYTHING: &str = "*";

/// What may be done with which resources: each a kind and a name, with its actions.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Scopes(BTreeMap<Resource, BTreeSet<Box<str>>>);

type Resource = (Box<str>, Box<str>);

impl Scopes {
    /// Nothing in particular: a token that says no more than who somebody is.
    pub fn none() -> Self {
        Self::default()
    }

    /// These actions on a repository: `pull`, `push`, `delete`, `*`.
    pub fn repository(name: &RepositoryName, actions: &[&str]) -> Self {
        Self::of("repository", name.as_str(), actions)
    }

    /// Everything with the list of repositories.
    pub fn catalog() -> Self {
        Self::of("registry", "catalog", &[EVERYTHING])
    }

    /// The scopes of a text, separated by spaces.
    ///
    /// A name may hold colons, as that of a host with its port does. What is no scope is passed over.
    pub fn parse(text: &str) -> Self {
        text.split_whitespace()
            .filter_map(scope)
            .fold(Self::none(), Self::and)
    }

    /// All that either allows.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        for (resource, actions) in other.0 {
            self.0.entry(resource).or_default().extend(actions);
        }
        self
    }

    /// Whether everything in `other` is allowed here too.
    pub fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|(resource, wanted)| {
            self.0
                .get(resource)
                .is_some_and(|allowed| allowed.contains(EVERYTHING) || wanted.is_subset(allowed))
        })
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each scope as a text of its own, as the parameters of a request for a token have them.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|((kind, name), actions)| {
            let actions: Vec<&str> = actions.iter().map(|action| &**action).collect();
            format!("{kind}:{name}:{}", actions.join(","))
        })
    }

    fn of(kind: &str, name: &str, actions: &[&str]) -> Self {
        let actions = actions.iter().map(|action| Box::from(*action)).collect();
        Self([((kind.into(), name.into()), actions)].into())
    }
}

/// Writes all of them in one text, separated by spaces.
impl fmt::Display for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.texts().collect::<Vec<_>>().join(" "))
    }
}

fn scope(text: &str) -> Option<Scopes> {
    let (kind, rest) = text.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let actions: Vec<&str> = actions
        .split(',')
        .filter(|action| !action.is_empty())
        .collect();
    Some(Scopes::of(kind, name, &actions))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn app(actions: &[&str]) -> Scopes {
        Scopes::repository(&"team/app".parse().unwrap(), actions)
    }

    #[test]
    fn reads_and_writes() {
        assert_eq!(
            app(&["push", "pull"]).to_string(),
            "repository:team/app:pull,push"
        );
        assert_eq!(Scopes::catalog().to_string(), "registry:catalog:*");
        let two = "registry:catalog:* repository:127.0.0.1:5000/a:pull";
        assert_eq!(Scopes::parse(two).to_string(), two);
        assert_eq!(Scopes::parse(two).texts().count(), 2);
        assert_eq!(Scopes::parse(" nothing a:b "), Scopes::none());
        assert!(Scopes::none().is_empty() && !app(&["pull"]).is_empty());
    }

    #[test]
    fn actions_of_one_resource_are_joined() {
        assert_eq!(app(&["pull"]).and(app(&["push"])), app(&["pull", "push"]));
        assert_eq!(
            Scopes::parse("repository:team/app:push repository:team/app:pull"),
            app(&["pull", "push"])
        );
    }

    #[test]
    fn covers_what_it_allows() {
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
        fn reads_what_it_writes(text in "([a-z]{1,5}:[a-z:/0-9]{1,9}:[a-z,]{1,9} ?){0,4}") {
            let scopes = Scopes::parse(&text);
            prop_assert_eq!(Scopes::parse(&scopes.to_string()), scopes);
        }

        #[test]
        fn a_union_covers_its_parts(one in "[a-z:, ]{0,40}", other in "[a-z:, ]{0,40}") {
            let (one, other) = (Scopes::parse(&one), Scopes::parse(&other));
            let union = one.clone().and(other.clone());
            prop_assert!(union.covers(&one) && union.covers(&other));
        }
    }
}
