//! Slices: schedules that lines on stdin ask for, one after the other, with the same users and connections. Each is
//! answered by a line on stdout: the summary. The first line on stdout says that everything is ready.
//!
//! A gate compares two servers in many short slices, and a start of goose takes longer than a slice.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use baselines::exit_code::Exit;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;

use crate::arguments::{Arguments, LONGEST};
use crate::arrivals::mix::Mix;
use crate::arrivals::schedule::{Arrivals, Pace, Schedule};
use crate::attack::{self, Players};
use crate::prepared::{PreparedLoad, plan};
use crate::report::{FinishedLoad, LoadSummary};
use crate::send::player::{LoadWorkload, Player, RunSettings};

/// A line on stdin: what replaces the pace of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct SliceRequest {
    sessions: u64,
    /// Sessions per second.
    rate: f64,
    /// Of the schedule. What sessions draw depends on `--seed`.
    seed: u64,
    /// The number of the first session, by which sessions draw and name what they make.
    first: u64,
}

impl SliceRequest {
    fn read(line: &str) -> Result<SliceRequest> {
        let wrong = r#"a line is no request like {"sessions": 100, "rate": 50.0, "seed": 1, "first": 0}"#;
        let request: SliceRequest = serde_json::from_str(line).with_context(|| format!("{wrong}: {line}"))?;
        let rate = request.rate;
        ensure!(request.sessions > 0 && rate > 0.0 && rate.is_finite(), "sessions and rate must be above 0: {line}");
        Ok(request)
    }

    /// So many sessions at a steady rate.
    fn pace(self, pace: Pace) -> Result<Pace> {
        let Arrivals::Open { shape, gap, within, .. } = pace.arrivals else {
            bail!("slices have open arrivals: leave out what makes the load closed");
        };
        let arrivals = Arrivals::Open { rate: self.rate, shape, gap, within };
        Ok(Pace { arrivals, sessions: self.sessions, duration: None, seed: self.seed, swing: None })
    }
}

/// Plays slices until stdin ends.
pub async fn play<W: LoadWorkload>(arguments: &Arguments, prepared: PreparedLoad<W>) -> Result<Exit> {
    let PreparedLoad { name, plan, workload, mix, .. } = prepared;
    workload.connect().await?;
    let slices = Slices {
        arguments: arguments.clone(),
        name,
        plan,
        workload: Arc::new(workload),
        mix,
        lines: tokio::sync::Mutex::new(lines()),
        state: Mutex::default(),
    };
    let slices = Arc::new(slices);
    attack::run(Arc::clone(&slices), arguments.users, LONGEST).await?;
    let ended = slices.state.lock().ended.take();
    ended.unwrap_or_else(|| bail!("interrupted"))?;
    Ok(Exit::Ok)
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

#[derive(Default)]
struct State {
    /// The plan of the slice that is played.
    plan: String,
    /// How the slices ended: with stdin, or with an error.
    ended: Option<Result<()>>,
}

impl<W: LoadWorkload> Slices<W> {
    /// Plays what comes before the clock, and says that everything is ready.
    async fn make_ready(&self) -> Result<()> {
        let none = Pace { sessions: 0, ..self.arguments.pace() };
        self.player(none, 0)?.play_before().await?;
        print(&json!({ "ready": self.name }))
    }

    /// The player of the next slice that is asked for; none once stdin has ended.
    async fn asked(&self) -> Result<Option<Arc<Player<W>>>> {
        let Some(line) = self.lines.lock().await.recv().await else { return Ok(None) };
        let request = SliceRequest::read(&line.context("can't read the next request")?)?;
        let pace = request.pace(self.arguments.pace())?;
        self.state.lock().plan = plan(&pace, self.plan.as_bytes(), &format!("first {}", request.first));
        Ok(Some(Arc::new(self.player(pace, request.first)?)))
    }

    fn player(&self, pace: Pace, first: u64) -> Result<Player<W>> {
        let schedule = Schedule::new(pace, self.mix.clone(), self.arguments.shard());
        let settings = RunSettings {
            first,
            deadline: self.arguments.deadline_after(schedule.totals().and_then(|totals| totals.end)),
            start_at: None,
            outage: self.arguments.outage,
            count_over: self.arguments.count_over,
            log: None,
        };
        Player::new(Arc::clone(&self.workload), schedule, settings)
    }

    /// Writes the summary of a slice.
    fn answer(&self, player: &Player<W>) -> Result<()> {
        player.ensure_not_stopped()?;
        let health = player.health(self.arguments.threads);
        let tally = player.tally();
        let unhealthy = player.complaints(&health, &tally, self.arguments.health_limits());
        let (name, outages) = (&self.name, player.outages());
        let load = FinishedLoad { name, tally: &tally, health: &health, server: None, open: true, outages };
        let summary = LoadSummary::new(&load, &self.state.lock().plan, self.arguments.shard(), &unhealthy);
        print(&summary)
    }
}

/// Prints a line of JSON.
fn print(value: &impl Serialize) -> Result<()> {
    let line = serde_json::to_string(value).context("encoding a line of stdout")?;
    // Stdout is flushed at the end of each line.
    io::stdout().lock().write_all((line + "\n").as_bytes()).context("writing to stdout")
}

impl<W: LoadWorkload> Players<W> for Arc<Slices<W>> {
    async fn after(&self, done: Option<&Player<W>>) -> Option<Arc<Player<W>>> {
        let next = async {
            match done {
                Some(done) => self.answer(done)?,
                None => self.make_ready().await?,
            }
            self.asked().await
        };
        match next.await {
            Ok(Some(next)) => Some(next),
            ended => {
                self.state.lock().ended = Some(ended.map(drop));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[test]
    fn a_line_that_is_no_request_is_refused() {
        let read = |line: &str| SliceRequest::read(line).map_err(|error| format!("{error:#}"));
        assert_eq!(
            read(r#"{"sessions": 3, "rate": 2, "seed": 7, "first": 1}"#).expect("right"),
            SliceRequest { sessions: 3, rate: 2.0, seed: 7, first: 1 }
        );
        let unknown = r#"{"sessions": 3, "rate": 2, "seed": 7, "first": 1, "x": 1}"#;
        for line in ["", "3 2 7 1", r#"{"sessions": 3, "rate": 2, "seed": 7}"#, unknown] {
            assert!(read(line).expect_err(line).contains("no request like"), "{line}");
        }
        for wrong in [r#""sessions": 0, "rate": 2"#, r#""sessions": 1, "rate": 0"#] {
            let line = format!("{{{wrong}, \"seed\": 7, \"first\": 0}}");
            assert!(read(&line).expect_err(&line).contains("must be above 0"), "{line}");
        }
    }

    #[test]
    fn the_number_of_sessions_ends_a_slice_and_its_rate_is_steady() {
        let request = SliceRequest { sessions: 3, rate: 2.0, seed: 7, first: 0 };
        let of = |more: &[&str]| {
            let words = ["loadgen", "--server", "s", "--corpus", "c"].iter().chain(more);
            request.pace(Arguments::try_parse_from(words).expect("valid").pace())
        };
        let pace = of(&["--duration", "1ms", "--swing", "0.5", "--rate", "9"]).expect("open");
        assert_eq!((pace.sessions, pace.duration, pace.swing, pace.seed), (3, None, None, 7));
        assert!(matches!(pace.arrivals, Arrivals::Open { rate: 2.0, .. }), "{pace:?}");
        assert!(of(&["--arrivals", "closed"]).expect_err("closed").to_string().contains("have open arrivals"));
    }
}
