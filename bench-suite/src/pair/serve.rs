//! The worker's end: sets one case up, then does slices as they are asked for.
//!
//! Left out on purpose: any knowledge of the other side, of which side this is, and of what the times are for. A worker that could tell a control
//! from a measurement would make it worthless.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};

use super::protocol::{Answer, Command, Ended, Ready, VERSION, Worked};
use crate::benchmark::Prepared;
use crate::cases::Case;
use crate::engagement;
use crate::input::Input;
use crate::runner::slice::{self, Extra};

/// The allocator of the process, which can count.
pub trait Heap {
    /// Counts from now on, or no longer.
    fn count(&self, on: bool);

    /// Blocks and bytes that were allocated while it counted.
    fn counted(&self) -> (u64, u64);
}

/// Serves one conductor until `end`. What goes wrong is answered, too, so that the conductor can say it.
///
/// # Errors
/// The setup or a slice failed, an answer is wrong, a toggle did not engage, or the conductor is gone.
pub fn serve(
    case: &Case,
    input: &Input,
    extra_percent: f64,
    heap: &dyn Heap,
    commands: impl BufRead,
    mut answers: impl Write,
) -> Result<()> {
    let served = converse(case, input, extra_percent, heap, commands, &mut answers);
    if let Err(error) = &served {
        answer(&mut answers, &Answer::Failed { why: format!("{error:#}") })?;
    }
    served
}

fn converse(
    case: &Case,
    input: &Input,
    extra_percent: f64,
    heap: &dyn Heap,
    commands: impl BufRead,
    answers: &mut impl Write,
) -> Result<()> {
    let (mut prepared, counted) = slice::prepare(case, input)?;
    let ready = Ready {
        protocol: VERSION,
        case: case.id.to_owned(),
        variant: case.variant.to_string(),
        seed: input.seed,
        input: input.checksum(),
        counted,
    };
    answer(answers, &Answer::Ready(ready))?;
    let extra = Extra { share: extra_percent / 100.0, waits: case.waits() };
    for line in commands.lines() {
        let line = line.context("reading a command")?;
        match line.parse::<Command>().map_err(anyhow::Error::msg)? {
            Command::Slice(operations) => {
                let worked = work(prepared.as_mut(), operations, extra, None)?;
                answer(answers, &Answer::Slice(worked))?;
            }
            Command::Count(operations) => {
                let worked = work(prepared.as_mut(), operations, extra, Some(heap))?;
                answer(answers, &Answer::Slice(worked))?;
            }
            Command::End => {
                prepared.check().context("wrong answer")?;
                let counters = prepared.counters();
                engagement::check(case, &counters)?;
                let counters = counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
                return answer(answers, &Answer::End(Ended { counters }));
            }
        }
    }
    anyhow::bail!("the conductor went away without `end`")
}

fn work(prepared: &mut dyn Prepared, operations: u64, extra: Extra, heap: Option<&dyn Heap>) -> Result<Worked> {
    prepared.refill(extra.operations(operations).0)?;
    let before = switches();
    let counted = heap.map(|heap| {
        heap.count(true);
        heap.counted()
    });
    let slice = slice::timed(prepared, operations, extra);
    let (allocations, allocated_bytes) = match (heap, counted) {
        (Some(heap), Some((blocks, bytes))) => {
            heap.count(false);
            let (blocks_after, bytes_after) = heap.counted();
            (blocks_after - blocks, bytes_after - bytes)
        }
        _ => (0, 0),
    };
    let (slice, after) = (slice?, switches());
    Ok(Worked {
        operations,
        cpu_ns: slice.cpu_ns,
        wall_ns: slice.wall_ns,
        voluntary_switches: after.0.saturating_sub(before.0),
        involuntary_switches: after.1.saturating_sub(before.1),
        allocations,
        allocated_bytes,
    })
}

fn answer(answers: &mut impl Write, answer: &Answer) -> Result<()> {
    let mut line = serde_json::to_string(answer).context("an answer has string keys")?;
    line.push('\n');
    // In one piece: the conductor's clock must not run between halves of a line.
    answers.write_all(line.as_bytes()).and_then(|()| answers.flush()).context("the conductor is gone")
}

/// How often the main thread waited and was interrupted; zeros where the system does not say.
fn switches() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    (field("voluntary_ctxt_switches:"), field("nonvoluntary_ctxt_switches:"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct NoHeap(Cell<bool>);

    impl Heap for NoHeap {
        fn count(&self, on: bool) {
            self.0.set(on);
        }

        fn counted(&self) -> (u64, u64) {
            (0, 0)
        }
    }

    fn conversation(id: &str, commands: &str) -> (Result<()>, Vec<Answer>) {
        let case = crate::cases::find(id, &[]).expect("listed");
        let input = crate::input::Source::default().load(case.benchmark.episodes).expect("generated");
        let mut answers = Vec::new();
        let served = serve(&case, &input, 0.0, &NoHeap(Cell::new(false)), commands.as_bytes(), &mut answers);
        let text = String::from_utf8(answers).expect("JSON");
        (served, text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect())
    }

    #[test]
    fn a_conversation_has_an_answer_for_every_command() {
        let (served, answers) = conversation("codec_encode_small_postcard", "count 3\nslice 5\nend\n");
        served.expect("served");
        assert_eq!(answers.len(), 4);
        let Answer::Ready(ready) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!((ready.protocol, ready.case.as_str()), (VERSION, "codec_encode_small_postcard"));
        let Answer::Slice(worked) = &answers[2] else { panic!("{answers:?}") };
        assert_eq!(worked.operations, 5);
        assert!(worked.cpu_ns > 0 && worked.wall_ns > 0);
        let Answer::End(ended) = &answers[3] else { panic!("{answers:?}") };
        assert!(ended.counters["postcard_encoded"] > 8);
    }

    #[test]
    fn what_goes_wrong_is_answered() {
        for commands in ["slice 1\n", "slice 0\n", "dance\n"] {
            let (served, answers) = conversation("codec_encode_small_json", commands);
            assert!(served.is_err(), "{commands}");
            assert!(matches!(answers.last(), Some(Answer::Failed { .. })), "{commands}: {answers:?}");
        }
    }
}
