//! Redirects. Credentials are not sent to other origins.

use http::{Method, StatusCode, header};
use portolan_registry::{Error, Kind};
use reqwest::{Response, Url};

use crate::failure::{Failure, authority};
use crate::response::{RegistryResponse, drain};
use crate::transport::{RequestParts, Transport};

/// Maximum number of redirects for a request.
const MAX_REDIRECTS: usize = 10;

/// Sends a request and follows redirects.
///
/// The `Authorization` header is sent until a redirect points to another origin. It is not sent
/// again if a later redirect points back to the first origin, because the other origin may have
/// chosen that URL.
pub(crate) async fn follow(
    transport: &Transport,
    outline: &RequestParts<'_>,
) -> Result<RegistryResponse, Failure> {
    follow_while_allowed(transport, outline, |_| Ok(())).await
}

/// Sends a request whose body contains a secret. Follows redirects only within the requested
/// origin.
///
/// # Errors
/// Returns [`Kind::Unauthorized`] if a redirect points to another origin.
pub(crate) async fn follow_within_origin(
    transport: &Transport,
    outline: &RequestParts<'_>,
) -> Result<RegistryResponse, Failure> {
    follow_while_allowed(transport, outline, |next| {
        if next.origin() == outline.url.origin() {
            Ok(())
        } else {
            Err(foreign_redirect_error(outline.url, next))
        }
    })
    .await
}

async fn follow_while_allowed(
    transport: &Transport,
    outline: &RequestParts<'_>,
    may_go_to: impl Fn(&Url) -> Result<(), Error>,
) -> Result<RegistryResponse, Failure> {
    let mut url = outline.url.clone();
    let mut own = true;
    for _ in 0..=MAX_REDIRECTS {
        let authorization = outline.authorization.filter(|_| own);
        let response = transport
            .send(&RequestParts {
                url: &url,
                authorization,
                ..*outline
            })
            .await?;
        let Some(next) = redirect_target(outline.method, &url, &response)? else {
            return Ok(RegistryResponse::new(
                response,
                url,
                own,
                transport.idle_timeout(),
            ));
        };
        may_go_to(&next)?;
        if !outline.payload.is_available() {
            return Err(body_consumed_error(&url, &next).into());
        }
        drain(response, transport.idle_timeout()).await;
        own = own && next.origin() == url.origin();
        url = next;
    }
    let predicate = format!("redirected more than {MAX_REDIRECTS} times");
    Err(Error::from_host(Kind::Unsupported, authority(outline.url), predicate).into())
}

/// Returns the target URL of a redirect, or `None` if the response is not a redirect that applies
/// to `method`.
fn redirect_target(method: &Method, url: &Url, response: &Response) -> Result<Option<Url>, Error> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let follows = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        // After these redirects, clients convert other methods to GET, and a GET would write
        // nothing. So follow them for reads only.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => reads,
        _ => false,
    };
    if !follows {
        return Ok(None);
    }
    let location = response
        .headers()
        .get(header::LOCATION)
        .and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| url.join(location).ok());
    let next = next.ok_or_else(|| missing_location_error(url))?;
    match (url.scheme(), next.scheme()) {
        ("http", "http") | (_, "https") => Ok(Some(next)),
        _ => Err(insecure_redirect_error(url, &next)),
    }
}

fn missing_location_error(url: &Url) -> Error {
    let predicate = "redirected without a valid Location header";
    Error::from_host(Kind::Unsupported, authority(url), predicate)
}

fn foreign_redirect_error(url: &Url, next: &Url) -> Error {
    let predicate = format!(
        "redirected a request with credentials to {}; no credentials were sent",
        authority(next)
    );
    Error::from_host(Kind::Unauthorized, authority(url), predicate)
}

fn insecure_redirect_error(url: &Url, next: &Url) -> Error {
    let predicate = format!(
        "redirected to {}://{}, which is not encrypted; no request was sent",
        next.scheme(),
        authority(next)
    );
    Error::from_host(Kind::Unsupported, authority(url), predicate)
}

/// Returns the error for a redirect after the request has consumed its stream body. The stream
/// cannot be sent again, but the caller may be able to start over.
fn body_consumed_error(url: &Url, next: &Url) -> Error {
    let predicate = format!(
        "redirected to {} after the content was sent, and the content cannot be sent again",
        authority(next)
    );
    Error::from_host(Kind::Unsupported, authority(url), predicate)
}
