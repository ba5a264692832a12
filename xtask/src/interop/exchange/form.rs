//! Forms of images on disk that Portolan and other tools share, and the digest and name that a tool
//! wrote into them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::client::Arrival;
use super::super::document::{Algorithm, Kind};
use super::super::sandbox::{path_argument, run};

const NAME: &str = "org.opencontainers.image.ref.name";

/// Form of images on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskForm {
    /// An OCI layout in a folder.
    Oci,
    /// An OCI layout in a tar file.
    OciArchive,
    /// The format of `docker save`: images without their manifests.
    DockerArchive,
}

impl DiskForm {
    pub(crate) const ALL: [Self; 3] = [Self::Oci, Self::OciArchive, Self::DockerArchive];

    /// Returns the prefix of references in Portolan, skopeo, podman and buildah.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }

    /// Returns the content that Portolan writes for a kind: the full kind, or only the image if the
    /// form holds images only.
    pub(crate) fn content(self, kind: &Kind) -> Result<DiskContent> {
        match self {
            Self::DockerArchive => {
                let image = kind.image.as_ref().context("the kind has no image")?;
                Ok(DiskContent::Config(image.config.clone()))
            }
            Self::Oci | Self::OciArchive => Ok(DiskContent::Manifest(kind.top.clone())),
        }
    }
}

/// Content on disk.
pub(crate) struct DiskImage {
    pub(crate) form: DiskForm,
    pub(crate) path: PathBuf,
}

/// Digest that identifies content on disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum DiskContent {
    /// Digest of the manifest or index.
    Manifest(String),
    /// Digest of the config, if the form has no manifest.
    Config(String),
}

impl DiskContent {
    /// Returns the form in which a kind arrived, if this is its digest.
    pub(crate) fn arrival(&self, kind: &Kind) -> Arrival {
        match self {
            Self::Manifest(digest) if *digest == kind.top => Arrival::Full,
            Self::Manifest(digest)
                if kind
                    .image
                    .as_ref()
                    .is_some_and(|image| image.manifest == *digest) =>
            {
                Arrival::OneImage
            }
            Self::Manifest(digest) | Self::Config(digest) => Arrival::Rewritten(digest.clone()),
        }
    }
}

impl DiskImage {
    /// Returns the reference without a name.
    pub(crate) fn reference(&self) -> String {
        path_argument(&format!("{}:", self.form.name()), &self.path)
    }

    /// Returns the reference with the name under which a kind is written.
    pub(crate) fn named_reference(&self, kind: &Kind) -> String {
        match self.form {
            DiskForm::DockerArchive => format!("{}:localhost/{}:sea", self.reference(), kind.name),
            DiskForm::Oci | DiskForm::OciArchive => format!("{}:sea", self.reference()),
        }
    }

    /// Returns the content according to the tool that wrote it, and the reference with the tool's
    /// name for it.
    pub(crate) fn read_content(&self) -> Result<(DiskContent, String)> {
        let (content, name) = match self.form {
            DiskForm::DockerArchive => self.read_image(),
            DiskForm::Oci | DiskForm::OciArchive => self.read_manifest(),
        }?;
        let reference = name.map_or_else(
            || self.reference(),
            |name| format!("{}:{name}", self.reference()),
        );
        Ok((content, reference))
    }

    fn read_manifest(&self) -> Result<(DiskContent, Option<String>)> {
        let index: Value = serde_json::from_slice(&self.read_entry("index.json")?)?;
        let first = &index["manifests"][0];
        let digest = first["digest"]
            .as_str()
            .context("index.json contains no manifest")?;
        Ok((
            DiskContent::Manifest(digest.to_owned()),
            text(&first["annotations"][NAME]),
        ))
    }

    fn read_image(&self) -> Result<(DiskContent, Option<String>)> {
        let images: Value = serde_json::from_slice(&self.read_entry("manifest.json")?)?;
        let config = images[0]["Config"]
            .as_str()
            .context("manifest.json contains no image")?;
        let digest = Algorithm::Sha256.digest(&self.read_entry(config)?);
        Ok((DiskContent::Config(digest), text(&images[0]["RepoTags"][0])))
    }

    /// Reads a file of the layout or the archive.
    fn read_entry(&self, name: &str) -> Result<Vec<u8>> {
        if self.form == DiskForm::Oci {
            return read(&self.path.join(name));
        }
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--to-stdout", "--file"])
            .arg(&self.path)
            .arg(name);
        let text = run(&mut tar)
            .with_context(|| format!("failed to read {name} of {}", self.path.display()))?;
        Ok(text.into_bytes())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests {
    use super::super::super::{kinds, layout};
    use super::*;

    fn kind(name: &str) -> Kind {
        kinds::all_kinds()
            .unwrap()
            .into_iter()
            .find(|kind| kind.name == name)
            .unwrap()
    }

    fn pack(folder: &Path, file: &Path, entries: &[&str]) {
        let mut tar = Command::new("tar");
        tar.arg("--create")
            .arg("--file")
            .arg(file)
            .arg("--directory")
            .arg(folder);
        run(tar.args(entries)).unwrap();
    }

    #[test]
    fn reads_digest_and_name_of_layouts_in_folders_and_tars() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (
            folder.path().join("layout"),
            folder.path().join("layout.tar"),
        );
        let index = kind("index-docker-child");
        layout::write_oci(&path, &index, "sea").unwrap();
        pack(&path, &file, &["index.json", "blobs"]);
        for (form, path) in [(DiskForm::Oci, path), (DiskForm::OciArchive, file)] {
            let saved = DiskImage { form, path };
            assert_eq!(
                saved.read_content().unwrap(),
                (
                    DiskContent::Manifest(index.top.clone()),
                    saved.named_reference(&index)
                )
            );
        }
    }

    #[test]
    fn reads_the_config_of_a_docker_archive() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        std::fs::write(folder.path().join("config"), "{}").unwrap();
        std::fs::write(
            folder.path().join("manifest.json"),
            r#"[{"Config":"config","RepoTags":[]}]"#,
        )
        .unwrap();
        pack(folder.path(), &path, &["manifest.json", "config"]);
        let saved = DiskImage {
            form: DiskForm::DockerArchive,
            path,
        };
        let config = DiskContent::Config(Algorithm::Sha256.digest(b"{}"));
        assert_eq!(saved.read_content().unwrap(), (config, saved.reference()));
    }

    #[test]
    fn arrival_follows_from_the_digest() {
        let index = kind("index-docker-child");
        let image = index.image.as_ref().unwrap();
        assert_eq!(
            DiskContent::Manifest(index.top.clone()).arrival(&index),
            Arrival::Full
        );
        assert_eq!(
            DiskContent::Manifest(image.manifest.clone()).arrival(&index),
            Arrival::OneImage
        );
        assert_eq!(
            DiskContent::Config(image.config.clone()).arrival(&index),
            Arrival::Rewritten(image.config.clone())
        );
    }
}
