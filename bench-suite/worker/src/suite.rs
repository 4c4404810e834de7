//! What a measured program brings along: cases, and how each is set up.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::protocol::{CaseListing, Ready};

/// The benchmarks of one program.
pub trait BenchmarkSuite {
    /// All cases, in the order of reports; `set` changes toggles, as `toggle=strategy`.
    ///
    /// # Errors
    /// There is no such toggle or strategy.
    fn list(&self, set: &[String]) -> Result<Vec<CaseListing>>;

    /// Builds the state of one case. Never timed, never counted.
    ///
    /// # Errors
    /// There is no such case, toggle or strategy, or the setup failed.
    fn set_up(&self, case: &str, set: &[String]) -> Result<CaseSetup>;
}

/// A case that is set up.
pub struct CaseSetup {
    /// The state, and the work.
    pub prepared: Box<dyn Prepared>,
    /// How the worker introduces itself.
    pub ready: Ready,
    /// The case waits for the disk, so its wall time counts and not its CPU time.
    pub waits: bool,
}

/// A benchmark that is ready to run.
pub trait Prepared {
    /// Prepares what the next `operations` operations will use up. Never timed, never counted.
    ///
    /// # Errors
    /// The program under test refused something.
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        let _ = operations;
        Ok(())
    }

    /// Does the operation `operations` times. This call is what is measured, and nothing else is.
    ///
    /// # Errors
    /// The program under test refused something, or [`Prepared::prepare_inputs`] was not called.
    fn run(&mut self, operations: u64) -> Result<()>;

    /// Checks the answers of everything that ran since the setup. Fast and wrong is an error.
    ///
    /// # Errors
    /// An answer is wrong: the message says which and how.
    fn check(&mut self) -> Result<()>;

    /// What the program under test counted since the setup began.
    fn counters(&self) -> BTreeMap<&'static str, u64>;
}
