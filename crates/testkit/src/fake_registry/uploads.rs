//! Upload sessions of the fake registry.

use bytes::Bytes;
use portolan_model::Digest;

use super::behavior::{Location, Mount, Patch};
use super::server::{Call, FakeState};
use crate::fake::Reply;

impl FakeState {
    pub(super) fn upload(&mut self, call: &Call<'_>) -> Reply {
        if call.method == "POST" {
            return self.start_upload(call);
        }
        let id = call.path.rsplit('/').next().and_then(|id| id.parse().ok());
        let session = id.and_then(|id| Some((id, self.sessions.get(&id)?.len())));
        let Some((id, received)) = session else {
            return Reply::error(404, "BLOB_UPLOAD_UNKNOWN");
        };
        match call.method {
            "PATCH" => self.append(call, id, received),
            "PUT" => self.finish(call, id, received),
            "DELETE" => {
                self.sessions.remove(&id);
                Reply::new(204)
            }
            _ => self.at_location(Reply::new(204), call, id),
        }
    }

    fn start_upload(&mut self, call: &Call<'_>) -> Reply {
        let mounted: Option<Digest> = call.query.get("mount").and_then(|it| it.parse().ok());
        match (mounted, self.behavior.mount) {
            (Some(_), Mount::Status(status)) => return Reply::new(status),
            (Some(_), Mount::SessionWithoutLocation) => return Reply::new(202),
            (Some(digest), Mount::Mounted) if self.blobs.contains_key(&digest) => {
                return Reply::new(201).header("Location", "/v2/team/app/blobs/mounted");
            }
            _ => (),
        }
        self.opened_sessions += 1;
        self.sessions.insert(self.opened_sessions, Vec::new());
        let reply = match self.behavior.patch {
            Patch::Between(least, _) => Reply::new(202).header("OCI-Chunk-Min-Length", least),
            _ => Reply::new(202),
        };
        self.at_location(reply, call, self.opened_sessions)
    }

    fn at_location(&self, reply: Reply, call: &Call<'_>, id: usize) -> Reply {
        let received = self.sessions[&id].len();
        let reply = reply.header("Range", format!("0-{}", received.saturating_sub(1)));
        let path = format!("/v2/team/app/blobs/uploads/{id}");
        let location = match self.behavior.location {
            Location::Absolute => format!("http://{}{path}", call.asked.header("host")),
            Location::WithQuery => format!("{path}?_state=a%2Fb"),
            Location::Elsewhere => format!("/sessions/{id}"),
            Location::OnlyAtStart if call.method != "POST" => return reply,
            Location::Relative | Location::OnlyAtStart => path,
        };
        reply.header("Location", location)
    }

    /// Returns the response to a request whose body is too long.
    fn reject_length(&self, length: usize) -> Option<Reply> {
        match self.behavior.patch {
            Patch::Limit(status, most) if length > most => Some(Reply::new(status)),
            Patch::Between(_, most) if length > most => Some(Reply::new(413)),
            _ => None,
        }
    }

    fn append(&mut self, call: &Call<'_>, id: usize, received: usize) -> Reply {
        let body = &call.asked.body;
        if let Some(reply) = self.reject_length(body.len()) {
            return reply;
        }
        let status = match self.behavior.patch {
            Patch::Status(status) => return Reply::new(status),
            Patch::Created => 201,
            _ => 202,
        };
        if !begins_at(call, received) || self.is_too_short(call, body.len()) {
            return self.at_location(Reply::new(416), call, id);
        }
        self.sessions.entry(id).or_default().extend_from_slice(body);
        self.at_location(Reply::new(status), call, id)
    }

    /// Returns whether a chunk is shorter than the minimum, although it may not be the last one.
    fn is_too_short(&self, call: &Call<'_>, length: usize) -> bool {
        match self.behavior.patch {
            Patch::Between(least, _) => {
                let is_first = call.asked.header("content-range").starts_with("0-");
                is_first && length < least
            }
            _ => false,
        }
    }

    fn finish(&mut self, call: &Call<'_>, id: usize, received: usize) -> Reply {
        if let Some(reply) = self.reject_length(call.asked.body.len()) {
            return reply;
        }
        if !begins_at(call, received) {
            return self.at_location(Reply::new(416), call, id);
        }
        let mut content = self.sessions.remove(&id).unwrap_or_default();
        content.extend_from_slice(&call.asked.body);
        if Some(Digest::sha256(&content).as_str()) != call.query.get("digest").map(String::as_str) {
            return Reply::error(400, "DIGEST_INVALID");
        }
        self.put_blob(&Bytes::from(content));
        Reply::new(201)
    }
}

/// Returns whether a chunk begins at the end of the received bytes. A chunk that does not state its
/// start is accepted.
fn begins_at(call: &Call<'_>, received: usize) -> bool {
    let range = call.asked.header("content-range");
    range.is_empty() || range.starts_with(&format!("{received}-"))
}
