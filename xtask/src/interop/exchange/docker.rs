//! Docker Engine: `docker save` and `docker load`.

use super::super::docker::Docker;
use super::super::document::Kind;
use super::super::place::Place;
use super::super::sandbox::{Failure, run};
use super::form::{Content, Form, Saved};
use super::keeper::{Keeper, Taken};

const FORMS: &[Form] = &[Form::DockerArchive];

impl Keeper for Docker {
    fn writes(&self) -> &'static [Form] {
        FORMS
    }

    fn reads(&self) -> &'static [Form] {
        FORMS
    }

    fn write(&self, kind: &Kind, from: &Place, saved: &Saved) -> Result<(), Failure> {
        let name = from.to_string();
        run(&mut self.command(&["pull", "--quiet", "--platform", kind.platform, &name]))?;
        run(self
            .command(&["save", "--output"])
            .arg(&saved.path)
            .arg(name))
        .map(drop)
    }

    fn read(&self, _kind: &Kind, saved: &Saved, _to: &Place) -> Result<Taken, Failure> {
        // A layer that the engine has already is not read.
        run(&mut self.command(&["image", "prune", "--all", "--force"]))?;
        run(self
            .command(&["load", "--quiet", "--input"])
            .arg(&saved.path))?;
        let id = run(&mut self.command(&["images", "--quiet", "--no-trunc"]))?;
        Ok(Taken::Stored(Content::Config(id.trim().to_owned())))
    }
}
