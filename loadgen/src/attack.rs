//! Goose: starts the users, keeps its own count of every request, and ends when the schedule does.
//!
//! The only file that names goose. Its users are the slots in which episodes run; the pace comes from the schedule, because goose's own
//! pacing is closed (a user's next request waits for its last answer) and its timers are whole milliseconds. Left out on purpose: its
//! controllers, reports, thresholds and printing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction, TransactionResult};
use goose::{GooseAttack, GooseError, is_killswitch_triggered, trigger_killswitch};
use tokio::sync::Barrier;

use crate::player::{Player, Stopped};
use crate::tally::Record;

/// What goose's killswitch is told when there is nothing left to do.
const DONE: &str = "the schedule is done";

/// How often a user without work, and the watch on ctrl-c, look around.
const LOOK: Duration = Duration::from_millis(20);

/// How long after the last user goose may take to reset its metrics; what it counts is only right from then on.
const SETTLE: Duration = Duration::from_millis(200);

/// How long goose may take to start its users and to end after the last of them.
const GOOSE_OVERHEAD: Duration = Duration::from_secs(30);

/// Plays the whole schedule with that many users. Answers with the number of requests that goose counted; why a run ended early is the player's
/// to say.
///
/// # Errors
/// Goose's own, and a run that outlived every bound.
pub async fn run(player: Arc<Player>, host: &str, users: u32, bound: Duration) -> Result<usize> {
    // A second run in one process finds the logger of the first: the same one.
    let _ = log::set_logger(&ErrorsToStderr);
    let crew = Arc::new(Crew {
        barrier: Barrier::new(users as usize),
        at_work: AtomicU32::new(users),
        player: Arc::clone(&player),
    });
    let scenario = Scenario::new("episodes")
        .register_transaction(Transaction::new(function(&crew, Step::Gather)).set_name("gather").set_on_start())
        .register_transaction(Transaction::new(function(&crew, Step::Play)).set_name("episode"));
    let attack = GooseAttack::initialize_with_config(configuration(host, users)?)
        .context("setting up goose")?
        .register_scenario(scenario);

    let watch = tokio::spawn(watch(Arc::clone(&crew)));
    let ended = tokio::time::timeout(bound + GOOSE_OVERHEAD, attack.execute()).await;
    watch.abort();
    let Ok(ended) = ended else {
        bail!("the run did not end {} s after its deadline: giving up", GOOSE_OVERHEAD.as_secs());
    };
    let metrics = ended.context("goose")?;
    Ok(metrics.requests.values().map(|request| request.success_count + request.fail_count).sum())
}

/// Takes the place of goose's own logger, which writes to stdout: there the measurements go. What goose warns of, the player knows.
struct ErrorsToStderr;

impl log::Log for ErrorsToStderr {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() == log::Level::Error
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            eprintln!("loadgen: {}", record.args());
        }
    }

    fn flush(&self) {}
}

/// What the users share.
struct Crew {
    barrier: Barrier,
    at_work: AtomicU32,
    player: Arc<Player>,
}

#[derive(Clone, Copy)]
enum Step {
    Gather,
    Play,
}

fn function(crew: &Arc<Crew>, step: Step) -> TransactionFunction {
    let crew = Arc::clone(crew);
    Arc::new(move |user| {
        let crew = Arc::clone(&crew);
        Box::pin(async move {
            match step {
                Step::Gather => crew.gather().await,
                Step::Play => crew.play(user).await,
            }
        })
    })
}

impl Crew {
    /// Waits until all users are there: the schedule's clock must not run while goose still starts some.
    async fn gather(&self) -> TransactionResult {
        self.barrier.wait().await;
        tokio::time::sleep(SETTLE).await;
        self.player.start();
        Ok(())
    }

    /// Plays the next episode. A user that finds none left waits for the others; the last one ends the run.
    async fn play(&self, user: &mut GooseUser) -> TransactionResult {
        if is_killswitch_triggered() {
            // Goose calls again until its message to stop arrives.
            tokio::time::sleep(LOOK).await;
            return Ok(());
        }
        let Some(planned) = self.player.next() else {
            if self.at_work.fetch_sub(1, Ordering::AcqRel) == 1 {
                trigger_killswitch(DONE);
            }
            while !is_killswitch_triggered() {
                tokio::time::sleep(LOOK).await;
            }
            return Ok(());
        };
        // Goose gets the records after the episode: its bookkeeping must not stand between two requests.
        for record in self.player.play(&planned).await {
            note(user, &record).await?;
        }
        Ok(())
    }
}

/// Hands a request on to goose's own metrics, with the response time from the intended start.
async fn note(user: &mut GooseUser, record: &Record) -> TransactionResult {
    let Record { operation, status, error, .. } = record;
    let ok = error.is_none();
    user.record_custom_request_duration(
        operation.method(),
        operation.name(),
        record.response(),
        ok,
        *status,
        error.as_deref(),
    )
    .await
}

/// Tells the player of ctrl-c, which goose catches, so that users in the middle of an episode stop, too.
async fn watch(crew: Arc<Crew>) {
    while !is_killswitch_triggered() {
        tokio::time::sleep(LOOK).await;
    }
    if crew.at_work.load(Ordering::Acquire) > 0 {
        crew.player.stop(Stopped::Interrupted);
    }
}

/// Goose without its controllers and its printing. Metrics reset once all users run, which is before the first request: the one way in which
/// goose prints nothing about it on stdout.
fn configuration(host: &str, users: u32) -> Result<GooseConfiguration, GooseError> {
    let count = users.to_string();
    // All users within a twentieth of a second.
    let rate = (users * 20).to_string();
    GooseConfiguration::parse_args_default(&[
        "--host",
        host,
        "--users",
        &count,
        "--increase-rate",
        &rate,
        "--no-telnet",
        "--no-print-metrics",
        "--no-error-summary",
        "--no-transaction-metrics",
        "--no-scenario-metrics",
        "--quiet",
    ])
}
