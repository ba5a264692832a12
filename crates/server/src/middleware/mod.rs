//! What happens around every request.

pub(crate) mod access_log;
pub(crate) mod request_id;
