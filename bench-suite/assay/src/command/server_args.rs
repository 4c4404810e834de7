//! The arguments of a gate for a server under load.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::Args;
use harness::build::git::git;
use harness::subject::server::{Load, ServerSubject};
use harness::words;

/// A server and its load.
#[derive(Debug, Args)]
pub struct ServerArgs {
    /// With --against: gate this server, as started in this folder, under load; `{port}` stands for the port that it
    /// must listen on
    #[arg(long, value_name = "COMMAND", requires = "against", conflicts_with_all = ["project", "command", "shard"])]
    server: Option<String>,

    /// With --server: the requests, a scenario in TOML
    #[arg(long, value_name = "FILE", requires = "server")]
    scenario: Option<PathBuf>,

    /// With --server: sessions per second
    #[arg(long, value_name = "SESSIONS", requires = "server", default_value_t = 200.0)]
    rate: f64,

    /// With --server: the duration of a slice, of which a round has ten on each side
    #[arg(long, value_name = "SECONDS", requires = "server", default_value_t = 0.2)]
    seconds: f64,

    /// With --server: more arguments of the load generator, such as '--model partly-open'
    #[arg(long, value_name = "ARGUMENTS", requires = "server", allow_hyphen_values = true)]
    load: Option<String>,
}

impl ServerArgs {
    /// True if a server is to be gated.
    pub fn is_given(&self) -> bool {
        self.server.is_some()
    }

    /// The server as a subject, if one is asked for; `build` is the shell command that builds it.
    pub fn subject(&self, build: Option<String>) -> Result<Option<ServerSubject>> {
        let Some(server) = &self.server else { return Ok(None) };
        ensure!(self.rate > 0.0 && self.seconds > 0.0, "--rate and --seconds must be above 0");
        let mut arguments = match &self.load {
            Some(line) => words::split(line)?,
            None => vec![],
        };
        let mut name = "load".to_owned();
        if let Some(file) = &self.scenario {
            let file = file.canonicalize().with_context(|| format!("can't read {}", file.display()))?;
            name = format!("load/{}", file.file_stem().unwrap_or_default().to_string_lossy());
            let file = file.to_str().context("the path of the scenario is not UTF-8")?;
            arguments.extend(["--scenario".to_owned(), file.to_owned()]);
        }
        ensure!(!arguments.is_empty(), "nothing says which requests to send: give a file with --scenario");
        let load = Load { name, rate: self.rate, seconds: self.seconds, arguments, generator: None };
        Ok(Some(ServerSubject::new(server.clone(), build, load)?))
    }

    /// The note on a scenario that differs from the base's, because both sides play this tree's; none if it does not.
    pub fn changed_scenario(&self, subject: &ServerSubject, base: &str) -> Option<String> {
        let file = self.scenario.as_ref()?.canonicalize().ok()?;
        let within = file.strip_prefix(subject.repository()).ok()?.to_str()?;
        let of_base = git(subject.repository(), &["show", &format!("{base}:{within}")]).ok()?;
        let own = std::fs::read_to_string(&file).ok()?;
        (own != of_base).then(|| format!("{within} differs from the base's: both sides were sent this tree's requests"))
    }
}
