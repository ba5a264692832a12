//! `portolan login`: who to be at a registry.

use std::io::{IsTerminal, Read, Write, stderr, stdin};

use anyhow::{Context, anyhow};
use async_trait::async_trait;
use clap::Args;
use portolan_client::{Client, Credential, Credentials, Secret, Settings};
use portolan_model::RepositoryName;

use super::options::Options;
use super::wait_for;
use crate::failure::{Failure, Outcome};
use crate::host::Host;

/// Keep a name and a password for a registry, where docker and podman find them too.
///
/// They are kept only if the registry believes them.
#[derive(Args)]
#[command(after_help = "\
Examples:
  portolan login quay.io
  portolan login registry.example.com -u ci --password-stdin < token")]
pub(crate) struct Arguments {
    /// The registry.
    #[arg(value_name = "HOST")]
    host: Host,
    /// The name; without it, it is asked for.
    #[arg(short, long, value_name = "USER")]
    username: Option<String>,
    /// Read the password from standard input; without it, it is asked for.
    #[arg(long)]
    password_stdin: bool,
    #[command(flatten)]
    options: Options,
}

pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let credential = credential(arguments)?;
    wait_for(login(arguments, credential))
}

async fn login(arguments: &Arguments, credential: Credential) -> Outcome {
    let host = &arguments.host;
    let places = arguments.options.places()?;
    let credentials = std::sync::Arc::new(Only {
        host: host.as_str().into(),
        credential: credential.clone(),
    });
    let settings = Settings {
        credentials,
        ..places.hosts().settings(host.as_str()).await?
    };
    let client = Client::new(settings)?;
    client.ping().await.map_err(|error| {
        Failure::from(error).about(format!("{host} does not let {} in", name(&credential)))
    })?;
    let keeper = places
        .hosts()
        .credentials()
        .save(host.as_str(), &credential)
        .await?;
    let remark = if keeper.is_unencrypted() {
        ", encoded and not encrypted; a credential helper (credsStore) keeps it safer"
    } else {
        ""
    };
    places.talk().say(format_args!(
        "logged in at {host}; kept in {keeper}{remark}"
    ));
    Ok(())
}

/// Says one thing to one host.
struct Only {
    host: String,
    credential: Credential,
}

#[async_trait]
impl Credentials for Only {
    async fn find(
        &self,
        host: &str,
        _: Option<&RepositoryName>,
    ) -> portolan_registry::Result<Option<Credential>> {
        Ok((host == self.host).then(|| self.credential.clone()))
    }
}

fn name(credential: &Credential) -> &str {
    match credential {
        Credential::Basic { username, .. } => username,
        Credential::RefreshToken(_) | Credential::BearerToken(_) => "you",
    }
}

fn credential(arguments: &Arguments) -> Outcome<Credential> {
    let username = match &arguments.username {
        Some(username) => username.clone(),
        None if arguments.password_stdin => {
            return Err(Failure::usage(anyhow!(
                "with --password-stdin the name is given with --username"
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
            "the name and the password must not be empty"
        )));
    }
    Ok(Credential::Basic {
        username,
        password: Secret::new(password),
    })
}

fn on_terminal() -> Outcome {
    if stdin().is_terminal() {
        return Ok(());
    }
    Err(Failure::usage(anyhow!(
        "there is no terminal to ask at; use --username and --password-stdin"
    )))
}

fn ask_name(host: &Host) -> Outcome<String> {
    on_terminal()?;
    let mut name = String::new();
    write!(stderr(), "Name at {host}: ").context("asking for the name")?;
    stdin().read_line(&mut name).context("reading the name")?;
    Ok(name.trim().into())
}

fn ask_password(username: &str, host: &Host) -> Outcome<String> {
    on_terminal()?;
    let password = rpassword::prompt_password(format!("Password of {username} at {host}: "));
    Ok(password.context("reading the password")?)
}

fn read_password() -> Outcome<String> {
    let mut password = String::new();
    stdin()
        .read_to_string(&mut password)
        .context("reading the password from standard input")?;
    Ok(password.trim_end_matches(['\n', '\r']).into())
}
