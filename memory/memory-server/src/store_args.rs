//! The arguments that say which store a program opens.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use memory::{Options, Remote, Variant};

/// The environment variable with the token of the database server.
const TOKEN_VARIABLE: &str = "LIBSQL_AUTH_TOKEN";

/// A store, and the strategies of its memory.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Strategies that differ from the default, as in store=redb,codec=postcard
    #[arg(long, value_name = "TOGGLE=STRATEGY,..", default_value = "")]
    variant: String,

    /// The store's file, made where there is none; needed by every store that lives in a file
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,

    /// The server that store=libsql is on, instead of in a file; its token is read from LIBSQL_AUTH_TOKEN
    #[arg(long, value_name = "URL", conflicts_with = "path")]
    url: Option<String>,
}

impl StoreArgs {
    /// The variant.
    ///
    /// # Errors
    /// It has an unknown toggle or strategy, or two that exclude each other.
    pub fn variant(&self) -> Result<Variant> {
        self.variant.parse().context("--variant")
    }

    /// Fails if a place for files is named and no store: the default one keeps nothing in files.
    ///
    /// # Errors
    /// As said.
    pub fn needs_store(&self, place: &str) -> Result<()> {
        let is_store = |part: &str| part.split('=').next().is_some_and(|toggle| toggle.trim() == "store");
        ensure!(
            self.variant.split(',').any(is_store),
            "{place} is for a store in files, and the default is store=memory: add --variant store=redb"
        );
        Ok(())
    }

    /// The options by which the memory is opened.
    ///
    /// # Errors
    /// There is a path and no store, or the token of the database server is not UTF-8.
    pub fn options(self) -> Result<Options> {
        if self.path.is_some() {
            self.needs_store("--path")?;
        }
        let remote = match self.url {
            Some(url) => Some(Remote { url, token: token()? }),
            None => None,
        };
        Ok(Options { path: self.path, remote, ..Options::default() })
    }
}

/// All toggles with their strategies, for the end of a program's help.
pub fn toggles() -> String {
    let toggle =
        |toggle: &memory::Toggle| format!("  {:<12} {}: {}\n", toggle.name, toggle.strategies.join(", "), toggle.about);
    format!("Toggles:\n{}", memory::TOGGLES.iter().map(toggle).collect::<String>())
}

/// The token of the database server. From the environment: everybody on the machine sees arguments.
fn token() -> Result<String> {
    match std::env::var(TOKEN_VARIABLE) {
        Ok(token) => Ok(token),
        Err(std::env::VarError::NotPresent) => Ok(String::new()),
        Err(error) => Err(error).context(TOKEN_VARIABLE),
    }
}
