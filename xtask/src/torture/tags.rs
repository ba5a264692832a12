//! Which values a tag may have after a crash, given who set it when and which answers arrived.

/// One PUT of a tag; times are ticks of the ledger's clock.
struct Push {
    digest: String,
    began: u64,
    acknowledged: Option<u64>,
}

/// The PUTs of one tag since its value was last looked at.
#[derive(Default)]
pub(crate) struct Tag {
    pushes: Vec<Push>,
    /// The round of its latest push.
    pub(crate) round: u32,
}

impl Tag {
    /// A PUT is about to be sent; the answer names it to [`Tag::acknowledged`].
    pub(crate) fn sending(&mut self, digest: &str, now: u64) -> usize {
        self.pushes.push(Push {
            digest: digest.to_owned(),
            began: now,
            acknowledged: None,
        });
        self.pushes.len() - 1
    }

    /// That PUT was answered 201.
    pub(crate) fn acknowledged(&mut self, push: usize, now: u64) {
        self.pushes[push].acknowledged = Some(now);
    }

    /// True if some PUT was answered 201, so that the tag must exist.
    pub(crate) fn must_exist(&self) -> bool {
        self.pushes.iter().any(|push| push.acknowledged.is_some())
    }

    /// Says what is wrong with the value that was found.
    ///
    /// A value is right if it was sent and no PUT that began after its answer was itself answered. PUTs under way
    /// together may have taken effect in either order, and one without an answer at any time or never.
    pub(crate) fn judge(&self, found: Option<&str>) -> Result<(), String> {
        let Some(found) = found else {
            return if self.must_exist() {
                Err("is gone".to_owned())
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
                "points to {found}, which was not sent since it was last seen"
            ));
        }
        if candidates.any(|push| !self.superseded(push)) {
            return Ok(());
        }
        Err(format!(
            "fell back to {found}: a later push was answered 201"
        ))
    }

    /// Takes the value found after a crash as the only truth: what had no answer by then can no longer arrive.
    pub(crate) fn settle(&mut self, found: Option<&str>, now: u64) {
        self.pushes.clear();
        if let Some(found) = found {
            let push = self.sending(found, now);
            self.acknowledged(push, now);
        }
    }

    fn superseded(&self, candidate: &Push) -> bool {
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
    use super::Tag;

    /// PUTs given as (digest, began, acknowledged).
    fn tag(pushes: &[(&str, u64, Option<u64>)]) -> Tag {
        let mut tag = Tag::default();
        for &(digest, began, acknowledged) in pushes {
            let push = tag.sending(digest, began);
            if let Some(time) = acknowledged {
                tag.acknowledged(push, time);
            }
        }
        tag
    }

    #[test]
    fn the_last_acknowledged_value_stands() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, Some(4))]);
        assert!(tag.judge(Some("b")).is_ok());
        assert!(tag.judge(Some("a")).unwrap_err().contains("fell back"));
        assert!(tag.judge(None).unwrap_err().contains("gone"));
        assert!(tag.judge(Some("c")).unwrap_err().contains("not sent"));
    }

    #[test]
    fn what_was_sent_last_without_an_answer_may_stand_or_not() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, None)]);
        assert!(tag.judge(Some("a")).is_ok());
        assert!(tag.judge(Some("b")).is_ok());
        assert!(tag.judge(None).is_err());
    }

    #[test]
    fn pushes_under_way_together_may_end_in_either_order() {
        let tag = tag(&[("a", 1, Some(4)), ("b", 2, Some(3))]);
        assert!(tag.judge(Some("a")).is_ok());
        assert!(tag.judge(Some("b")).is_ok());
    }

    #[test]
    fn a_tag_without_any_answer_may_be_absent() {
        assert!(tag(&[("a", 1, None)]).judge(None).is_ok());
    }

    #[test]
    fn a_value_seen_again_is_judged_by_its_latest_push() {
        let tag = tag(&[("a", 1, Some(2)), ("b", 3, Some(4)), ("a", 5, Some(6))]);
        assert!(tag.judge(Some("a")).is_ok());
        assert!(tag.judge(Some("b")).is_err());
    }

    #[test]
    fn what_had_no_answer_cannot_arrive_after_the_value_was_seen() {
        let mut tag = tag(&[("a", 1, Some(2)), ("b", 3, None)]);
        tag.settle(Some("a"), 9);
        assert!(tag.judge(Some("a")).is_ok());
        assert!(tag.judge(Some("b")).is_err());
    }
}
