//! The interface of a measured program: its cases and their setup.

use std::collections::BTreeMap;

use anyhow::Result;

use crate::protocol::{CaseListing, Ready};

/// The benchmarks of one program.
pub trait BenchmarkSuite {
    /// All cases, in the order of reports; `set` overrides toggles, as `toggle=strategy`.
    ///
    /// # Errors
    /// There is no such toggle or strategy.
    fn list(&self, set: &[String]) -> Result<Vec<CaseListing>>;

    /// Sets up one case. Never timed or counted.
    ///
    /// # Errors
    /// There is no such case, toggle or strategy, or the setup failed.
    fn set_up(&self, case: &str, set: &[String]) -> Result<CaseSetup>;
}

/// A case that is set up.
pub struct CaseSetup {
    /// The state with its operation.
    pub prepared: Box<dyn Prepared>,
    /// The worker's introduction.
    pub ready: Ready,
    /// The case waits for the disk, so its wall time counts instead of its CPU time.
    pub waits: bool,
}

/// A benchmark that is ready to run.
pub trait Prepared {
    /// Prepares the inputs that the next `operations` operations consume. Never timed or counted.
    ///
    /// # Errors
    /// The program under test refused something.
    fn prepare_inputs(&mut self, operations: u64) -> Result<()> {
        let _ = operations;
        Ok(())
    }

    /// Runs the operation `operations` times. Only this call is measured.
    ///
    /// # Errors
    /// The program under test refused something, or [`Prepared::prepare_inputs`] was not called.
    fn run(&mut self, operations: u64) -> Result<()>;

    /// Checks the answers of everything since the setup. A fast wrong answer is an error.
    ///
    /// # Errors
    /// An answer is wrong: the message says which, and in what way.
    fn check(&mut self) -> Result<()>;

    /// The counters of the program under test since the setup.
    fn counters(&self) -> BTreeMap<&'static str, u64>;
}
