//! `/v2/`: this is a registry ("Determining Support").

use http::StatusCode;
use portolan_wire::headers::{
    API_VERSION, DOCKER_DISTRIBUTION_API_VERSION, PORTOLAN_FEATURES, PRECONDITIONS,
};
use serde_json::json;

use crate::error::Answer;
use crate::reply::Reply;

pub(crate) fn get() -> Answer {
    Reply::new(StatusCode::OK)
        .header(DOCKER_DISTRIBUTION_API_VERSION, API_VERSION)
        .header(PORTOLAN_FEATURES, PRECONDITIONS)
        .json(&json!({}))
}
