//! Children of an index, brought to where the index is.

use std::sync::Arc;

use portolan_model::convert::Conversion;
use portolan_model::{Descriptor, Json, MediaType, Role};
use portolan_registry::copy::{Copier, NoSessions, Options, Place, Plan, Request};

use crate::documents::{self, Document};
use crate::failure::Outcome;
use crate::image_config;
use crate::location::Location;
use crate::output::{Progress, Talk};
use crate::places::{Places, Source};

/// Blobs and manifests that move at the same time.
const JOBS: usize = 8;

/// Copies what is elsewhere to `target`, converted if that is wanted, and describes each child as an index
/// names it.
pub(super) async fn bring(
    places: &Places,
    target: &Place,
    children: &[Location],
    conversion: Option<Conversion>,
) -> Outcome<Vec<Descriptor>> {
    let bringer = Bringer {
        target,
        talk: places.talk(),
        options: Options {
            conversion,
            ..Options::default()
        },
        copier: Copier::new(JOBS, Arc::new(NoSessions)),
        progress: Progress::new(Arc::clone(places.talk())),
    };
    let mut descriptors = Vec::new();
    for location in children {
        let source = places.source(location).await?;
        let descriptor = bringer.bring(&source).await;
        descriptors.push(descriptor.map_err(|failure| location.advised(failure))?);
    }
    bringer.progress.end();
    Ok(descriptors)
}

struct Bringer<'a> {
    target: &'a Place,
    talk: &'a Talk,
    options: Options,
    copier: Copier,
    progress: Arc<Progress>,
}

impl Bringer<'_> {
    async fn bring(&self, source: &Source) -> Outcome<Descriptor> {
        let document = documents::read(&source.place, &source.reference).await?;
        let here = source.place.shares_registry_with(self.target)
            && source.place.repository == self.target.repository;
        if here && self.options.conversion.is_none() {
            return describe(&source.place, &document).await;
        }
        let plan = self.copy(source, &document).await?;
        if plan.digest == document.info.digest {
            return describe(&source.place, &document).await;
        }
        self.talk.say(format_args!(
            "{} became {}; what refers to it, such as signatures, is of the old digest and does not come along",
            plan.source, plan.digest
        ));
        let converted = documents::read(self.target, &plan.digest.into()).await?;
        describe(self.target, &converted).await
    }

    async fn copy(&self, source: &Source, document: &Document) -> Outcome<Plan> {
        let request = Request {
            source: source.place.clone(),
            reference: document.info.digest.clone().into(),
            target: self.target.clone(),
            tags: Vec::new(),
        };
        let plan = self.copier.plan(&request, &self.options).await?;
        for loss in &plan.losses {
            self.talk.say(format_args!(
                "{} {}: {}",
                plan.source, loss.pointer, loss.message
            ));
        }
        self.copier
            .carry_out(&plan, &self.progress.watch(&plan))
            .await?;
        Ok(plan)
    }
}

/// The platform of an image is what its config says (image-spec, image-index.md, "`platform`").
async fn describe(place: &Place, document: &Document) -> Outcome<Descriptor> {
    let manifest = document.manifest()?;
    let config = match manifest.media_type().role() {
        Role::Manifest => image_config::read(place, &manifest).await?,
        _ => None,
    };
    let artifact_type = manifest
        .document()
        .get("artifactType")
        .and_then(Json::as_str);
    let size = document.bytes.len() as u64;
    Ok(Descriptor {
        platform: config.and_then(|config| config.platform),
        artifact_type: artifact_type.map(MediaType::new),
        ..Descriptor::new(
            manifest.media_type().clone(),
            document.info.digest.clone(),
            size,
        )
    })
}
