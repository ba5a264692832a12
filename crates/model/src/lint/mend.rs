//! What mends a finding, as it can be typed.

pub(crate) const REMOVE: &str = "portolan index remove REF DIGEST";
pub(crate) const ADD: &str = "portolan index add REF CHILD";
pub(crate) const FLATTEN: &str = "portolan convert REF DST --flatten";
pub(crate) const AS_ARTIFACT: &str = "push it as an OCI artifact, with its type as artifactType";

/// Instead of [`REMOVE`] for the child of an inner index, which has no tag of its own that could be set.
pub(crate) const REMOVE_BELOW: &str =
    "portolan convert REF DST --flatten && portolan index remove DST DIGEST";

/// The same for something in an inner index, where an index with the reference's name is another one.
pub(crate) fn below(mend: &'static str) -> &'static str {
    match mend {
        REMOVE => REMOVE_BELOW,
        ADD => FLATTEN,
        other => other,
    }
}

/// A command of a rule or target with the names of what it is about, as far as they are known: `REF` is the image, and
/// `DIGEST` the descriptors concerned, with blanks between them. Where the mended image goes is left to whoever types it.
pub fn mend_with_names(template: &str, reference: Option<&str>, digests: Option<&str>) -> String {
    let reference = reference.map(quoted);
    let word = |word: &str| {
        let placeholder = word.trim_end_matches([',', ';']);
        let rest = &word[placeholder.len()..];
        let name = match placeholder {
            "REF" => reference.as_deref(),
            "DIGEST" => digests,
            _ => None,
        };
        name.map_or_else(|| word.to_owned(), |name| format!("{name}{rest}"))
    };
    template.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// A name as a shell reads it as one word.
fn quoted(name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-_./:@+=%,".contains(character);
    if name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "'\\''"))
    }
}

/// Whether a shell takes a command once its names are in it; what is no command may say what it likes, in letters that
/// every header and terminal shows.
#[cfg(test)]
pub(crate) fn is_typable_or_prose(mend: &str) -> bool {
    let is_word = |word: &str| {
        let placeholder = ["REF", "DST", "DIGEST", "CHILD", "&&"].contains(&word);
        placeholder
            || word
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    let prose = ["portolan ", "oras ", "skopeo "]
        .iter()
        .all(|program| !mend.starts_with(program));
    !mend.is_empty() && mend.is_ascii() && (prose || mend.split(' ').all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_they_are_meant() {
        let named =
            |template| mend_with_names(template, Some("oci:images:app"), Some("sha256:1234"));
        assert_eq!(
            named("portolan index remove REF DIGEST"),
            "portolan index remove oci:images:app sha256:1234"
        );
        assert_eq!(
            named("portolan convert REF DST --to oci"),
            "portolan convert oci:images:app DST --to oci"
        );
        assert_eq!(
            named("oras pull REF, or REFUSE; DIGEST;"),
            "oras pull oci:images:app, or REFUSE; sha256:1234;"
        );
    }

    #[test]
    fn a_shell_reads_a_name_as_one_word() {
        let named = |name| {
            mend_with_names(
                "portolan index remove REF DIGEST",
                Some(name),
                Some("sha256:1 sha256:2"),
            )
        };
        assert_eq!(
            named("oci:my images:app"),
            "portolan index remove 'oci:my images:app' sha256:1 sha256:2"
        );
        assert_eq!(
            named("oci:it's:a"),
            "portolan index remove 'oci:it'\\''s:a' sha256:1 sha256:2"
        );
        assert_eq!(
            named("oci:$HOME"),
            "portolan index remove 'oci:$HOME' sha256:1 sha256:2"
        );
    }

    #[test]
    fn commands_are_typable() {
        for mend in [REMOVE, REMOVE_BELOW, ADD, FLATTEN, AS_ARTIFACT] {
            assert!(
                is_typable_or_prose(mend) && is_typable_or_prose(below(mend)),
                "{mend}"
            );
        }
        for mend in [
            "portolan convert REF DST --to oci (or docker)",
            "portolan index create DST CHILD, which",
            "x …",
        ] {
            assert!(!is_typable_or_prose(mend), "{mend}");
        }
    }

    #[test]
    fn what_is_not_known_is_left_to_the_reader() {
        let template = "portolan index remove REF DIGEST";
        assert_eq!(mend_with_names(template, None, None), template);
        assert_eq!(
            mend_with_names(template, None, Some("sha256:1")),
            "portolan index remove REF sha256:1"
        );
    }
}
