//! `/v2/`: API version check ("Determining Support").

use http::StatusCode;
use portolan_wire::headers::{
    API_VERSION, DOCKER_DISTRIBUTION_API_VERSION, PORTOLAN_FEATURES, PRECONDITIONS,
};
use serde_json::json;

use crate::error::HandlerResult;
use crate::response_builder::ResponseBuilder;

pub(crate) fn get() -> HandlerResult {
    ResponseBuilder::new(StatusCode::OK)
        .header(DOCKER_DISTRIBUTION_API_VERSION, API_VERSION)
        .header(PORTOLAN_FEATURES, PRECONDITIONS)
        .json(&json!({}))
}
