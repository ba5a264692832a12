//! Values that a tag may have after a crash, derived from the order of its PUTs and their
//! responses.

/// PUT of a tag. Times are ticks of the ledger's clock.
struct TagPush {
    digest: String,
    began: u64,
    acknowledged: Option<u64>,
}

/// PUTs of one tag since its value was last checked.
#[derive(Default)]
pub(crate) struct TagHistory {
    pushes: Vec<TagPush>,
    /// Round of its latest push.
    pub(crate) round: u32,
}

impl TagHistory {
    /// Records that a client is about to send a PUT. The returned index identifies it for
    /// [`TagHistory::record_acknowledgment`].
    pub(crate) fn record_request(&mut self, digest: &str, now: u64) -> usize {
        self.pushes.push(TagPush {
            digest: digest.to_owned(),
            began: now,
            acknowledged: None,
        });
        self.pushes.len() - 1
    }

    /// Records the acknowledgment of the PUT with 201.
    pub(crate) fn record_acknowledgment(&mut self, push: usize, now: u64) {
        self.pushes[push].acknowledged = Some(now);
    }

    /// Returns whether the server acknowledged a PUT with 201, so that the tag must exist.
    pub(crate) fn must_exist(&self) -> bool {
        self.pushes.iter().any(|push| push.acknowledged.is_some())
    }

    /// Checks the current value, and returns a description of the fault if it is not possible.
    ///
    /// A value is possible if it was sent, and no PUT that began after its acknowledgment was
    /// itself acknowledged. Concurrent PUTs may take effect in either order, and a PUT without a
    /// response at any time or never.
    pub(crate) fn check_value(&self, found: Option<&str>) -> Result<(), String> {
        let Some(found) = found else {
            return if self.must_exist() {
                Err("is missing".to_owned())
            } else {
                Ok(())
            };
        };
        let mut candidates = self
            .pushes
            .iter()
            .filter(|push| push.digest == found)
            .peekable();
        if candidates.peek().is_none() {
            return Err(format!(
                "points to {found}, which was not sent since the last check"
            ));
        }
        if candidates.any(|push| !self.is_superseded(push)) {
            return Ok(());
        }
        Err(format!(
            "fell back to {found}: a later push was acknowledged"
        ))
    }

    /// Resets the history to the value found after a crash. Requests without a response can no
    /// longer take effect.
    pub(crate) fn reset(&mut self, found: Option<&str>, now: u64) {
        self.pushes.clear();
        if let Some(found) = found {
            let push = self.record_request(found, now);
            self.record_acknowledgment(push, now);
        }
    }

    fn is_superseded(&self, candidate: &TagPush) -> bool {
        let Some(end) = candidate.acknowledged else {
            return false;
        };
        self.pushes
            .iter()
            .any(|push| push.acknowledged.is_some() && push.began > end)
    }
}

#[cfg(test)]
mod tests {
    use super::TagHistory;

    /// Returns a tag with PUTs given as (digest, began, acknowledged).
    fn tag(pushes: &[(&str, u64, Option<u64>)]) -> TagHistory {
        let mut tag = TagHistory::default();
        for &(digest, began, acknowledged) in pushes {
            let push = tag.record_request(digest, began);
            if let Some(time) = acknowledged {
                tag.record_acknowledgment(push, time);
            }
        }
        tag
    }

    #[test]
    fn last_acknowledged_value_is_required() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, Some(4))]);
        assert!(tag.check_value(Some("b")).is_ok());
        assert!(
            tag.check_value(Some("a"))
                .unwrap_err()
                .contains("fell back")
        );
        assert!(tag.check_value(None).unwrap_err().contains("missing"));
        assert!(tag.check_value(Some("c")).unwrap_err().contains("not sent"));
    }

    #[test]
    fn last_value_without_response_is_possible() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, None)]);
        assert!(tag.check_value(Some("a")).is_ok());
        assert!(tag.check_value(Some("b")).is_ok());
        assert!(tag.check_value(None).is_err());
    }

    #[test]
    fn concurrent_pushes_may_end_in_either_order() {
        let tag = tag(&[("a", 1, Some(4)), ("b", 2, Some(3))]);
        assert!(tag.check_value(Some("a")).is_ok());
        assert!(tag.check_value(Some("b")).is_ok());
    }

    #[test]
    fn tag_without_acknowledgment_may_be_missing() {
        assert!(tag(&[("a", 1, None)]).check_value(None).is_ok());
    }

    #[test]
    fn repeated_value_is_checked_by_its_latest_push() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, Some(4)), ("a", 5, Some(6))]);
        assert!(tag.check_value(Some("a")).is_ok());
        assert!(tag.check_value(Some("b")).is_err());
    }

    #[test]
    fn push_without_response_is_impossible_after_a_check() {
        let mut tag = tag(&[("a", 1, Some(2)), ("b", 3, None)]);
        tag.reset(Some("a"), 9);
        assert!(tag.check_value(Some("a")).is_ok());
        assert!(tag.check_value(Some("b")).is_err());
    }
}
