//! Compression of layers and archives.

use std::fmt;

use crate::MediaType;

/// Compression of a layer or an archive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compression {
    /// No compression, or a compression that is not recognized.
    None,
    /// gzip (RFC 1952), with one or more members.
    Gzip,
    /// Zstandard (RFC 8878), with one or more frames.
    Zstd,
    /// bzip2, which is recognized but not supported.
    Bzip2,
    /// xz, which is recognized but not supported.
    Xz,
}

impl Compression {
    /// Number of bytes that [`Compression::detect`] needs.
    pub const MAGIC_BYTES: usize = 6;

    /// Returns the compression of content that begins with `beginning`.
    pub fn detect(beginning: &[u8]) -> Self {
        let magics: [(&[u8], Self); 5] = [
            (b"\x1f\x8b", Self::Gzip),
            (b"\x28\xb5\x2f\xfd", Self::Zstd),
            // A skippable frame, which zstd:chunked and seekable files may begin with.
            (b"\x50\x2a\x4d\x18", Self::Zstd),
            (b"\xfd7zXZ\0", Self::Xz),
            (b"BZh", Self::Bzip2),
        ];
        magics
            .into_iter()
            .find(|(magic, _)| beginning.starts_with(magic))
            .map_or(Self::None, |(_, compression)| compression)
    }

    /// Returns the compression in the media type of a layer, or `None` if the type is not a layer
    /// type of image-spec, layer.md, or of Docker's image format.
    pub fn of_layer_type(media_type: &MediaType) -> Option<Self> {
        let media_type = media_type.as_str().to_ascii_lowercase();
        let suffixes = [
            ("tar+gzip", Self::Gzip),
            ("tar.gzip", Self::Gzip),
            ("tar+zstd", Self::Zstd),
            ("tar.zstd", Self::Zstd),
            (".tar", Self::None),
        ];
        suffixes
            .into_iter()
            .find(|(suffix, _)| media_type.ends_with(suffix))
            .map(|(_, compression)| compression)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layer_types_state_a_compression() {
        for (media_type, compression) in [
            (MediaType::OCI_LAYER_GZIP, Some(Compression::Gzip)),
            (MediaType::DOCKER_LAYER_GZIP, Some(Compression::Gzip)),
            (
                "application/vnd.oci.image.layer.v1.tar+zstd",
                Some(Compression::Zstd),
            ),
            (
                "application/vnd.oci.image.layer.v1.tar",
                Some(Compression::None),
            ),
            ("application/vnd.in-toto+json", None),
        ] {
            let stated = Compression::of_layer_type(&MediaType::new(media_type));
            assert_eq!(stated, compression, "{media_type}");
        }
    }

    #[test]
    fn the_first_bytes_show_the_compression() {
        assert_eq!(Compression::detect(b"\x1f\x8b\x08"), Compression::Gzip);
        assert_eq!(Compression::detect(b"BZ"), Compression::None);
        assert_eq!(Compression::detect(b""), Compression::None);
    }
}
