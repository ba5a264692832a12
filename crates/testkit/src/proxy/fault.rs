//! What harm there is, and to what it is done.

use std::time::Duration;

use http::{Method, StatusCode};

/// Harm done to one request or its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The request is read and answered so, and never passed on.
    Refuse {
        /// The status of the answer.
        status: StatusCode,
        /// Its `Retry-After`, in seconds.
        retry_after: Option<u32>,
    },
    /// The request is passed on this much later.
    Delay(Duration),
    /// The registry does what it is asked, and the connection breaks instead of its answer.
    LoseAnswer,
    /// Harm to the body of the request. Requests without one do not count as such that it could be done to.
    Request(BodyFault),
    /// Harm to the body of the answer, if it has one.
    Response(BodyFault),
}

/// Harm done to a body at a position, counted in bytes from 0.
///
/// A position behind the end of a body of known length is taken modulo that length, so that harm is
/// done to every body that is not empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFault {
    /// The connections on both sides break there.
    Cut(u64),
    /// It ends there, as though that were all; its length says so too.
    Truncate(u64),
    /// Nothing more comes, and nothing breaks.
    Stall(u64),
    /// The byte there differs in one bit.
    Flip(u64),
}

/// When a rule applies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum When {
    /// To the n-th of the requests, counted from 1.
    Nth(u32),
    /// To each of them.
    Always,
    /// To one in so many of them, as dice that begin with `seed` will have it.
    OneIn {
        /// How many there are to one that is spoilt, in the mean.
        times: u32,
        /// Where the dice begin.
        seed: u64,
    },
}

/// What a request is about, going by its path.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Class {
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
    /// An upload session.
    Upload,
    /// `/v2/NAME/referrers/DIGEST`
    Referrers,
    /// Anything else, such as a token service.
    Other,
}

impl Class {
    /// What a path is about, whatever the registry behind it would say of its parts.
    pub fn of(path: &str) -> Self {
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

/// Some of the requests.
#[derive(Clone, Debug, Default)]
pub struct Requests {
    method: Option<Method>,
    class: Option<Class>,
    part: String,
}

impl Requests {
    /// All of them.
    pub fn all() -> Self {
        Self::default()
    }

    /// Those of one method about one class of things.
    pub fn of(method: Method, class: Class) -> Self {
        Self {
            method: Some(method),
            class: Some(class),
            part: String::new(),
        }
    }

    /// Those among them whose path holds this text.
    #[must_use]
    pub fn with(self, part: &str) -> Self {
        Self {
            part: part.into(),
            ..self
        }
    }

    /// Whether a request is one of them.
    pub(super) fn include(&self, method: &Method, path: &str) -> bool {
        self.method.as_ref().is_none_or(|wanted| wanted == method)
            && self.class.is_none_or(|wanted| wanted == Class::of(path))
            && path.contains(&self.part)
    }
}
