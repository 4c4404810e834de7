//! The benchmarks of a bench, without those whose name differs from run to run, because it contains the time, an
//! address or a random number. Another process can't find such a name, and nothing can be compared with it.

use std::collections::BTreeSet;
use std::process::Command;

use anyhow::Result;
use worker::protocol::CaseListing;

use crate::schedule::worker_client::{list_cases, list_some};

/// Names with fewer digits are taken to be constant.
const DIGITS: usize = 6;

const CHANGES: &str = "its name is another one in each run: take the time or the random number out of it";

/// The cases that a program lists, at least one; it lists them twice if a name may change.
pub fn list(command: impl Fn() -> Command) -> Result<Vec<CaseListing>> {
    let mut cases = list_some(&mut command())?;
    if cases.iter().any(|case| case.id.chars().filter(char::is_ascii_digit).count() >= DIGITS) {
        let again: BTreeSet<String> = list_cases(&mut command())?.into_iter().map(|case| case.id).collect();
        cases.iter_mut().filter(|case| !again.contains(&case.id)).for_each(leave_out);
    }
    Ok(cases)
}

/// Digits are no part of the name in records, so that both sides leave out the same.
fn leave_out(case: &mut CaseListing) {
    let name = case.benchmark.chars().map(|letter| if letter.is_ascii_digit() { '#' } else { letter });
    case.benchmark = name.collect();
    case.skipped = Some(CHANGES.to_owned());
}
