//! The server over loopback, spoken to byte by byte.

mod blobs;
mod bodies;
mod connections;
mod failures;
mod gate;
mod harness;
mod lengths;
mod lists;
mod manifests;
mod paths;
mod tls;
mod uploads;
