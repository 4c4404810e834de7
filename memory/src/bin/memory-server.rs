//! Serves a memory over HTTP, for the load generator or by hand.
//!
//! Stdout gets exactly one line, the JSON of [`ServerReady`], once requests are answered: whoever starts the server
//! waits for it and learns the port.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use memory::api::ServerReady;
use memory::{IdSource, Memory, Options, Remote, Variant, server};
use tokio::signal::unix::{SignalKind, signal};

/// The environment variable with the token of the database server.
const TOKEN_VARIABLE: &str = "LIBSQL_TOKEN";

/// Serves a memory over HTTP until SIGTERM or ctrl-c, then flushes it.
#[derive(Debug, Parser)]
#[command(name = "memory-server", version, after_help = after_help())]
struct Arguments {
    /// Strategies that differ from the default, as in store=redb,codec=postcard
    #[arg(long, value_name = "TOGGLE=STRATEGY,..", default_value = "")]
    variant: String,

    /// The store's file, made where there is none; needed by every store that lives in a file
    #[arg(long, value_name = "FILE")]
    path: Option<PathBuf>,

    /// The server that store=libsql is on, instead of in a file; its token is read from LIBSQL_TOKEN
    #[arg(long, value_name = "URL", conflicts_with = "path")]
    url: Option<String>,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The seed of episode ids, so that a run can be repeated [default: the system's random numbers]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn after_help() -> String {
    let mut text = String::from("Toggles:\n");
    for toggle in memory::TOGGLES {
        text.push_str(&format!("  {:<12} {}: {}\n", toggle.name, toggle.strategies.join(", "), toggle.about));
    }
    text
}

/// The token of the database server. From the environment: everybody on the machine sees arguments.
fn token() -> Result<String> {
    match std::env::var(TOKEN_VARIABLE) {
        Ok(token) => Ok(token),
        Err(std::env::VarError::NotPresent) => Ok(String::new()),
        Err(error) => Err(error).context(TOKEN_VARIABLE),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(arguments: Arguments) -> Result<()> {
    let variant: Variant = arguments.variant.parse().context("--variant")?;
    // The signals first: whoever stops a server that is still opening its store gets a clean end, too.
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for ctrl-c")?;
    // The socket before the store: a port in use must not leave a new, empty store behind.
    let listener = server::listen(arguments.listen).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --listen, or port 0 for a free one", arguments.listen)
    })?;
    let address = listener.local_addr().context("asking for the port")?;

    let remote = match arguments.url {
        Some(url) => Some(Remote { url, token: token()? }),
        None => None,
    };
    let mut options = Options { path: arguments.path, remote, ..Options::default() };
    if let Some(seed) = arguments.seed {
        options.ids = IdSource::seeded(seed);
    }
    let memory =
        Arc::new(Memory::open(&variant, options).await.with_context(|| format!("opening the memory ({variant})"))?);

    let ready = ServerReady { listening: format!("http://{address}"), variant: variant.to_string() };
    let line = serde_json::to_string(&ready).context("writing the ready line")?;
    writeln!(io::stdout().lock(), "{line}").context("writing the ready line to stdout")?;

    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server::serve(listener, memory, stop).await.context("serving")
}
