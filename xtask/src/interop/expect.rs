//! What each client is known to do with each kind; a client that turns out to do better fails the run too.

use super::client::Arrival;

/// Which way a kind goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Pull,
    Push,
}

impl Direction {
    /// In the order in which a client runs them.
    pub(crate) const ALL: [Self; 2] = [Self::Pull, Self::Push];

    /// The word in tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Push => "push",
        }
    }
}

/// How a cell of the matrix has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Whole,
    OneImage,
    Rewritten,
    /// The client refuses by itself, with these words among what it says.
    Cannot(&'static str),
}

impl Expected {
    /// Whether this is how it came.
    pub(crate) fn is(self, arrival: &Arrival) -> bool {
        match arrival {
            Arrival::Whole => self == Self::Whole,
            Arrival::OneImage => self == Self::OneImage,
            Arrival::Rewritten(_) => self == Self::Rewritten,
        }
    }
}

/// What is known.
pub(crate) fn expected(_client: &str, _direction: Direction, _kind: &str) -> Expected {
    Expected::Whole
}
