//! File layer of the store and of OCI layouts. It writes files and folders so that they survive
//! `kill -9` and power cuts.
//!
//! | module | contents |
//! | --- | --- |
//! | [`durable`] | syncs and renames of files and folders |
//! | [`lock`] | exclusive lock on a folder: one process at a time |
//! | [`append`] | writing of streamed content to a file, with its hash |
//! | [`sessions`] | upload sessions, and the folder that contains their files |
//!
//! # Decisions
//!
//! The store and layouts share these rules:
//!
//! - **A failed sync is never retried.** The kernel marks pages that it could not write as clean,
//!   so the next sync succeeds although the bytes are lost. A server ends its process
//!   ([`OnFailedSync::EndProcess`](durable::OnFailedSync::EndProcess)), because other requests rely
//!   on the same disk. A tool that writes a layout returns an error
//!   ([`OnFailedSync::ReturnError`](durable::OnFailedSync::ReturnError)), and its
//!   [`Durability`](durable::Durability) rejects every later write, because a success would hide
//!   the error. If the sync of complete content fails,
//!   [`Durability::rename`](durable::Durability::rename) first removes the file. Otherwise, a
//!   client could resume the upload, and the server would report the lost content as stored.
//! - **A folder that another process creates at the same time is accepted**, and its parent is
//!   still synced, because the other process may end between creation and sync.
//! - **The lock is on the folder itself, not on a file in it.** A lock file can be removed, and
//!   then protects nothing.
//! - **A missing permission on a file is [`Kind::Internal`](portolan_registry::Kind::Internal)**,
//!   never [`Kind::Denied`](portolan_registry::Kind::Denied): a server would respond with 403,
//!   although the caller did nothing wrong. A full disk, an exhausted quota and a file-size limit
//!   are [`Kind::StorageFull`](portolan_registry::Kind::StorageFull), and exhausted descriptors are
//!   [`Kind::Unavailable`](portolan_registry::Kind::Unavailable). Messages contain the path; the
//!   server does not show them to clients.
//! - **Content is synced through the descriptor that wrote it.** The kernel reports write-back
//!   errors to descriptors that were open when the error happened; a file that is opened later may
//!   miss it.
//!
//! The clock and the source of randomness are passed in as [`Runtime`].

pub mod append;
pub mod durable;
mod error;
pub mod lock;
mod runtime;
pub mod sessions;
mod task;

pub use error::{file_error, is_absent};
pub use runtime::{Runtime, SystemRuntime};
pub use task::{run_blocking, run_detached};
