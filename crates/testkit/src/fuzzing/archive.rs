//! Fuzz target for the entries of archives.
//!
//! An input consists of three pieces for each entry: the letter of its kind followed by its name,
//! the target of a link, and its content. The letter `c` compresses the full tar. The letter `t`
//! truncates it: the length of the content of this entry is the number of blocks that remain. `{n}`
//! in a name, a target or a content is the hexadecimal SHA-256 of the content of entry `n`, because
//! a fuzzer cannot guess it.

use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use portolan_layout::{DockerArchive, ManifestName, OciArchive, Spool, layout_repository};
use portolan_model::Digest;
use portolan_registry::{Context, PageRequest, Registry, Repository, Result};
use tokio::runtime::{Builder, Runtime};

use super::pieces;

/// Maximum number of entries.
const MAX_ENTRIES: usize = 40;

/// Maximum size of a temporary file. Inputs are much smaller, unless they are compressed.
const MAX_SPOOL_BYTES: u64 = 1 << 20;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    Builder::new_current_thread()
        .build()
        .expect("a runtime can be created")
});

/// Decodes an input to a tar, and reads everything in it as each kind of archive.
///
/// # Panics
/// Panics if a name that the archive lists cannot be looked up, or if content is returned that has
/// another digest than requested.
pub fn archive(data: &[u8]) {
    let bytes = build(data);
    let spool = Spool {
        limit: MAX_SPOOL_BYTES,
        ..Spool::default()
    };
    RUNTIME.block_on(async {
        let input = Cursor::new(bytes.clone());
        if let Ok(opened) = OciArchive::open_stream("the input", input, spool.clone()).await {
            let opened = Arc::new(opened);
            check(&opened, opened.names().await, async |name| {
                opened.resolve(name).await.map(|found| found.digest)
            })
            .await;
        }
        let input = Cursor::new(bytes);
        if let Ok(opened) = DockerArchive::open_stream("the input", input, spool).await {
            let opened = Arc::new(opened);
            check(&opened, opened.names().await, async |name| {
                opened.resolve(name).await.map(|found| found.digest)
            })
            .await;
        }
    });
}

/// Runs a future on the runtime of the targets.
pub(super) fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

/// Checks that each name resolves to its manifest, and that content matches its digest.
pub(super) async fn check<R: Registry + 'static>(
    archive: &Arc<R>,
    names: Result<Vec<ManifestName>>,
    resolve: impl AsyncFn(&str) -> Result<Digest>,
) {
    let registry: Arc<dyn Registry> = Arc::<R>::clone(archive);
    let repository = Repository::new(registry, Context::anonymous(), layout_repository());
    let names = names.expect("the names of an open archive can be listed");
    for name in &names {
        match resolve(&name.name).await {
            Ok(digest) => {
                let is_digest = name.name.parse::<Digest>().is_ok();
                let named = names.iter().filter(|other| other.name == name.name);
                let mut digests = named.map(|other| &other.descriptor.digest);
                assert!(
                    is_digest || digests.any(|other| *other == digest),
                    "{:?} leads to another manifest",
                    name.name
                );
            }
            Err(error) => assert!(!error.message().is_empty()),
        }
        let digest = &name.descriptor.digest;
        let _ = repository.manifest(&digest.clone().into()).await;
        if let Ok(bytes) = repository.small_blob(digest).await
            && let Some(mut hasher) = digest.algorithm().hasher()
        {
            hasher.update(&bytes);
            assert_eq!(hasher.finish(), *digest, "content with another digest");
        }
    }
    let page = PageRequest {
        limit: 100,
        after: None,
    };
    let _ = repository.tags_page(&page).await;
}

fn build(data: &[u8]) -> Vec<u8> {
    let parts: Vec<_> = pieces::split(data).take(3 * MAX_ENTRIES).collect();
    let contents: Vec<_> = parts
        .chunks(3)
        .map(|part| part.get(2).copied().unwrap_or_default())
        .collect();
    let contents = resolve_contents(&contents);
    let mut tar = tar::Builder::new(Vec::new());
    let mut ending = None;
    for (position, part) in parts.chunks(3).enumerate() {
        let (letter, name) = pieces::split_first_byte(part.first().copied().unwrap_or_default());
        let (name, target) = (
            substitute(name, &contents),
            substitute(part.get(1).copied().unwrap_or_default(), &contents),
        );
        let content = contents
            .get(position)
            .map(Vec::as_slice)
            .unwrap_or_default();
        if matches!(letter, b'c' | b't') {
            ending = Some((letter, content.len()));
        } else {
            append(&mut tar, letter, (&name, &target), content);
        }
    }
    let bytes = tar.into_inner().unwrap_or_default();
    match ending {
        Some((b'c', _)) => compress(&bytes),
        Some((_, length)) => bytes[..length.saturating_mul(512).min(bytes.len())].to_vec(),
        None => bytes,
    }
}

/// Substitutes digests in contents. A content can contain the digest of an earlier content.
fn resolve_contents(contents: &[&[u8]]) -> Vec<Vec<u8>> {
    let mut resolved = Vec::new();
    for content in contents {
        let content = substitute(content, &resolved);
        resolved.push(content);
    }
    resolved
}

/// Replaces `{n}`, where `n` is one letter, with the digest of a content.
pub(super) fn substitute(text: &[u8], contents: &[Vec<u8>]) -> Vec<u8> {
    let mut result = Vec::new();
    let mut rest = text;
    while let [first, tail @ ..] = rest {
        if let [b'{', letter, b'}', after @ ..] = rest
            && let Some(content) = contents.get(usize::from(letter.wrapping_sub(b'a')))
        {
            result.extend(Digest::sha256(content).encoded_part().as_bytes());
            rest = after;
        } else {
            result.push(*first);
            rest = tail;
        }
    }
    result
}

/// Appends an entry. The fields of the header are written unchanged, even if they are invalid.
fn append(
    tar: &mut tar::Builder<Vec<u8>>,
    letter: u8,
    (name, target): (&[u8], &[u8]),
    content: &[u8],
) {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::new(if letter == b'f' {
        b'0'
    } else {
        letter
    }));
    header.set_size(content.len() as u64);
    if let Some(fields) = header.as_gnu_mut() {
        copy(name, &mut fields.name);
        copy(target, &mut fields.linkname);
    }
    header.set_cksum();
    tar.append(&header, content).expect("a vector can grow");
}

fn copy(text: &[u8], field: &mut [u8]) {
    let length = text.len().min(field.len());
    field[..length].copy_from_slice(&text[..length]);
}

/// Compresses bytes with gzip, in stored blocks.
fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
    std::io::Write::write_all(&mut encoder, bytes).expect("a vector can grow");
    encoder.finish().expect("a vector can grow")
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let config = r#"{"rootfs":{"diff_ids":["sha256:{a}"]}}"#;
    let docker = [
        "f{a}.tar",
        "",
        "the layer",
        "fc.json",
        "",
        config,
        "2x/layer.tar",
        "../{a}.tar",
        "",
        "1y.tar",
        "x/layer.tar",
        "",
        "fmanifest.json",
        "",
        r#"[{"Config":"c.json","RepoTags":["app:v1","quay.io/team/app:v1"],"Layers":["y.tar"]}]"#,
    ];
    let manifest = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:{a}","size":2},"layers":[]}"#;
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{{b}}","size":{},"annotations":{{"org.opencontainers.image.ref.name":"v1","io.containerd.image.name":"docker.io/library/app:v1"}}}}]}}"#,
        manifest.len() + 61
    );
    let oci = [
        "fblobs/sha256/{a}",
        "",
        "{}",
        "fblobs/sha256/{b}",
        "",
        manifest,
        "f./index.json",
        "",
        &index,
        "foci-layout",
        "",
        r#"{"imageLayoutVersion":"1.0.0"}"#,
    ];
    let encode = |parts: &[&str]| {
        let parts: Vec<_> = parts.iter().map(|part| part.as_bytes().to_vec()).collect();
        pieces::join(&parts)
    };
    let compressed = [&docker[..], &["c", "", ""]].concat();
    let truncated = [&oci[..], &["t", "", "1234567"]].concat();
    vec![
        encode(&docker),
        encode(&oci),
        encode(&compressed),
        encode(&truncated),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_archives() {
        let opened = |position: usize| {
            let input = Cursor::new(build(&seeds()[position]));
            let spool = Spool::default();
            block_on(async {
                let names = match position {
                    1 => {
                        OciArchive::open_stream("a", input, spool)
                            .await
                            .unwrap()
                            .names()
                            .await
                    }
                    _ => {
                        DockerArchive::open_stream("a", input, spool)
                            .await
                            .unwrap()
                            .names()
                            .await
                    }
                };
                names.unwrap().len()
            })
        };
        assert_eq!([opened(0), opened(1), opened(2)], [2, 1, 2]);
    }
}
