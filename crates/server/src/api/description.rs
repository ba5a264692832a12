//! OpenAPI document, generated from the handlers and their response types.

use std::sync::LazyLock;

use utoipa::OpenApi;
use utoipa::openapi;

use crate::handlers::{check, description, health, manifest_list, repositories, tree};

/// Document served at `/api/v1/openapi.json`.
pub(crate) static DESCRIPTION: LazyLock<openapi::OpenApi> = LazyLock::new(Description::openapi);

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Portolan",
        description = "API of a Portolan registry beyond the distribution specification. Errors have the format of that \
                       specification. The segment `-` ends a repository name, because no name can contain it; the slashes \
                       in the name may be written as `%2F` or as they are. \
                       HEAD is supported wherever GET is. Only DELETE changes anything, and a browser sends it to another \
                       origin only with permission (CORS), which the server does not give. The browser does not show \
                       other responses to that origin."
    ),
    paths(
        description::get,
        repositories::delete,
        manifest_list::list,
        check::check,
        tree::get,
        health::alive,
        health::ready
    )
)]
struct Description;
