//! Documents of up to 4 MiB that are expensive to parse or to store.

use std::fmt::Write as _;

use anyhow::Result;
use bytes::Bytes;

use super::super::client::HostileClient;
use super::INDEX;
use crate::load::Random;
use crate::load::image::digest;

/// Pushes an expensive document.
pub(crate) fn push(client: &mut HostileClient<'_>) -> Result<()> {
    let document = document(&mut client.random);
    let reference = digest(&document);
    client.put_manifest("hostile/documents", &reference, INDEX, document)?;
    Ok(())
}

/// Returns a random expensive document.
pub(super) fn document(random: &mut Random) -> Bytes {
    match random.range(0, 6) {
        0 => repeated_key(random, 275_000),
        1 => repeated_value(random, r#"{"digest":"a:b"}"#, 240_000, &"k".repeat(1000)),
        2 => repeated_value(random, "[]", 1_300_000, "x"),
        3 => nested(random),
        _ => edges(random, 29_000),
    }
}

/// Returns a document that names `count` different digests.
pub(super) fn edges(random: &mut Random, count: u64) -> Bytes {
    let salt = random.next_u64();
    let mut values = String::new();
    for number in 0..count {
        let separator = if number == 0 { "" } else { "," };
        let _ = write!(
            values,
            r#"{separator}{{"digest":"sha256:{number:032x}{salt:032x}"}}"#
        );
    }
    index(random, &format!(r#""x":[{values}]"#))
}

fn repeated_key(random: &mut Random, count: usize) -> Bytes {
    let pairs = vec![r#""digest":"a:b""#; count].join(",");
    index(random, &pairs)
}

fn repeated_value(random: &mut Random, value: &str, count: usize, key: &str) -> Bytes {
    let values = vec![value; count].join(",");
    index(random, &format!(r#""{key}":[{values}]"#))
}

/// Returns a document of many branches that are as deep as allowed, or deeper.
fn nested(random: &mut Random) -> Bytes {
    let depth = if random.one_in(2) { 100 } else { 50_000 };
    let branch = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    let count = (3 << 20) / branch.len();
    repeated_value(random, &branch, count, "x")
}

fn index(random: &mut Random, members: &str) -> Bytes {
    let number = random.next_u64();
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{INDEX}","manifests":[],"number":{number},{members}}}"#
    )
    .into()
}
