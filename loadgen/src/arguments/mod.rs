//! The command line: a [`Pace`] and a server to send requests to.
//!
//! Every bound has a default, so that every run ends.

pub mod units;

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{Parser, ValueEnum};

use self::units::{duration, number, time};
use crate::arrivals::schedule::{Arrivals, Pace, Within};
use crate::arrivals::shard::{COMPLETION_INDEX, LoadShard};
use crate::arrivals::swing::Swing;
use crate::health::HealthLimits;
use crate::send::http::{BodyEncoding, ConnectionSettings, HttpSettings, RemotePermission};

/// Sends whole sessions of requests at a given pace, and measures how the server answers.
///
/// The sessions are those of a scenario file, or the episodes of a corpus for a memory-server.
///
/// Latency counts from the scheduled start of a request, so that a server that stalls is charged for every request that
/// had to wait, not only for the one that it was working on.
#[derive(Debug, Clone, Parser)]
#[command(name = "loadgen", version, args_override_self = true, after_help = AFTER_HELP)]
pub struct Arguments {
    /// The requests to send: a scenario in TOML
    #[arg(long, value_name = "FILE", conflicts_with = "corpus")]
    pub scenario: Option<PathBuf>,

    /// The preset of the scenario: other weights, paces and draws of its requests
    #[arg(long, value_name = "NAME", requires = "scenario")]
    pub preset: Option<String>,

    /// The server, as memory-server prints it; with a scenario, instead of its base URL
    #[arg(long, value_name = "URL", required_unless_present = "scenario")]
    pub server: Option<String>,

    /// The episodes to play: a corpus file, as `assay corpus import` writes it
    #[arg(long, value_name = "FILE", required_unless_present = "scenario")]
    pub corpus: Option<PathBuf>,

    /// The most sessions at the same time; one connection each
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub users: u32,

    /// Sessions that start each second, on average (not closed)
    #[arg(long, value_name = "SESSIONS", default_value_t = 20.0, value_parser = |text: &str| number(text, 0.001, 1e6))]
    pub rate: f64,

    /// The number of sessions to start [default: 200, or no bound with --duration]
    #[arg(long, visible_alias = "sessions", value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub episodes: Option<u64>,

    /// The time during which sessions start, as in 10s, 500ms or 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// The load model: when requests start [default: open, or closed with --arrivals closed]
    #[arg(long, value_enum)]
    pub model: Option<ModelKind>,

    /// The arrivals of sessions
    #[arg(long, value_enum, default_value_t = ArrivalKind::Gamma)]
    pub arrivals: ArrivalKind,

    /// The shape of the Gamma distribution of the times between arrivals: 1 is Poisson, less is burstier
    #[arg(long, value_name = "SHAPE", default_value_t = 0.5, value_parser = |text: &str| number(text, 0.01, 1e3))]
    pub shape: f64,

    /// The relative amplitude of a sinusoidal rate, from 0 to 1 (not closed)
    #[arg(long, value_name = "PART", default_value_t = 0.0, value_parser = |text: &str| number(text, 0.0, 1.0))]
    pub swing: f64,

    /// The time from one rise of the rate to the next
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = positive)]
    pub period: Duration,

    /// The mean time between the requests of one session: from start to start, or with --model partly-open from the
    /// answer to the next request (not closed)
    #[arg(long, value_name = "TIME", default_value = "2ms", value_parser = duration)]
    pub gap: Duration,

    /// Retrievals after each episode, on average; each reads the best episode found
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = |text: &str| number(text, 0.0, 1e3))]
    pub retrieve_ratio: f64,

    /// The number of episodes that a retrieval asks for
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub limit: u64,

    /// The seed of the schedule and of the mix
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,

    /// The time after which a request counts as an error
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    pub timeout: Duration,

    /// The longest outage of the server, from its last answer on; requests fail meanwhile, and the run goes on
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = duration)]
    pub outage: Duration,

    /// After the run, read every episode of a memory-server again: all that it acknowledged must be there
    #[arg(long, conflicts_with = "scenario")]
    pub read_again: bool,

    /// The time after which the run ends [default: a minute more than the schedule, ten minutes if closed]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,

    /// Threads of the load generator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,

    /// The encoding of bodies; the server's variant must have the same `wire`
    #[arg(long, value_enum, default_value_t = BodyEncoding::Identity)]
    pub wire: BodyEncoding,

    /// The file for the measurements, one JSON record per line [default: stdout, and the summary to stderr]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The file for the interval log, with a histogram for each second and operation; `-` is stdout, and a folder gets
    /// `shard-<i>of<n>.hlog`
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// The file for the whole run as one JSON object
    #[arg(long, value_name = "FILE")]
    pub summary: Option<PathBuf>,

    /// Also count the requests that took longer than this, from the intended start
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub count_over: Option<Duration>,

    /// Play this part of the schedule, as in 2/4; `auto/4` takes the index of a pod of an Indexed Job
    #[arg(long, value_name = "NUMBER/OF", value_parser = shard)]
    pub shard: Option<LoadShard>,

    /// Start the schedule's clock at this time: seconds since 1970, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start_at: Option<SystemTime>,

    /// Delays of the generator up to this are accepted; longer ones must be a small part of the response time
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = duration)]
    pub max_start_lag: Duration,

    /// Allow servers on other machines, those that --allow-host names; without this, only loopback addresses
    #[arg(long)]
    pub allow_remote: bool,

    /// A server on another machine that may be loaded
    #[arg(long, value_name = "NAME", requires = "allow_remote")]
    pub allow_host: Vec<String>,

    /// Print the schedule, one planned session per line, and send nothing
    #[arg(long)]
    pub plan: bool,

    /// Play a schedule for each line of stdin, such as {"sessions": 100, "rate": 50, "seed": 1, "first": 0}, with the
    /// same users and connections, and answer each with the summary as a line on stdout
    #[arg(long, conflicts_with_all = ["shard", "start_at", "output", "log", "summary", "read_again", "plan"])]
    pub slices: bool,

    /// No progress on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed (such as a server that cannot be reached or goes away), 2 usage,
3 the run can't be believed (not done by its deadline, or the generator was the bottleneck), 4 nothing to send.
Wrong answers do not change the exit code: they are counted by the metric `errors`, which the gate judges.

`loadgen merge LOGS` adds the interval logs of all shards; `loadgen scenario` writes a first scenario from a curl command,
a HAR file or an OpenAPI document. FORMAT.md describes both files.";

/// Default deadlines: time beyond an open schedule, time for a closed one, and the longest of all.
const OVERTIME: Duration = Duration::from_secs(60);
const CLOSED_DEADLINE: Duration = Duration::from_secs(600);
pub const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Names of the arrivals on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalKind {
    /// Open: Gamma-distributed times between arrivals, in bursts (as language-model services have them, BurstGPT 2024)
    Gamma,
    /// Open: independent arrivals
    Poisson,
    /// Closed: each user starts the next session as soon as the last one is done
    Closed,
}

/// Names of the models on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ModelKind {
    /// Each request has its own intended start, whatever the server does
    Open,
    /// Sessions arrive whatever the server does; a request within waits for the last answer and thinks
    PartlyOpen,
    /// Each user starts the next session as soon as the last one is done: for the capacity
    Closed,
}

fn shard(text: &str) -> Result<LoadShard, String> {
    LoadShard::parse(text, std::env::var(COMPLETION_INDEX).ok().as_deref())
}

fn positive(text: &str) -> Result<Duration, String> {
    let time = duration(text)?;
    if time.is_zero() { Err("must be over 0".to_owned()) } else { Ok(time) }
}

impl Arguments {
    /// The pace that the arguments ask for.
    pub fn pace(&self) -> Pace {
        let within = match self.model {
            Some(ModelKind::PartlyOpen) => Within::AfterAnswer,
            _ => Within::Scheduled,
        };
        let open = |shape| Arrivals::Open { rate: self.rate, shape, gap: self.gap, within };
        let arrivals = match (self.model, self.arrivals) {
            (Some(ModelKind::Closed), _) | (_, ArrivalKind::Closed) => Arrivals::Closed,
            (_, ArrivalKind::Gamma) => open(self.shape),
            (_, ArrivalKind::Poisson) => open(1.0),
        };
        let sessions = match (self.episodes, self.duration) {
            (Some(sessions), _) => sessions,
            (None, Some(_)) => u64::MAX, // the duration ends it
            (None, None) => 200,
        };
        let swing = (self.swing > 0.0).then_some(Swing { share: self.swing, period: self.period });
        Pace { arrivals, sessions, duration: self.duration, seed: self.seed, swing }
    }

    /// The settings of the client of an HTTP server.
    pub fn http(&self, connection: ConnectionSettings) -> HttpSettings {
        let remote = RemotePermission { allow_remote: self.allow_remote, hosts: self.allow_host.clone() };
        HttpSettings { timeout: self.timeout, remote, wire: self.wire, connection }
    }

    /// The deadline of a schedule with this end, which a closed one does not know.
    pub fn deadline_after(&self, end: Option<Duration>) -> Duration {
        let end = end.or(self.duration);
        self.deadline.unwrap_or(end.map_or(CLOSED_DEADLINE, |end| (end + OVERTIME).min(LONGEST)))
    }

    /// The bounds of a healthy generator.
    pub fn health_limits(&self) -> HealthLimits {
        HealthLimits { start_lag: self.max_start_lag, users: self.users }
    }

    /// The part of the schedule that is played.
    pub fn shard(&self) -> LoadShard {
        self.shard.unwrap_or(LoadShard::WHOLE)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_is_said_last_counts() {
        // The ladder has settings that its user may replace.
        let words = ["loadgen", "--scenario", "s", "--users", "256", "--users", "9", "--allow-remote"];
        let hosts = ["--allow-host", "a", "--allow-host", "b"];
        let arguments = Arguments::try_parse_from(words.iter().chain(&hosts)).expect("valid");
        assert_eq!((arguments.users, arguments.allow_host), (9, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn a_run_is_always_bounded() {
        let parse = |more: &[&str]| {
            let arguments = ["loadgen", "--server", "http://127.0.0.1:1", "--corpus", "c"].iter().chain(more);
            Arguments::try_parse_from(arguments).expect("valid").pace()
        };
        assert_eq!(parse(&[]).sessions, 200);
        assert_eq!(parse(&["--duration", "1s"]).sessions, u64::MAX, "bounded by the duration");
        assert_eq!(parse(&["--duration", "1s", "--episodes", "3"]).sessions, 3);
        assert_eq!(parse(&["--arrivals", "closed"]).arrivals, Arrivals::Closed);
        assert_eq!(parse(&["--model", "closed"]).arrivals, Arrivals::Closed);
        let partly = parse(&["--model", "partly-open"]).arrivals;
        assert!(matches!(partly, Arrivals::Open { within: Within::AfterAnswer, .. }), "{partly:?}");
        assert!(matches!(parse(&["--arrivals", "poisson"]).arrivals, Arrivals::Open { shape: 1.0, .. }));
        assert_eq!(parse(&[]).swing, None);
        let swing = Some(Swing { share: 0.5, period: Duration::from_secs(10) });
        assert_eq!(parse(&["--swing", "0.5", "--period", "10s"]).swing, swing);
    }
}
