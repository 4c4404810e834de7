//! Serves a memory to agents over MCP: on stdin and stdout, or over streamable HTTP on this machine.
//!
//! Over HTTP, stdout gets exactly one line, the JSON of [`ServerReady`], once requests are answered. There is no
//! authentication: only this machine can connect, and requests of web pages are refused (by `Host` and `Origin`).

mod analysis;
mod input;
mod limits;
mod tools;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use episodes::api::{BODY_BYTES_MAX, ServerReady};
use memory::{IdSource, Memory, Options, Remote, Variant};
use rmcp::ServiceExt;
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tools::MemoryTools;

/// The environment variable with the token of the database server.
const TOKEN_VARIABLE: &str = "LIBSQL_TOKEN";

/// Serves a memory to agents over MCP until its client goes, SIGTERM or ctrl-c, then flushes it.
#[derive(Debug, Parser)]
#[command(name = "memory-mcp", version, after_help = after_help())]
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

    /// Serve streamable HTTP at /mcp on this address of this machine, instead of stdin and stdout; port 0 takes a free
    /// one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The seed of episode ids, so that a run can be repeated [default: the system's random numbers]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

fn after_help() -> String {
    let toggle =
        |toggle: &memory::Toggle| format!("  {:<12} {}: {}\n", toggle.name, toggle.strategies.join(", "), toggle.about);
    format!("Toggles:\n{}", memory::TOGGLES.iter().map(toggle).collect::<String>())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let served = Runtime::new().context("starting the runtime").and_then(|runtime| {
        let served = runtime.block_on(run(arguments));
        // A read of stdin that waits for the client can't be called off.
        runtime.shutdown_background();
        served
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory-mcp: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<()> {
    let variant: Variant = arguments.variant.parse().context("--variant")?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    // The socket before the store: a port in use must not leave a new, empty store behind.
    let listener = match arguments.listen {
        Some(address) => {
            ensure!(address.ip().is_loopback(), "{address} can be reached from elsewhere: listen on 127.0.0.1");
            Some(
                memory_server::listen(address)
                    .await
                    .with_context(|| format!("can't listen on {address}: try port 0"))?,
            )
        }
        None => None,
    };
    let remote = match arguments.url {
        Some(url) => Some(Remote { url, token: token()? }),
        None => None,
    };
    let mut options = Options { path: arguments.path, remote, ..Options::default() };
    if let Some(seed) = arguments.seed {
        options.ids = IdSource::seeded(seed);
    }
    let memory = Memory::open(&variant, options).await.with_context(|| format!("opening the memory ({variant})"))?;
    let memory = Arc::new(memory);
    let tools = MemoryTools::new(Arc::clone(&memory));
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    match listener {
        Some(listener) => {
            let listening = format!("http://{}/mcp", listener.local_addr().context("asking for the port")?);
            println!("{}", serde_json::to_string(&ServerReady { listening, variant: variant.to_string() })?);
            let config = StreamableHttpServerConfig::default()
                .with_legacy_session_mode(false)
                .with_json_response(true)
                .with_max_request_body_bytes(BODY_BYTES_MAX)
                .enforce_origin_validation();
            let service =
                StreamableHttpService::new(move || Ok(tools.clone()), Arc::new(NeverSessionManager::default()), config);
            let routes = axum::Router::new().route_service("/mcp", service);
            axum::serve(listener, routes).with_graceful_shutdown(stop).await.context("serving")?;
        }
        None => {
            let served = async {
                let service = tools.serve(stdio()).await.context("the client did not begin as MCP says")?;
                service.waiting().await.context("serving")
            };
            tokio::select! {
                ended = served => drop(ended?),
                () = stop => {}
            }
        }
    }
    memory.flush().await?;
    Ok(memory.close().await?)
}

/// The token of the database server. From the environment: everybody on the machine sees arguments.
fn token() -> Result<String> {
    match std::env::var(TOKEN_VARIABLE) {
        Ok(token) => Ok(token),
        Err(std::env::VarError::NotPresent) => Ok(String::new()),
        Err(error) => Err(error).context(TOKEN_VARIABLE),
    }
}
