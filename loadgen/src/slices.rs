//! Slices: schedules that lines on stdin ask for, one after the other, with the same users and connections. Each is
//! answered by a line on stdout: the summary.
//!
//! A gate compares two servers in many short slices, and a start of goose takes longer than a slice.

use std::io;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use baselines::exit_code::Exit;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::arguments::Arguments;
use crate::arrivals::mix::Mix;
use crate::arrivals::schedule::{Arrivals, Pace, Schedule};
use crate::attack::{self, Schedules};
use crate::report::{FinishedLoad, LoadSummary};
use crate::run::{self, LONGEST, Prepared};
use crate::send::player::{LoadWorkload, Player, RunSettings};

/// A line on stdin: what differs from the pace of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SliceRequest {
    sessions: u64,
    /// Sessions per second.
    rate: f64,
    /// Of the schedule. What sessions draw depends on `--seed`.
    seed: u64,
}

impl SliceRequest {
    fn read(line: &str) -> Result<SliceRequest> {
        let wrong = "a line is no request like {\"sessions\": 100, \"rate\": 50.0, \"seed\": 1}";
        let request: SliceRequest = serde_json::from_str(line).with_context(|| format!("{wrong}: {line}"))?;
        let rate = request.rate;
        ensure!(request.sessions > 0 && rate > 0.0 && rate.is_finite(), "sessions and rate must be above 0: {line}");
        Ok(request)
    }

    fn pace(self, pace: Pace) -> Pace {
        let arrivals = match pace.arrivals {
            Arrivals::Open { shape, gap, within, .. } => Arrivals::Open { rate: self.rate, shape, gap, within },
            Arrivals::Closed => Arrivals::Closed,
        };
        Pace { arrivals, sessions: self.sessions, seed: self.seed, ..pace }
    }
}

/// Plays slices until stdin ends.
pub async fn play<W: LoadWorkload>(arguments: &Arguments, prepared: Prepared<W>) -> Result<Exit> {
    let Prepared { name, plan, workload, mix, .. } = prepared;
    workload.connect().await?;
    let state = Mutex::new(State { played: 0, plan: String::new(), failed: None });
    let slices = Slices {
        arguments: arguments.clone(),
        name,
        plan,
        workload: Arc::new(workload),
        mix,
        lines: tokio::sync::Mutex::new(lines()),
        state,
    };
    let slices = Arc::new(slices);
    attack::run(Arc::clone(&slices), arguments.users, LONGEST).await?;
    let failed = slices.state.lock().failed.take();
    failed.map_or(Ok(Exit::Ok), Err)
}

/// The lines of stdin, read by a thread that nobody waits for.
fn lines() -> mpsc::UnboundedReceiver<io::Result<String>> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || io::stdin().lines().try_for_each(|line| sender.send(line)));
    receiver
}

/// What slices share.
struct Slices<W> {
    arguments: Arguments,
    name: String,
    plan: String,
    workload: Arc<W>,
    mix: Mix,
    lines: tokio::sync::Mutex<mpsc::UnboundedReceiver<io::Result<String>>>,
    state: Mutex<State>,
}

struct State {
    /// The sessions of slices so far.
    played: u64,
    /// The plan of the slice that is played.
    plan: String,
    /// The reason why there are no more slices, if stdin did not end.
    failed: Option<anyhow::Error>,
}

impl<W: LoadWorkload> Slices<W> {
    /// The player of the next slice that is asked for; none once stdin has ended.
    async fn asked(&self) -> Result<Option<Arc<Player<W>>>> {
        let Some(line) = self.lines.lock().await.recv().await else { return Ok(None) };
        let request = SliceRequest::read(&line.context("can't read the next request")?)?;
        let pace = request.pace(self.arguments.pace());
        let schedule = Schedule::new(pace, self.mix.clone(), self.arguments.shard());
        let mut state = self.state.lock();
        let settings = RunSettings {
            played: state.played,
            deadline: run::deadline(&self.arguments, schedule.totals().and_then(|totals| totals.end)),
            start_at: None,
            outage: self.arguments.outage,
            count_over: self.arguments.count_over,
            log: None,
        };
        state.played += request.sessions;
        state.plan = run::plan(&pace, self.plan.as_bytes(), "slice");
        Ok(Some(Arc::new(Player::new(Arc::clone(&self.workload), schedule, settings)?)))
    }

    /// Writes the summary of a slice.
    fn answer(&self, player: &Player<W>) -> Result<()> {
        run::went_on(player)?;
        let health = player.health(self.arguments.threads);
        let tally = player.tally();
        let unhealthy = run::complaints(&self.arguments, player, &health, &tally);
        let (name, outages) = (&self.name, player.outages());
        let load = FinishedLoad { name, tally: &tally, health: &health, server: None, open: true, outages };
        let summary = LoadSummary::new(&load, &self.state.lock().plan, self.arguments.shard(), &unhealthy);
        let line = serde_json::to_string(&summary).context("encoding the summary")?;
        // Stdout is flushed at the end of each line.
        let mut stdout = io::stdout().lock();
        io::Write::write_all(&mut stdout, (line + "\n").as_bytes()).context("writing the summary")
    }
}

impl<W: LoadWorkload> Schedules<W> for Arc<Slices<W>> {
    async fn next_player(&self, done: Option<&Player<W>>) -> Option<Arc<Player<W>>> {
        let next = async {
            done.map_or(Ok(()), |done| self.answer(done))?;
            let next = self.asked().await?;
            if let Some(first) = next.as_ref().filter(|_| done.is_none()) {
                first.play_before().await?;
            }
            Ok(next)
        };
        next.await.unwrap_or_else(|error| {
            self.state.lock().failed = Some(error);
            None
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_no_request_is_refused() {
        let read = |line: &str| SliceRequest::read(line).map_err(|error| format!("{error:#}"));
        assert_eq!(
            read(r#"{"sessions": 3, "rate": 2, "seed": 7}"#).expect("right"),
            SliceRequest { sessions: 3, rate: 2.0, seed: 7 }
        );
        for line in ["", "3 2 7", r#"{"sessions": 3, "rate": 2}"#, r#"{"sessions": 3, "rate": 2, "seed": 7, "x": 1}"#] {
            assert!(read(line).expect_err(line).contains("no request like"), "{line}");
        }
        for line in [r#"{"sessions": 0, "rate": 2, "seed": 7}"#, r#"{"sessions": 1, "rate": 0, "seed": 7}"#] {
            assert!(read(line).expect_err(line).contains("must be above 0"), "{line}");
        }
    }
}
