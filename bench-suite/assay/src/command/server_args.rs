//! The arguments of a gate for a server under load.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use harness::build::git::git;
use harness::subject::server::{Load, ServerSubject};
use harness::words;

/// Arguments of the load generator that every slice replaces.
const OF_SLICES: [&str; 6] = ["duration", "episodes", "period", "rate", "sessions", "swing"];

/// Arguments that a gate gives, so that those of a scenario's pace give way.
const OF_GATES: [&str; 2] = ["arrivals", "users"];

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
        let is_replaced = |word: &&String| {
            let name = word.strip_prefix("--").and_then(|word| word.split('=').next());
            name.is_some_and(|name| OF_SLICES.contains(&name))
        };
        if let Some(word) = arguments.iter().find(is_replaced) {
            bail!("`{word}` in --load would not be played, as slices have a steady rate: use --rate and --seconds");
        }
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

    /// The notes on what is not played as the files say.
    pub fn notes(&self, subject: &ServerSubject, base: &str) -> Vec<String> {
        [self.changed_scenario(subject, base), self.replaced_pace()].into_iter().flatten().collect()
    }

    /// The note on what gives way of the scenario's pace; none if nothing does.
    fn replaced_pace(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.scenario.as_ref()?).ok()?;
        let words = self.load.as_deref().and_then(|line| words::split(line).ok()).unwrap_or_default();
        let names = replaced(&text.parse::<toml::Table>().ok()?, &words).join(", ");
        let instead = "slices are Poisson arrivals at a steady rate, that of --rate";
        (!names.is_empty()).then(|| format!("{names} of the scenario's pace: not played, {instead}"))
    }

    /// The note on a scenario that differs from the base's, because both sides play this tree's; none if it does not.
    fn changed_scenario(&self, subject: &ServerSubject, base: &str) -> Option<String> {
        let file = self.scenario.as_ref()?.canonicalize().ok()?;
        let within = file.strip_prefix(subject.repository()).ok()?.to_str()?;
        let of_base = git(subject.repository(), &["show", &format!("{base}:{within}")]).ok()?;
        let own = std::fs::read_to_string(&file).ok()?;
        (own != of_base).then(|| format!("{within} differs from the base's: both sides were sent this tree's requests"))
    }
}

/// What gives way of the pace of a scenario, and of that of the preset that the words choose.
fn replaced(scenario: &toml::Table, words: &[String]) -> Vec<&'static str> {
    let after = words.windows(2).find(|pair| pair[0] == "--preset").map(|pair| pair[1].as_str());
    let preset = after.or_else(|| words.iter().find_map(|word| word.strip_prefix("--preset=")));
    let of_preset = preset.and_then(|name| scenario.get("preset")?.get(name)?.get("pace"));
    let paces: Vec<&toml::Value> = scenario.get("pace").into_iter().chain(of_preset).collect();
    let all = OF_GATES.into_iter().chain(OF_SLICES);
    all.filter(|name| paces.iter().any(|pace| pace.get(*name).is_some())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gives_way_of_a_pace_is_told() {
        let text = "[pace]\nrate = 50\ngap = '2ms'\n[preset.burst]\npace = { arrivals = 'gamma', swing = 0.5 }";
        let scenario: toml::Table = text.parse().expect("TOML");
        let of = |words: &[&str]| replaced(&scenario, &words.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>());
        assert_eq!(of(&[]), ["rate"]);
        assert_eq!(of(&["--preset", "burst"]), ["arrivals", "rate", "swing"]);
        assert_eq!(of(&["--preset=burst"]), of(&["--preset", "burst"]));
        assert_eq!(replaced(&toml::Table::new(), &[]), [""; 0]);
    }
}
