//! Whether the process lives, and whether the registry can serve.

use http::StatusCode;
use serde_json::json;

use crate::call::Call;
use crate::error::{Answer, Failure};
use crate::reply::Reply;

pub(crate) fn alive() -> Answer {
    Reply::new(StatusCode::OK).json(&json!({"status": "alive"}))
}

pub(crate) async fn ready(call: &Call) -> Answer {
    call.app.ready.check().await.map_err(Failure::not_ready)?;
    Reply::new(StatusCode::OK).json(&json!({"status": "ready"}))
}
