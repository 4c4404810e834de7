//! Plays planned episodes: waits for each request's intended start, sends it, checks the answer and records the times.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use memory::EpisodeId;
use memory::api::{Retrieve, Script};
use parking_lot::{Mutex, MutexGuard};

use crate::check;
use crate::http::{HttpClient, HttpResponse, RequestBody, RequestError};
use crate::plan::{PlannedEpisode, Schedule};
use crate::tally::{Operation, RequestRecord, Tally};
use crate::timer::Timer;

/// The longest that a task waits before it checks if the run was stopped.
const SLICE: Duration = Duration::from_millis(100);

/// Timeout of the request that checks if the server is still there.
const PROBE: Duration = Duration::from_secs(2);

/// Reasons for a run to end before its schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// The server does not answer any more.
    Gone(String),
    /// The deadline passed.
    Late,
    /// Ctrl-C.
    Interrupted,
}

/// One run, shared by all users.
#[derive(Debug)]
pub struct Player {
    http: HttpClient,
    scripts: Vec<PreparedScript>,
    limit: usize,
    timer: Timer,
    deadline: Duration,
    schedule: Mutex<Schedule>,
    tally: Mutex<Tally>,
    /// The scripts of this run's completed episodes.
    written: Mutex<BTreeMap<EpisodeId, usize>>,
    started: OnceLock<Instant>,
    stopped: OnceLock<StopReason>,
}

/// A script with the bodies of its requests, encoded before the run, so that encoding delays no request.
#[derive(Debug)]
struct PreparedScript {
    script: Script,
    start: RequestBody,
    steps: Vec<RequestBody>,
    outcome: RequestBody,
    retrieve: RequestBody,
}

impl PreparedScript {
    fn new(script: Script, limit: usize, http: &HttpClient) -> Result<PreparedScript> {
        let (text, context) = (script.start.task.clone(), Some(script.start.context.clone()));
        Ok(PreparedScript {
            start: http.body(&script.start)?,
            steps: script.steps.iter().map(|step| http.body(step)).collect::<Result<_>>()?,
            outcome: http.body(&script.outcome)?,
            retrieve: http.body(&Retrieve { text, context, limit, steps: false })?,
            script,
        })
    }
}

impl Player {
    /// A run of `schedule` over `scripts`. Retrievals ask for `limit` episodes; nothing is sent later than `deadline`
    /// after the start.
    pub fn new(
        http: HttpClient,
        scripts: Vec<Script>,
        schedule: Schedule,
        limit: usize,
        deadline: Duration,
    ) -> Result<Player> {
        let scripts =
            scripts.into_iter().map(|script| PreparedScript::new(script, limit, &http)).collect::<Result<_>>()?;
        Ok(Player {
            http,
            scripts,
            limit,
            timer: Timer::start().context("starting the timer")?,
            deadline,
            schedule: Mutex::new(schedule),
            tally: Mutex::new(Tally::new()),
            written: Mutex::new(BTreeMap::new()),
            started: OnceLock::new(),
            stopped: OnceLock::new(),
        })
    }

    /// Starts the schedule's clock; only the first call counts.
    pub fn start(&self) {
        self.started.get_or_init(Instant::now);
    }

    /// The next episode to play; none once the schedule is done, its time is over, or the run was stopped.
    pub fn next(&self) -> Option<PlannedEpisode> {
        if self.stopped() {
            return None;
        }
        let mut schedule = self.schedule.lock();
        // An open schedule ends by its own arrivals, however late the server is.
        let over = schedule.closes_after().is_some_and(|after| self.elapsed() >= after);
        if over { None } else { schedule.next() }
    }

    /// Ends the run; the first reason stays.
    pub fn stop(&self, reason: StopReason) {
        self.stopped.get_or_init(|| reason);
    }

    /// The reason why the run ended early, if it did.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        self.stopped.get()
    }

    /// The requests so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock()
    }

    /// Plays an episode to its end, to its first error, or until the run is stopped. Returns the requests sent.
    pub async fn play(&self, planned: &PlannedEpisode) -> Vec<RequestRecord> {
        let mut episode = EpisodePlay { player: self, planned, records: Vec::new(), free_since: Instant::now() };
        if episode.play().await.is_some() {
            self.tally().episodes += 1;
        }
        episode.records
    }

    fn stopped(&self) -> bool {
        if self.elapsed() > self.deadline {
            self.stop(StopReason::Late);
        }
        self.stopped.get().is_some()
    }

    fn elapsed(&self) -> Duration {
        self.started.get().map_or(Duration::ZERO, Instant::elapsed)
    }

    /// Waits until `at`; false if the run was stopped before.
    async fn wait(&self, at: Instant) -> bool {
        while !self.stopped() {
            let now = Instant::now();
            if now >= at {
                return true;
            }
            self.timer.until(at.min(now + SLICE)).await;
        }
        false
    }

    /// Stops the run if the server, which left a request without an answer, does not answer again.
    async fn probe(&self, failed: &RequestError) {
        if let Err(again) = self.http.get_within("/health", PROBE).await {
            let sent = self.tally().requests();
            let reason = if failed.timed_out { &again.reason } else { &failed.reason };
            self.stop(StopReason::Gone(format!("{} went away after {sent} requests: {reason}", self.http.base())));
        }
    }
}

/// One episode that a user plays.
struct EpisodePlay<'a> {
    player: &'a Player,
    planned: &'a PlannedEpisode,
    records: Vec<RequestRecord>,
    /// The time from which this user could have sent its next request.
    free_since: Instant,
}

impl EpisodePlay<'_> {
    async fn play(&mut self) -> Option<()> {
        let player = self.player;
        let PreparedScript { script, start, steps, outcome, .. } = &player.scripts[self.planned.script];

        let id = self.post(Operation::Start, "/episodes", start, check::started).await?;
        let path = format!("/episodes/{id}/steps");
        for (number, step) in (0..).zip(steps) {
            self.post(Operation::Step, &path, step, |answer| check::logged(answer, number)).await?;
        }
        let path = format!("/episodes/{id}/complete");
        self.post(Operation::Complete, &path, outcome, |answer| check::completed(answer, script)).await?;
        player.written.lock().insert(id, self.planned.script);

        for &asked in &self.planned.retrievals {
            let retrieve = &player.scripts[asked].retrieve;
            let check = |answer: &HttpResponse| check::retrieved(answer, player.limit, |id| known(player, id));
            let best = self.post(Operation::Retrieve, "/retrieve", retrieve, check).await?;
            let path = format!("/episodes/{best}");
            let check = |answer: &HttpResponse| check::episode(answer, best, known(player, best));
            self.request(Operation::Read, player.http.get(&path), check).await?;
        }
        Some(())
    }

    async fn post<T>(
        &mut self,
        operation: Operation,
        path: &str,
        body: &RequestBody,
        check: impl FnOnce(&HttpResponse) -> Result<T, String>,
    ) -> Option<T> {
        let http = &self.player.http;
        self.request(operation, http.post(path, body), check).await
    }

    /// Sends the next request at its time, records it, and returns the value that `check` read from the answer. The
    /// request is sent when `answer` is first awaited.
    async fn request<T>(
        &mut self,
        operation: Operation,
        answer: impl Future<Output = Result<HttpResponse, RequestError>>,
        check: impl FnOnce(&HttpResponse) -> Result<T, String>,
    ) -> Option<T> {
        let player = self.player;
        let due = self.due();
        if !player.wait(due.unwrap_or_else(Instant::now)).await {
            return None;
        }
        let sent = Instant::now();
        let intended = due.unwrap_or(sent);
        let lag = sent.saturating_duration_since(intended.max(self.free_since));
        let answer = answer.await;
        let done = Instant::now();
        self.free_since = done;

        let status = answer.as_ref().ok().map(|answer| answer.status);
        let checked = match &answer {
            Ok(answer) => check(answer),
            Err(none) => Err(none.reason.clone()),
        };
        let error = checked.as_ref().err().cloned();
        let record = RequestRecord { operation, intended, sent, done, lag, status, error };
        player.tally().add(&record);
        self.records.push(record);
        if let Err(none) = &answer {
            player.probe(none).await;
        }
        checked.ok()
    }

    /// Intended start of the next request; none in the closed model.
    fn due(&self) -> Option<Instant> {
        let start_ns = *self.planned.starts_ns.get(self.records.len())?;
        let start = *self.player.started.get()?;
        Some(start + Duration::from_nanos(start_ns))
    }
}

/// The script of an episode that this run wrote.
fn known(player: &Player, id: EpisodeId) -> Option<&Script> {
    let index = *player.written.lock().get(&id)?;
    Some(&player.scripts[index].script)
}
