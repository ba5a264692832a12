//! Test of the checks: after a successful series, data is damaged on purpose, and the checks must
//! report it.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result};
use http::Method;

use super::files;
use super::ledger::{ContentKind, ContentName, LedgerEntries, TagName};
use super::report::CheckReport;
use super::series::Series;
use super::verify::verify;
use crate::load::{Connection, Payload, push};
use crate::servers::RunningServer;

/// Data to be damaged.
struct Victims {
    blob: String,
    manifest: ContentName,
    tag: TagName,
    moved_to: String,
}

/// Flips one byte of a stored blob, deletes a manifest and moves a tag, without recording this in
/// the ledger.
pub(crate) async fn prove_checks(
    run: &mut Series,
    report: &mut CheckReport,
    name: &str,
    data: &Path,
    mut server: RunningServer,
) -> Result<()> {
    let victims =
        choose_victims(&run.ledger.entries()).context("too little was pushed to damage data")?;
    let mut connection = Connection::new(server.address());
    let deleted = connection
        .send(
            Method::DELETE,
            &victims.manifest.path(),
            "",
            Payload::empty(),
        )
        .await?;
    move_tag(&mut connection, &victims).await?;
    server.kill()?;
    flip_a_byte(data, &victims.blob)?;
    let (server, _) = run.subject.start(data).await?;
    let found = verify(server.address(), &run.ledger, 0).await?.faults;
    let expected = [
        victims.blob.clone(),
        victims.manifest.digest.clone(),
        format!("{}:{}", victims.tag.0, victims.tag.1),
    ];
    let unseen = expected
        .iter()
        .filter(|text| !found.iter().any(|fault| fault.contains(*text)));
    let faults: Vec<_> = unseen
        .map(|text| format!("damage to {text} was not detected"))
        .collect();
    let remark = format!(
        "detected three deliberate ones (DELETE returned {})",
        deleted.status.as_u16()
    );
    report.check(&format!("{name}: losses are detected"), &remark, &faults);
    Ok(())
}

/// Chooses a blob, a manifest, and a tag that can move to another manifest of the same repository.
fn choose_victims(entries: &LedgerEntries) -> Option<Victims> {
    let standing = |kind: ContentKind| {
        let all = entries
            .contents
            .iter()
            .filter(move |(name, fate)| name.kind == kind && fate.acknowledged);
        all.map(|(name, _)| name)
    };
    let blob = standing(ContentKind::Blob).next()?.digest.clone();
    let tag = entries
        .tags
        .iter()
        .find(|(name, tag)| name.1 != "latest" && tag.must_exist())?
        .0;
    let tag_holds = |name: &&ContentName| {
        entries
            .tags
            .get(tag)
            .is_some_and(|history| history.check_value(Some(&name.digest)).is_ok())
    };
    let mut others =
        standing(ContentKind::Manifest).filter(|name| name.repository == tag.0 && !tag_holds(name));
    let manifest = others.next()?.clone();
    let moved_to = others.next()?.digest.clone();
    Some(Victims {
        blob,
        manifest,
        tag: tag.clone(),
        moved_to,
    })
}

async fn move_tag(connection: &mut Connection, victims: &Victims) -> Result<()> {
    let (repository, tag) = &victims.tag;
    let path = format!("/v2/{repository}/manifests/{}", victims.moved_to);
    let bytes = connection.get(&path).await?.body;
    push::push_manifest(connection, repository, tag, bytes).await?;
    Ok(())
}

fn flip_a_byte(data: &Path, digest: &str) -> Result<()> {
    for path in files::list_files(data)? {
        if files::digest_of_file(&path)? == digest {
            let file = fs::File::options().read(true).write(true).open(&path)?;
            let mut byte = [0];
            file.read_exact_at(&mut byte, 0)?;
            file.write_all_at(&[!byte[0]], 0)?;
            return Ok(());
        }
    }
    anyhow::bail!("no file in {} has the digest {digest}", data.display())
}
