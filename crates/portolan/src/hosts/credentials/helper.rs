//! Credential helpers: programs called `docker-credential-NAME` that keep secrets in some better place.
//!
//! A helper gets a verb as its argument and the server's address, or JSON, on its standard input. It
//! says what is wrong on its standard output.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use portolan_client::{Credential, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// What helpers say when they do not know a server.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// The name that stands for a refresh token in place of a password.
const TOKEN: &str = "<token>";

type Answer = Arc<OnceCell<Option<Credential>>>;

/// Runs helpers. What one has answered is not asked again, even if several want to know at once.
pub(super) struct Helpers {
    search_path: OsString,
    patience: Duration,
    answers: Mutex<HashMap<(String, String), Answer>>,
}

/// What a helper answers, and what it is given to keep.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Kept {
    #[serde(rename = "ServerURL", default)]
    server: String,
    username: String,
    secret: String,
}

impl Helpers {
    /// Helpers that are in the folders of `search_path` and may take as long as `patience`.
    pub(super) fn new(search_path: OsString, patience: Duration) -> Self {
        Self {
            search_path,
            patience,
            answers: Mutex::default(),
        }
    }

    /// The credential that a helper has for `server`.
    pub(super) async fn get(&self, helper: &str, server: &str) -> Result<Option<Credential>> {
        let answer = self.answer(helper, server);
        let credential = answer.get_or_try_init(|| async {
            let Some(output) = self.run(helper, "get", server).await? else {
                return Ok(None);
            };
            read(&output).with_context(|| {
                format!("reading what docker-credential-{helper} knows of {server}")
            })
        });
        credential.await.cloned()
    }

    /// Gives a helper a credential to keep.
    pub(super) async fn store(
        &self,
        helper: &str,
        server: &str,
        credential: &Credential,
    ) -> Result<()> {
        let (username, secret) = match credential {
            Credential::Basic { username, password } => (username.as_str(), password),
            Credential::RefreshToken(token) => (TOKEN, token),
            Credential::BearerToken(_) => {
                bail!("docker-credential-{helper} cannot keep a token without a name")
            }
        };
        let kept = Kept {
            server: server.into(),
            username: username.into(),
            secret: secret.reveal().into(),
        };
        let kept = serde_json::to_string(&kept).context("writing a credential as JSON")?;
        self.run(helper, "store", &kept)
            .await?
            .with_context(|| format!("docker-credential-{helper} keeps nothing"))?;
        self.forget(helper, server);
        Ok(())
    }

    /// Lets a helper forget what it has for `server`.
    pub(super) async fn erase(&self, helper: &str, server: &str) -> Result<()> {
        self.run(helper, "erase", server).await?;
        self.forget(helper, server);
        Ok(())
    }

    fn answer(&self, helper: &str, server: &str) -> Answer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(answers.entry((helper.into(), server.into())).or_default())
    }

    fn forget(&self, helper: &str, server: &str) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(helper.into(), server.into()));
    }

    /// What a helper writes to its standard output; `None` if it does not know the server.
    async fn run(&self, helper: &str, verb: &str, input: &str) -> Result<Option<Vec<u8>>> {
        let program = self.program(helper)?;
        let mut command = Command::new(&program);
        command
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .with_context(|| format!("starting {}", program.display()))?;
        let stdin = child.stdin.take();
        let conversation = async {
            if let Some(mut stdin) = stdin {
                // Whether it could do without its input, a helper says by its answer.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(self.patience, conversation)
            .await
            .ok()
            .with_context(|| {
                format!(
                    "{} {verb} has not answered within {} s",
                    program.display(),
                    self.patience.as_secs()
                )
            })?;
        let output = output.with_context(|| format!("waiting for {}", program.display()))?;
        if output.status.success() {
            return Ok(Some(output.stdout));
        }
        let said = String::from_utf8_lossy(if output.stdout.is_empty() {
            &output.stderr
        } else {
            &output.stdout
        });
        if said.contains(NOT_FOUND) {
            return Ok(None);
        }
        bail!(
            "{} {verb}: {}: {}",
            program.display(),
            output.status,
            said.trim()
        )
    }

    fn program(&self, helper: &str) -> Result<PathBuf> {
        if helper.contains('/') {
            bail!(
                "{helper:?} is no name of a credential helper: it is what follows docker-credential- in the program's"
            );
        }
        let name = format!("docker-credential-{helper}");
        let mut candidates = env::split_paths(&self.search_path).map(|folder| folder.join(&name));
        candidates.find(|path| path.is_file()).with_context(|| {
            format!("there is no program {name} on the path; install it, or take {helper:?} out of the file")
        })
    }
}

/// Reads a helper's answer. What it says is a secret, so no error repeats it.
fn read(output: &[u8]) -> Result<Option<Credential>> {
    let kept = serde_json::from_slice(output)
        .ok()
        .context("it is no JSON with Username and Secret")?;
    let Kept {
        username, secret, ..
    } = kept;
    if username.is_empty() && secret.is_empty() {
        return Ok(None);
    }
    let secret = Secret::new(secret);
    Ok(Some(if username == TOKEN {
        Credential::RefreshToken(secret)
    } else {
        Credential::Basic {
            username,
            password: secret,
        }
    }))
}
