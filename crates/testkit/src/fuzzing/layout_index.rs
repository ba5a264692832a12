//! Fuzz target for `index.json`.
//!
//! An input consists of pieces: the document, followed by blobs. `{a}` in the document is the
//! hexadecimal SHA-256 of the first blob, and `{b}` is the SHA-256 of the second blob. A blob can
//! contain the digests of earlier blobs in this form.

use std::io::Cursor;
use std::sync::Arc;

use portolan_layout::{OciArchive, OciArchiveWriter, Spool, layout_repository};
use portolan_model::Digest;
use portolan_model::fixtures::image;
use portolan_registry::{
    Context, LocalRegistry, Policy, Precondition, PutManifest, Registry, Repository, Result,
    TagUpdate,
};

use super::archive::{block_on, check, substitute};
use super::pieces;

/// Maximum number of blobs.
const MAX_BLOBS: usize = 20;

/// Decodes an input to an oci-archive, resolves its names, and adds an image to it twice.
///
/// # Panics
/// Panics if a name that the archive lists cannot be looked up, if the added image is not found by
/// its tag, or if the second addition changes the archive.
pub fn layout_index(data: &[u8]) {
    let bytes = build(data);
    block_on(async {
        let input = Cursor::new(bytes.clone());
        let Ok(opened) = OciArchive::open_stream("the input", input, Spool::default()).await else {
            return;
        };
        let opened = Arc::new(opened);
        let names = opened.names().await;
        check(&opened, names, async |name| {
            opened.resolve(name).await.map(|found| found.digest)
        })
        .await;
        let _ = opened.only_manifest().await;
        let folder = tempfile::tempdir().expect("a folder can be created");
        let path = folder.path().join("a.tar");
        std::fs::write(&path, bytes).expect("a file can be written");
        if add_image(&path).await.is_err() {
            return;
        }
        let once = std::fs::read(&path).expect("a file can be read");
        let again = OciArchive::open(&path)
            .await
            .expect("a written archive can be opened");
        let found = again.resolve("added").await.expect("a tag can be found");
        assert_eq!(found.digest, image("added").digest());
        add_image(&path).await.expect("an image can be added again");
        let twice = std::fs::read(&path).expect("a file can be read");
        assert!(once == twice, "adding an image again changes nothing");
    });
}

async fn add_image(path: &std::path::Path) -> Result<()> {
    let writer = Arc::new(OciArchiveWriter::create(path).await?);
    let registry: Arc<dyn Registry> = writer.handle(Arc::new(Policy::for_copies(true)));
    let repository = Repository::new(registry, Context::anonymous(), layout_repository());
    let added = image("added");
    for content in added.blobs() {
        repository
            .put_blob(&Digest::sha256(&content), content)
            .await?;
    }
    let tag = "added".parse().expect("the tag is valid");
    let options = PutManifest {
        media_type: Some(added.media_type()),
        digest: None,
        tags: vec![TagUpdate {
            tag,
            precondition: Precondition::None,
        }],
    };
    repository.put(added.bytes(), options).await?;
    writer.finish().await
}

fn build(data: &[u8]) -> Vec<u8> {
    let mut parts = pieces::split(data);
    let index = parts.next().unwrap_or_default();
    let mut blobs: Vec<Vec<u8>> = Vec::new();
    for part in parts.take(MAX_BLOBS) {
        let blob = substitute(part, &blobs);
        blobs.push(blob);
    }
    let mut tar = tar::Builder::new(Vec::new());
    for blob in &blobs {
        let name = format!("blobs/sha256/{}", Digest::sha256(blob).encoded_part());
        append(&mut tar, &name, blob);
    }
    append(&mut tar, "index.json", &substitute(index, &blobs));
    tar.into_inner().expect("a vector can grow")
}

fn append(tar: &mut tar::Builder<Vec<u8>>, name: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    tar.append_data(&mut header, name, content)
        .expect("a vector can grow");
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let entry = |digest: &str, annotations: &str| {
        format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{digest}","size":9,"annotations":{{{annotations}}}}}"#
        )
    };
    let (named, full) = (
        r#""org.opencontainers.image.ref.name":"v1""#,
        r#""io.containerd.image.name":"docker.io/library/app:v1""#,
    );
    let index = |entries: &[String]| {
        format!(
            r#"{{"schemaVersion":2,"manifests":[{}]}}"#,
            entries.join(",")
        )
        .into_bytes()
    };
    let image = image("a").bytes().to_vec();
    let nested = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{a}","size":9}]}"#;
    let both = format!("{named},{full}");
    vec![
        pieces::join(&[index(&[entry("{a}", named)]), image.clone()]),
        pieces::join(&[
            index(&[
                entry("{a}", &both),
                entry("{b}", named),
                entry("{b}", r#""x":"y""#),
            ]),
            image.clone(),
            nested.to_vec(),
        ]),
        pieces::join(&[
            index(&[entry("{b}", ""), "7".into(), "{}".into()]),
            image,
            nested.to_vec(),
        ]),
        pieces::join(&[br#"{"manifests":null}"#.to_vec()]),
    ]
}
