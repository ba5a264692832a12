//! Capabilities of the fake registry, and the possible values of each capability.

/// Behavior of a fake registry. The default implements the complete specification.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each capability can be chosen independently"
)]
pub struct Behavior {
    /// Response to a request for referrers.
    pub referrers: Referrers,
    /// True if PUT of a manifest with a subject is not answered with `OCI-Subject`.
    pub hides_subject: bool,
    /// Response to HEAD of a manifest.
    pub head_manifest: Head,
    /// Status of the response to GET of a manifest. `None` returns the manifest.
    pub get_manifest: Option<u16>,
    /// Response to HEAD of a blob.
    pub head_blob: Head,
    /// True if the response to GET of a blob has no `Content-Length`.
    pub sends_chunked: bool,
    /// Response to a request for a range of a blob.
    pub range: Range,
    /// Number of bytes after which the first download of each blob breaks.
    pub breaks_after: Option<usize>,
    /// True if GET of a blob is redirected to another path.
    pub redirects_blobs: bool,
    /// Response to a request to mount a blob.
    pub mount: Mount,
    /// Response to a chunk.
    pub patch: Patch,
    /// `Location` of an upload session.
    pub location: Location,
    /// `Docker-Content-Digest` in responses.
    pub digest: DigestHeader,
    /// True if `?tag=` of a push is ignored.
    pub ignores_tag_query: bool,
    /// Pages of the list of tags.
    pub pages: Pages,
    /// Authentication. `None` serves everybody.
    pub auth: Option<Auth>,
}

/// Response to a request for referrers.
#[derive(Clone, Copy, Debug, Default)]
pub enum Referrers {
    /// The referrers that are stored.
    #[default]
    Listed,
    /// This status without a body.
    Status(u16),
    /// A response with status 200 that is not a list: its type and its body.
    Other(&'static str, &'static str),
    /// No API. A request for the referrers tag of a digest returns the manifest with this digest.
    TagIsDigest,
}

/// Response to HEAD.
#[derive(Clone, Copy, Debug, Default)]
pub enum Head {
    /// All headers.
    #[default]
    Full,
    /// This status.
    Status(u16),
    /// No `Content-Length`.
    NoLength,
    /// No `Content-Type`.
    NoType,
    /// No `Docker-Content-Digest`.
    NoDigest,
    /// The digest of other content.
    WrongDigest,
    /// A length that is one byte too large.
    WrongLength,
}

/// Response to a request for a range of a blob.
#[derive(Clone, Copy, Debug, Default)]
pub enum Range {
    /// The range with status 206.
    #[default]
    Supported,
    /// The full blob with status 200.
    Ignored,
    /// This status.
    Status(u16),
    /// A range that begins one byte earlier.
    Wrong,
    /// Only ranges with an end. The response to any other range is 416.
    OnlyClosed,
}

/// Response to a request to mount a blob.
#[derive(Clone, Copy, Debug, Default)]
pub enum Mount {
    /// The blob is mounted.
    #[default]
    Mounted,
    /// An upload session.
    Session,
    /// An upload session without a `Location`.
    SessionWithoutLocation,
    /// This status.
    Status(u16),
}

/// Response to a chunk.
#[derive(Clone, Copy, Debug, Default)]
pub enum Patch {
    /// Accepted with status 202.
    #[default]
    Accepted,
    /// Accepted with status 201.
    Created,
    /// This status.
    Status(u16),
    /// This status for a request of more than this number of bytes, including the request that
    /// finishes the session.
    Limit(u16, usize),
    /// 413 for a longer request, and 416 for a shorter chunk. The minimum is in
    /// `OCI-Chunk-Min-Length`.
    Between(usize, usize),
}

/// `Location` of an upload session.
#[derive(Clone, Copy, Debug, Default)]
pub enum Location {
    /// A path.
    #[default]
    Relative,
    /// A URL.
    Absolute,
    /// A path with a query.
    WithQuery,
    /// Outside of `/v2/`.
    Elsewhere,
    /// Missing in the response to PATCH.
    OnlyAtStart,
}

/// `Docker-Content-Digest` in responses.
#[derive(Clone, Copy, Debug, Default)]
pub enum DigestHeader {
    /// The digest of the content.
    #[default]
    Same,
    /// No header.
    Absent,
    /// A digest with an algorithm that clients do not know.
    OtherAlgorithm,
}

/// Pages of the list of tags.
#[derive(Clone, Copy, Debug, Default)]
pub enum Pages {
    /// All tags on one page.
    #[default]
    One,
    /// Two pages, linked by a path.
    Relative,
    /// Two pages, linked by a URL.
    Absolute,
    /// Without angle brackets around the location.
    Bare,
    /// The last page links to the first one.
    Loop,
    /// The only page has a `Link` header that is not a link.
    Garbage,
    /// The page size of the client is rejected with 400.
    NoPageSize,
}

/// Authentication with tokens.
#[derive(Clone, Copy, Debug)]
pub struct Auth {
    /// `WWW-Authenticate` headers, in which `REALM` is the URL of the token endpoint.
    pub challenges: &'static [&'static str],
    /// Response of the token endpoint.
    pub token: &'static str,
}
