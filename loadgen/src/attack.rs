//! Goose: starts the users, keeps its own count of every request, and ends with the last schedule.
//!
//! The only file that names goose. Its users are the slots in which sessions run. The pace comes from the schedule,
//! because goose's own pacing is closed (a user's next request waits for its last answer) and its timers have whole
//! milliseconds. Goose's controllers, reports, thresholds and printing are not used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use goose::config::GooseConfiguration;
use goose::goose::{GooseUser, Scenario, Transaction, TransactionFunction, TransactionResult};
use goose::{GooseAttack, GooseError, is_killswitch_triggered, trigger_killswitch};
use tokio::sync::{Barrier, watch};

use crate::record::tally::{OperationName, RequestRecord};
use crate::send::player::{LoadWorkload, Player, StopReason};

/// The reasons that goose's killswitch is given.
const DONE: &str = "the schedule is done";
const PANICKED: &str = "a user panicked";

/// Time between two looks at the killswitch.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Goose resets its metrics within this time after the last user has started; its counts are right from then on.
const METRICS_RESET: Duration = Duration::from_millis(200);

/// The longest that goose may take to start its users and to end after the last of them.
const GOOSE_OVERHEAD: Duration = Duration::from_secs(30);

/// What the users play, one schedule after the other.
pub trait Players<W>: Send + Sync + 'static {
    /// The player of the next schedule, after the one that is done; none to end the run.
    fn after(&self, done: Option<&Player<W>>) -> impl Future<Output = Option<Arc<Player<W>>>> + Send;
}

/// The only player of a run.
impl<W: LoadWorkload> Players<W> for Arc<Player<W>> {
    async fn after(&self, done: Option<&Player<W>>) -> Option<Arc<Player<W>>> {
        done.is_none().then(|| Arc::clone(self))
    }
}

/// Plays whole schedules with that many users and returns the number of requests that goose counted. A player knows why
/// its run ended early.
pub async fn run<W: LoadWorkload>(players: impl Players<W>, users: u32, bound: Duration) -> Result<usize> {
    // Another logger is that of a test, which sees the errors too.
    let _ = log::set_logger(&ErrorsToStderr);
    let group = Arc::new(UserGroup {
        barrier: Barrier::new(users as usize),
        users,
        at_work: AtomicU32::new(users),
        has_panicked: AtomicBool::new(false),
        player: watch::Sender::new(None),
        players,
    });
    let scenario = Scenario::new("sessions")
        .register_transaction(Transaction::new(function(&group, Phase::Gather)).set_name("gather").set_on_start())
        .register_transaction(Transaction::new(function(&group, Phase::Play)).set_name("session"));
    let attack = GooseAttack::initialize_with_config(configuration(users)?)
        .context("setting up goose")?
        .register_scenario(scenario);

    let watched = Arc::clone(&group);
    let at_end = tokio::spawn(async move { watched.stop_at_end().await });
    let ended = tokio::time::timeout(bound + GOOSE_OVERHEAD, attack.execute()).await;
    at_end.abort();
    ensure!(
        !group.has_panicked.load(Ordering::Acquire),
        "a user panicked, so requests are missing: this is an error of loadgen, report it with the lines above"
    );
    let Ok(ended) = ended else {
        bail!("the run did not end {} s after its deadline: giving up", GOOSE_OVERHEAD.as_secs());
    };
    let metrics = ended.context("goose")?;
    Ok(metrics.requests.values().map(|request| request.success_count + request.fail_count).sum())
}

/// Replaces goose's logger, which writes to stdout, where the measurements go. Warnings are dropped: the player knows
/// of what they say.
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

/// State that all users share.
struct UserGroup<W, P> {
    barrier: Barrier,
    users: u32,
    at_work: AtomicU32,
    has_panicked: AtomicBool,
    /// None before the first schedule. It is also sent anew when the run is to end.
    player: watch::Sender<Option<Arc<Player<W>>>>,
    players: P,
}

#[derive(Clone, Copy)]
enum Phase {
    Gather,
    Play,
}

/// Ends the run with a user that panics: once the schedule is done, the others would wait for it.
struct EndsOnPanic<'a>(&'a AtomicBool);

impl Drop for EndsOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Release);
            trigger_killswitch(PANICKED);
        }
    }
}

fn function<W: LoadWorkload, P: Players<W>>(group: &Arc<UserGroup<W, P>>, phase: Phase) -> TransactionFunction {
    let group = Arc::clone(group);
    Arc::new(move |user| {
        let group = Arc::clone(&group);
        Box::pin(async move {
            let _ends = EndsOnPanic(&group.has_panicked);
            match phase {
                Phase::Gather => group.gather().await,
                Phase::Play => group.play(user).await,
            }
        })
    })
}

impl<W: LoadWorkload, P: Players<W>> UserGroup<W, P> {
    fn player(&self) -> Option<Arc<Player<W>>> {
        self.player.borrow().clone()
    }

    /// Waits until all users have started, and for the first schedule.
    async fn gather(&self) -> TransactionResult {
        let mut ending = self.player.subscribe();
        tokio::select! {
            _ = self.barrier.wait() => {}
            _ = ending.changed() => return Ok(()), // ctrl-c, before all have started
        }
        tokio::time::sleep(METRICS_RESET).await;
        self.finish_schedule(None).await;
        Ok(())
    }

    /// Plays the next session.
    async fn play(&self, user: &mut GooseUser) -> TransactionResult {
        let Some(player) = self.player().filter(|_| !is_killswitch_triggered()) else {
            // Goose calls again until its message to stop arrives.
            tokio::time::sleep(POLL_INTERVAL).await;
            return Ok(());
        };
        let Some(planned) = player.next() else {
            self.finish_schedule(Some(&player)).await;
            return Ok(());
        };
        // Goose gets the records after the session, so that its bookkeeping delays no request.
        for record in player.play(&planned).await {
            record_in_goose(&player, user, &record).await?;
        }
        Ok(())
    }

    /// Waits for the other users: the last one brings the next schedule and starts its clock, or ends the run.
    async fn finish_schedule(&self, done: Option<&Player<W>>) {
        // The group has a sender as long as it lives.
        let mut changed = self.player.subscribe();
        if self.at_work.fetch_sub(1, Ordering::AcqRel) > 1 {
            let _ = changed.changed().await;
            return;
        }
        let next = tokio::select! {
            biased;
            next = self.players.after(done) => next,
            _ = changed.changed() => None,
        };
        let Some(next) = next else {
            trigger_killswitch(DONE);
            return;
        };
        self.at_work.store(self.users, Ordering::Release);
        tokio::select! {
            () = next.start() => {}
            _ = changed.changed() => next.stop(StopReason::Interrupted),
        }
        self.player.send_replace(Some(next));
    }

    /// Wakes all that wait once the run is to end, and tells the player of ctrl-c, which goose catches, so that users
    /// in the middle of a session stop as well.
    async fn stop_at_end(&self) {
        while !is_killswitch_triggered() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        // Again and again, for those that begin to wait, and for a schedule that begins just now.
        loop {
            if self.at_work.load(Ordering::Acquire) > 0 {
                self.player().inspect(|player| player.stop(StopReason::Interrupted));
            }
            self.player.send_modify(|_| {});
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }
}

/// Adds a request to goose's metrics, with the response time from the intended start.
async fn record_in_goose<W: LoadWorkload>(
    player: &Player<W>,
    user: &mut GooseUser,
    record: &RequestRecord,
) -> TransactionResult {
    let OperationName { name, method } = player.operation(record.operation);
    let RequestRecord { status, error, .. } = record;
    let (response, ok) = (record.response(), error.is_none());
    user.record_custom_request_duration(method, name, response, ok, *status, error.as_deref()).await
}

/// Goose without its controllers and its printing. Its metrics are reset once all users have started, which is before
/// the first request; only with that setting does it print nothing about the start to stdout. It wants a host, though
/// the workload sends the requests.
fn configuration(users: u32) -> Result<GooseConfiguration, GooseError> {
    let rate = users * 20; // all of them within a twentieth of a second
    let arguments = format!(
        "--host http://127.0.0.1 --users {users} --increase-rate {rate} --no-telnet --no-print-metrics --no-error-summary \
         --no-transaction-metrics --no-scenario-metrics --quiet"
    );
    GooseConfiguration::parse_args_default(&arguments.split(' ').collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::mix::{Mix, SessionShape};
    use crate::arrivals::schedule::{Arrivals, Pace, Schedule};
    use crate::arrivals::shard::LoadShard;
    use crate::send::http::RequestError;
    use crate::send::player::{RunSettings, SessionPlay};

    struct Panics;

    impl LoadWorkload for Panics {
        fn operations(&self) -> &[OperationName] {
            &[]
        }

        fn target(&self) -> &str {
            "nobody"
        }

        async fn probe(&self, _: Duration) -> Result<(), RequestError> {
            Ok(())
        }

        async fn play(&self, session: &mut SessionPlay<'_>) -> Option<()> {
            assert_ne!(session.planned.index, 1, "as the test wants it");
            Some(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_user_that_panics_ends_the_run() {
        let pace = Pace { arrivals: Arrivals::Closed, sessions: 9, duration: None, seed: 1, swing: None };
        let mix = Mix::Scenario { sessions: vec![SessionShape { weight: 1.0, requests: 1 }] };
        let long = Duration::from_secs(600);
        let (start_at, count_over, log) = Default::default();
        let settings = RunSettings { first: 0, deadline: long, start_at, outage: Duration::ZERO, count_over, log };
        let player = Player::new(Arc::new(Panics), Schedule::new(pace, mix, LoadShard::WHOLE), settings).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(20), run(Arc::new(player), 3, long)).await;
        assert!(ended.expect("it ends").expect_err("and fails").to_string().starts_with("a user panicked"));
    }
}
