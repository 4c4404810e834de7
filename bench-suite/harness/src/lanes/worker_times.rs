//! Times of one side from slices of its workers. They are stored and shown, never judged: times of two sessions can't
//! compare two programs.

use anyhow::Result;
use baselines::{Measurement, RunWriter, Sample};
use rand::SeedableRng;
use rand_pcg::Pcg64;
use stats::descriptive::median;
use worker::protocol::Command;

use crate::build::checkout::Build;
use crate::cores;
use crate::progress::Progress;
use crate::schedule::deadlines::Deadlines;
use crate::schedule::jobs::Side;
use crate::schedule::placement::Placement;
use crate::schedule::scheduler;
use crate::schedule::worker_client::WorkerClient;
use crate::schedule::worker_program::WorkerProgram;
use crate::subject::{Subject, SubjectCase};

/// The processes of each case: the spread between them is what a single one hides.
const PROCESSES: u64 = 10;

/// The metrics, with the times of a process for one operation, ns.
type Times = [(&'static str, Vec<f64>); 2];

/// Measures the lane. A case that fails becomes an invalid entry.
pub fn measure(subject: &dyn Subject, build: &Build, cases: &[SubjectCase], writer: &mut RunWriter) -> Result<()> {
    let progress = Progress::start("time", cases.len());
    let timed = cores::on_each(cases, |core, case| {
        let times = times(&Side { build, layouts: None }.program(subject, case, 0.0), core);
        progress.done(&case.label());
        times
    });
    for (case, times) in cases.iter().zip(timed) {
        match times {
            Ok(times) => {
                for (metric, values) in times {
                    let sample = Sample::new(values)?;
                    writer.measurement(Measurement::new(case.key.clone(), metric, sample, case.durability))?;
                }
            }
            Err(error) => super::invalid(&case.label(), &error, writer, &progress)?,
        }
    }
    Ok(())
}

fn times(program: &WorkerProgram, core: Option<usize>) -> Result<Times> {
    let deadlines = Deadlines::default();
    let fixed = Placement { core, ..Placement::default() };
    let operations = scheduler::operations(program, "cpu_time", fixed, deadlines)?;
    let slicing = program.slicing;
    let mut times: Times = [("cpu_time", vec![]), ("wall_time", vec![])];
    for number in 0..PROCESSES {
        let placement = Placement::draw(core, &mut Pcg64::seed_from_u64(number));
        let mut process = WorkerClient::start(program, None, placement, deadlines)?;
        process.ready()?;
        for _ in 0..slicing.warm_up {
            process.slice(Command::Slice(operations))?;
        }
        let (mut cpu, mut wall) = (Vec::new(), Vec::new());
        for _ in 0..slicing.pairs {
            let worked = process.slice(Command::Slice(operations))?;
            cpu.push(worked.cpu_ns as f64 / operations as f64);
            wall.push(worked.wall_ns as f64 / operations as f64);
        }
        process.end()?;
        process.ended()?;
        times[0].1.push(median(&cpu)?);
        times[1].1.push(median(&wall)?);
    }
    Ok(times)
}
