//! What mends an image, as it can be typed.

use portolan_model::Digest;

use crate::location::Location;

/// Puts names into the commands of rules and targets.
pub(super) struct Mender {
    reference: String,
}

impl Mender {
    pub(super) fn new(location: &Location) -> Self {
        Self { reference: location.to_string() }
    }

    /// The command with the names of what it is about; where the mended image goes is left to whoever types it.
    pub(super) fn command(&self, template: &str, digest: Option<&Digest>) -> String {
        let word = |word: &str| {
            let name = word.trim_end_matches([',', ';']);
            let rest = &word[name.len()..];
            match (name, digest) {
                ("REF", _) => format!("{}{rest}", self.reference),
                ("DIGEST", Some(digest)) => format!("{digest}{rest}"),
                _ => word.to_owned(),
            }
        };
        template.split(' ').map(word).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_where_they_are_meant() {
        let mender = Mender::new(&"oci:images:app".parse().unwrap());
        let digest = Digest::sha256(b"");
        let removed = mender.command("portolan index remove REF DIGEST", Some(&digest));
        assert_eq!(removed, format!("portolan index remove oci:images:app {digest}"));
        let command = mender.command("portolan convert REF DST --to oci", None);
        assert_eq!(command, "portolan convert oci:images:app DST --to oci");
        let command = mender.command("oras pull REF, or REFUSE; DIGEST", None);
        assert_eq!(command, "oras pull oci:images:app, or REFUSE; DIGEST");
    }
}
