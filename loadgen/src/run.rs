//! One run: reads the workload, has it played, and writes what came out.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow};
use baselines::exit_code::Exit;
use baselines::stdout::ignore_broken_pipe;
use clap::Parser;
use episodes::api::ServerStats;
use episodes::corpus;

use crate::arguments::Arguments;
use crate::arrivals::mix::Mix;
use crate::arrivals::schedule::Schedule;
use crate::arrivals::shard::LoadShard;
use crate::attack;
use crate::episodes::{Episodes, check};
use crate::prepared::{PreparedLoad, plan};
use crate::record::interval_log::{LogEnd, LogHeader, SCHEMA};
use crate::record::log_writer::{LogPlace, LogWriter};
use crate::record::merge::LATE_NS;
use crate::report::{self, FinishedLoad, LoadSummary, ServerSnapshots};
use crate::scenario::client::ScenarioClient;
use crate::scenario::play::ScenarioWorkload;
use crate::scenario::read::{self, ReadScenario};
use crate::send::http::{ConnectionSettings, HttpClient};
use crate::send::player::{LoadWorkload, Player, RunSettings};
use crate::slices;

/// Time between two lines of progress.
const PROGRESS: Duration = Duration::from_secs(2);

/// Runs what the command line asks for, whose first word is the program's name.
pub fn run(words: &[OsString]) -> Result<Exit> {
    let arguments = Arguments::parse_from(words);
    let Some(file) = &arguments.scenario else { return episodes(&arguments) };
    let read = read::read(file, arguments.preset.as_deref()).map_err(|wrong| anyhow!(wrong))?;
    // What is said last counts: the command line goes before the scenario's pace.
    let (program, own) = words.split_at(1);
    let pace: Vec<OsString> = read.scenario.pace.iter().map(OsString::from).collect();
    scenario(&Arguments::parse_from([program, &pace[..], own].concat()), read)
}

fn episodes(arguments: &Arguments) -> Result<Exit> {
    let server = arguments.server.as_deref().context("--server is missing")?;
    let file = arguments.corpus.as_deref().context("--corpus is missing")?;
    let http = HttpClient::new(server, arguments.http(ConnectionSettings::plain())).context("--server")?;
    let scripts = corpus::read(file)?.scripts;
    if scripts.is_empty() {
        eprintln!("loadgen: {}: the corpus has no episodes, so there is nothing to send", file.display());
        return Ok(Exit::Nothing);
    }
    let bytes = std::fs::read(file).with_context(|| format!("can't read {}", file.display()))?;
    let step_counts = scripts.iter().map(|script| script.steps.len()).collect();
    let mix = Mix::Episodes { step_counts, retrieve_ratio: arguments.retrieve_ratio };
    let limit = usize::try_from(arguments.limit).context("--limit")?;
    let plan = plan(&arguments.pace(), &bytes, &format!("{:?} {limit}", arguments.retrieve_ratio));
    let workload = Episodes::new(scripts, limit, http.clone())?;
    start(arguments, PreparedLoad { name: "load/episodes".to_owned(), plan, workload, mix, memory: Some(http) })
}

fn scenario(arguments: &Arguments, ReadScenario { scenario, bytes }: ReadScenario) -> Result<Exit> {
    let name = format!("load/{}", scenario.name);
    let client = ScenarioClient::new(&scenario, arguments)?;
    let workload = ScenarioWorkload::new(scenario, client, arguments.seed, arguments.shard());
    let preset = arguments.preset.as_deref().unwrap_or_default();
    let (mix, plan) = (workload.mix(), plan(&arguments.pace(), &bytes, preset));
    start(arguments, PreparedLoad { name, plan, workload, mix, memory: None })
}

fn start<W: LoadWorkload>(arguments: &Arguments, prepared: PreparedLoad<W>) -> Result<Exit> {
    if arguments.plan {
        let schedule = Schedule::new(arguments.pace(), prepared.mix, arguments.shard());
        if schedule.closes_after().is_some() && arguments.episodes.is_none() {
            eprintln!("loadgen: the server decides how many sessions a closed --duration has: --plan needs --sessions");
            return Ok(Exit::Usage);
        }
        print_plan(schedule)?;
        return Ok(Exit::Ok);
    }
    if arguments.shard().of > 1 && arguments.start_at.is_none() {
        eprintln!("loadgen: --shard {} needs --start-at, so that all shards start at one time", arguments.shard());
        return Ok(Exit::Usage);
    }
    if let Some(passed) = arguments.start_at.and_then(|start| SystemTime::now().duration_since(start).ok())
        && passed > Duration::from_nanos(LATE_NS)
    {
        let seconds = passed.as_secs_f64();
        eprintln!("loadgen: --start-at has passed {seconds:.1} s ago: nothing was sent; give a later time");
        return Ok(Exit::Invalid);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(arguments.threads as usize)
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(async {
        if arguments.slices { slices::play(arguments, prepared).await } else { measure(arguments, prepared).await }
    })
}

fn print_plan(schedule: Schedule) -> Result<()> {
    let out = io::BufWriter::new(io::stdout().lock());
    ignore_broken_pipe(write_plan(schedule, out)).context("printing the schedule")
}

fn write_plan(schedule: Schedule, mut out: impl Write) -> io::Result<()> {
    for planned in schedule {
        serde_json::to_writer(&mut out, &planned)?;
        writeln!(out)?;
    }
    out.flush()
}

async fn measure<W: LoadWorkload>(arguments: &Arguments, prepared: PreparedLoad<W>) -> Result<Exit> {
    let PreparedLoad { name, plan, workload, mix, memory } = prepared;
    let shard = arguments.shard();
    let schedule = Schedule::new(arguments.pace(), mix, shard);
    let totals = schedule.totals();
    let deadline = arguments.deadline_after(totals.and_then(|totals| totals.end));
    let open = schedule.is_open();
    let header = LogHeader {
        schema: SCHEMA,
        name: name.clone(),
        plan: plan.clone(),
        shard,
        started_at_ns: 0,
        operations: workload.operations().iter().map(|operation| operation.name.clone()).collect(),
    };
    let log = arguments.log.as_ref().map(|log| LogWriter::open(LogPlace::of(&log_file(log, shard)))).transpose()?;
    let settings = RunSettings {
        first: 0,
        deadline,
        start_at: arguments.start_at,
        outage: arguments.outage,
        count_over: arguments.count_over,
        log: log.map(|log| (log, header)),
    };
    workload.connect().await?;
    let player = Arc::new(Player::new(Arc::new(workload), schedule, settings)?);
    player.play_before().await?;

    let before = match &memory {
        Some(http) => Some(stats(http).await?),
        None => None,
    };
    let progress = (!arguments.quiet).then(|| tokio::spawn(show_progress(Arc::clone(&player))));
    let wait = arguments.start_at.and_then(|start| start.duration_since(SystemTime::now()).ok()).unwrap_or_default();
    let bound = wait + deadline + arguments.timeout;
    let counted = attack::run(Arc::clone(&player), arguments.users, bound).await;
    if let Some(progress) = progress {
        progress.abort();
    }
    let counted = counted?;
    player.ensure_not_stopped()?;
    let health = player.health(arguments.threads);
    let server = match before.zip(memory) {
        // One that was away may be another process now, whose counts began anew.
        Some((before, http)) => {
            Some(ServerSnapshots { before, after: stats(&http).await?, is_whole: player.outages() == 0 })
        }
        None => None,
    };
    if arguments.read_again {
        player.workload().read_again().await?;
    }

    let tally = player.tally();
    let unhealthy = player.complaints(&health, &tally, arguments.health_limits());
    let finish_log = || match player.log() {
        Some(log) => log.finish(LogEnd {
            sessions: tally.sessions,
            errors: tally.errors.clone(),
            health: health.clone(),
            unhealthy: unhealthy.clone(),
        }),
        None => Ok(()),
    };
    if shard.of > 1 && totals.is_some_and(|totals| totals.requests == 0) {
        // The others have them all: its log says so, and the sum is whole.
        finish_log()?;
        eprintln!("loadgen: shard {shard} has no session of this schedule: nothing was sent");
        return Ok(Exit::Ok);
    }
    if tally.requests() == 0 {
        eprintln!("loadgen: no session was due before the end: raise --rate, --duration or --deadline");
        return Ok(Exit::Nothing);
    }
    if tally.requests() != counted as u64 {
        eprintln!("loadgen: goose counted {counted} of {} requests; the measurements have them all", tally.requests());
    }
    finish_log()?;
    let load = FinishedLoad {
        name: &name,
        tally: &tally,
        health: &health,
        server: server.as_ref(),
        open,
        outages: player.outages(),
    };
    // The planned requests, because errors end sessions early and must not make the run incomparable.
    let operations = totals.map_or(1, |totals| totals.requests);
    publish(arguments, &load, &plan, operations, &unhealthy)
}

/// Writes and prints what is asked for of a run; `unhealthy` has the reasons not to believe it.
fn publish(
    arguments: &Arguments,
    load: &FinishedLoad<'_>,
    plan: &str,
    operations: u64,
    unhealthy: &[String],
) -> Result<Exit> {
    if let Some(path) = &arguments.summary {
        let summary = LoadSummary::new(load, plan, arguments.shard(), unhealthy);
        let json = serde_json::to_string_pretty(&summary).context("encoding the summary")?;
        baselines::atomic::write(path, (json + "\n").as_bytes())?;
    }
    let lines = report::lines(&report::measurements(load, operations)?)?;
    let summary = report::summary(load);
    if !unhealthy.is_empty() {
        eprint!("{summary}");
        for reason in unhealthy {
            eprintln!("loadgen: invalid: {reason}");
        }
        return Ok(Exit::Invalid);
    }
    match &arguments.output {
        Some(path) => {
            baselines::atomic::write(path, lines.as_bytes())?;
            ignore_broken_pipe(io::stdout().write_all(summary.as_bytes())).context("writing the summary")?;
        }
        // Stdout has the log: nothing else is mixed into it.
        None if arguments.log.as_deref() == Some(Path::new("-")) => eprint!("{summary}"),
        None => {
            ignore_broken_pipe(io::stdout().write_all(lines.as_bytes())).context("writing the measurements")?;
            eprint!("{summary}");
        }
    }
    Ok(Exit::Ok)
}

/// In a folder, each shard has its own file.
fn log_file(log: &Path, shard: LoadShard) -> PathBuf {
    if log.is_dir() { log.join(format!("shard-{}of{}.hlog", shard.number, shard.of)) } else { log.to_owned() }
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

async fn show_progress<W: LoadWorkload>(player: Arc<Player<W>>) {
    loop {
        tokio::time::sleep(PROGRESS).await;
        let (requests, sessions, errors) = {
            let tally = player.tally();
            (tally.requests(), tally.sessions, tally.error_count())
        };
        eprintln!("loadgen: {sessions} sessions, {requests} requests, {errors} errors");
    }
}
