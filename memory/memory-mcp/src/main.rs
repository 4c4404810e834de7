//! Serves a memory to agents over MCP: on stdin and stdout, or over streamable HTTP on this machine.
//!
//! Over HTTP, stdout gets exactly one line, the JSON of [`ServerReady`], once requests are answered. There is no
//! authentication: only this machine can connect, and requests of web pages are refused (by `Host` and `Origin`).

mod analysis;
mod input;
mod limits;
mod tools;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use episodes::api::{BODY_BYTES_MAX, ServerReady};
use memory::{IdSource, Memory};
use memory_server::store_args::{StoreArgs, toggles};
use rmcp::ServiceExt;
use rmcp::transport::stdio;
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};
use tools::MemoryTools;

/// Serves a memory to agents over MCP until its client goes, SIGTERM or ctrl-c, then flushes it.
#[derive(Debug, Parser)]
#[command(name = "memory-mcp", version, after_help = toggles())]
struct Arguments {
    #[command(flatten)]
    store: StoreArgs,

    /// Serve streamable HTTP at /mcp on this address of this machine, instead of stdin and stdout; port 0 takes a free
    /// one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,

    /// The seed of episode ids, so that a run can be repeated [default: the system's random numbers]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
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
    let variant = arguments.store.variant()?;
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
    let mut options = arguments.store.options()?;
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
            memory_server::answer(listener, routes, stop).await.context("serving")?;
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
    Ok(memory_server::close(&memory).await?)
}
