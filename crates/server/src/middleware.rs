//! Middleware around every request.

pub(crate) mod access_log;
pub(crate) mod request_head;
pub(crate) mod request_id;
pub(crate) mod response_timeout;
