//! `/api/v1/openapi.json`: what the API is.

use http::StatusCode;

use crate::api::DESCRIPTION;
use crate::error::Answer;
use crate::reply::Reply;

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "description",
    tag = "description",
    responses((status = 200, description = "An OpenAPI 3.1 document.", body = Object))
)]
pub(crate) fn get() -> Answer {
    Reply::new(StatusCode::OK).json(&*DESCRIPTION)
}
