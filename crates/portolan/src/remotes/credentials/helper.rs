//! Credential helpers: programs named `docker-credential-NAME` that store secrets securely.
//!
//! A helper receives a verb (`get`, `store`, `erase`) as its argument, and the address of a server
//! or JSON on standard input. It prints its result, and also error messages, to standard output.

use std::collections::HashMap;
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use portolan_client::{Credential, Secret};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// Error message of helpers that have no credential for a server.
const NOT_FOUND: &str = "credentials not found in native keychain";

/// User name in the output of a helper if the secret is a refresh token and not a password.
const TOKEN: &str = "<token>";

/// Result of a helper for one server, or the message of its error. The first caller sets it.
type CachedAnswer = Arc<OnceCell<Result<Option<Credential>, String>>>;

/// Runner of helpers. Results are cached, and concurrent callers share one run of a helper.
pub(super) struct Helpers {
    search_path: OsString,
    timeout: Duration,
    /// Cached results, by the name of the helper and the address of the server.
    answers: Mutex<HashMap<(String, String), CachedAnswer>>,
}

/// Credential in the JSON format of helpers.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HelperCredential {
    #[serde(rename = "ServerURL", default)]
    server: String,
    username: String,
    secret: String,
}

impl Helpers {
    /// Creates a runner for the helpers in the folders of `search_path`. Each run of a helper is
    /// limited to `timeout`.
    pub(super) fn new(search_path: OsString, timeout: Duration) -> Self {
        Self {
            search_path,
            timeout,
            answers: Mutex::default(),
        }
    }

    /// Returns the credential that a helper has for `server`, or `None` if it has no credential for
    /// this server.
    pub(super) async fn get(&self, helper: &str, server: &str) -> Result<Option<Credential>> {
        let answer = self.cached_answer(helper, server);
        // Concurrent callers wait for the same run. A helper that failed is not started again,
        // because the next run may also take the full time limit.
        let answer = answer.get_or_init(|| async {
            let found = self.request(helper, server).await;
            found.map_err(|error| format!("{error:#}"))
        });
        answer.await.clone().map_err(Error::msg)
    }

    async fn request(&self, helper: &str, server: &str) -> Result<Option<Credential>> {
        let Some(output) = self.run(helper, "get", server).await? else {
            return Ok(None);
        };
        parse_answer(&output).with_context(|| {
            format!("failed to read the answer of docker-credential-{helper} for {server}")
        })
    }

    /// Stores a credential in a helper.
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
                bail!("docker-credential-{helper} cannot store a token without a username")
            }
        };
        let record = HelperCredential {
            server: server.into(),
            username: username.into(),
            secret: secret.reveal().into(),
        };
        let record =
            serde_json::to_string(&record).context("failed to serialize the credential")?;
        self.run(helper, "store", &record)
            .await?
            .with_context(|| format!("docker-credential-{helper} does not store credentials"))?;
        self.invalidate(helper, server);
        Ok(())
    }

    /// Removes the credential for `server` from a helper.
    pub(super) async fn erase(&self, helper: &str, server: &str) -> Result<()> {
        self.run(helper, "erase", server).await?;
        self.invalidate(helper, server);
        Ok(())
    }

    fn cached_answer(&self, helper: &str, server: &str) -> CachedAnswer {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(answers.entry((helper.into(), server.into())).or_default())
    }

    fn invalidate(&self, helper: &str, server: &str) {
        self.answers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&(helper.into(), server.into()));
    }

    /// Runs a helper and returns its standard output, or `None` if it reports that it has no
    /// credential.
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
            .with_context(|| format!("failed to start {}", program.display()))?;
        let stdin = child.stdin.take();
        let conversation = async {
            if let Some(mut stdin) = stdin {
                // A helper may exit without reading its input, so a write error is ignored. The
                // exit status shows whether the run failed.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        let output = tokio::time::timeout(self.timeout, conversation)
            .await
            .ok()
            .with_context(|| {
                format!(
                    "{} {verb} timed out after {} s",
                    program.display(),
                    self.timeout.as_secs()
                )
            })?;
        let output = output.with_context(|| format!("failed to wait for {}", program.display()))?;
        if output.status.success() {
            return Ok(Some(output.stdout));
        }
        let message = String::from_utf8_lossy(if output.stdout.is_empty() {
            &output.stderr
        } else {
            &output.stdout
        });
        if message.contains(NOT_FOUND) {
            return Ok(None);
        }
        bail!(
            "{} {verb}: {}: {}",
            program.display(),
            output.status,
            message.trim()
        )
    }

    fn program(&self, helper: &str) -> Result<PathBuf> {
        if helper.contains('/') {
            bail!(
                "{helper:?} is not a credential helper: use the part of the program's name after docker-credential-"
            );
        }
        let name = format!("docker-credential-{helper}");
        let mut candidates = env::split_paths(&self.search_path).map(|folder| folder.join(&name));
        candidates.find(|path| path.is_file()).with_context(|| {
            format!("{name} was not found in PATH; install it, or remove {helper:?} from the file")
        })
    }
}

/// Parses the output of a helper. Errors do not quote it, because it contains a secret.
fn parse_answer(output: &[u8]) -> Result<Option<Credential>> {
    let record = serde_json::from_slice(output)
        .ok()
        .context("the answer is not JSON with Username and Secret")?;
    let HelperCredential {
        username, secret, ..
    } = record;
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
