//! Rules about the host that a request is sent to, and about the web page that sends it.
//!
//! Without accounts, everyone who can connect may do everything. A loopback address is safe from
//! other hosts, but not from web pages in a browser on the same host: a page may resolve its own
//! name to the loopback address (DNS rebinding), or send requests to another origin.

use http::request::Parts;
use http::uri::Scheme;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use portolan_wire::{HostPort, request_head};

use crate::client_address::ClientAddress;
use crate::error::HttpError;
use crate::network::Network;
use crate::public_url::{HostName, PublicUrl, default_port, parse_origin, parse_scheme};
use crate::settings::Settings;

/// Header in which a browser states the relation between a page and the target of its request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Header in which proxies state the host that the client has used.
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
/// Header in which proxies state the scheme that the client has used.
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Hosts that the server accepts, and proxies that it trusts.
pub(crate) struct HostRules {
    /// True if only known hosts are accepted, because the server listens on a loopback address.
    only_known: bool,
    hosts: Vec<HostName>,
    url: Option<PublicUrl>,
    trusted_proxies: Vec<Network>,
    is_tls: bool,
}

impl HostRules {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            only_known: settings.listen.ip().is_loopback(),
            hosts: settings.hosts.clone(),
            url: settings.url.clone(),
            trusted_proxies: settings.trusted_proxies.clone(),
            is_tls: settings.tls.is_some(),
        }
    }

    /// Checks the head of a request, before any other work on it.
    ///
    /// # Errors
    /// Returns 400 for a head that HTTP forbids, 421 for an unknown host, and 403 for a request
    /// from a web page of another origin, unless its method is safe.
    pub(crate) fn check(&self, head: &Parts) -> Result<(), HttpError> {
        request_head::check_transfer_encoding(&head.headers)?;
        let host = request_head::host(head.version, &head.uri, &head.headers)?;
        if let Some(host) = host.filter(|host| !self.accepts(host)) {
            return Err(HttpError::unknown_host(&host.to_string()));
        }
        if head.method.is_safe() {
            return Ok(());
        }
        self.check_page(head, host)
    }

    fn accepts(&self, host: &HostPort<'_>) -> bool {
        !self.only_known
            || host.is_loopback()
            || self.url_host().is_some_and(|url| url.is_same_host(host))
            || self.hosts.iter().any(|name| name.is_host_of(host))
    }

    /// Checks that a request comes from a page of this server, or not from a page at all.
    fn check_page(&self, head: &Parts, host: Option<HostPort<'_>>) -> Result<(), HttpError> {
        let mut origins = head.headers.get_all(header::ORIGIN).iter();
        // Pages cannot set this header. It also works behind a proxy that changes the host.
        match head.headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
            Some(b"same-origin") => return Ok(()),
            Some(b"cross-site") => {
                let origin = origins.next().and_then(|origin| origin.to_str().ok());
                return Err(HttpError::foreign_page(origin));
            }
            _ => (),
        }
        let forwarded = self.proxy_headers(head.extensions.get(), &head.headers);
        let host = forwarded.host.or(host);
        let scheme = forwarded.scheme.or(self.is_tls.then_some(Scheme::HTTPS));
        let foreign = origins.find(|origin| {
            let origin = origin.to_str().ok().and_then(parse_origin);
            !origin.is_some_and(|origin| self.is_own(&origin, host, scheme.as_ref()))
        });
        match foreign {
            Some(origin) => Err(HttpError::foreign_page(origin.to_str().ok())),
            None => Ok(()),
        }
    }

    /// Returns whether an origin is the public URL, or the host that a request was sent to. The
    /// scheme of a request is unknown if an untrusted proxy may have terminated TLS.
    fn is_own(
        &self,
        (scheme, origin): &(Scheme, HostPort<'_>),
        host: Option<HostPort<'_>>,
        sent_scheme: Option<&Scheme>,
    ) -> bool {
        let is_same = |host: HostPort<'_>| host.is_same(origin, default_port(scheme));
        let public = self.url.as_ref().and_then(PublicUrl::origin);
        public.is_some_and(|(public, host)| public == *scheme && is_same(host))
            || sent_scheme.is_none_or(|sent| sent == scheme) && host.is_some_and(is_same)
    }

    /// Returns the host that clients use for the registry: that of the public URL, the host that a
    /// trusted proxy has forwarded, or the host that the request was sent to.
    pub(crate) fn public_host<'a>(
        &'a self,
        client: Option<&ClientAddress>,
        headers: &'a HeaderMap,
        sent: Option<HostPort<'a>>,
    ) -> Option<HostPort<'a>> {
        self.url_host()
            .or_else(|| self.proxy_headers(client, headers).host)
            .or(sent)
    }

    fn url_host(&self) -> Option<HostPort<'_>> {
        Some(self.url.as_ref()?.origin()?.1)
    }

    /// Returns the host and the scheme in the headers of a trusted proxy.
    fn proxy_headers<'a>(
        &self,
        client: Option<&ClientAddress>,
        headers: &'a HeaderMap,
    ) -> Forwarded<'a> {
        let is_trusted = |client: &ClientAddress| {
            let peer = client.peer();
            let mut trusted = self.trusted_proxies.iter();
            trusted.any(|network| network.contains(peer))
        };
        if !client.is_some_and(is_trusted) {
            return Forwarded::default();
        }
        Forwarded {
            host: last_entry(headers, &X_FORWARDED_HOST)
                .and_then(|host| HostPort::parse(host).ok()),
            scheme: last_entry(headers, &X_FORWARDED_PROTO).and_then(parse_scheme),
        }
    }
}

/// Host and scheme that a client has used, as stated by a proxy.
#[derive(Default)]
struct Forwarded<'a> {
    host: Option<HostPort<'a>>,
    scheme: Option<Scheme>,
}

/// Returns the last entry of a list. The nearest proxy has set or appended it, and the client may
/// have forged the entries before it.
fn last_entry<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    line.rsplit(',').next().map(str::trim)
}
