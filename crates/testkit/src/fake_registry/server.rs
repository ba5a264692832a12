//! Server of the fake registry: manifests, blobs and lists.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use portolan_model::{ByteRange, Digest, Manifest, MediaType};
use portolan_registry::referrer_descriptor;
use portolan_wire::range::RangeRequest;
use serde_json::json;

use super::behavior::{Behavior, DigestHeader, Head, Pages, Range, Referrers};
use crate::fake::{Asked, Fake, Reply, lock};

/// Digest with an algorithm that the client does not support.
const OTHER_DIGEST: &str =
    "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262";

/// Complete registry in memory, whose optional capabilities behave as chosen. All repositories share
/// their content.
#[derive(Debug)]
pub struct FakeRegistry {
    /// Server of the registry.
    pub fake: Fake,
    state: Arc<Mutex<FakeState>>,
}

/// Content and behavior of a fake registry.
#[derive(Debug, Default)]
pub struct FakeState {
    /// Behavior of its capabilities.
    pub behavior: Behavior,
    /// Media type and content of each manifest.
    pub manifests: HashMap<Digest, (String, Bytes)>,
    /// Digest of each tag.
    pub tags: BTreeMap<String, Digest>,
    /// Content of each blob.
    pub blobs: HashMap<Digest, Bytes>,
    pub(super) sessions: HashMap<usize, Vec<u8>>,
    pub(super) opened_sessions: usize,
    /// Blobs whose first download has ended early.
    interrupted: HashSet<Digest>,
}

/// Parts of a request.
pub(super) struct Call<'a> {
    pub(super) asked: &'a Asked,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: HashMap<String, String>,
}

impl<'a> Call<'a> {
    fn new(asked: &'a Asked) -> Self {
        let (method, target) = asked.line.split_once(' ').unwrap_or((&asked.line, ""));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let query = pairs
            .map(|(key, value)| (decode(key), decode(value)))
            .collect();
        Self {
            asked,
            method,
            path,
            query,
        }
    }
}

impl FakeRegistry {
    /// Starts an empty registry on a free loopback port.
    ///
    /// # Panics
    /// Panics if no loopback port is free.
    pub async fn start(behavior: Behavior) -> Self {
        let state = Arc::new(Mutex::new(FakeState {
            behavior,
            ..FakeState::default()
        }));
        let shared = Arc::clone(&state);
        let fake = Fake::start(move |asked| lock(&shared).answer(asked)).await;
        Self { fake, state }
    }

    /// Returns the content and the behavior. Requests wait until the result is dropped.
    pub fn state(&self) -> MutexGuard<'_, FakeState> {
        lock(&self.state)
    }
}

impl FakeState {
    /// Stores a blob.
    pub fn put_blob(&mut self, bytes: &Bytes) {
        self.blobs.insert(Digest::sha256(bytes), bytes.clone());
    }

    /// Stores a manifest and returns its digest.
    pub fn put_manifest(&mut self, media_type: &MediaType, bytes: &Bytes) -> Digest {
        let digest = Digest::sha256(bytes);
        let stored = (media_type.to_string(), bytes.clone());
        self.manifests.insert(digest.clone(), stored);
        digest
    }

    fn answer(&mut self, asked: &Asked) -> Reply {
        let call = Call::new(asked);
        if let Some(reply) = self.authenticate(&call) {
            return reply;
        }
        if let Some(blob) = call.path.strip_prefix("/storage/") {
            return with_digest(blob, |digest| self.serve_blob(&call, digest));
        }
        if call.path.contains("/uploads/") || call.path.starts_with("/sessions/") {
            return self.upload(&call);
        }
        let parts: Vec<_> = call.path.trim_start_matches("/v2/").split('/').collect();
        match parts[..] {
            [""] => Reply::new(200),
            [.., "manifests", reference] => self.manifest(&call, reference),
            [.., "blobs", digest] => with_digest(digest, |digest| self.blob(&call, digest)),
            [.., "referrers", digest] => with_digest(digest, |digest| self.referrers(digest)),
            [.., "tags", "list"] => self.tags(&call),
            _ => Reply::error(404, "NOT_FOUND"),
        }
    }

    fn digest_header(&self, reply: Reply, digest: &Digest) -> Reply {
        match self.behavior.digest {
            DigestHeader::Same => reply.header("Docker-Content-Digest", digest),
            DigestHeader::Absent => reply,
            DigestHeader::OtherAlgorithm => reply.header("Docker-Content-Digest", OTHER_DIGEST),
        }
    }

    fn manifest(&mut self, call: &Call<'_>, reference: &str) -> Reply {
        if call.method == "PUT" {
            return self.store_manifest(call, reference);
        }
        if let ("HEAD", Head::Status(status)) = (call.method, self.behavior.head_manifest) {
            return Reply::new(status);
        }
        if let ("GET", Some(status)) = (call.method, self.behavior.get_manifest) {
            return Reply::new(status);
        }
        let digest = match reference.parse() {
            Ok(digest) => Some(digest),
            Err(_) => self.resolve_tag(reference),
        };
        let found = digest.and_then(|digest| Some((self.manifests.get(&digest)?, digest)));
        let Some(((media_type, bytes), digest)) = found else {
            return Reply::error(404, "MANIFEST_UNKNOWN");
        };
        let reply = Reply::new(200).body(bytes.clone());
        let typed = reply.clone().header("Content-Type", media_type);
        match (call.method, self.behavior.head_manifest) {
            ("HEAD", Head::NoType) => self.digest_header(reply, &digest),
            ("HEAD", head) => self.head(typed, head, &digest, bytes),
            _ => self.digest_header(typed, &digest),
        }
    }

    fn head(&self, reply: Reply, head: Head, digest: &Digest, bytes: &[u8]) -> Reply {
        match head {
            Head::Full | Head::NoType => self.digest_header(reply, digest),
            Head::Status(status) => Reply::new(status),
            Head::NoLength => self.digest_header(reply.chunked(), digest),
            Head::NoDigest => reply,
            Head::WrongDigest => reply.header("Docker-Content-Digest", Digest::sha256(b"another")),
            Head::WrongLength => {
                let reply = reply.header("Content-Length", bytes.len() + 1);
                self.digest_header(reply, digest)
            }
        }
    }

    fn resolve_tag(&self, tag: &str) -> Option<Digest> {
        let referrers = self.behavior.referrers;
        let as_digest = tag.replacen('-', ":", 1).parse().ok();
        let is_digest = |digest: &Digest| self.manifests.contains_key(digest);
        match as_digest.filter(is_digest) {
            Some(digest) if matches!(referrers, Referrers::TagIsDigest) => {
                let stored = self.tags.get(tag).cloned();
                Some(stored.unwrap_or(digest))
            }
            _ => self.tags.get(tag).cloned(),
        }
    }

    fn store_manifest(&mut self, call: &Call<'_>, reference: &str) -> Reply {
        let bytes = &call.asked.body;
        let media_type = MediaType::new(call.asked.header("content-type"));
        let Ok(manifest) = Manifest::parse(bytes.clone(), Some(&media_type)) else {
            return Reply::error(400, "MANIFEST_INVALID");
        };
        let missing = manifest.children().iter().any(|child| {
            let digest = &child.descriptor.digest;
            !self.blobs.contains_key(digest) && !self.manifests.contains_key(digest)
        });
        if missing {
            return Reply::error(400, "MANIFEST_BLOB_UNKNOWN");
        }
        let digest = self.put_manifest(&media_type, bytes);
        let mut reply = self.digest_header(Reply::new(201), &digest);
        match reference.parse::<Digest>() {
            Ok(named) if named != digest => return Reply::error(400, "DIGEST_INVALID"),
            Ok(_) => (),
            Err(_) => drop(self.tags.insert(reference.into(), digest.clone())),
        }
        if let Some(tag) = call
            .query
            .get("tag")
            .filter(|_| !self.behavior.ignores_tag_query)
        {
            self.tags.insert(tag.clone(), digest);
            reply = reply.header("OCI-Tag", tag);
        }
        match manifest.subject() {
            Some(subject) if !self.behavior.hides_subject => {
                reply.header("OCI-Subject", &subject.digest)
            }
            _ => reply,
        }
    }

    fn blob(&mut self, call: &Call<'_>, digest: &Digest) -> Reply {
        if let ("HEAD", Head::Status(status)) = (call.method, self.behavior.head_blob) {
            return Reply::new(status);
        }
        let Some(bytes) = self.blobs.get(digest).cloned() else {
            return Reply::error(404, "BLOB_UNKNOWN");
        };
        match (call.method, self.behavior.head_blob) {
            ("HEAD", head) => self.head(Reply::new(200).body(bytes.clone()), head, digest, &bytes),
            _ if self.behavior.redirects_blobs => {
                Reply::new(307).header("Location", format!("/storage/{digest}"))
            }
            _ => self.serve_blob(call, digest),
        }
    }

    fn serve_blob(&mut self, call: &Call<'_>, digest: &Digest) -> Reply {
        let Some(bytes) = self.blobs.get(digest).cloned() else {
            return Reply::error(404, "BLOB_UNKNOWN");
        };
        let range = RangeRequest::parse(call.asked.header("range"));
        let reply = match (range, self.behavior.range) {
            (RangeRequest::Part(ByteRange::From(_)), Range::OnlyClosed) => Reply::new(416),
            (RangeRequest::Part(_), Range::Status(status)) => Reply::new(status),
            (RangeRequest::Part(_), Range::Ignored)
            | (RangeRequest::Full | RangeRequest::Parts, _) => Reply::new(200).body(bytes.clone()),
            (RangeRequest::Part(range), behavior) => part(&bytes, range, behavior),
        };
        let reply = if self.behavior.sends_chunked {
            reply.chunked()
        } else {
            reply
        };
        match self.behavior.breaks_after {
            Some(after) if bytes.len() > after && self.interrupted.insert(digest.clone()) => {
                reply.cut_after(after)
            }
            _ => reply,
        }
    }

    fn referrers(&self, subject: &Digest) -> Reply {
        match self.behavior.referrers {
            Referrers::Listed => (),
            Referrers::Status(status) => return Reply::new(status),
            Referrers::Other(media_type, body) => {
                return Reply::new(200)
                    .header("Content-Type", media_type)
                    .body(body);
            }
            Referrers::TagIsDigest => return Reply::new(404),
        }
        let manifests = self
            .manifests
            .iter()
            .filter_map(|(digest, (media_type, bytes))| {
                let media_type = MediaType::new(media_type);
                let manifest = Manifest::parse(bytes.clone(), Some(&media_type)).ok()?;
                let is_referrer = manifest.subject()?.digest == *subject;
                is_referrer.then(|| referrer_descriptor(&manifest, digest))
            });
        let manifests: Vec<_> = manifests.collect();
        let index =
            json!({"schemaVersion": 2, "mediaType": MediaType::OCI_INDEX, "manifests": manifests});
        Reply::new(200)
            .header("Content-Type", MediaType::OCI_INDEX)
            .body(index.to_string())
    }

    fn tags(&self, call: &Call<'_>) -> Reply {
        let names: Vec<_> = self.tags.keys().collect();
        let body = |names: &[&String]| json!({"name": "team/app", "tags": names}).to_string();
        let last = call.query.get("last");
        let half = names.len() / 2;
        let (page, is_last) = match self.behavior.pages {
            Pages::NoPageSize if call.query.contains_key("n") => return Reply::new(400),
            Pages::One | Pages::Garbage | Pages::NoPageSize => (&names[..], true),
            _ if last.is_some() => (&names[half..], true),
            _ => (&names[..half], false),
        };
        let reply = Reply::new(200).body(body(page));
        let (host, path) = (call.asked.header("host"), call.path);
        let link = match self.behavior.pages {
            Pages::Garbage => "next, please".into(),
            Pages::Loop => format!("<{path}?last=x>; rel=\"next\""),
            _ if is_last => return reply,
            Pages::Absolute => format!("<http://{host}{path}?last=x>; rel=\"next\""),
            Pages::Bare => format!("{path}?last=x; rel=\"next\""),
            _ => format!("<{path}?last=x>; rel=\"next\""),
        };
        reply.header("Link", link)
    }
}

/// Responds with the result of `answer`, or with an error if the text is not a digest.
fn with_digest(text: &str, answer: impl FnOnce(&Digest) -> Reply) -> Reply {
    match text.parse() {
        Ok(digest) => answer(&digest),
        Err(_) => Reply::error(400, "DIGEST_INVALID"),
    }
}

fn part(bytes: &Bytes, range: ByteRange, behavior: Range) -> Reply {
    let size = bytes.len() as u64;
    let Ok(mut range) = range.resolve(size) else {
        return Reply::new(416).header("Content-Range", format!("bytes */{size}"));
    };
    if matches!(behavior, Range::Wrong) {
        range.start = range.start.saturating_sub(1);
    }
    let (first, end) = [range.start, range.end]
        .map(|it| usize::try_from(it).expect("the blob is in memory"))
        .into();
    Reply::new(206)
        .header("Content-Range", format!("bytes {first}-{}/{size}", end - 1))
        .body(bytes.slice(first..end))
}
