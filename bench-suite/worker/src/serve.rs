//! The worker's end of the protocol: sets up one case, then runs slices on request.
//!
//! A worker does not know what its times are for or which side it is: if it could tell a control from a measurement,
//! the control would be worthless.

use std::io::{BufRead, Write};

use anyhow::{Context, Result};

use crate::heap::CountingAllocator;
use crate::protocol::{Answer, Command, Ended, Worked};
use crate::scheduling::Scheduling;
use crate::slice::{self, InjectedSlowdown};
use crate::{CaseSetup, Prepared};

/// Answers commands until `end`. An error is sent as an answer too, so that the measuring process can report it.
///
/// # Errors
/// The setup or a slice failed, an answer is wrong, a toggle did not engage, or nobody reads the answers any more.
pub fn serve(
    set_up: impl FnOnce() -> Result<CaseSetup>,
    slowdown: InjectedSlowdown,
    heap: &CountingAllocator,
    commands: impl BufRead,
    mut answers: impl Write,
) -> Result<()> {
    let served = converse(set_up, slowdown, heap, commands, &mut answers);
    if let Err(error) = &served {
        answer(&mut answers, &Answer::Failed { why: format!("{error:#}") })?;
    }
    served
}

fn converse(
    set_up: impl FnOnce() -> Result<CaseSetup>,
    slowdown: InjectedSlowdown,
    heap: &CountingAllocator,
    commands: impl BufRead,
    answers: &mut impl Write,
) -> Result<()> {
    let CaseSetup { mut prepared, ready, waits } = set_up()?;
    slice::warm_up(prepared.as_mut(), ready.counted)?;
    answer(answers, &Answer::Ready(ready))?;
    let slowdown = InjectedSlowdown { waits, ..slowdown };
    let mut others_ns = slice::others_cpu_ns();
    for line in commands.lines() {
        let line = line.context("can't read the next command")?;
        let clocks = slice::clocks();
        // Other threads worked while nothing was asked for: on what the slice before put off.
        let put_off_ns = slice::others_cpu_ns().saturating_sub(others_ns);
        let (operations, heap) = match line.parse::<Command>().map_err(anyhow::Error::msg)? {
            Command::Slice(operations) => (operations, None),
            Command::Count(operations) => (operations, Some(heap)),
            Command::End => {
                prepared.check()?;
                slice::ensure_no_children()?;
                let counters = prepared.counters();
                let counters = counters.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
                return answer(answers, &Answer::End(Ended { counters }));
            }
        };
        let mut worked = work(prepared.as_mut(), operations, slowdown, heap)?;
        worked.cpu_ns += put_off_ns;
        worked.clocks = Some(clocks);
        others_ns = slice::others_cpu_ns();
        answer(answers, &Answer::Slice(worked))?;
    }
    anyhow::bail!("the commands ended without `end`: send it last")
}

fn work(
    prepared: &mut dyn Prepared,
    operations: u64,
    slowdown: InjectedSlowdown,
    heap: Option<&CountingAllocator>,
) -> Result<Worked> {
    prepared.prepare_inputs(slowdown.operations(operations).0)?;
    let before = Scheduling::of_this_thread();
    let counted = heap.map(|heap| {
        heap.count(true);
        heap.counted()
    });
    let slice = slice::timed(prepared, operations, slowdown);
    let (allocations, allocated_bytes) = match (heap, counted) {
        (Some(heap), Some((blocks, bytes))) => {
            heap.count(false);
            let (blocks_after, bytes_after) = heap.counted();
            (blocks_after - blocks, bytes_after - bytes)
        }
        _ => (0, 0),
    };
    let (slice, scheduling) = (slice?, Scheduling::of_this_thread().since(before));
    Ok(Worked {
        operations,
        cpu_ns: slice.cpu_ns,
        wall_ns: slice.wall_ns,
        waiting_ns: scheduling.waiting_ns(slice.off_cpu_ns),
        voluntary_switches: scheduling.voluntary_switches,
        involuntary_switches: scheduling.involuntary_switches,
        allocations,
        allocated_bytes,
        ..Worked::default()
    })
}

fn answer(answers: &mut impl Write, answer: &Answer) -> Result<()> {
    let mut line = serde_json::to_string(answer).context("can't serialize the answer")?;
    line.push('\n');
    // In one call, so that a reader never gets half a line.
    answers.write_all(line.as_bytes()).and_then(|()| answers.flush()).context("can't write the answer to stdout")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::protocol::{Ready, VERSION};

    /// A case that adds numbers, and refuses to run operations that were not prepared.
    struct Adding {
        prepared: u64,
        done: u64,
    }

    impl Prepared for Adding {
        fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
            self.prepared += operations;
            Ok(())
        }

        fn run(&mut self, operations: u64) -> Result<()> {
            anyhow::ensure!(operations <= self.prepared, "nothing was prepared");
            self.prepared -= operations;
            for number in 0..operations * 1000 {
                self.done += std::hint::black_box(number % 2);
            }
            Ok(())
        }

        fn check(&mut self) -> Result<()> {
            Ok(())
        }

        fn counters(&self) -> BTreeMap<&'static str, u64> {
            BTreeMap::from([("added", self.done)])
        }
    }

    /// A case that computes nothing and sleeps a millisecond an operation.
    struct Sleeping;

    impl Prepared for Sleeping {
        fn run(&mut self, operations: u64) -> Result<()> {
            (0..operations).for_each(|_| std::thread::sleep(std::time::Duration::from_millis(1)));
            Ok(())
        }

        fn check(&mut self) -> Result<()> {
            Ok(())
        }

        fn counters(&self) -> BTreeMap<&'static str, u64> {
            BTreeMap::new()
        }
    }

    fn set_up() -> Result<CaseSetup> {
        let ready = Ready {
            protocol: VERSION,
            case: "adding".into(),
            variant: String::new(),
            seed: 1,
            input: String::new(),
            counted: 4,
        };
        Ok(CaseSetup { prepared: Box::new(Adding { prepared: 0, done: 0 }), ready, waits: false })
    }

    fn conversation(commands: &str) -> (Result<()>, Vec<Answer>) {
        conversation_with(set_up, commands)
    }

    fn conversation_with(set_up: fn() -> Result<CaseSetup>, commands: &str) -> (Result<()>, Vec<Answer>) {
        let mut answers = Vec::new();
        let (slowdown, heap) = (InjectedSlowdown::default(), CountingAllocator::new());
        let served = serve(set_up, slowdown, &heap, commands.as_bytes(), &mut answers);
        let text = String::from_utf8(answers).expect("JSON");
        (served, text.lines().map(|line| serde_json::from_str(line).expect("an answer")).collect())
    }

    #[test]
    fn a_conversation_has_an_answer_for_every_command() {
        let (served, answers) = conversation("count 3\nslice 5\nend\n");
        served.expect("served");
        assert_eq!(answers.len(), 4);
        let Answer::Ready(ready) = &answers[0] else { panic!("{answers:?}") };
        assert_eq!((ready.protocol, ready.case.as_str()), (VERSION, "adding"));
        let Answer::Slice(worked) = &answers[2] else { panic!("{answers:?}") };
        assert_eq!(worked.operations, 5);
        assert!(worked.cpu_ns > 0 && worked.wall_ns > 0);
        assert!(worked.clocks.is_some_and(|clocks| clocks.cpu_ns > 0 && clocks.wall_ns > 0));
        let Answer::End(ended) = &answers[3] else { panic!("{answers:?}") };
        assert!(ended.counters["added"] > 8 * 500);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_slice_says_how_long_it_waited() {
        let sleeping = || Ok(CaseSetup { prepared: Box::new(Sleeping), ..set_up()? });
        let (served, answers) = conversation_with(sleeping, &format!("{}end\n", "slice 3\n".repeat(5)));
        served.expect("served");
        let waited = |answer: &Answer| match answer {
            Answer::Slice(worked) => {
                worked.waiting_ns.is_none_or(|ns| ns > worked.cpu_ns && worked.voluntary_switches > 0)
            }
            _ => false,
        };
        // In one of them at least, the thread got its core back as soon as it woke up.
        assert!(answers.iter().any(waited), "{answers:?}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_wait_of_a_known_size_is_waiting_and_no_work() {
        let slowdown = InjectedSlowdown { wait_share: 1.0, ..InjectedSlowdown::default() };
        let mut answers = Vec::new();
        let commands = format!("{}end\n", "slice 20000\n".repeat(5));
        serve(set_up, slowdown, &CountingAllocator::new(), commands.as_bytes(), &mut answers).expect("served");
        let text = String::from_utf8(answers).expect("JSON");
        // As long as the work, which also waits where the machine is busy.
        let waited = |line: &str| match serde_json::from_str(line) {
            Ok(Answer::Slice(worked)) => worked.waiting_ns.is_none_or(|ns| 2 * ns > worked.cpu_ns),
            _ => false,
        };
        assert_eq!(text.lines().filter(|line| waited(line)).count(), 5, "{text}");
    }

    /// A case that hands its work to another thread and does not wait for it.
    struct PuttingOff(std::sync::mpsc::Sender<()>);

    impl Prepared for PuttingOff {
        fn run(&mut self, _: u64) -> Result<()> {
            Ok(self.0.send(())?)
        }

        fn check(&mut self) -> Result<()> {
            Ok(())
        }

        fn counters(&self) -> BTreeMap<&'static str, u64> {
            BTreeMap::new()
        }
    }

    /// Commands that come when the other thread is done.
    struct Slowly<'a>(&'a [u8]);

    impl std::io::Read for Slowly<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(60));
            let line = self.0.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
            buffer[..line.len()].copy_from_slice(line);
            self.0 = &self.0[line.len()..];
            Ok(line.len())
        }
    }

    #[test]
    fn work_that_is_put_off_until_after_the_slice_is_paid() {
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            while receiver.recv().is_ok() {
                let begin = std::time::Instant::now();
                while begin.elapsed().as_millis() < 20 {}
            }
        });
        let set_up = || Ok(CaseSetup { prepared: Box::new(PuttingOff(sender)), ..set_up()? });
        let (mut answers, commands) =
            (Vec::new(), std::io::BufReader::new(Slowly(b"slice 1\nslice 1\nslice 1\nend\n")));
        let slowdown = InjectedSlowdown::default();
        serve(set_up, slowdown, &CountingAllocator::new(), commands, &mut answers).expect("served");
        let text = String::from_utf8(answers).expect("JSON");
        let slices = text.lines().filter_map(|line| match serde_json::from_str(line) {
            Ok(Answer::Slice(worked)) => Some(worked.cpu_ns),
            _ => None,
        });
        // A busy machine gives the other thread less.
        assert!(slices.skip(1).all(|cpu_ns| cpu_ns > 2_000_000), "{text}");
    }

    #[test]
    fn what_goes_wrong_is_answered() {
        for commands in ["slice 1\n", "slice 0\n", "dance\n"] {
            let (served, answers) = conversation(commands);
            assert!(served.is_err(), "{commands}");
            assert!(matches!(answers.last(), Some(Answer::Failed { .. })), "{commands}: {answers:?}");
        }
        let mut answers = Vec::new();
        let refused = || anyhow::bail!("no such case");
        let slowdown = InjectedSlowdown::default();
        assert!(serve(refused, slowdown, &CountingAllocator::new(), &b""[..], &mut answers).is_err());
        assert!(String::from_utf8(answers).expect("JSON").contains("no such case"));
    }
}
