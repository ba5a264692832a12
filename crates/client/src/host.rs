//! The host that a client speaks to, and how a request to it is made, sent and answered.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use portolan_registry::{Error, Kind, Result};
use portolan_wire::{Challenge, Endpoint, warning};
use reqwest::Url;

use crate::abilities::Abilities;
use crate::answer::Answer;
use crate::auth::Authenticator;
use crate::call::{Access, Again, Call};
use crate::failure::{Failure, Sent};
use crate::fallback::FallbackLocks;
use crate::lists::Lists;
use crate::persistence::Persistence;
use crate::redirect::follow;
use crate::refusal;
use crate::transport::{Outline, Transport};
use crate::turns::Turns;
use crate::{Observer, Scheme, Settings, tls};

/// How Docker Hub is called in references, and where it is.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// Most texts of warnings that are remembered: what comes later is told each time.
const REMEMBERED: usize = 10_000;

/// One host: everything that requests to it share.
pub(crate) struct Host {
    name: Box<str>,
    base: Url,
    transport: Transport,
    authenticator: Authenticator,
    pub(crate) persistence: Persistence,
    pub(crate) turns: Turns,
    observer: Arc<dyn Observer>,
    warned: Mutex<HashSet<String>>,
    /// Whether `/v2/` was asked what the registry would like to know.
    asked_base: AtomicBool,
    pub(crate) abilities: Abilities,
    pub(crate) lists: Lists,
    pub(crate) fallback: FallbackLocks,
}

impl Host {
    /// # Errors
    /// A name that is no host; a certificate or key that cannot be read.
    pub(crate) fn new(settings: Settings) -> Result<Self> {
        let base = base(&settings)?;
        let transport = Transport::new(
            base.clone(),
            tls::http(&settings, &base)?,
            tls::http_abroad(&settings)?,
            settings.idle_timeout,
        );
        let persistence = Persistence::new(
            &settings.host,
            settings.retry,
            Arc::clone(&settings.observer),
        );
        let authenticator = Authenticator::new(
            &settings.host,
            &base,
            settings.credentials,
            transport.clone(),
            persistence.clone(),
        );
        Ok(Self {
            name: settings.host.into(),
            base,
            transport,
            authenticator,
            persistence,
            turns: Turns::new(settings.connections),
            observer: settings.observer,
            warned: Mutex::default(),
            asked_base: AtomicBool::new(false),
            abilities: Abilities::default(),
            lists: Lists::default(),
            fallback: FallbackLocks::default(),
        })
    }

    /// What the host is called in references.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A request to an endpoint; the query comes without a question mark and may be empty.
    pub(crate) fn call(&self, method: Method, endpoint: &Endpoint, query: &str) -> Call {
        let access = Access::to(&method, endpoint);
        let mut url = self.base.clone();
        url.set_path(&endpoint.to_path());
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        Call::new(method, url, access)
    }

    /// The answer to a request, if it is one of success.
    ///
    /// # Errors
    /// What the registry says, and failures on the way there and back.
    pub(crate) async fn ask(&self, call: &Call) -> Result<Answer> {
        let answer = self.exchange(call).await?;
        if answer.is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(answer).await)
        }
    }

    /// The answer to a request, whatever it says, after as many attempts as it takes.
    ///
    /// # Errors
    /// Failures on the way there and back. An answer that may be another one later is one too, when
    /// there have been enough attempts.
    pub(crate) async fn exchange(&self, call: &Call) -> Result<Answer> {
        let mut attempt = 1;
        loop {
            let failure = match self.turn(call).await {
                Ok(answer) => return Ok(answer.after(attempt)),
                Err(failure) => failure,
            };
            if !may_be_sent_again(call, &failure) {
                return Err(failure.error);
            }
            self.persistence.pause(attempt, failure).await?;
            attempt += 1;
        }
    }

    /// The error that an answer stands for.
    pub(crate) async fn refusal(&self, answer: Answer) -> Error {
        refusal::failure(&self.name, answer).await.error
    }

    /// The error that an answer stands for, if what was asked for is `missing` when it is not there.
    /// The registry's words are kept, and what is missing is told as Portolan tells it.
    pub(crate) async fn refusal_or(&self, answer: Answer, missing: &Error) -> Error {
        let status = answer.status;
        let error = self.refusal(answer).await;
        if status != StatusCode::NOT_FOUND {
            return error;
        }
        Error::new(missing.kind().clone(), error.message()).with_detail(missing.detail().clone())
    }

    /// The same for content that was to be read: what is under a digest that the registry cannot
    /// read is not there either.
    pub(crate) async fn refusal_to_read(&self, answer: Answer, missing: &Error) -> Error {
        let error = self.refusal_or(answer, missing).await;
        match error.kind() {
            Kind::DigestInvalid => Error::new(missing.kind().clone(), error.message()),
            _ => error,
        }
    }

    /// One attempt that waits for its turn. Only a download keeps it: whoever held one for an answer
    /// and asked for another could wait forever for those who do the same.
    async fn turn(&self, call: &Call) -> Result<Answer, Failure> {
        let turn = self.turns.take(call.download).await?;
        let answer = self.attempt(call).await?;
        if refusal::may_pass(answer.status) && call.settled != Some(answer.status) {
            return Err(refusal::failure(&self.name, answer).await);
        }
        match call.read {
            _ if !answer.is_success() => Ok(answer.read_if_possible(refusal::LIMIT).await),
            _ if call.download => Ok(answer.holding(turn)),
            Some(limit) => answer.read(limit).await,
            None => Ok(answer.unread().await),
        }
    }

    /// One attempt: the request is sent, and once more if the registry wants to know who is asking.
    ///
    /// # Errors
    /// Failures on the way there and back alone.
    pub(crate) async fn attempt(&self, call: &Call) -> Result<Answer, Failure> {
        if (self.base.scheme(), call.url.scheme()) == ("https", "http") {
            return Err(self.unencrypted(&call.url).into());
        }
        if call.url.origin() != self.base.origin() {
            return Ok(self.send(call, None).await?.of_another_origin());
        }
        let authorization = self.authenticator.beforehand(&call.access).await?;
        let answer = self.send(call, authorization.as_ref()).await?;
        self.tell_warnings(&answer);
        let Some(renewed) = self.renewed(call, &answer, authorization.as_ref()).await? else {
            return Ok(answer);
        };
        if !call.payload.is_there() {
            let message = format!(
                "{} wanted to know again who is sending this; it has to be sent anew",
                self.name
            );
            return Err(Error::new(Kind::Unavailable, message).into());
        }
        answer.unread().await;
        let answer = self.send(call, Some(&renewed)).await?;
        self.tell_warnings(&answer);
        Ok(answer)
    }

    /// Pages and upload sessions may be elsewhere, but not where anybody could read along.
    fn unencrypted(&self, url: &Url) -> Error {
        let message = format!(
            "{} leads to {}, where anybody could read along; nothing was sent there",
            self.name,
            url.origin().ascii_serialization()
        );
        Error::new(Kind::Unsupported, message)
    }

    /// What to send instead of `authorization`, if the answer says that this was not it.
    ///
    /// Only the registry itself is told anything, not where it sends to.
    async fn renewed(
        &self,
        call: &Call,
        answer: &Answer,
        authorization: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>> {
        match answer.status {
            _ if !answer.own => Ok(None),
            StatusCode::UNAUTHORIZED => {
                let challenges = Challenge::all(&answer.headers);
                self.authenticator
                    .answer(&challenges, &call.access, authorization)
                    .await
            }
            // Some registries hide from strangers what they would show to those who ask at `/v2/` first.
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND if authorization.is_none() => {
                self.introduced(call).await
            }
            _ => Ok(None),
        }
    }

    async fn introduced(&self, call: &Call) -> Result<Option<HeaderValue>> {
        if self.asked_base.load(Ordering::Relaxed)
            || !self.authenticator.could_say_more(&call.access).await?
        {
            return Ok(None);
        }
        self.asked_base.store(true, Ordering::Relaxed);
        let Ok(answer) = self
            .send(&self.call(Method::GET, &Endpoint::Base, ""), None)
            .await
        else {
            return Ok(None);
        };
        let challenges = if answer.own {
            Challenge::all(&answer.headers)
        } else {
            Vec::new()
        };
        self.authenticator
            .answer(&challenges, &call.access, None)
            .await
    }

    async fn send(
        &self,
        call: &Call,
        authorization: Option<&HeaderValue>,
    ) -> Result<Answer, Failure> {
        let Call {
            method,
            url,
            headers,
            payload,
            ..
        } = call;
        follow(
            &self.transport,
            &Outline {
                method,
                url,
                headers,
                payload,
                authorization,
            },
        )
        .await
    }

    fn tell_warnings(&self, answer: &Answer) {
        for text in warnings(&answer.headers).filter(|_| answer.own) {
            self.warn(&text);
        }
    }

    /// Tells a warning, if it was not told before.
    pub(crate) fn warn(&self, text: &str) {
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !warned.contains(text)
            && (warned.len() >= REMEMBERED || warned.insert(text.to_owned()));
        drop(warned);
        if new {
            self.observer.warning(&self.name, text);
        }
    }
}

fn warnings(headers: &HeaderMap) -> impl Iterator<Item = String> {
    headers
        .get_all(header::WARNING)
        .iter()
        .filter_map(|value| warning::parse(value.to_str().ok()?))
}

fn may_be_sent_again(call: &Call, failure: &Failure) -> bool {
    let unheard = failure.sent == Sent::No;
    let harmless = unheard || (call.again == Again::Always && failure.sent == Sent::Perhaps);
    harmless && call.payload.is_there()
}

fn base(settings: &Settings) -> Result<Url> {
    let (hub, hub_registry) = DOCKER_HUB;
    let scheme = match settings.scheme {
        Scheme::Https => "https",
        Scheme::Http => "http",
    };
    let address = match &*settings.host {
        host if host == hub => format!("https://{hub_registry}"),
        host => format!("{scheme}://{host}"),
    };
    let url = Url::parse(&address).ok().filter(is_plain);
    let no_host = || {
        let message = format!(
            "{:?} is no host: write HOST or HOST:PORT, an IPv6 address in brackets",
            settings.host
        );
        Error::new(Kind::Unsupported, message)
    };
    url.ok_or_else(no_host)
}

/// Whether nothing but a scheme, a host and a port stands there.
fn is_plain(url: &Url) -> bool {
    url.has_host() && url.path() == "/" && url.query().is_none() && url.username().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(scheme: Scheme, host: &str) -> Option<String> {
        base(&Settings {
            scheme,
            ..Settings::new(host)
        })
        .ok()
        .map(String::from)
    }

    #[test]
    fn hosts_are_where_they_say() {
        assert_eq!(
            at(Scheme::Https, "registry.example:443").unwrap(),
            "https://registry.example/"
        );
        assert_eq!(
            at(Scheme::Http, "[::1]:5000").unwrap(),
            "http://[::1]:5000/"
        );
        for scheme in [Scheme::Http, Scheme::Https] {
            assert_eq!(
                at(scheme, "docker.io").unwrap(),
                "https://registry-1.docker.io/"
            );
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for host in [
            "",
            "a/b",
            "a?b",
            "somebody@registry.example",
            "a b",
            "registry.example:http",
        ] {
            assert_eq!(at(Scheme::Https, host), None, "{host}");
        }
    }
}
