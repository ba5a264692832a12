//! Load shared by torture and bench: a small HTTP/1.1 client for loopback, and the images that it
//! pushes.
//!
//! The code does not use the project's own client or model, so that a fault in these cannot remain
//! hidden.

mod connection;
pub mod image;
mod payload;
pub mod process;
pub mod push;
mod random;

pub use connection::{Connection, ReceivedResponse};
pub use image::{LoadBlob, LoadImage};
pub use payload::Payload;
pub use push::PushError;
pub use random::Random;
