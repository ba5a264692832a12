//! Weight of a document in the lane. Documents of many small values need many times their size in
//! memory.

use portolan_model::edge_limit;

/// Memory of the work on a document, in relation to its weight. An ordinary index, with platforms
/// and annotations, weighs less than twice its bytes.
const MEMORY_PER_BYTE: usize = 8;

/// Memory for one JSON value with its key and its text.
const VALUE_MEMORY: usize = 96;

/// Maximum number of values in a document that can be parsed.
const MAX_VALUES: usize = 500_000;

/// Memory for one reference in bytes: its descriptor, and what is looked up for it.
const REFERENCE_MEMORY: usize = 800;

/// Returns the weight of the document `bytes`: its size, or more if it has many values.
pub(crate) fn document_weight(bytes: &[u8]) -> usize {
    bytes.len().max(memory(bytes) / MEMORY_PER_BYTE)
}

/// Estimates the memory of the work on a document, without parsing it.
fn memory(bytes: &[u8]) -> usize {
    let objects = count(bytes, |byte| byte == b'{');
    let others = count(bytes, |byte| matches!(byte, b',' | b'['));
    let values = (objects + others).min(MAX_VALUES);
    let references = objects.min(edge_limit(bytes.len()));
    2 * bytes.len() + values * VALUE_MEMORY + references * REFERENCE_MEMORY
}

fn count(bytes: &[u8], is_counted: impl Fn(u8) -> bool) -> usize {
    bytes
        .iter()
        .map(|byte| usize::from(is_counted(*byte)))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_small_values_weigh_more_than_their_bytes() {
        let text = format!(r#"{{"a":"{}"}}"#, "x".repeat(100_000));
        assert_eq!(document_weight(text.as_bytes()), text.len());
        let zeros = format!("[{}0]", "0,".repeat(100_000));
        assert!(document_weight(zeros.as_bytes()) > 5 * zeros.len());
        let many = "[".repeat(4 << 20);
        assert!(document_weight(many.as_bytes()) < 16 << 20);
    }

    #[test]
    fn an_ordinary_index_weighs_less_than_twice_its_bytes() {
        let digest = "0".repeat(64);
        let entry = format!(
            r#"{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{digest}","size":1234,"platform":{{"architecture":"amd64","os":"linux"}}}}"#
        );
        let index = vec![entry; 10_000].join(",");
        let weight = document_weight(index.as_bytes());
        assert!(weight < index.len() * 2, "{weight} {}", index.len());
    }
}
