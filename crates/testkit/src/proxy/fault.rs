//! Faults, and the requests that they apply to.

use std::time::Duration;

use http::{Method, StatusCode};

/// Fault to inject into a request or its response.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// Reads the request and rejects it without forwarding it.
    Reject {
        /// Status of the response.
        status: StatusCode,
        /// `Retry-After` header of the response, in seconds.
        retry_after: Option<u32>,
    },
    /// Delays the request by a duration before forwarding it.
    Delay(Duration),
    /// Forwards the request, and breaks the connection instead of forwarding the response.
    DropResponse,
    /// Applies a fault to the body of the request. A rule with this fault does not count requests
    /// without a body.
    Request(BodyFault),
    /// Applies a fault to the body of the response, if it has one.
    Response(BodyFault),
}

/// Fault in a body at a position, counted in bytes from 0.
///
/// If the length of the body is known, the position is reduced modulo that length, so that every
/// body that is not empty is affected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFault {
    /// Breaks the connections on both sides.
    Cut(u64),
    /// Ends the body as if it were complete, with a matching Content-Length.
    Truncate(u64),
    /// Stops forwarding, and leaves the connections open.
    Stall(u64),
    /// Flips one bit of the byte at the position.
    Flip(u64),
}

/// Selection among the requests that match a rule.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Trigger {
    /// Only the n-th request, starting at 1.
    Nth(u32),
    /// Every request.
    Always,
    /// Pseudorandomly selected requests.
    OneIn {
        /// Mean number of requests per fault.
        times: u32,
        /// Seed of the pseudorandom generator.
        seed: u64,
    },
}

/// Class of a request, determined by its path.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum RequestClass {
    /// `/v2/`
    Base,
    /// `/v2/_catalog`
    Catalog,
    /// `/v2/NAME/tags/list`
    Tags,
    /// `/v2/NAME/manifests/REFERENCE`
    Manifest,
    /// `/v2/NAME/blobs/DIGEST`
    Blob,
    /// `/v2/NAME/blobs/uploads/`
    Uploads,
    /// `/v2/NAME/blobs/uploads/SESSION`
    Upload,
    /// `/v2/NAME/referrers/DIGEST`
    Referrers,
    /// Any other path, such as the path of a token service.
    Other,
}

impl RequestClass {
    /// Returns the class of a path. Names, digests and references in it are not validated.
    pub fn from_path(path: &str) -> Self {
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Other;
        };
        let segments: Vec<&str> = rest.trim_end_matches('/').split('/').collect();
        match segments[..] {
            [""] => Self::Base,
            ["_catalog"] => Self::Catalog,
            [.., "tags", "list"] => Self::Tags,
            [.., "blobs", "uploads"] => Self::Uploads,
            [.., "blobs", "uploads", _] => Self::Upload,
            [.., "blobs", _] => Self::Blob,
            [.., "manifests", _] => Self::Manifest,
            [.., "referrers", _] => Self::Referrers,
            _ => Self::Other,
        }
    }
}

/// Filter for requests, by method, class and path.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    method: Option<Method>,
    class: Option<RequestClass>,
    part: String,
}

impl RequestFilter {
    /// Returns a filter that matches all requests.
    pub fn all() -> Self {
        Self::default()
    }

    /// Returns a filter that matches requests of one method and one class.
    pub fn for_class(method: Method, class: RequestClass) -> Self {
        Self {
            method: Some(method),
            class: Some(class),
            part: String::new(),
        }
    }

    /// Adds the condition that the path contains a text.
    #[must_use]
    pub fn with_path_part(self, part: &str) -> Self {
        Self {
            part: part.into(),
            ..self
        }
    }

    /// Returns whether the filter matches a request.
    pub(super) fn matches(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self
                .class
                .is_none_or(|wanted| wanted == RequestClass::from_path(path))
            && path.contains(&self.part)
    }
}
