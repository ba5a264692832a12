//! `portolan login`: logs in to a registry.

use std::io::{IsTerminal, Read, Write, stderr, stdin};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use clap::Args;
use portolan_client::{Client, Credential, Credentials, Lookup, Secret, Settings};
use portolan_model::RepositoryName;

use super::block_on;
use super::options::CommonOptions;
use crate::failure::{Failure, Outcome, Status};
use crate::host::Host;

/// Log in to a registry
///
/// The username and the password are prompted for unless given.
///
/// Accepted credentials are stored where docker and podman find them too.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan login quay.io
  portolan login registry.example.com -u ci --password-stdin < token")]
pub(crate) struct Arguments {
    /// Host of the registry.
    #[arg(value_name = "HOST")]
    host: Host,
    /// Username; prompted for by default.
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// Read the password from standard input.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    options: CommonOptions,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let credential = read_credential(arguments)?;
    block_on(login(arguments, credential))
}

/// Verifies the credential with the registry, then stores it.
async fn login(arguments: &Arguments, credential: Credential) -> Outcome {
    let host = &arguments.host;
    let resolver = arguments.options.resolver()?;
    let credentials = std::sync::Arc::new(FixedCredentials {
        host: host.as_str().into(),
        credential: credential.clone(),
    });
    let settings = Settings {
        credentials,
        ..resolver.remotes().settings(host).await?
    };
    let client = Client::new(settings)?;
    client.ping().await.map_err(|error| {
        let failure = host.shorten_origin(error).context(format!(
            "failed to log in to {host} as {}",
            user_name(&credential)
        ));
        if failure.status == Status::Denied {
            failure.with_hint("check the username and the password")
        } else {
            failure
        }
    })?;
    let store = resolver
        .remotes()
        .credentials()
        .save(host.as_str(), &credential)
        .await?;
    let console = resolver.console();
    console.print(format_args!(
        "logged in to {host}, and stored the credentials in {store}"
    ));
    if store.is_unencrypted() {
        console.print(format_args!("warning: {store} is not encrypted"));
        console.print("help: configure a credential helper (credsStore)");
    }
    Ok(())
}

/// [`Credentials`] with one credential for a single host.
struct FixedCredentials {
    host: String,
    credential: Credential,
}

#[async_trait]
impl Credentials for FixedCredentials {
    async fn find(&self, host: &str, _: Option<&RepositoryName>) -> Lookup {
        (host == self.host).then(|| self.credential.clone()).into()
    }
}

fn user_name(credential: &Credential) -> &str {
    match credential {
        Credential::Basic { username, .. } => username,
        Credential::RefreshToken(_) | Credential::BearerToken(_) => "<token>",
    }
}

/// Reads the credential from the arguments, standard input or the terminal.
fn read_credential(arguments: &Arguments) -> Outcome<Credential> {
    let username = match &arguments.username {
        Some(username) => username.clone(),
        None if arguments.password_stdin => {
            return Err(Failure::usage(anyhow!(
                "--password-stdin requires --username"
            )));
        }
        None => ask_name(&arguments.host)?,
    };
    let password = if arguments.password_stdin {
        read_password()?
    } else {
        ask_password(&username, &arguments.host)?
    };
    if username.is_empty() || password.is_empty() {
        return Err(Failure::usage(anyhow!(
            "the username and the password must not be empty"
        )));
    }
    Ok(Credential::Basic {
        username,
        password: Secret::new(password),
    })
}

/// Returns an error unless standard input is a terminal.
fn require_terminal() -> Outcome {
    if stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(anyhow!("standard input is not a terminal"))
        .with_hint("add `--username USER --password-stdin`"))
}

fn ask_name(host: &Host) -> Outcome<String> {
    require_terminal()?;
    let mut name = String::new();
    write!(stderr(), "Username for {host}: ").context("failed to prompt for the username")?;
    stdin()
        .read_line(&mut name)
        .context("failed to read the username")?;
    Ok(name.trim().into())
}

fn ask_password(username: &str, host: &Host) -> Outcome<String> {
    require_terminal()?;
    let password = rpassword::prompt_password(format!("Password for {username} at {host}: "));
    Ok(password.context("failed to read the password")?)
}

/// Reads the password from standard input, without the final line break.
fn read_password() -> Outcome<String> {
    let mut password = String::new();
    stdin()
        .read_to_string(&mut password)
        .context("failed to read the password from standard input")?;
    Ok(password.trim_end_matches(['\n', '\r']).into())
}
