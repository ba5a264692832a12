//! Copying of children to the repository of their index. A registry accepts an index only if its
//! children exist.

use std::collections::HashMap;
use std::sync::Arc;

use portolan_model::convert::Conversion;
use portolan_model::{
    Descriptor, Digest, Json, Manifest, MediaType, MediaTypeRole, SelectionKey, child_descriptors,
};
use portolan_registry::copy::{Copier, CopyOptions, CopyRequest, NoSessionStore, Plan};
use portolan_registry::{Repository, StoredManifest};

use crate::commands::copy::render_losses;
use crate::failure::Outcome;
use crate::image_config;
use crate::image_ref::Location;
use crate::manifest_io;
use crate::output::{Console, Progress, short_digest};
use crate::resolve::{ImageSource, Resolver};

/// Number of parallel transfers.
const JOBS: usize = 8;

/// Copies the children that are not in `target` yet, and returns their descriptors. `conversion` is
/// applied to each child. If it flattens, a child that is an index is replaced by its own children.
pub(super) async fn copy_children(
    resolver: &Resolver,
    target: &Repository,
    children: &[Location],
    conversion: Conversion,
) -> Outcome<Vec<Descriptor>> {
    let child_copier = ChildCopier {
        target,
        console: resolver.console(),
        conversion,
        copier: Copier::new(JOBS, Arc::new(NoSessionStore)),
        progress: Progress::new(Arc::clone(resolver.console())),
    };
    let mut descriptors = Vec::new();
    for location in children {
        let source = resolver.source(location).await?;
        let copied = child_copier.copy_child(&source).await;
        descriptors.extend(copied.map_err(|failure| location.with_login_hint(failure))?);
    }
    child_copier.progress.end();
    report_duplicates(resolver.console(), &descriptors);
    Ok(descriptors)
}

/// Copies children to the repository of the index.
struct ChildCopier<'a> {
    target: &'a Repository,
    console: &'a Console,
    conversion: Conversion,
    copier: Copier,
    progress: Arc<Progress>,
}

impl ChildCopier<'_> {
    /// Copies a child if necessary. Returns its descriptor, or those of its children if it is an
    /// index to flatten.
    async fn copy_child(&self, source: &ImageSource) -> Outcome<Vec<Descriptor>> {
        let document = manifest_io::read(&source.repository, &source.reference).await?;
        let in_target = source.repository.shares_registry_with(self.target)
            && source.repository.name == self.target.name;
        let is_flattened =
            self.conversion.flatten && document.info.media_type.role() == MediaTypeRole::Index;
        if in_target && self.conversion.to.is_none() && !is_flattened {
            let child = child_descriptor(&source.repository, &document).await?;
            return Ok(vec![child]);
        }
        let mut plan = self.plan(source, &document, in_target).await?;
        let children = if is_flattened {
            take_children(&mut plan)?
        } else {
            None
        };
        self.copier
            .execute(&plan, &self.progress.observe(&plan))
            .await?;
        if let Some(index) = children {
            return Ok(self.target.read_children(&index).await?);
        }
        let copied = manifest_io::read(self.target, &plan.digest.into()).await?;
        Ok(vec![child_descriptor(self.target, &copied).await?])
    }

    /// Plans the copy of a child, and prints what changes.
    async fn plan(
        &self,
        source: &ImageSource,
        document: &StoredManifest,
        in_target: bool,
    ) -> Outcome<Plan> {
        let request = CopyRequest {
            source: source.repository.clone(),
            reference: document.info.digest.clone().into(),
            target: self.target.clone(),
            tags: Vec::new(),
        };
        let options = CopyOptions {
            conversion: Some(self.conversion),
            sparse: in_target,
            ..CopyOptions::default()
        };
        let plan = self.copier.plan(&request, &options).await?;
        if let Some(losses) = render_losses(&plan.source, &plan.losses) {
            self.console.print_text(&losses);
        }
        if self.conversion.to.is_some() && plan.digest != plan.source_digest {
            self.console.print(format_args!(
                "converted {} to {}; signatures and other referrers of the old digest are not copied",
                plan.source, plan.digest
            ));
        }
        Ok(plan)
    }
}

/// Removes the index itself from the plan of its copy, and returns it. Returns `None` if the index
/// cannot be flattened, because it does not list images: a BuildKit cache lists layers.
fn take_children(plan: &mut Plan) -> Outcome<Option<Manifest>> {
    let mut without_index = plan.clone();
    let index = without_index.take_root()?;
    let lists_layers = child_descriptors(&index).any(|child| {
        let media_type = child.media_type.as_ref();
        media_type.is_some_and(MediaType::is_config_or_layer)
    });
    if lists_layers {
        return Ok(None);
    }
    *plan = without_index;
    Ok(Some(index))
}

/// Prints a warning for each child that clients never select, because an earlier child has the same
/// platform.
///
/// All of them are listed, because it is not known which of them the user wants.
fn report_duplicates(console: &Console, children: &[Descriptor]) {
    let mut first: HashMap<SelectionKey<'_>, &Digest> = HashMap::new();
    for child in children.iter().filter(|child| !child.is_attestation()) {
        let Some(key) = child.selection_key() else {
            continue;
        };
        let selected = *first.entry(key).or_insert(&child.digest);
        if *selected != child.digest {
            let platform = child.platform.as_ref().map(ToString::to_string);
            console.print_always(format_args!(
                "warning: {} and {} are both for {}; clients select the first",
                short_digest(selected),
                short_digest(&child.digest),
                platform.unwrap_or_default()
            ));
        }
    }
}

/// Builds the descriptor of a child.
///
/// The platform of an image comes from its config (image-spec, image-index.md, "`platform`").
async fn child_descriptor(
    repository: &Repository,
    document: &StoredManifest,
) -> Outcome<Descriptor> {
    let manifest = manifest_io::parse(document)?;
    let config = match manifest.media_type().role() {
        MediaTypeRole::Manifest => image_config::read(repository, &manifest).await?,
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
