//! `/api/v1/openapi.json`: OpenAPI description of the API.

use http::StatusCode;

use crate::api::DESCRIPTION;
use crate::error::HandlerResult;
use crate::response_builder::ResponseBuilder;

/// Returns this document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "description",
    tag = "description",
    responses((status = 200, description = "OpenAPI 3.1 document.", body = Object))
)]
pub(crate) fn get() -> HandlerResult {
    ResponseBuilder::new(StatusCode::OK).json(&*DESCRIPTION)
}
