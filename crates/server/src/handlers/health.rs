//! Liveness of the process, and readiness of the registry.

use http::StatusCode;

use crate::api::{Errors, Health};
use crate::error::{HandlerResult, HttpError};
use crate::request_context::RequestContext;
use crate::response_builder::ResponseBuilder;

/// Reports that the process is alive.
#[utoipa::path(
    get,
    path = "/healthz",
    operation_id = "alive",
    tag = "health",
    responses((status = 200, description = "The process is alive.", body = Health))
)]
pub(crate) fn alive() -> HandlerResult {
    ResponseBuilder::new(StatusCode::OK).json(&Health { status: "alive" })
}

/// Reports whether the registry can serve.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "ready",
    tag = "health",
    responses(
        (status = 200, description = "The registry can serve.", body = Health),
        (status = 503, description = "The registry cannot serve; its log has the reason, under the request id.", body = Errors)
    )
)]
pub(crate) async fn ready(call: &RequestContext) -> HandlerResult {
    call.app.ready.check().await.map_err(HttpError::not_ready)?;
    ResponseBuilder::new(StatusCode::OK).json(&Health { status: "ready" })
}
