//! Fake of a complete registry in memory, whose optional capabilities behave as a test chooses.
//!
//! [`Behavior`] has the capabilities and the values that they can have. The values that real
//! registries have, with the sources, are in the client's tests.

mod auth;
mod behavior;
mod server;
mod uploads;

pub use behavior::{
    Auth, Behavior, DigestHeader, Head, Location, Mount, Pages, Patch, Range, Referrers,
};
pub use server::{FakeRegistry, FakeState};
