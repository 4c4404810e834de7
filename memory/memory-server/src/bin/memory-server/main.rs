//! Serves a memory over HTTP, for the load generator or by hand.
//!
//! Stdout gets exactly one line, the JSON of [`ServerReady`], once requests are answered: whoever starts the server
//! waits for it and learns the port.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, Subcommand};
use episodes::api::{BODY_BYTES_MAX, ServerReady};
use memory::{IdSource, Memory, Options, Retention, StoreKind, Variant};
use memory_server::store_args::{StoreArgs, toggles};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tracing::level_filters::LevelFilter;

use crate::front::{Front, Limits};
use crate::tenants::Tenants;
use crate::tokens::Tokens;

mod front;
mod metrics;
#[cfg(feature = "otlp")]
mod otlp;
mod spans;
mod spin;
mod tenants;
mod tokens;

/// A day, in nanoseconds.
const DAY_NS: u64 = 86_400_000_000_000;

/// The time between two deletions by the rule of retention.
const RETAIN_EVERY: Duration = Duration::from_secs(60);

/// Serves a memory over HTTP until SIGTERM or ctrl-c, then flushes it.
#[derive(Debug, Parser)]
#[command(name = "memory-server", version, after_help = toggles(), args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write all episodes of a store that is not in use to a file; of one in use, ask its server: POST /backup
    Backup(Copy),
    /// Fill a new store from such a file; vectors, patterns and indexes are made anew
    Restore(Copy),
}

#[derive(Debug, Args)]
struct Copy {
    #[command(flatten)]
    store: StoreArgs,

    /// The backup
    file: PathBuf,
}

#[derive(Debug, Args)]
struct Serve {
    #[command(flatten)]
    store: StoreArgs,

    /// Serve tenants, each with a store in its own folder below this one; requests name theirs in the header x-tenant
    #[arg(long, value_name = "FOLDER", conflicts_with_all = ["path", "url", "seed"])]
    tenants: Option<PathBuf>,

    /// Require a bearer token of this file: a token a line, or a tenant and its token
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,

    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,

    /// The longest body of a request, unpacked
    #[arg(long, value_name = "BYTES", default_value_t = BODY_BYTES_MAX, value_parser = up_to(BODY_BYTES_MAX))]
    body_bytes: usize,

    /// The most requests at a time; more are answered with 503
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = up_to(Semaphore::MAX_PERMITS))]
    requests: usize,

    /// The longest time that a request waits, in milliseconds; then it is answered with 504
    #[arg(long, value_name = "MS", default_value_t = 30_000)]
    request_ms: u64,

    /// Keep at most N completed episodes, the ones completed last
    #[arg(long, value_name = "N")]
    keep_episodes: Option<usize>,

    /// Keep completed episodes for so many days
    #[arg(long, value_name = "DAYS")]
    keep_days: Option<u64>,

    /// Take backups of POST /backup, in this folder
    #[arg(long, value_name = "FOLDER")]
    backups: Option<PathBuf>,

    /// Write requests and operations to stderr: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    log: Option<LevelFilter>,

    /// Send requests and operations as spans to this collector of OpenTelemetry, as in http://127.0.0.1:4318; needs a
    /// server built with the feature otlp
    #[arg(long, value_name = "URL")]
    otlp: Option<String>,

    /// The seed of episode ids, so that a run can be repeated [default: the system's random numbers]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// CPU time that every request costs in addition, in nanoseconds: a slowdown of a known size
    #[arg(long, value_name = "NS", default_value_t = 0, hide = true)]
    spin_ns: u64,
}

impl Serve {
    fn retention(&self) -> Retention {
        let max_age_ns = self.keep_days.map(|days| days.saturating_mul(DAY_NS));
        Retention { max_completed: self.keep_episodes, max_age_ns }
    }

    fn limits(&self) -> Limits {
        let time = Duration::from_millis(self.request_ms);
        Limits { body_bytes: self.body_bytes, requests: self.requests, time }
    }

    /// The tokens of the file, all of whose tenants there can be.
    fn tokens(&self) -> Result<Option<Tokens>> {
        let Some(path) = &self.token_file else { return Ok(None) };
        let tokens = Tokens::read(path)?;
        for tenant in tokens.tenants() {
            if self.tenants.is_none() {
                bail!("{} has a token of the tenant `{tenant}`: start the server with --tenants", path.display());
            }
            if !tenants::is_name(tenant) {
                bail!("{}: `{tenant}` is no name of a tenant: take 1 to 64 letters, digits, - and _", path.display());
            }
        }
        Ok(Some(tokens))
    }
}

/// Reads a number from 1 to `most`.
fn up_to(most: usize) -> impl Fn(&str) -> Result<usize, String> + Clone + Send + Sync + 'static {
    move |text: &str| match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("take 1 to {most}")),
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        Some(command) => copy(command),
        None => serve(arguments.serve),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The variant of a store that is still there when this program has ended.
fn kept(store: &StoreArgs) -> Result<Variant> {
    let variant = store.variant()?;
    ensure!(
        variant.store != StoreKind::Memory,
        "store=memory, the default, ends with this program: name a store, as in --variant store=redb --path FILE"
    );
    Ok(variant)
}

/// Makes a backup or restores it, and says on stdout how large it is.
#[tokio::main]
async fn copy(command: Command) -> Result<()> {
    let (memory, done) = match command {
        Command::Backup(Copy { store, file }) => {
            let (variant, options) = (kept(&store)?, Options { check_embedder: false, ..store.options()? });
            if let Some(path) = &options.path {
                let place = path.display();
                ensure!(path.exists(), "there is no store at {place}: name the one to back up with --path");
                let is_store = file.canonicalize().ok() == path.canonicalize().ok();
                ensure!(!is_store, "{place} is the store itself: name another file for its backup");
            }
            let memory =
                Memory::open(&variant, options).await.with_context(|| format!("opening the memory ({variant})"))?;
            let done = memory.backup(&file).await?;
            (memory, done)
        }
        Command::Restore(Copy { store, file }) => {
            let (variant, options) = (kept(&store)?, store.options()?);
            Memory::restore(&variant, options, &file).await?
        }
    };
    memory.close().await.context("closing")?;
    let line = serde_json::to_string(&done).context("writing the result")?;
    writeln!(io::stdout().lock(), "{line}").context("writing the result to stdout")
}

#[tokio::main]
async fn serve(arguments: Serve) -> Result<()> {
    let collector = spans::begin(arguments.log, arguments.otlp.as_deref())?;
    let served = serve_until_told(arguments).await;
    if let Some(collector) = collector {
        collector.end().await;
    }
    served
}

/// Serves until SIGTERM or ctrl-c, and closes all stores.
async fn serve_until_told(arguments: Serve) -> Result<()> {
    allow_more_files();
    let variant = arguments.store.variant()?;
    // The signals first: whoever stops a server that is still opening its store gets a clean end, too.
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for ctrl-c")?;
    // The socket before the store: a port in use must not leave a new, empty store behind.
    let listener = memory_server::listen(arguments.listen).await.with_context(|| {
        format!("cannot listen on {}: choose another address with --listen, or port 0 for a free one", arguments.listen)
    })?;
    let address = listener.local_addr().context("asking for the port")?;

    let (tokens, retention, limits) = (arguments.tokens()?, arguments.retention(), arguments.limits());
    let tenants = match arguments.tenants {
        Some(folder) => {
            arguments.store.needs_store("--tenants")?;
            Tenants::many(variant, folder, retention, limits.body_bytes)?
        }
        None => {
            let mut options = arguments.store.options()?;
            if let Some(seed) = arguments.seed {
                options.ids = IdSource::seeded(seed);
            }
            Tenants::one(variant, options, retention, limits.body_bytes).await?
        }
    };
    let front = Arc::new(Front::new(tenants, tokens, limits, arguments.backups));
    if retention != Retention::default() {
        tokio::spawn(retain(Arc::clone(&front)));
    }

    let ready = ServerReady { listening: format!("http://{address}"), variant: variant.to_string() };
    let line = serde_json::to_string(&ready).context("writing the ready line")?;
    writeln!(io::stdout().lock(), "{line}").context("writing the ready line to stdout")?;

    let stopping = Arc::clone(&front);
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stopping.stop();
    };
    let routes = spin::before_each(front::routes(Arc::clone(&front)), Duration::from_nanos(arguments.spin_ns));
    memory_server::answer(listener, routes, stop).await.context("serving")?;
    front.tenants().close().await.context("closing")
}

/// Asks the system for as many open files as this process may have: each tenant takes some, and each connection one.
fn allow_more_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where the system refuses, fewer tenants fit.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Deletes what is too old or too much, for as long as the server runs.
async fn retain(front: Arc<Front>) {
    loop {
        tokio::time::sleep(RETAIN_EVERY).await;
        if let Err(error) = front.tenants().retain().await {
            eprintln!("memory-server: deleting what is too old failed: {:#}", anyhow::Error::new(error));
        }
    }
}
