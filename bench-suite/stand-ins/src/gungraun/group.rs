//! What the macros' expansion names: groups, and how their benchmarks are come past.

use std::fmt;

use crate::arguments::Mode;
use crate::few::few;
use crate::process::Process;
use crate::{loops, serve, worker};

/// The main function of a bench.
pub fn main(setup: &dyn Fn(), teardown: &dyn Fn(), visit: &dyn Fn()) {
    let runs = !matches!(Process::get().arguments.mode, Mode::List | Mode::Names);
    worker::main(|| {
        if runs {
            setup();
        }
        visit();
    });
    if runs {
        teardown();
    }
}

/// A group of benchmarks.
pub struct Group<'a> {
    /// The module of the main function, and the name of the group.
    pub path: &'a str,
    /// What is done before one of its benchmarks.
    pub setup: &'a dyn Fn(),
    /// What is done after it.
    pub teardown: &'a dyn Fn(),
}

impl fmt::Debug for Group<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Group").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Group<'_> {
    /// Comes past a benchmark. If `is_alone`, the next input is made when `after` has got the output of the last one:
    /// they may have to do with each other.
    pub fn bench<I, O>(
        &self,
        function: &str,
        id: &str,
        is_alone: bool,
        mut input: impl FnMut() -> I,
        mut routine: impl FnMut(I) -> O,
        mut after: impl FnMut(O),
    ) {
        worker::visit(self.name(function, id), None, &mut |id| {
            let mut is_done = false;
            (self.setup)();
            match is_alone {
                true => {
                    let one = |iterations| loops::batches(iterations, 1);
                    serve::run_first(id, &mut is_done, &mut loops::batched(one, &mut input, &mut routine, &mut after));
                }
                false => {
                    serve::run_first(id, &mut is_done, &mut loops::batched(few, &mut input, &mut routine, &mut after));
                }
            }
            (self.teardown)();
            is_done
        });
    }

    /// Comes past a command.
    pub fn refuse(&self, function: &str) {
        let why = "it is a command: `assay gate --command` measures those";
        worker::visit(self.name(function, ""), Some(why.to_owned()), &mut |_| true);
    }

    /// Comes past the benchmarks of a file.
    pub fn refuse_file(&self, function: &str, id: &str) {
        let why = "it takes its inputs from a file (`file`)";
        worker::visit(self.name(function, id), Some(why.to_owned()), &mut |_| true);
    }

    /// The name that gungraun gives to a benchmark.
    fn name(&self, function: &str, id: &str) -> String {
        match id {
            "" => format!("{}::{function}", self.path),
            id => format!("{}::{function}/{id}", self.path),
        }
    }
}
