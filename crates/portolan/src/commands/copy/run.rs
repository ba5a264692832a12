//! One run: what all its copies share, and the way of a single one.

use std::sync::Arc;

use portolan_model::convert::{ConvertError, Remark};
use portolan_model::lint::mend_with_names;
use portolan_model::{Digest, Platform, Reference};
use portolan_registry::copy::{
    Copier, NoSessions, Observer, Options, Outcome, Place, Plan, Request, Rewritten, Sessions,
    TooDeep,
};
use portolan_registry::{Error, Kind, Precondition, TagUpdate};

use super::pairs::Pair;
use super::report::{Report, losses};
use super::uploads::Uploads;
use super::{Task, image};
use crate::documents;
use crate::failure::{self, Failure, Status};
use crate::hosts::Environment;
use crate::location::Location;
use crate::output::{Progress, Talk};
use crate::places::{Places, Source, Target};

/// What all copies share.
pub(super) struct Run {
    places: Places,
    copier: Copier,
    progress: Arc<Progress>,
    options: Options,
    jobs: usize,
    dry: bool,
}

/// What became of a pair.
pub(super) struct Copied {
    pub(super) pair: Pair,
    pub(super) result: failure::Outcome<Done>,
}

/// What is to be done, or was. There may be many of them, so of a plan that was carried out there is
/// no more than is reported.
pub(super) enum Done {
    Planned(Box<Plan>),
    CarriedOut(Box<CarriedOut>),
}

pub(super) struct CarriedOut {
    pub(super) target: String,
    pub(super) outcome: Outcome,
    pub(super) rewritten: Vec<Rewritten>,
    pub(super) losses: Vec<Remark>,
    pub(super) remarks: Vec<String>,
}

impl Copied {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        self.pair.name()
    }

    /// Whether it is in an archive that is not in its place yet.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.result, Ok(Done::CarriedOut(_))) && self.pair.target.is_archive()
    }
}

impl Run {
    pub(super) fn new(task: &Task<'_>) -> failure::Outcome<Self> {
        let places = task.connection.places_for(Some(task.jobs))?;
        let jobs = task.jobs.get();
        let sessions: Arc<dyn Sessions> = match Environment::of_process().state_folder {
            Some(folder) => Arc::new(Uploads::new(folder, task.resume)),
            None => Arc::new(NoSessions),
        };
        let (copier, progress) = (
            Copier::new(jobs, sessions),
            Progress::new(Arc::clone(places.talk())),
        );
        Ok(Self {
            places,
            copier,
            progress,
            options: task.options.clone(),
            jobs,
            dry: task.dry_run,
        })
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    pub(super) fn talk(&self) -> &Arc<Talk> {
        self.places.talk()
    }

    /// Copies as a task of its own, so that many use all processors.
    pub(super) async fn copy(self: Arc<Self>, pair: Pair) -> Copied {
        let task = tokio::spawn({
            let pair = pair.clone();
            async move { self.pair(&pair).await }
        });
        let result = task
            .await
            .unwrap_or_else(|error| Err(Error::internal("copying", error).into()));
        Copied { pair, result }
    }

    /// Puts archives into their places, and says so. One that cannot be is the failure of whatever
    /// went into it.
    pub(super) async fn end(&self, copied: &mut [Copied], report: &Report) {
        self.progress.end();
        for copy in copied.iter_mut().filter(|copy| copy.is_pending()) {
            if let Err(failure) = self.places.finish(&copy.pair.target).await {
                copy.result = Err(failure);
            }
            report.tell(copy);
        }
    }

    async fn pair(&self, pair: &Pair) -> failure::Outcome<Done> {
        let (mut source, target) = self.open(pair).await?;
        if !pair.is_in_place() {
            return self.attempt(pair, &source, &target, None).await;
        }
        // What is changed in its place is set only if nobody has moved the tag meanwhile.
        let digest = documents::head(&source.place, &source.reference)
            .await?
            .digest;
        source.reference = digest.clone().into();
        self.attempt(pair, &source, &target, Some(&digest)).await
    }

    async fn attempt(
        &self,
        pair: &Pair,
        source: &Source,
        target: &Target,
        before: Option<&Digest>,
    ) -> failure::Outcome<Done> {
        let (reference, platforms) = self.chosen(pair, source).await?;
        let precondition = before.map_or(Precondition::None, |digest| {
            Precondition::At(vec![digest.clone()])
        });
        let tags = target
            .tag
            .clone()
            .map(|tag| TagUpdate { tag, precondition })
            .into_iter()
            .collect();
        let request = Request {
            source: source.place.clone(),
            reference,
            target: target.place.clone(),
            tags,
        };
        let recheck = self.options.recheck || pair.target.is_folder();
        let options = Options {
            platforms,
            recheck,
            referrers: self.referrers(pair),
            ..self.options.clone()
        };
        let plan = match self.copier.plan(&request, &options).await {
            Ok(plan) => plan,
            Err(error) => return Err(explained(pair, source, error).await),
        };
        if let Some(digest) = target
            .digest
            .as_ref()
            .filter(|digest| **digest != plan.digest)
        {
            let message = format!(
                "what is copied is {}, and not {digest}, as the target says",
                plan.digest
            );
            return Err(Error::new(Kind::PreconditionFailed, message).into());
        }
        if let Some(losses) = losses(&pair.name(), &plan.losses) {
            self.talk().say(losses);
        }
        if self.dry {
            return Ok(Done::Planned(Box::new(plan.without_bytes())));
        }
        match self.carry_out(&plan, target, before).await {
            Ok(outcome) => {
                let Plan {
                    target,
                    rewritten,
                    losses,
                    remarks,
                    ..
                } = plan;
                Ok(Done::CarriedOut(Box::new(CarriedOut {
                    target,
                    outcome,
                    rewritten,
                    losses,
                    remarks,
                })))
            }
            Err(error) => Err(explained(pair, source, error).await),
        }
    }

    /// Carries out a plan whose tag is to move from where it was `before`. A target that holds no conditions on tags is
    /// looked at just before instead.
    async fn carry_out(
        &self,
        plan: &Plan,
        target: &Target,
        before: Option<&Digest>,
    ) -> portolan_registry::Result<Outcome> {
        let observer: Arc<dyn Observer> = self.progress.watch(plan);
        let carried_out = self.copier.carry_out(plan, &observer).await;
        let (Some(before), Some(tag)) = (before, &target.tag) else {
            return carried_out;
        };
        if !carried_out
            .as_ref()
            .is_err_and(|error| *error.kind() == Kind::Unsupported)
        {
            return carried_out;
        }
        let Place {
            registry,
            context,
            repository,
            name,
        } = &target.place;
        let now = registry
            .head_manifest(context, repository, &tag.clone().into())
            .await?
            .digest;
        if now != *before {
            let message = format!("{name}:{tag} was at {before}, and was moved to {now} meanwhile");
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        let outcome = self
            .copier
            .carry_out(&plan.clone().without_conditions(), &observer)
            .await?;
        self.talk().insist(format_args!(
            "{name}:{tag}: this registry cannot make sure that the tag has not moved; it was at {before} just before"
        ));
        Ok(outcome)
    }

    /// Whether what refers to the images comes along.
    fn referrers(&self, pair: &Pair) -> bool {
        if self.options.referrers && pair.target.is_docker_archive() {
            self.talk()
                .say("a docker-archive holds images alone; what refers to them, such as signatures, is left behind");
            return false;
        }
        self.options.referrers
    }

    async fn open(&self, pair: &Pair) -> failure::Outcome<(Source, Target)> {
        let mut source = self.places.source(&pair.source).await?;
        if pair.target.host().is_none() {
            // No folder is made for what is not there.
            let info = documents::head(&source.place, &source.reference).await;
            source.reference = info
                .map_err(|failure| pair.source.advised(failure))?
                .digest
                .into();
        }
        let target = if self.dry {
            self.places.imagined(&pair.target).await?
        } else {
            self.places.target(&pair.target).await?
        };
        Ok((source, target))
    }

    /// What is copied, and which platforms of it.
    async fn chosen(
        &self,
        pair: &Pair,
        source: &Source,
    ) -> failure::Outcome<(Reference, Vec<Platform>)> {
        let platforms = &self.options.platforms;
        if pair.target.is_docker_archive() {
            return Ok((image::of(source, platforms, self.talk()).await?, Vec::new()));
        }
        Ok((source.reference.clone(), platforms.clone()))
    }
}

/// The failure with what to do about it: log in at whichever side it was, or choose another tag.
async fn explained(pair: &Pair, source: &Source, error: Error) -> Failure {
    let failure = Failure::from(error);
    if failure
        .error
        .chain()
        .any(|cause| cause.is::<ConvertError>() || cause.is::<TooDeep>())
    {
        // No side has refused anything: something was asked for that cannot be.
        return Failure {
            status: Status::Usage,
            ..failure
        };
    }
    let failure = match refusing(pair, &failure.to_string()) {
        Some(location) => location.advised(failure),
        None => failure,
    };
    documents::suggesting(&source.place, &source.reference, mended(pair, failure)).await
}

/// The failure with the command that mends what was refused, if there is one.
fn mended(pair: &Pair, failure: Failure) -> Failure {
    let detail = failure.detail();
    let first = &detail["findings"][0];
    match first["mend"]
        .as_str()
        .filter(|mend| mend.starts_with("portolan "))
    {
        Some(mend) => {
            let source = pair.source.to_string();
            failure.with_hint(format!(
                "mend it with: {}",
                mend_with_names(mend, Some(&source), first["digest"].as_str())
            ))
        }
        None => failure,
    }
}

/// The side whose registry speaks in an error that names both.
fn refusing<'a>(pair: &'a Pair, error: &str) -> Option<&'a Location> {
    let speaks = |location: &&Location| {
        location.host().is_some_and(|host| {
            ["says", "answers"]
                .iter()
                .any(|verb| error.contains(&format!("{host} {verb}")))
        })
    };
    [&pair.source, &pair.target].into_iter().find(speaks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_refuses_is_who_speaks() {
        let pair = Pair {
            source: "quay.io/a:1".parse().unwrap(),
            target: "ghcr.io/a:1".parse().unwrap(),
        };
        let copying = "copying the blob from quay.io/a to ghcr.io/a";
        for (said, host) in [
            ("quay.io says DENIED: no", Some("quay.io")),
            ("ghcr.io answers 403 Forbidden", Some("ghcr.io")),
            ("mirror.example says DENIED: no", None),
        ] {
            let refusing = refusing(&pair, &format!("{copying}: {said}"));
            assert_eq!(refusing.and_then(Location::host), host, "{said}");
        }
    }
}
