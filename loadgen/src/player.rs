//! Plays planned episodes: waits for each request's intended start, sends it, checks the answer and notes the times.
//!
//! Left out on purpose: who calls it, how many at a time (`attack`), and what a right answer is (`check`).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use memory::EpisodeId;
use memory::api::{Retrieve, Script};

use crate::check;
use crate::http::{Answer, Body, Http, NoAnswer};
use crate::plan::{PlannedEpisode, Schedule};
use crate::tally::{Operation, Record, Tally};
use crate::timer::Timer;

/// How long a task waits at a time before it looks whether the run was stopped.
const SLICE: Duration = Duration::from_millis(100);

/// How long the server has to answer the question whether it is still there.
const PROBE: Duration = Duration::from_secs(2);

/// Why a run ended before its schedule did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// The server does not answer any more.
    Gone(String),
    /// The deadline passed.
    Late,
    /// Ctrl-C.
    Interrupted,
}

/// A run: what all users share.
#[derive(Debug)]
pub struct Player {
    http: Http,
    scripts: Vec<Prepared>,
    limit: usize,
    timer: Timer,
    deadline: Duration,
    schedule: Mutex<Schedule>,
    tally: Mutex<Tally>,
    /// Which script each completed episode of this run is.
    written: Mutex<BTreeMap<EpisodeId, usize>>,
    started: OnceLock<Instant>,
    stopped: OnceLock<Stopped>,
}

/// A script with its requests' bodies, encoded before the run: encoding must not delay the next request.
#[derive(Debug)]
struct Prepared {
    script: Script,
    start: Body,
    steps: Vec<Body>,
    outcome: Body,
    retrieve: Body,
}

impl Prepared {
    fn new(script: Script, limit: usize, http: &Http) -> Result<Prepared> {
        let retrieve = Retrieve {
            text: script.start.task.clone(),
            context: Some(script.start.context.clone()),
            limit,
            steps: false,
        };
        let step = |step| http.body(serde_json::to_vec(step).context("encoding a step")?);
        Ok(Prepared {
            start: http.body(serde_json::to_vec(&script.start).context("encoding a start")?)?,
            steps: script.steps.iter().map(step).collect::<Result<_>>()?,
            outcome: http.body(serde_json::to_vec(&script.outcome).context("encoding an outcome")?)?,
            retrieve: http.body(serde_json::to_vec(&retrieve).context("encoding a retrieval")?)?,
            script,
        })
    }
}

impl Player {
    /// A run of `schedule` over `scripts`. Retrievals ask for `limit` episodes; after `deadline` from the start nothing more is sent.
    ///
    /// # Errors
    /// A script that cannot be encoded, or no thread for the timer.
    pub fn new(
        http: Http,
        scripts: Vec<Script>,
        schedule: Schedule,
        limit: usize,
        deadline: Duration,
    ) -> Result<Player> {
        let scripts = scripts.into_iter().map(|script| Prepared::new(script, limit, &http)).collect::<Result<_>>()?;
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
        let mut schedule = lock(&self.schedule);
        // An open schedule ends by its own arrivals, however late the server is.
        let over =
            schedule.closes_after().is_some_and(|after| self.started.get().is_some_and(|s| s.elapsed() >= after));
        if over { None } else { schedule.next() }
    }

    /// Ends the run; the first reason stays.
    pub fn stop(&self, reason: Stopped) {
        self.stopped.get_or_init(|| reason);
    }

    /// Why the run ended early, if it did.
    pub fn why_stopped(&self) -> Option<&Stopped> {
        self.stopped.get()
    }

    /// What has happened so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        lock(&self.tally)
    }

    /// Plays an episode to its end, to its first error, or until the run is stopped. Answers with the requests that were sent.
    pub async fn play(&self, planned: &PlannedEpisode) -> Vec<Record> {
        let mut turn = Turn { player: self, planned, records: Vec::new(), free_since: Instant::now() };
        if turn.play().await.is_some() {
            self.tally().episodes += 1;
        }
        turn.records
    }

    fn stopped(&self) -> bool {
        if self.stopped.get().is_none() && self.started.get().is_some_and(|start| start.elapsed() > self.deadline) {
            self.stop(Stopped::Late);
        }
        self.stopped.get().is_some()
    }

    /// Waits until `at`, or until the run is stopped: then answers false.
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

    /// After a request without an answer: is the server still there?
    async fn probe(&self, failed: &NoAnswer) {
        if let Err(again) = self.http.get_within("/health", PROBE).await {
            let sent = self.tally().requests();
            let reason = if failed.timed_out { &again.reason } else { &failed.reason };
            self.stop(Stopped::Gone(format!("{} went away after {sent} requests: {reason}", self.http.base())));
        }
    }
}

/// Nothing panics while one of these locks is held, so what is behind a poisoned one is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One user's turn with one episode.
struct Turn<'a> {
    player: &'a Player,
    planned: &'a PlannedEpisode,
    records: Vec<Record>,
    /// When this user could have sent its next request.
    free_since: Instant,
}

impl Turn<'_> {
    async fn play(&mut self) -> Option<()> {
        let player = self.player;
        let Prepared { script, start, steps, outcome, .. } = &player.scripts[self.planned.script];

        let id = self.post(Operation::Start, "/episodes", start, check::started).await?;
        let path = format!("/episodes/{id}/steps");
        for (number, step) in (0..).zip(steps) {
            self.post(Operation::Step, &path, step, |answer| check::logged(answer, number)).await?;
        }
        let path = format!("/episodes/{id}/complete");
        self.post(Operation::Complete, &path, outcome, |answer| check::completed(answer, script)).await?;
        lock(&player.written).insert(id, self.planned.script);

        for &asked in &self.planned.retrievals {
            let retrieve = &player.scripts[asked].retrieve;
            let check = |answer: &Answer| check::retrieved(answer, player.limit, |id| known(player, id));
            let best = self.post(Operation::Retrieve, "/retrieve", retrieve, check).await?;
            let path = format!("/episodes/{best}");
            let check = |answer: &Answer| check::episode(answer, best, known(player, best));
            self.request(Operation::Read, player.http.get(&path), check).await?;
        }
        Some(())
    }

    async fn post<T>(
        &mut self,
        operation: Operation,
        path: &str,
        body: &Body,
        check: impl FnOnce(&Answer) -> Result<T, String>,
    ) -> Option<T> {
        let http = &self.player.http;
        self.request(operation, http.post(path, body), check).await
    }

    /// Sends the next request at its time, notes it, and answers with what `check` made of it. `answer` is sent when first awaited.
    async fn request<T>(
        &mut self,
        operation: Operation,
        answer: impl Future<Output = Result<Answer, NoAnswer>>,
        check: impl FnOnce(&Answer) -> Result<T, String>,
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
        let (value, error) = match checked {
            Ok(value) => (Some(value), None),
            Err(error) => (None, Some(error)),
        };
        let record = Record { operation, intended, sent, done, lag, status, error };
        player.tally().add(&record);
        self.records.push(record);
        if let Err(none) = &answer {
            player.probe(none).await;
        }
        value
    }

    /// The intended start of the next request; none in the closed model.
    fn due(&self) -> Option<Instant> {
        let start_ns = *self.planned.starts_ns.get(self.records.len())?;
        let start = *self.player.started.get()?;
        Some(start + Duration::from_nanos(start_ns))
    }
}

/// The script of an episode that this run wrote.
fn known(player: &Player, id: EpisodeId) -> Option<&Script> {
    let index = *lock(&player.written).get(&id)?;
    Some(&player.scripts[index].script)
}
