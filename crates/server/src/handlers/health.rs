//! Whether the process lives, and whether the registry can serve.

use http::StatusCode;

use crate::api::{Errors, Health};
use crate::call::Call;
use crate::error::{Answer, Failure};
use crate::reply::Reply;

/// Whether the process lives.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "alive",
    tag = "health",
    responses((status = 200, description = "It does.", body = Health))
)]
pub(crate) fn alive() -> Answer {
    Reply::new(StatusCode::OK).json(&Health { status: "alive" })
}

/// Whether the registry can serve.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready",
    tag = "health",
    responses(
        (status = 200, description = "It can.", body = Health),
        (status = 503, description = "It cannot; the log says why under the request's id.", body = Errors)
    )
)]
pub(crate) async fn ready(call: &Call) -> Answer {
    call.app.ready.check().await.map_err(Failure::not_ready)?;
    Reply::new(StatusCode::OK).json(&Health { status: "ready" })
}
