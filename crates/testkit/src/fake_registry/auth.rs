//! Token authentication of the fake registry.

use super::server::{Call, FakeState};
use crate::fake::Reply;

impl FakeState {
    /// Returns the response to a request for a token or without one.
    pub(super) fn authenticate(&self, call: &Call<'_>) -> Option<Reply> {
        let auth = self.behavior.auth?;
        if call.path == "/token" {
            return Some(Reply::new(200).body(auth.token));
        }
        if call.asked.header("authorization") == "Bearer good" {
            return None;
        }
        let realm = format!("http://{}/token", call.asked.header("host"));
        let add = |reply: Reply, challenge: &&str| {
            reply.header("WWW-Authenticate", challenge.replace("REALM", &realm))
        };
        let rejection = Reply::error(401, "UNAUTHORIZED");
        Some(auth.challenges.iter().fold(rejection, add))
    }
}
