//! The command line: a [`Pace`] and a server to send requests to.
//!
//! Every bound has a default, so that every run ends.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::http::BodyEncoding;
use crate::plan::{Arrivals, Pace};

/// Plays whole episodes of a corpus against a running memory-server, at a given pace, and measures how it answers.
///
/// Latency counts from the scheduled start of a request, so that a server that stalls is charged for every request that
/// had to wait, not only for the one that it was working on.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = AFTER_HELP)]
pub struct Arguments {
    /// The server, as memory-server prints it
    #[arg(long, value_name = "URL")]
    pub server: String,

    /// The episodes to play: a corpus file, as `assay corpus import` writes it
    #[arg(long, value_name = "FILE")]
    pub corpus: PathBuf,

    /// The most episodes at the same time; one connection each
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub users: u32,

    /// Episodes that start each second, on average (not with --arrivals closed)
    #[arg(long, value_name = "EPISODES", default_value_t = 20.0, value_parser = |text: &str| number(text, 0.001, 1e6))]
    pub rate: f64,

    /// The number of episodes to start [default: 200, or no bound with --duration]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub episodes: Option<u64>,

    /// The time during which episodes start, as in 10s, 500ms or 2m
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub duration: Option<Duration>,

    /// The arrivals of episodes
    #[arg(long, value_enum, default_value_t = ArrivalKind::Gamma)]
    pub arrivals: ArrivalKind,

    /// The shape of the Gamma distribution of the times between arrivals: 1 is Poisson, less is burstier
    #[arg(long, value_name = "SHAPE", default_value_t = 0.5, value_parser = |text: &str| number(text, 0.01, 1e3))]
    pub shape: f64,

    /// The mean time between the requests of one episode (not with --arrivals closed)
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

    /// The time after which the run ends [default: a minute more than the schedule, ten minutes with --arrivals closed]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub deadline: Option<Duration>,

    /// Threads of the load generator
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub threads: u32,

    /// The encoding of bodies; the server's variant must have the same `wire`
    #[arg(long, value_enum, default_value_t = BodyEncoding::Identity)]
    pub wire: BodyEncoding,

    /// The file for the measurements, one JSON record a line [default: stdout, and the summary to stderr]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Allow a server on another machine; without this, only loopback addresses are accepted
    #[arg(long)]
    pub allow_remote: bool,

    /// Print the schedule, one planned episode a line, and send nothing
    #[arg(long)]
    pub plan: bool,

    /// No progress on stderr
    #[arg(long, short)]
    pub quiet: bool,
}

const AFTER_HELP: &str = "\
Exit codes: 0 done, 1 failed (such as a server that cannot be reached or goes away), 2 usage,
3 the run did not finish by its deadline, 4 an empty corpus or nothing sent.
Wrong answers do not change the exit code: they are counted by the metric `errors`, which the gate judges.";

/// Names of the arrivals on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalKind {
    /// Open: Gamma-distributed times between arrivals, in bursts (as language-model services have them, BurstGPT 2024)
    Gamma,
    /// Open: independent arrivals
    Poisson,
    /// Closed: each user starts the next episode as soon as the last one is done
    Closed,
}

impl Arguments {
    /// The pace that the arguments ask for.
    pub fn pace(&self) -> Pace {
        let arrivals = match self.arrivals {
            ArrivalKind::Gamma => Arrivals::Open { rate: self.rate, shape: self.shape, gap: self.gap },
            ArrivalKind::Poisson => Arrivals::Open { rate: self.rate, shape: 1.0, gap: self.gap },
            ArrivalKind::Closed => Arrivals::Closed,
        };
        let episodes = match (self.episodes, self.duration) {
            (Some(episodes), _) => episodes,
            (None, Some(_)) => 1_000_000,
            (None, None) => 200,
        };
        Pace { arrivals, episodes, duration: self.duration, retrieve_ratio: self.retrieve_ratio, seed: self.seed }
    }
}

/// A time with its unit: `10s`, `500ms`, `2.5s`, `2m`, `100us`.
fn duration(text: &str) -> Result<Duration, String> {
    const REMEDY: &str = "write a number and a unit, as in 10s, 500ms or 2m";
    let digits = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(REMEDY)?;
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| REMEDY)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(REMEDY.to_owned()),
    };
    if seconds > 24.0 * 3600.0 {
        return Err("a day is the most".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn number(text: &str, low: f64, high: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(value) if (low..=high).contains(&value) => Ok(value),
        _ => Err(format!("must be a number from {low} to {high}")),
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
    fn durations_have_units() {
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("250us"), Ok(Duration::from_micros(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "-1s", "1 s", "10d", "1e9h", "99999h"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_run_is_always_bounded() {
        let parse = |more: &[&str]| {
            let arguments = ["loadgen", "--server", "http://127.0.0.1:1", "--corpus", "c"].iter().chain(more);
            Arguments::try_parse_from(arguments).expect("valid").pace()
        };
        assert_eq!(parse(&[]).episodes, 200);
        assert_eq!(parse(&["--duration", "1s"]).episodes, 1_000_000);
        assert_eq!(parse(&["--duration", "1s", "--episodes", "3"]).episodes, 3);
        assert_eq!(parse(&["--arrivals", "closed"]).arrivals, Arrivals::Closed);
        assert!(matches!(parse(&["--arrivals", "poisson"]).arrivals, Arrivals::Open { shape: 1.0, .. }));
    }
}
