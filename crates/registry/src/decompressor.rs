//! Decompression of layers and archives with bounded memory.

use std::io::{self, Write};

use flate2::write::MultiGzDecoder;
use portolan_model::Compression;
use zstd::stream::raw;
use zstd::stream::zio;

/// Error for a compression that is recognized but not supported.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} cannot be unpacked")]
pub struct UnsupportedCompression(pub Compression);

/// Decompressor that writes the uncompressed bytes to `W`.
///
/// Its memory is bounded: 32 KiB for gzip, and at most 128 MiB for zstd. 128 MiB is the largest
/// window that the zstd program accepts by default.
pub struct Decompressor<W: Write>(Format<W>);

enum Format<W: Write> {
    Uncompressed(W),
    Gzip(Box<MultiGzDecoder<W>>),
    Zstd(Box<zio::Writer<W, raw::Decoder<'static>>>),
}

impl<W: Write> Decompressor<W> {
    /// Creates a decompressor.
    ///
    /// # Errors
    /// Returns an error if the compression is not supported.
    pub fn new(compression: Compression, output: W) -> Result<Self, UnsupportedCompression> {
        let unsupported = UnsupportedCompression(compression);
        Ok(Self(match compression {
            Compression::None => Format::Uncompressed(output),
            Compression::Gzip => Format::Gzip(Box::new(MultiGzDecoder::new(output))),
            Compression::Zstd => {
                let decoder = raw::Decoder::new().map_err(|_| unsupported)?;
                Format::Zstd(Box::new(zio::Writer::new(output, decoder)))
            }
            Compression::Bzip2 | Compression::Xz => return Err(unsupported),
        }))
    }

    /// Unpacks `bytes`.
    ///
    /// # Errors
    /// Returns an error if the input is damaged, or the error of the output.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Format::Uncompressed(output) => output.write_all(bytes),
            Format::Gzip(decoder) => decoder.write_all(bytes),
            Format::Zstd(decoder) => decoder.write_all(bytes),
        }
    }

    /// Ends the input and returns the output.
    ///
    /// # Errors
    /// Returns an error if the input is truncated, or the error of the output.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Format::Uncompressed(output) => Ok(output),
            Format::Gzip(decoder) => decoder.finish(),
            Format::Zstd(mut decoder) => {
                decoder.finish()?;
                Ok(decoder.into_inner().0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gzip(content: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn zstd(content: &[u8]) -> Vec<u8> {
        zstd::encode_all(content, 1).unwrap()
    }

    /// Unpacks content in pieces of `size` bytes.
    fn unpack(content: &[u8], size: usize) -> io::Result<Vec<u8>> {
        let compression = Compression::detect(content);
        let mut decompressor = Decompressor::new(compression, Vec::new()).unwrap();
        for piece in content.chunks(size) {
            decompressor.write(piece)?;
        }
        decompressor.finish()
    }

    #[test]
    fn unpacks_all_members_and_frames() {
        let skippable = b"\x50\x2a\x4d\x18\x03\0\0\0abc";
        let text = "the content ".repeat(1000);
        let text = text.as_bytes();
        for content in [
            text.to_vec(),
            gzip(text),
            [gzip(&text[..5000]), gzip(&text[5000..])].concat(),
            zstd(text),
            [zstd(&text[..5000]), zstd(&text[5000..])].concat(),
            [skippable.to_vec(), zstd(text), skippable.to_vec()].concat(),
        ] {
            for size in [1, 7, 1000, 100_000] {
                assert!(
                    unpack(&content, size).unwrap() == text,
                    "pieces of {size} bytes"
                );
            }
        }
        for content in [gzip(b""), zstd(b""), Vec::new()] {
            assert_eq!(unpack(&content, 3).unwrap(), b"");
        }
    }

    #[test]
    fn truncated_and_damaged_content_is_an_error() {
        let text = "the content ".repeat(1000);
        for content in [gzip(text.as_bytes()), zstd(text.as_bytes())] {
            for length in [content.len() - 1, content.len() / 2, 8] {
                assert!(unpack(&content[..length], 10).is_err(), "{length} bytes");
            }
        }
        let mut damaged = gzip(text.as_bytes());
        let checksum = damaged.len() - 6;
        damaged[checksum] ^= 1;
        assert!(unpack(&damaged, 1000).is_err());
    }

    #[test]
    fn recognizes_what_it_cannot_unpack() {
        for (beginning, compression) in [
            (&b"BZh91AY&SY"[..], Compression::Bzip2),
            (b"\xfd7zXZ\0\0", Compression::Xz),
        ] {
            assert_eq!(Compression::detect(beginning), compression);
            let error = Decompressor::new(compression, Vec::new()).err().unwrap();
            assert_eq!(error, UnsupportedCompression(compression));
        }
    }
}
