//! Load shared by torture and bench: a small HTTP/1.1 client for loopback, and the images that it
//! pushes.
//!
//! The code does not use the project's own client or model, so that a fault in these cannot remain
//! hidden.

pub(crate) mod connection;
pub(crate) mod download;
pub(crate) mod image;
pub(crate) mod interrupt;
pub(crate) mod optimized;
pub(crate) mod payload;
pub(crate) mod process;
pub(crate) mod push;
pub(crate) mod random;

pub(crate) use connection::{Connection, ReceivedResponse};
pub(crate) use image::{LoadBlob, LoadImage};
pub(crate) use payload::Payload;
pub(crate) use push::PushError;
pub(crate) use random::Random;
