//! Following redirects, with which no credentials go to another origin.

use http::{Method, StatusCode, header};
use portolan_registry::{Error, Kind};
use reqwest::{Response, Url};

use crate::answer::{Answer, discard};
use crate::failure::{Failure, authority};
use crate::transport::{Outline, Transport};

/// Most redirects that one request follows.
const MOST: usize = 10;

/// The answer at the end of all redirects.
///
/// The authorization goes along as long as the origin stays what it was. It does not come back:
/// whoever was asked in between could have chosen the path.
pub(crate) async fn follow(
    transport: &Transport,
    outline: &Outline<'_>,
) -> Result<Answer, Failure> {
    follow_as_far_as(transport, outline, |_| Ok(())).await
}

/// The same for a request whose body is a secret: it goes to the origin that was asked and to no other.
pub(crate) async fn follow_at_home(
    transport: &Transport,
    outline: &Outline<'_>,
) -> Result<Answer, Failure> {
    follow_as_far_as(transport, outline, |next| {
        if next.origin() == outline.url.origin() {
            Ok(())
        } else {
            Err(abroad(outline.url, next))
        }
    })
    .await
}

async fn follow_as_far_as(
    transport: &Transport,
    outline: &Outline<'_>,
    may_go_to: impl Fn(&Url) -> Result<(), Error>,
) -> Result<Answer, Failure> {
    let mut url = outline.url.clone();
    let mut own = true;
    for _ in 0..=MOST {
        let authorization = outline.authorization.filter(|_| own);
        let response = transport
            .send(&Outline {
                url: &url,
                authorization,
                ..*outline
            })
            .await?;
        let Some(next) = target(outline.method, &url, &response)? else {
            return Ok(Answer::new(response, url, own, transport.idle()));
        };
        may_go_to(&next)?;
        if !outline.payload.is_there() {
            return Err(spent(&url, &next).into());
        }
        discard(response, transport.idle()).await;
        own = own && next.origin() == url.origin();
        url = next;
    }
    let message = format!(
        "{} sends from one place to the next without end",
        authority(outline.url)
    );
    Err(Error::new(Kind::Unsupported, message).into())
}

/// Where an answer sends the same request, if it does.
fn target(method: &Method, url: &Url, response: &Response) -> Result<Option<Url>, Error> {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let follows = match response.status() {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        // Others turn what was to be written into something to be read.
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
    let next = next.ok_or_else(|| nowhere(url))?;
    match (url.scheme(), next.scheme()) {
        ("http", "http") | (_, "https") => Ok(Some(next)),
        _ => Err(downgrade(url, &next)),
    }
}

fn nowhere(url: &Url) -> Error {
    let message = format!("{} sends elsewhere without saying where", authority(url));
    Error::new(Kind::Unsupported, message)
}

fn abroad(url: &Url, next: &Url) -> Error {
    let message = format!(
        "{} sends on to {} what only it was to be told; nothing was sent there",
        authority(url),
        authority(next)
    );
    Error::new(Kind::Unauthorized, message)
}

fn downgrade(url: &Url, next: &Url) -> Error {
    let message = format!(
        "{} sends to {}://{}, where anybody could read along; nothing was asked there",
        authority(url),
        next.scheme(),
        authority(next)
    );
    Error::new(Kind::Unsupported, message)
}

/// What has been sent cannot be sent again; whoever has it may begin anew.
fn spent(url: &Url, next: &Url) -> Error {
    let message = format!(
        "{} sends on to {} after the content was sent, which cannot be sent again",
        authority(url),
        authority(next)
    );
    Error::new(Kind::Unsupported, message)
}
