//! What this program serves by the worker protocol, in a process of its own: [`process`], commands that run as whole
//! processes, and [`server`], a server under load.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use anyhow::{Context, Result, bail};
use worker::protocol::{Answer, Command, Ended, Ready, Worked};

pub(crate) mod cpu_clock;
pub mod process;
pub mod server;

/// Says that it is ready, and answers requests for slices on stdin by `slice`, until `end` comes; [`end`] answers that.
fn answer_requests(ready: Ready, mut slice: impl FnMut(u64) -> Result<Worked>) -> Result<()> {
    answer(&Answer::Ready(ready))?;
    for request in std::io::stdin().lock().lines() {
        let request = request.context("can't read the next request")?;
        match request.parse::<Command>().map_err(anyhow::Error::msg)? {
            Command::Slice(operations) | Command::Count(operations) => answer(&Answer::Slice(slice(operations)?))?,
            Command::End => return Ok(()),
        }
    }
    bail!("the requests ended without `end`: send it last")
}

/// Answers the end with counters.
fn end(counters: BTreeMap<String, u64>) -> Result<()> {
    answer(&Answer::End(Ended { counters }))
}

/// Serves, and answers with the error if it fails.
fn fail_by_answer(serve: impl FnOnce() -> Result<()>) -> Result<()> {
    let served = serve();
    if let Err(error) = &served {
        answer(&Answer::Failed { why: format!("{error:#}") })?;
    }
    served
}

fn answer(answer: &Answer) -> Result<()> {
    let line = serde_json::to_string(answer).context("can't serialize the answer")?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).context("nobody reads the answers")
}
