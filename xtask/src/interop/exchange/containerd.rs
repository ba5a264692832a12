//! containerd: archives that are OCI layouts and docker-archives at once, as newer Docker Engines write them too.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use super::super::containerd::Containerd;
use super::super::document::Kind;
use super::super::layout;
use super::super::place::Place;
use super::super::sandbox::{Failure, digest_in, run};
use super::form::{Content, Form, Saved};
use super::keeper::{Keeper, Taken};

const FORMS: &[Form] = &[Form::OciArchive, Form::DockerArchive];

impl Keeper for Containerd {
    fn writes(&self) -> &'static [Form] {
        FORMS
    }

    fn reads(&self) -> &'static [Form] {
        FORMS
    }

    fn write(&self, kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        let name = from.to_string();
        run(&mut self.command(&["content", "fetch", "--plain-http", "--all-platforms", &name]))?;
        let which = if saved.form == Form::OciArchive {
            "--all-platforms"
        } else {
            "--platform"
        };
        let platform = Some(kind.platform).filter(|_| saved.form == Form::DockerArchive);
        let mut command = self.command(&["images", "export", which]);
        run(command.args(platform).arg(&saved.path).arg(name)).map(drop)
    }

    fn read(&self, kind: &Kind, saved: &Saved, _to: &Place) -> Result<Taken, Failure> {
        self.forget_images()?;
        run(self
            .command(&["images", "import", "--all-platforms", "--no-unpack"])
            .arg(&saved.path))?;
        let digest = digest_in(&run(&mut self.command(&["images", "ls"]))?);
        if saved.form == Form::OciArchive {
            layout::compare_oci(&self.content(), &kind.whole())?;
            return Ok(Taken::Stored(Content::Manifest(digest)));
        }
        Ok(Taken::Stored(Content::Config(self.config_of(&digest)?)))
    }
}

impl Containerd {
    /// Content that no image holds is removed with the last that did, so that it has to be read again.
    fn forget_images(&self) -> Result<(), Failure> {
        let names = run(&mut self.command(&["images", "ls", "--quiet"]))?;
        run(self
            .command(&["images", "rm", "--sync"])
            .args(names.lines()))
        .map(drop)
    }

    fn config_of(&self, manifest: &str) -> Result<String> {
        let path = layout::oci_path(&self.content(), manifest);
        let manifest: Value =
            serde_json::from_slice(&fs::read(path).context("the stored manifest")?)?;
        Ok(manifest["config"]["digest"]
            .as_str()
            .context("an image without config")?
            .to_owned())
    }
}
