//! The load that torture and bench share: a small HTTP/1.1 client on loopback and the images it pushes.
//!
//! It knows nothing of the project's own client or model, so that a fault there cannot hide here.

pub(crate) mod connection;
pub(crate) mod download;
pub(crate) mod image;
pub(crate) mod interrupt;
pub(crate) mod optimised;
pub(crate) mod payload;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod random;

pub(crate) use connection::{Answer, Connection};
pub(crate) use image::{Blob, Image};
pub(crate) use payload::Payload;
pub(crate) use push::PushError;
pub(crate) use random::Random;
