//! The OpenAPI document, made from the handlers and their documents.

use std::sync::LazyLock;

use utoipa::OpenApi;
use utoipa::openapi;

use crate::handlers::{check, description, health, tree};

/// `/api/v1/openapi.json`
pub(crate) static DESCRIPTION: LazyLock<openapi::OpenApi> = LazyLock::new(Description::openapi);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portolan",
        description = "What a Portolan registry says beyond the distribution specification. Errors have the form of that \
                       specification. A repository's name may be written with `%2F` for its slashes, or with the slashes \
                       themselves. HEAD is answered wherever GET is. Nothing here changes anything, so a request that a \
                       web page of another origin has a browser send does no harm, and its answer is not shown to that page."
    ),
    paths(
        description::get,
        check::check,
        tree::get,
        health::alive,
        health::ready
    )
)]
struct Description;
