//! The forms in which both Portolan and other tools keep images on disk, and what a tool says of what it wrote.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::client::Arrival;
use super::super::document::{Algorithm, Kind};
use super::super::sandbox::{prefixed, run};

const NAME: &str = "org.opencontainers.image.ref.name";

/// A way to keep images on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// An OCI layout in a folder.
    Oci,
    /// The same in a tar file.
    OciArchive,
    /// What `docker save` writes: images without their manifests.
    DockerArchive,
}

impl Form {
    pub(crate) const ALL: [Self; 3] = [Self::Oci, Self::OciArchive, Self::DockerArchive];

    /// What stands before a path in the references of Portolan, skopeo, podman and buildah.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oci => "oci",
            Self::OciArchive => "oci-archive",
            Self::DockerArchive => "docker-archive",
        }
    }

    /// What Portolan keeps of a kind: all of it, or the image in a form that has images alone.
    pub(crate) fn content(self, kind: &Kind) -> Result<Content> {
        match self {
            Self::DockerArchive => {
                let image = kind.image.as_ref().context("a kind without an image")?;
                Ok(Content::Config(image.config.clone()))
            }
            Self::Oci | Self::OciArchive => Ok(Content::Manifest(kind.top.clone())),
        }
    }
}

/// Something on disk.
pub(crate) struct Saved {
    pub(crate) form: Form,
    pub(crate) path: PathBuf,
}

/// What the content on disk is called by.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// The digest of its manifest or index.
    Manifest(String),
    /// The digest of its config, where there is no manifest.
    Config(String),
}

impl Content {
    /// How a kind came that is called so now.
    pub(crate) fn arrival(&self, kind: &Kind) -> Arrival {
        match self {
            Self::Manifest(digest) if *digest == kind.top => Arrival::Whole,
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

impl Saved {
    /// The reference without a name.
    pub(crate) fn reference(&self) -> String {
        prefixed(&format!("{}:", self.form.name()), &self.path)
    }

    /// The reference with the name under which a kind is written.
    pub(crate) fn named(&self, kind: &Kind) -> String {
        match self.form {
            Form::DockerArchive => format!("{}:localhost/{}:sea", self.reference(), kind.name),
            Form::Oci | Form::OciArchive => format!("{}:sea", self.reference()),
        }
    }

    /// What the tool that wrote this says it is, and the reference with the name that the tool gave it.
    pub(crate) fn stated(&self) -> Result<(Content, String)> {
        let (content, name) = match self.form {
            Form::DockerArchive => self.stated_image(),
            Form::Oci | Form::OciArchive => self.stated_manifest(),
        }?;
        let reference = name.map_or_else(
            || self.reference(),
            |name| format!("{}:{name}", self.reference()),
        );
        Ok((content, reference))
    }

    fn stated_manifest(&self) -> Result<(Content, Option<String>)> {
        let index: Value = serde_json::from_slice(&self.entry("index.json")?)?;
        let first = &index["manifests"][0];
        let digest = first["digest"]
            .as_str()
            .context("index.json names nothing")?;
        Ok((
            Content::Manifest(digest.to_owned()),
            text(&first["annotations"][NAME]),
        ))
    }

    fn stated_image(&self) -> Result<(Content, Option<String>)> {
        let images: Value = serde_json::from_slice(&self.entry("manifest.json")?)?;
        let config = images[0]["Config"]
            .as_str()
            .context("manifest.json names nothing")?;
        let digest = Algorithm::Sha256.digest(&self.entry(config)?);
        Ok((Content::Config(digest), text(&images[0]["RepoTags"][0])))
    }

    /// A file of the layout or the archive.
    fn entry(&self, name: &str) -> Result<Vec<u8>> {
        if self.form == Form::Oci {
            return read(&self.path.join(name));
        }
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--to-stdout", "--file"])
            .arg(&self.path)
            .arg(name);
        let text = run(&mut tar).with_context(|| format!("{name} of {}", self.path.display()))?;
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
        kinds::all()
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
    fn a_layout_states_digest_and_name_in_a_folder_and_in_a_tar() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (
            folder.path().join("layout"),
            folder.path().join("layout.tar"),
        );
        let index = kind("index-docker-child");
        layout::write_oci(&path, &index, "sea").unwrap();
        pack(&path, &file, &["index.json", "blobs"]);
        for (form, path) in [(Form::Oci, path), (Form::OciArchive, file)] {
            let saved = Saved { form, path };
            assert_eq!(
                saved.stated().unwrap(),
                (Content::Manifest(index.top.clone()), saved.named(&index))
            );
        }
    }

    #[test]
    fn a_docker_archive_states_its_config() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image.tar");
        std::fs::write(folder.path().join("config"), "{}").unwrap();
        std::fs::write(
            folder.path().join("manifest.json"),
            r#"[{"Config":"config","RepoTags":[]}]"#,
        )
        .unwrap();
        pack(folder.path(), &path, &["manifest.json", "config"]);
        let saved = Saved {
            form: Form::DockerArchive,
            path,
        };
        let config = Content::Config(Algorithm::Sha256.digest(b"{}"));
        assert_eq!(saved.stated().unwrap(), (config, saved.reference()));
    }

    #[test]
    fn digests_tell_how_a_kind_came() {
        let index = kind("index-docker-child");
        let image = index.image.as_ref().unwrap();
        assert_eq!(
            Content::Manifest(index.top.clone()).arrival(&index),
            Arrival::Whole
        );
        assert_eq!(
            Content::Manifest(image.manifest.clone()).arrival(&index),
            Arrival::OneImage
        );
        assert_eq!(
            Content::Config(image.config.clone()).arrival(&index),
            Arrival::Rewritten(image.config.clone())
        );
    }
}
