//! One run: what all its copies share, and the way of a single one.

use std::sync::Arc;

use portolan_model::{Platform, Reference};
use portolan_registry::copy::{Copier, NoSessions, Observer, Options, Outcome, Plan, Request, Sessions};
use portolan_registry::{Error, Kind, TagUpdate};

use super::pairs::Pair;
use super::uploads::Uploads;
use super::{Arguments, image};
use crate::documents;
use crate::failure::{self, Failure};
use crate::hosts::Environment;
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

/// What is to be done, and what was.
pub(super) struct Done {
    pub(super) plan: Plan,
    /// Nothing of a dry run.
    pub(super) outcome: Option<Outcome>,
}

impl Copied {
    /// What it is called in messages.
    pub(super) fn name(&self) -> String {
        format!("{} -> {}", self.pair.source, self.pair.target)
    }
}

impl Run {
    pub(super) fn new(arguments: &Arguments) -> failure::Outcome<Self> {
        let places = arguments.options.places_for(Some(arguments.jobs))?;
        let jobs = arguments.jobs.get();
        let sessions: Arc<dyn Sessions> = match Environment::of_process().state_folder {
            Some(folder) => Arc::new(Uploads::new(folder, arguments.resume)),
            None => Arc::new(NoSessions),
        };
        let options = Options {
            platforms: arguments.platform.clone(),
            sparse: arguments.sparse,
            referrers: arguments.referrers,
            recheck: arguments.recheck,
        };
        let progress = Progress::new(Arc::clone(places.talk()));
        Ok(Self { places, copier: Copier::new(jobs, sessions), progress, options, jobs, dry: arguments.dry_run })
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
        let result = task.await.unwrap_or_else(|error| Err(Error::internal("copying", error).into()));
        Copied { pair, result }
    }

    /// Puts archives into their places. One that cannot be is the failure of whatever went into it.
    pub(super) async fn end(&self, copied: &mut [Copied]) {
        self.progress.end();
        let succeeded = copied.iter_mut().filter(|copy| copy.result.is_ok());
        for copy in succeeded {
            if self.dry {
                continue;
            }
            if let Err(failure) = self.places.finish(&copy.pair.target).await {
                copy.result = Err(failure);
            }
        }
    }

    async fn pair(&self, pair: &Pair) -> failure::Outcome<Done> {
        let (source, target) = self.open(pair).await?;
        let (reference, platforms) = self.chosen(pair, &source).await?;
        let tags = target.tag.clone().map(TagUpdate::always).into_iter().collect();
        let request = Request { source: source.place.clone(), reference, target: target.place, tags };
        let recheck = self.options.recheck || pair.target.is_folder();
        let options = Options { platforms, recheck, ..self.options.clone() };
        let plan = match self.copier.plan(&request, &options).await {
            Ok(plan) => plan,
            Err(error) => return Err(explained(pair, &source, error).await),
        };
        if let Some(digest) = target.digest.filter(|digest| *digest != plan.digest) {
            let message = format!("what is copied is {}, and not {digest}, as the target says", plan.digest);
            return Err(Error::new(Kind::PreconditionFailed, message).into());
        }
        if self.dry {
            return Ok(Done { plan, outcome: None });
        }
        let observer: Arc<dyn Observer> = self.progress.watch(&plan);
        match self.copier.carry_out(&plan, &observer).await {
            Ok(outcome) => Ok(Done { plan, outcome: Some(outcome) }),
            Err(error) => Err(explained(pair, &source, error).await),
        }
    }

    async fn open(&self, pair: &Pair) -> failure::Outcome<(Source, Target)> {
        let mut source = self.places.source(&pair.source).await?;
        if pair.target.host().is_none() {
            // No folder is made for what is not there.
            let info = documents::head(&source.place, &source.reference).await;
            source.reference = info.map_err(|failure| pair.source.advised(failure))?.digest.into();
        }
        let target =
            if self.dry { self.places.imagined(&pair.target).await? } else { self.places.target(&pair.target).await? };
        Ok((source, target))
    }

    /// What is copied, and which platforms of it.
    async fn chosen(&self, pair: &Pair, source: &Source) -> failure::Outcome<(Reference, Vec<Platform>)> {
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
    let by_source = pair.source.host().is_some_and(|host| failure.to_string().contains(&format!("{host} says")));
    let location = if by_source { &pair.source } else { &pair.target };
    documents::suggesting(&source.place, &source.reference, location.advised(failure)).await
}
