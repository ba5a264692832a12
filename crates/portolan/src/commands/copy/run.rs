//! One run of `portolan copy` or `portolan convert`: the state that all its copies share, and the
//! steps of a single copy.

use std::sync::Arc;

use portolan_model::convert::{ConvertError, Effect, Remark};
use portolan_model::lint::Fix;
use portolan_model::{Digest, Platform, Reference};
use portolan_registry::copy::{
    Copier, CopyObserver, CopyOptions, CopyOutcome, CopyRequest, NoSessionStore, Plan,
    RewrittenDocument, SessionStore, TooDeep,
};
use portolan_registry::{Error, JudgedFinding, Kind, Precondition, TagUpdate};
use tokio_util::task::AbortOnDropHandle;

use super::pairs::Pair;
use super::report::{Reporter, render_losses};
use super::uploads::StoredUploads;
use super::{Task, image};
use crate::failure::{self, Failure, Status};
use crate::manifest_io;
use crate::output::{Console, Progress};
use crate::remotes::Environment;
use crate::resolve::{ImageSource, ImageTarget, Resolver};

/// State shared by all copies of a run.
pub(super) struct Run {
    resolver: Resolver,
    copier: Copier,
    progress: Arc<Progress>,
    options: CopyOptions,
    jobs: usize,
    plan_only: bool,
}

/// Result of the copy of one pair.
pub(super) struct CopyResult {
    pub(super) pair: Pair,
    pub(super) result: failure::Outcome<PlanOrOutcome>,
}

/// Plan of a copy for a dry run, or outcome of an executed copy.
///
/// The results of all copies stay in memory until the end of the run, so an executed copy retains
/// only the parts of its plan that the report needs.
pub(super) enum PlanOrOutcome {
    Planned(Box<Plan>),
    Executed(Box<ExecutedCopy>),
}

/// Outcome of an executed copy, and the parts of its plan that the report needs.
pub(super) struct ExecutedCopy {
    pub(super) target: String,
    pub(super) outcome: CopyOutcome,
    pub(super) rewritten: Vec<RewrittenDocument>,
    pub(super) losses: Vec<Remark>,
    pub(super) remarks: Vec<String>,
}

impl CopyResult {
    /// Returns the name of the copy in messages.
    pub(super) fn name(&self) -> String {
        self.pair.name()
    }

    /// Returns the number of values that do not fit the format to which the image was converted.
    /// Children that were dropped as requested are not counted.
    pub(super) fn misfits(&self) -> usize {
        let losses = match &self.result {
            Ok(PlanOrOutcome::Planned(plan)) => plan.losses.as_slice(),
            Ok(PlanOrOutcome::Executed(done)) => done.losses.as_slice(),
            Err(_) => &[],
        };
        let misfits = losses.iter().filter(|loss| loss.effect != Effect::Dropped);
        misfits.count()
    }

    /// Returns whether the copy succeeded and is in an archive, which is renamed to its final path
    /// at the end of the run.
    pub(super) fn is_pending(&self) -> bool {
        self.is_executed() && self.pair.target.is_archive()
    }

    /// Returns whether the copy succeeded and is in a folder, whose index has to be saved.
    pub(super) fn is_unsaved(&self) -> bool {
        self.is_executed() && self.pair.target.is_folder()
    }

    fn is_executed(&self) -> bool {
        matches!(self.result, Ok(PlanOrOutcome::Executed(_)))
    }
}

impl Run {
    pub(super) fn new(task: &Task<'_>) -> failure::Outcome<Self> {
        let resolver = task.connection.places_for(Some(task.jobs))?;
        let resolver = resolver.for_copies(task.options.sparse);
        let jobs = task.jobs.get();
        let sessions: Arc<dyn SessionStore> = match Environment::from_process().state_folder {
            Some(folder) => Arc::new(StoredUploads::new(folder)),
            None => Arc::new(NoSessionStore),
        };
        let (copier, progress) = (
            Copier::new(jobs, sessions),
            Progress::new(Arc::clone(resolver.console())),
        );
        Ok(Self {
            resolver,
            copier,
            progress,
            options: task.options.clone(),
            jobs,
            plan_only: task.dry_run,
        })
    }

    pub(super) fn jobs(&self) -> usize {
        self.jobs
    }

    pub(super) fn console(&self) -> &Arc<Console> {
        self.resolver.console()
    }

    /// Copies a pair in a separate task, so that several copies use all processors.
    ///
    /// If the returned future is dropped, because a signal stops the command, the task is aborted.
    /// Otherwise it would take the shutdown of the runtime for an error that cannot be retried, and
    /// cancel the upload sessions that a later copy resumes.
    pub(super) async fn copy(self: Arc<Self>, pair: Pair) -> CopyResult {
        let task = AbortOnDropHandle::new(tokio::spawn({
            let pair = pair.clone();
            async move { self.copy_pair(&pair).await }
        }));
        let result = task
            .await
            .unwrap_or_else(|error| Err(Error::internal("copying", error).into()));
        CopyResult { pair, result }
    }

    /// Renames the written archives to their final paths, and prints the results of the copies into
    /// them. If an archive cannot be renamed, all copies into it fail.
    pub(super) async fn finish_archives(&self, copied: &mut [CopyResult], report: &Reporter) {
        self.progress.end();
        for copy in copied.iter_mut().filter(|copy| copy.is_pending()) {
            if let Err(failure) = self.resolver.finish(&copy.pair.target).await {
                copy.result = Err(failure);
            }
            report.print_result(copy);
        }
    }

    /// Saves the folders of copies, and prints the results. If a folder cannot be saved, all copies
    /// into it fail.
    pub(super) async fn save_folders(&self, copied: &mut [(usize, CopyResult)], report: &Reporter) {
        for (_, copy) in copied {
            if let Err(failure) = self.resolver.save(&copy.pair.target).await {
                copy.result = Err(failure);
            }
            report.print_result(copy);
        }
    }

    /// Copies a pair.
    async fn copy_pair(&self, pair: &Pair) -> failure::Outcome<PlanOrOutcome> {
        let (mut source, target) = self.open(pair).await?;
        if !pair.is_in_place() {
            return self.attempt(pair, &source, &target, None).await;
        }
        // A copy in place replaces the tag only if it still points to the manifest that was read
        // here, so that a concurrent push is not lost.
        let digest = manifest_io::head(&source.repository, &source.reference)
            .await?
            .digest;
        source.reference = digest.clone().into();
        self.attempt(pair, &source, &target, Some(&digest)).await
    }

    /// Plans the copy and, unless this is a dry run, executes it.
    ///
    /// If `before` is set, the tag is moved only if it still points to that digest.
    async fn attempt(
        &self,
        pair: &Pair,
        source: &ImageSource,
        target: &ImageTarget,
        before: Option<&Digest>,
    ) -> failure::Outcome<PlanOrOutcome> {
        let (reference, platforms) = self.select_source(pair, source).await?;
        let precondition = before.map_or(Precondition::None, |digest| {
            Precondition::PointsTo([digest.clone()].into())
        });
        let tags = target
            .tag
            .clone()
            .map(|tag| TagUpdate { tag, precondition })
            .into_iter()
            .collect();
        let request = CopyRequest {
            source: source.repository.clone(),
            reference,
            target: target.repository.clone(),
            tags,
        };
        let recheck = self.options.recheck || pair.target.is_folder();
        let options = CopyOptions {
            platforms,
            recheck,
            referrers: self.should_copy_referrers(pair),
            ..self.options.clone()
        };
        let plan = match self.copier.plan(&request, &options).await {
            Ok(plan) => plan,
            Err(error) => return Err(explain_failure(pair, source, error).await),
        };
        if let Some(digest) = target
            .digest
            .as_ref()
            .filter(|digest| **digest != plan.digest)
        {
            let message = format!(
                "the copied manifest has the digest {}, but the destination requires {digest}",
                plan.digest
            );
            return Err(Error::new(Kind::PreconditionFailed, message).into());
        }
        if let Some(losses) = render_losses(&pair.name(), &plan.losses) {
            self.console().print_text(&losses);
        }
        if self.plan_only {
            return Ok(PlanOrOutcome::Planned(Box::new(plan.without_bytes())));
        }
        match self.execute(&plan, target, before).await {
            Ok(outcome) => {
                let Plan {
                    target,
                    rewritten,
                    losses,
                    remarks,
                    ..
                } = plan;
                Ok(PlanOrOutcome::Executed(Box::new(ExecutedCopy {
                    target,
                    outcome,
                    rewritten,
                    losses,
                    remarks,
                })))
            }
            Err(error) => Err(explain_failure(pair, source, error).await),
        }
    }

    /// Executes a plan.
    ///
    /// If `before` is set, the tag is moved only if it still points to that digest. If the target
    /// does not support conditional tag updates, this function reads the tag, and executes the plan
    /// without the condition if the tag has not moved. Another client can move the tag in between,
    /// so a warning is printed.
    async fn execute(
        &self,
        plan: &Plan,
        target: &ImageTarget,
        before: Option<&Digest>,
    ) -> portolan_registry::Result<CopyOutcome> {
        let observer: Arc<dyn CopyObserver> = self.progress.observe(plan);
        let result = self.copier.execute(plan, &observer).await;
        let (Some(before), Some(tag)) = (before, &target.tag) else {
            return result;
        };
        if !result
            .as_ref()
            .is_err_and(|error| *error.kind() == Kind::Unsupported)
        {
            return result;
        }
        let name = target.repository.full_name(tag);
        let now = target.repository.resolve(&tag.clone().into()).await?;
        if now != *before {
            let message =
                format!("{name} pointed to {before}, but was moved to {now} during the copy");
            return Err(Error::new(Kind::PreconditionFailed, message));
        }
        let outcome = self
            .copier
            .execute(&plan.clone().without_conditions(), &observer)
            .await?;
        self.console().print_always(format_args!(
            "warning: {name}: the registry does not support conditional tag updates; the tag pointed to {before} just before the update"
        ));
        Ok(outcome)
    }

    /// Returns whether to copy referrers. Prints a warning if they are requested, but the target
    /// cannot store them.
    fn should_copy_referrers(&self, pair: &Pair) -> bool {
        if self.options.referrers && pair.target.is_docker_archive() {
            self.console().print(format_args!(
                "warning: {}: skipped signatures and other referrers, which a docker-archive cannot store",
                pair.target
            ));
            return false;
        }
        self.options.referrers
    }

    /// Opens the source and the target of a pair. For a dry run, creates nothing at the target.
    async fn open(&self, pair: &Pair) -> failure::Outcome<(ImageSource, ImageTarget)> {
        let mut source = self.resolver.source(&pair.source).await?;
        if pair.target.host().is_none() {
            // Check the source first, so that no folder is created for the target if the source
            // does not exist.
            let info = manifest_io::head(&source.repository, &source.reference).await;
            source.reference = info
                .map_err(|failure| pair.source.with_login_hint(failure))?
                .digest
                .into();
        }
        let target = if self.plan_only {
            self.resolver.planned_target(&pair.target).await?
        } else {
            self.resolver.target(&pair.target).await?
        };
        Ok((source, target))
    }

    /// Returns the reference to copy, and the platforms to select from the index at this reference.
    async fn select_source(
        &self,
        pair: &Pair,
        source: &ImageSource,
    ) -> failure::Outcome<(Reference, Vec<Platform>)> {
        let platforms = &self.options.platforms;
        if pair.target.is_docker_archive() {
            return Ok((
                image::select_image(source, platforms, self.console()).await?,
                Vec::new(),
            ));
        }
        Ok((source.reference.clone(), platforms.clone()))
    }
}

/// Converts an error of a copy to a failure with a hint, for example to log in, to fix the rejected
/// image, or to use a similar tag.
async fn explain_failure(pair: &Pair, source: &ImageSource, error: Error) -> Failure {
    let failure = Failure::from(error);
    if failure
        .error
        .chain()
        .any(|cause| cause.is::<ConvertError>() || cause.is::<TooDeep>())
    {
        // The error is not from a registry: the requested conversion is not possible, or indexes
        // are nested too deep.
        return Failure {
            status: Status::Usage,
            ..failure
        };
    }
    let failure = [&pair.source, &pair.target]
        .into_iter()
        .fold(failure, |failure, side| side.with_login_hint(failure));
    let failure = name_sides(pair, failure);
    manifest_io::suggest_tags(
        &source.repository,
        &source.reference,
        with_fix(pair, failure),
    )
    .await
}

/// Adds a hint with the command that fixes the image, if the target rejected the image because of a
/// lint finding and such a command exists.
fn with_fix(pair: &Pair, failure: Failure) -> Failure {
    let finding = failure.kind().and_then(|kind| kind.findings().first());
    let Some(JudgedFinding { finding, .. }) = finding else {
        return failure;
    };
    let Fix::Command(command) = finding.fix else {
        return failure;
    };
    let digests: Vec<_> = finding.digest.iter().collect();
    let command = command.render(Some(&pair.source.to_string()), &digests);
    failure.with_hint(format!("to fix it, run `{command}`"))
}

/// Replaces the hosts in the message of a failure with their roles, because the message is printed
/// after the names of the source and the target.
fn name_sides(pair: &Pair, failure: Failure) -> Failure {
    match (pair.source.host(), pair.target.host()) {
        (Some(source), Some(target)) if source != target => failure
            .with_role(source, "the source registry")
            .with_role(target, "the target registry"),
        (Some(host), _) | (None, Some(host)) => failure.with_role(host, "the registry"),
        (None, None) => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_the_role_of_the_host_that_rejected_the_request() {
        let pair = |target: &str| Pair {
            source: "quay.io/a:1".parse().unwrap(),
            target: target.parse().unwrap(),
        };
        for (target, host, printed) in [
            ("ghcr.io/a:1", "quay.io", "the source registry returned"),
            ("ghcr.io/a:1", "ghcr.io", "the target registry returned"),
            ("ghcr.io/a:1", "mirror.example", "mirror.example returned"),
            ("quay.io/b:1", "quay.io", "the registry returned"),
            ("oci:folder:1", "quay.io", "the registry returned"),
        ] {
            let error = Error::from_host(Kind::Denied, host, "returned DENIED: no");
            let failure = name_sides(&pair(target), error.into());
            assert_eq!(failure.to_string(), format!("{printed} DENIED: no"));
        }
    }
}
