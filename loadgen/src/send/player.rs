//! Plays planned sessions: waits for each request's intended start, sends it, has the answer checked and records the
//! times.
//!
//! What a session sends is the workload's matter.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use parking_lot::{Mutex, MutexGuard};

use super::http::{HttpResponse, RequestError};
use super::timer::Timer;
use crate::arrivals::schedule::{PlannedSession, Schedule};
use crate::health::{GeneratorHealth, HealthLimits, LagPercentiles, Waits, cpu_time};
use crate::record::interval_log::LogHeader;
use crate::record::log_writer::{LogWriter, RequestTimes};
use crate::record::tally::{OperationName, RequestRecord, Tally, nanoseconds};

/// The longest that a task waits before it checks if the run was stopped.
const STOP_CHECK: Duration = Duration::from_millis(100);

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

/// The requests of sessions, and the checks of their answers.
pub trait LoadWorkload: Send + Sync + 'static {
    /// The kinds of requests; a request names its kind by the position here.
    fn operations(&self) -> &[OperationName];

    /// The server, as messages name it.
    fn target(&self) -> &str;

    /// Makes ready for the first request, before anything is played.
    fn connect(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// A cheap request that shows that the server is still there, with any answer.
    fn probe(&self, timeout: Duration) -> impl Future<Output = Result<(), RequestError>> + Send;

    /// The sessions that are played before the clock starts, one after the other, and not measured.
    fn before(&self) -> Vec<PlannedSession> {
        Vec::new()
    }

    /// Asks for all that the server acknowledged once more, after the run; an error if some of it is not there.
    fn read_again(&self) -> impl Future<Output = Result<()>> + Send {
        async { Ok(()) }
    }

    /// Plays a session to its end; none if it ended before, with an error or because the run was stopped.
    fn play(&self, session: &mut SessionPlay<'_>) -> impl Future<Output = Option<()>> + Send;
}

/// The settings of a run, beside its schedule.
#[derive(Debug)]
pub struct RunSettings {
    /// The number of the first session.
    pub first: u64,
    /// Nothing is sent later than this after the start.
    pub deadline: Duration,
    /// The time at which the schedule's clock starts; none for as soon as all users are there.
    pub start_at: Option<SystemTime>,
    /// The longest that the server may be away, from its last answer on: requests fail meanwhile.
    pub outage: Duration,
    /// Requests that take longer are counted.
    pub count_over: Option<Duration>,
    /// The log, and its header without the start.
    pub log: Option<(LogWriter, LogHeader)>,
}

/// One run, shared by all users.
#[derive(Debug)]
pub struct Player<W> {
    workload: Arc<W>,
    pace: RunClock,
}

/// The clock, the schedule and the records of a run.
#[derive(Debug)]
pub struct RunClock {
    timer: Timer,
    settings: RunSettings,
    schedule: Mutex<Upcoming>,
    tally: Mutex<Tally>,
    waits: Mutex<Waits>,
    started: OnceLock<Instant>,
    presence: Mutex<Presence>,
    cpu_before: OnceLock<Duration>,
    stopped: OnceLock<StopReason>,
}

/// The server's last answer, and the number of times that it was away.
#[derive(Debug)]
struct Presence {
    answered: Instant,
    is_away: bool,
    outages: u64,
}

/// The sessions that nobody plays yet, and ahead of them those that are not due yet.
#[derive(Debug)]
struct Upcoming {
    next: Schedule,
    arrivals: std::iter::Peekable<Schedule>,
    taken: u64,
    arrived: u64,
    /// Requests of the sessions that were taken.
    requests: u64,
}

impl<W: LoadWorkload> Player<W> {
    /// A run of `schedule` over a workload.
    pub fn new(workload: Arc<W>, schedule: Schedule, settings: RunSettings) -> Result<Player<W>> {
        let upcoming =
            Upcoming { next: schedule.clone(), arrivals: schedule.peekable(), taken: 0, arrived: 0, requests: 0 };
        let mut tally = Tally::new(workload.operations());
        tally.count_over = settings.count_over;
        let pace = RunClock {
            timer: Timer::start().context("starting the timer")?,
            settings,
            schedule: Mutex::new(upcoming),
            tally: Mutex::new(tally),
            waits: Mutex::new(Waits::new()),
            started: OnceLock::new(),
            presence: Mutex::new(Presence { answered: Instant::now(), is_away: false, outages: 0 }),
            cpu_before: OnceLock::new(),
            stopped: OnceLock::new(),
        };
        Ok(Player { workload, pace })
    }

    /// Plays the sessions that come before the clock. A wrong answer is an error, as the run would begin with less than
    /// it needs.
    pub async fn play_before(&self) -> Result<()> {
        for planned in self.workload.before() {
            let mut session = SessionPlay::new(&self.pace, &planned, false);
            if self.workload.play(&mut session).await.is_some() {
                continue; // an answer may have been late
            }
            let wrong = session.records.last().and_then(|record| Some((record.operation, record.error.as_ref()?)));
            if let Some((operation, why)) = wrong {
                bail!("before the run, `{}` was answered wrongly: {why}", self.operation(operation).name);
            }
        }
        Ok(())
    }

    /// The number of times that the server was away and came back, or has not yet.
    pub fn outages(&self) -> u64 {
        self.pace.presence.lock().outages
    }

    /// The workload.
    pub fn workload(&self) -> &W {
        &self.workload
    }

    /// Waits for the time of the start, if there is one, and starts the schedule's clock; only the first call counts.
    pub async fn start(&self) {
        let RunClock { settings, started, cpu_before, .. } = &self.pace;
        let start_at = settings.start_at.unwrap_or_else(SystemTime::now);
        // The monotonic clock's time of it, so that a clock that is set during the run does no harm.
        let (now, wall) = (Instant::now(), SystemTime::now());
        let wait = start_at.duration_since(wall);
        let at = wait.map_or(now, |wait| now + wait);
        while Instant::now() < at && self.stop_reason().is_none() {
            self.pace.timer.until(at.min(Instant::now() + STOP_CHECK)).await;
        }
        started.get_or_init(|| {
            cpu_before.get_or_init(cpu_time);
            self.pace.answered(at); // an outage is counted from the start on
            if let Some((log, header)) = &settings.log {
                let at = start_at.max(wall).duration_since(UNIX_EPOCH).unwrap_or_default();
                log.begin(LogHeader { started_at_ns: nanoseconds(at), ..header.clone() });
            }
            at
        });
    }

    /// The next session to play; none once the schedule is done, its time is over, or the run was stopped.
    pub fn next(&self) -> Option<PlannedSession> {
        if self.pace.stopped() {
            return None;
        }
        let mut upcoming = self.pace.schedule.lock();
        let elapsed = self.pace.elapsed();
        // An open schedule ends by its own arrivals, however late the server is.
        if upcoming.next.closes_after().is_some_and(|after| elapsed >= after) {
            return None;
        }
        let backlog = upcoming.backlog(elapsed);
        let mut planned = upcoming.next.next()?;
        planned.index += self.pace.settings.first;
        upcoming.taken += 1;
        upcoming.requests += planned.requests as u64;
        drop(upcoming);
        let mut waits = self.pace.waits.lock();
        waits.backlog = waits.backlog.max(backlog);
        if let Some(start_ns) = planned.starts_ns.first() {
            waits.user_wait.saturating_record(nanoseconds(elapsed).saturating_sub(*start_ns));
        }
        Some(planned)
    }

    /// Ends the run; the first reason stays.
    pub fn stop(&self, reason: StopReason) {
        self.pace.stop(reason);
    }

    /// The reason why the run ended early, if it did.
    pub fn stop_reason(&self) -> Option<&StopReason> {
        self.pace.stopped.get()
    }

    /// An error if the server went away, or if somebody pressed ctrl-c.
    pub fn ensure_not_stopped(&self) -> Result<()> {
        match self.stop_reason() {
            Some(StopReason::Gone(reason)) => bail!("{reason}"),
            Some(StopReason::Interrupted) => bail!("interrupted after {} requests", self.tally().requests()),
            None if self.pace.started.get().is_none() => bail!("interrupted after 0 requests"),
            Some(StopReason::Late) | None => Ok(()),
        }
    }

    /// The reasons not to believe a run that is over.
    pub fn complaints(&self, health: &GeneratorHealth, tally: &Tally, limits: HealthLimits) -> Vec<String> {
        let late = self.stop_reason() == Some(&StopReason::Late);
        let too_late = late.then(|| {
            let seconds = self.pace.settings.deadline.as_secs_f64();
            format!("the run was not done by its deadline of {seconds} s: lower --rate, raise --users or --deadline")
        });
        too_late.into_iter().chain(health.complaints(&tally.response, limits)).collect()
    }

    /// The requests so far.
    pub fn tally(&self) -> MutexGuard<'_, Tally> {
        self.pace.tally.lock()
    }

    /// The name and method of an operation.
    pub fn operation(&self, number: usize) -> &OperationName {
        &self.workload.operations()[number]
    }

    /// The log of this run, if it has one.
    pub fn log(&self) -> Option<&LogWriter> {
        self.pace.settings.log.as_ref().map(|(log, _)| log)
    }

    /// Plays a session to its end, to its first error, or until the run is stopped. Returns the requests sent.
    pub async fn play(&self, planned: &PlannedSession) -> Vec<RequestRecord> {
        let mut session = SessionPlay::new(&self.pace, planned, true);
        let played = self.workload.play(&mut session).await;
        if let Some(unanswered) = session.unanswered.take() {
            self.probe(&unanswered).await;
        }
        match played {
            Some(()) => self.tally().sessions += 1,
            None if session.records.last().is_some_and(|last| last.error.is_some()) => {
                self.pace.waits.lock().skipped += planned.requests.saturating_sub(session.records.len()) as u64;
            }
            None => {}
        }
        session.records
    }

    /// Stops the run if the server, which left a request without an answer, does not answer again and has been away for
    /// too long.
    async fn probe(&self, failed: &RequestError) {
        let Err(again) = self.workload.probe(PROBE).await else {
            self.pace.answered(Instant::now());
            return;
        };
        let away = {
            let mut presence = self.pace.presence.lock();
            presence.outages += u64::from(!presence.is_away);
            presence.is_away = true;
            presence.answered.elapsed()
        };
        if away < self.pace.settings.outage {
            // Arrivals of an open schedule go on; the next session of a closed one would be refused at once.
            let is_open = self.pace.schedule.lock().next.is_open();
            if !is_open {
                self.pace.wait(Instant::now() + STOP_CHECK).await;
            }
            return;
        }
        let sent = self.tally().requests();
        let reason = if failed.timed_out { &again.reason } else { &failed.reason };
        self.stop(StopReason::Gone(format!("{} went away after {sent} requests: {reason}", self.workload.target())));
    }

    /// The generator's health: of the whole run, once it is over. `threads` are those of the runtime.
    pub fn health(&self, threads: u32) -> GeneratorHealth {
        let (mut upcoming, tally, waits) = (self.pace.schedule.lock(), self.pace.tally.lock(), self.pace.waits.lock());
        let elapsed = self.pace.elapsed();
        let computed = cpu_time().saturating_sub(self.pace.cpu_before.get().copied().unwrap_or_default());
        let mut offered = upcoming.requests;
        if upcoming.next.is_open() {
            // What had arrived when the run ended and was never begun.
            while upcoming.taken < upcoming.arrived {
                upcoming.taken += 1;
                offered += upcoming.next.next().map_or(0, |left| left.requests as u64);
            }
        }
        GeneratorHealth {
            offered,
            started: tally.requests(),
            completed: waits.completed,
            skipped: waits.skipped,
            dropped: offered.saturating_sub(tally.requests() + waits.skipped),
            backlog: waits.backlog,
            start_lag_ns: LagPercentiles::of(&waits.start_lag),
            own_lag_ns: LagPercentiles::of(&tally.lag),
            user_wait_ns: LagPercentiles::of(&waits.user_wait),
            cpu_share: computed.as_secs_f64() / (elapsed.as_secs_f64() * f64::from(threads)).max(f64::MIN_POSITIVE),
            elapsed_ns: nanoseconds(tally.elapsed()),
        }
    }
}

impl Upcoming {
    /// The sessions that are due and were not taken.
    fn backlog(&mut self, elapsed: Duration) -> u64 {
        let now_ns = nanoseconds(elapsed);
        while self.arrivals.next_if(|session| session.starts_ns.first().is_some_and(|start| *start <= now_ns)).is_some()
        {
            self.arrived += 1;
        }
        self.arrived.saturating_sub(self.taken)
    }
}

impl RunClock {
    fn stop(&self, reason: StopReason) {
        self.stopped.get_or_init(|| reason);
    }

    fn stopped(&self) -> bool {
        if self.elapsed() > self.settings.deadline {
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
            self.timer.until(at.min(now + STOP_CHECK)).await;
        }
        false
    }

    fn answered(&self, at: Instant) {
        let mut presence = self.presence.lock();
        presence.answered = presence.answered.max(at);
        presence.is_away = false;
    }

    fn record(&self, record: &RequestRecord, is_answered: bool) {
        if is_answered {
            self.answered(record.done);
        }
        let start_lag = record.sent.saturating_duration_since(record.intended);
        {
            let mut waits = self.waits.lock();
            waits.start_lag.saturating_record(nanoseconds(start_lag));
            waits.completed += u64::from(is_answered);
        }
        if let (Some((log, _)), Some(started)) = (&self.settings.log, self.started.get()) {
            log.add(RequestTimes {
                operation: record.operation,
                second: record.done.saturating_duration_since(*started).as_secs(),
                times_ns: [record.response(), record.service(), start_lag].map(nanoseconds),
            });
        }
        self.tally.lock().add(record);
    }
}

/// One session that a user plays.
#[derive(Debug)]
pub struct SessionPlay<'a> {
    pace: &'a RunClock,
    pub planned: &'a PlannedSession,
    records: Vec<RequestRecord>,
    is_measured: bool,
    /// The request that was left without an answer; it is the last one.
    unanswered: Option<RequestError>,
    /// The time from which this user could have sent its next request.
    free_since: Instant,
}

/// The fault of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The session can't go on.
    Ends(String),
    /// It can: the answer was right, but came too late for instance.
    Counts(String),
}

impl<'a> SessionPlay<'a> {
    fn new(pace: &'a RunClock, planned: &'a PlannedSession, is_measured: bool) -> SessionPlay<'a> {
        let (records, free_since) = (Vec::new(), Instant::now());
        SessionPlay { pace, planned, records, is_measured, unanswered: None, free_since }
    }

    /// Sends the next request at its time, records it, and returns the value that `check` read from the answer; none
    /// if it was wrong or the run was stopped. The request is sent when `answer` is first awaited. `check` also gets
    /// the time from the intended start to the answer.
    pub async fn request<T>(
        &mut self,
        operation: usize,
        answer: impl Future<Output = Result<HttpResponse, RequestError>>,
        check: impl FnOnce(&HttpResponse, Duration) -> (Option<T>, Option<Fault>),
    ) -> Option<T> {
        let pace = self.pace;
        let due = self.due();
        if !pace.wait(due.unwrap_or_else(Instant::now)).await {
            return None;
        }
        let sent = Instant::now();
        let intended = due.unwrap_or(sent);
        let lag = sent.saturating_duration_since(intended.max(self.free_since));
        let answer = answer.await;
        let done = Instant::now();
        self.free_since = done;

        let status = answer.as_ref().ok().map(|answer| answer.status);
        let (value, fault) = match &answer {
            Ok(answer) => check(answer, done.saturating_duration_since(intended)),
            Err(none) => (None, Some(Fault::Ends(none.reason.clone()))),
        };
        let ends = matches!(fault, Some(Fault::Ends(_)));
        let error = fault.map(|(Fault::Ends(reason) | Fault::Counts(reason))| reason);
        let record = RequestRecord { operation, intended, sent, done, lag, status, error };
        if self.is_measured {
            pace.record(&record, answer.is_ok());
        }
        self.records.push(record);
        self.unanswered = answer.err();
        value.filter(|_| !ends)
    }

    /// Intended start of the next request; none in the closed model.
    fn due(&self) -> Option<Instant> {
        let number = self.records.len();
        if let Some(think_ns) = number.checked_sub(1).and_then(|before| self.planned.thinks_ns.get(before)) {
            return Some(self.free_since + Duration::from_nanos(*think_ns));
        }
        let start_ns = *self.planned.starts_ns.get(number)?;
        let start = *self.pace.started.get()?;
        Some(start + Duration::from_nanos(start_ns))
    }
}
