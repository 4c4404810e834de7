//! Open-loop load test of a running `memory-server`: plays whole episodes of a corpus and writes measurements.
//!
//! - [`arguments`]: the command line.
//! - [`plan`]: the schedule of episodes and requests.
//! - [`timer`], [`http`], [`player`]: waiting, sending, and playing an episode.
//! - [`check`], [`tally`]: checks of the answers, and their times.
//! - [`attack`]: goose, which runs the users.
//! - [`report`]: measurements and summary.

mod arguments;
mod attack;
mod check;
mod http;
mod plan;
mod player;
mod report;
mod tally;
mod timer;

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use baselines::exit_code::Exit;
use clap::Parser;
use memory::api::{Script, ServerStats};
use memory::corpus;

use crate::arguments::Arguments;
use crate::http::HttpClient;
use crate::plan::Schedule;
use crate::player::{Player, StopReason};
use crate::report::ServerSnapshots;

/// Default deadlines: time beyond an open schedule, time for a closed one, and the longest of all.
const OVERTIME: Duration = Duration::from_secs(60);
const CLOSED_DEADLINE: Duration = Duration::from_secs(600);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let exit = run(&Arguments::parse()).unwrap_or_else(|error| {
        eprintln!("loadgen: {error:#}");
        Exit::Error
    });
    ExitCode::from(exit.code())
}

fn run(arguments: &Arguments) -> Result<Exit> {
    let http = HttpClient::new(&arguments.server, arguments.timeout, arguments.allow_remote, arguments.wire)?;
    let scripts = corpus::read(&arguments.corpus)?.scripts;
    if scripts.is_empty() {
        eprintln!("loadgen: {}: the corpus has no episodes, so there is nothing to send", arguments.corpus.display());
        return Ok(Exit::Nothing);
    }
    if arguments.plan {
        print_plan(Schedule::new(arguments.pace(), step_counts(&scripts)))?;
        return Ok(Exit::Ok);
    }
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads as usize)
        .enable_all()
        .build()
        .context("starting the runtime")?
        .block_on(measure(arguments, http, scripts))
}

fn step_counts(scripts: &[Script]) -> Vec<usize> {
    scripts.iter().map(|script| script.steps.len()).collect()
}

fn print_plan(schedule: Schedule) -> Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for planned in schedule {
        serde_json::to_writer(&mut out, &planned).context("writing the schedule")?;
        out.write_all(b"\n").context("writing the schedule")?;
    }
    out.flush().context("writing the schedule")
}

async fn measure(arguments: &Arguments, http: HttpClient, scripts: Vec<Script>) -> Result<Exit> {
    let step_counts = step_counts(&scripts);
    let pace = arguments.pace();
    let totals = Schedule::totals(pace, &step_counts);
    let end = totals.and_then(|totals| totals.end).or(pace.duration);
    let deadline = arguments.deadline.unwrap_or(end.map_or(CLOSED_DEADLINE, |end| (end + OVERTIME).min(LONGEST)));
    let schedule = Schedule::new(pace, step_counts);
    let open = schedule.is_open();
    let limit = usize::try_from(arguments.limit).context("--limit")?;
    let player = Arc::new(Player::new(http.clone(), scripts, schedule, limit, deadline)?);

    let before = stats(&http).await?;
    let progress = (!arguments.quiet).then(|| tokio::spawn(show_progress(Arc::clone(&player))));
    let bound = deadline + arguments.timeout;
    let counted = attack::run(Arc::clone(&player), http.base(), arguments.users, bound).await;
    if let Some(progress) = progress {
        progress.abort();
    }
    let counted = counted?;
    match player.stop_reason() {
        Some(StopReason::Gone(reason)) => bail!("{reason}"),
        Some(StopReason::Interrupted) => bail!("interrupted after {} requests", player.tally().requests()),
        Some(StopReason::Late) | None => {}
    }
    let after = stats(&http).await?;

    let tally = player.tally();
    if tally.requests() == 0 {
        eprintln!("loadgen: no episode was due before the end: raise --rate, --duration or --deadline");
        return Ok(Exit::Nothing);
    }
    if tally.requests() != counted as u64 {
        eprintln!("loadgen: goose counted {counted} of {} requests; the measurements have them all", tally.requests());
    }
    let server = ServerSnapshots { before, after };
    // The planned requests, because errors end episodes early and must not make the run incomparable.
    let operations = totals.map_or(1, |totals| totals.requests);
    let lines = report::lines(&report::measurements(&tally, &server, operations)?)?;
    let summary = report::summary(&tally, &server, open);
    if player.stop_reason() == Some(&StopReason::Late) {
        eprint!("{summary}");
        eprintln!(
            "loadgen: the run was not done by its deadline of {} s: lower --rate, raise --users or --deadline",
            deadline.as_secs_f64()
        );
        return Ok(Exit::Invalid);
    }
    match &arguments.output {
        Some(path) => {
            baselines::atomic::write(path, lines.as_bytes())?;
            io::stdout().write_all(summary.as_bytes()).context("writing the summary")?;
        }
        None => {
            io::stdout().write_all(lines.as_bytes()).context("writing the measurements")?;
            eprint!("{summary}");
        }
    }
    Ok(Exit::Ok)
}

/// The server's own numbers. They also prove that it is a memory-server and that it answers.
async fn stats(http: &HttpClient) -> Result<ServerStats> {
    let remedy = "is memory-server running there?";
    let answer = http
        .get("/stats")
        .await
        .map_err(|none| anyhow!("{} does not answer: {} ({remedy})", http.base(), none.reason))?;
    check::read(&answer, 200).map_err(|wrong| anyhow!("{}/stats: {wrong} ({remedy})", http.base()))
}

async fn show_progress(player: Arc<Player>) {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let (requests, episodes, errors) = {
            let tally = player.tally();
            (tally.requests(), tally.episodes, tally.error_count())
        };
        eprintln!("loadgen: {episodes} episodes, {requests} requests, {errors} errors");
    }
}
