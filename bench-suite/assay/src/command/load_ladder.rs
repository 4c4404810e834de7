//! `assay load ladder`: the highest rate at which a service keeps an objective.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::Unit;
use baselines::exit_code::Exit;
use clap::{ArgAction, Args};
use harness::ladder::climb::{ClimbPlan, climb};
use harness::ladder::crossing::{HighestRate, highest_rate};
use harness::ladder::objective::Objective;
use harness::ladder::trial::{self, TrialSettings};
use harness::ladder::usl::{self, ScalabilityLaw};
use harness::ladder::{self, Rung};
use harness::tools::loadgen;
use reports::charts::load_curve;
use serde::Serialize;

/// Find the highest rate at which a service keeps an objective
///
/// Doubles the rate until the objective is missed, then tries a few rates around that several times each, in a drawn
/// order. A request that was answered wrongly misses the objective too.
#[derive(Debug, Args)]
pub struct LadderArgs {
    /// The objective, as in 'p99 < 50 ms': response times from the intended start
    #[arg(long, value_name = "OBJECTIVE")]
    objective: Objective,

    /// The first rate, in sessions per second
    #[arg(long, value_name = "RATE", default_value_t = 10.0)]
    from: f64,

    /// The highest rate that is tried
    #[arg(long, value_name = "RATE", default_value_t = 100_000.0)]
    to: f64,

    /// The time during which sessions of one trial start
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    seconds: f64,

    /// The number of rates to try around the highest
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(3..=50))]
    rungs: u8,

    /// The trials at each rate
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=100))]
    trials: u8,

    /// The seed of the schedules and of the order
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write the result to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// The file for the curve of latency against load, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,

    /// Print help
    #[arg(long, short, action = ArgAction::Help)]
    help: Option<bool>,

    /// Arguments of the load generator, such as `--scenario FILE`
    #[arg(last = true, required = true, value_name = "ARGUMENT")]
    arguments: Vec<OsString>,
}

/// The file of a ladder.
#[derive(Serialize)]
struct LadderFile<'a> {
    /// The version of these fields.
    assay_ladder: u32,
    objective: Objective,
    seed: u64,
    seconds: f64,
    highest_rate: Option<HighestRate>,
    /// The reason why there is no highest rate.
    undecided: Option<&'a str>,
    knee: Option<f64>,
    scalability: Option<ScalabilityLaw>,
    rungs: &'a [Rung],
}

impl LadderArgs {
    /// Climbs, prints the ladder, and writes its files.
    pub fn execute(&self) -> Result<Exit> {
        let loadgen = loadgen::find()?;
        let settings = TrialSettings {
            loadgen: &loadgen,
            objective: self.objective,
            seconds: self.seconds,
            arguments: &self.arguments,
        };
        let plan = ClimbPlan {
            from: self.from,
            to: self.to,
            rungs: usize::from(self.rungs),
            trials: usize::from(self.trials),
            seed: self.seed,
        };
        let climbed = climb(plan, self.objective, |rate, seed| {
            let trial = trial::run(&settings, rate, seed)?;
            eprintln!(
                "ladder: {rate:.1} sessions per second: p99 {}, {} of {} missed",
                Unit::Nanoseconds.show(trial.response_p99_ns),
                trial.missed(),
                trial.requests
            );
            Ok(trial)
        });
        let rungs = match climbed {
            Ok(climbed) => climbed.rungs,
            // A search that could not tell is undecided; a generator that failed is an error.
            Err(error) if error.downcast_ref::<ladder::climb::Undecided>().is_some() => {
                eprintln!("assay: undecided: {error}");
                return Ok(Exit::Invalid);
            }
            Err(error) => return Err(error),
        };
        let highest = highest_rate(&rungs, self.objective, self.seed);
        let (knee, scalability) = (ladder::knee(&rungs), usl::fit(&rungs));
        print!("{}", text(self.objective, &rungs, highest.as_ref().ok(), knee, scalability));
        if let Some(path) = &self.json {
            let file = LadderFile {
                assay_ladder: 1,
                objective: self.objective,
                seed: self.seed,
                seconds: self.seconds,
                highest_rate: highest.as_ref().ok().copied(),
                undecided: highest.as_ref().err().map(String::as_str),
                knee,
                scalability,
                rungs: &rungs,
            };
            let json = serde_json::to_string_pretty(&file).context("encoding the ladder")?;
            baselines::atomic::write(path, (json + "\n").as_bytes())?;
        }
        if let Some(path) = &self.svg {
            let at = |value: fn(&trial::Trial) -> f64| {
                rungs.iter().map(|rung| (rung.rate, rung.median(value))).collect::<Vec<_>>()
            };
            let limit_ns = self.objective.limit_ns as f64;
            let svg =
                load_curve::svg(&at(|trial| trial.response_p50_ns), &at(|trial| trial.response_p99_ns), limit_ns)?;
            baselines::atomic::write(path, svg.as_bytes())?;
        }
        match highest {
            Ok(_) => Ok(Exit::Ok),
            Err(why) => {
                eprintln!("assay: undecided: {why}");
                Ok(Exit::Invalid)
            }
        }
    }
}

/// The ladder for people.
fn text(
    objective: Objective,
    rungs: &[Rung],
    highest: Option<&HighestRate>,
    knee: Option<f64>,
    scalability: Option<ScalabilityLaw>,
) -> String {
    let time = |ns: f64| Unit::Nanoseconds.show(ns);
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{:>12} {:>7} {:>10} {:>10} {:>10} {:>9}",
        "sessions/s", "trials", "requests/s", "p50", "p99", "missed"
    );
    for rung in rungs {
        let _ = writeln!(
            text,
            "{:>12.1} {:>7} {:>10.1} {:>10} {:>10} {:>8.2}%",
            rung.rate,
            rung.trials.len(),
            rung.median(|trial| trial.throughput),
            time(rung.median(|trial| trial.response_p50_ns)),
            time(rung.median(|trial| trial.response_p99_ns)),
            100.0 * rung.share()
        );
    }
    if let Some(HighestRate { rate, interval: [low, high] }) = highest {
        let _ = writeln!(
            text,
            "highest rate with p{} < {}: {rate:.1} sessions per second [{low:.1}, {high:.1}] (95%)",
            objective.percentile,
            time(objective.limit_ns as f64)
        );
    }
    if let Some(knee) = knee {
        let _ = writeln!(text, "knee (most throughput for the response time): {knee:.1} sessions per second");
    }
    if let Some(ScalabilityLaw { capacity: Some(capacity), alpha, beta, error, .. }) = scalability {
        let _ = writeln!(
            text,
            "Universal Scalability Law: at most {capacity:.1} requests per second (contention {alpha:.3}, coherency \
             {beta:.5}, error of the fit {:.1}%)",
            100.0 * error
        );
    }
    text
}
