//! What cases execute in a program that was compiled without optimisation: the functions, their code and their
//! instructions.
//!
//! The optimiser has no part in these counts, so equal ones on two sides mean that both do the same work.

use std::collections::{HashMap, HashSet};
use std::fs;

use anyhow::{Context, Result};
use baselines::doing::ExecutedFunction;

use super::counts;
use crate::budget::Budget;
use crate::build::unoptimised::Unoptimised;
use crate::case_command::CaseCommand;
use crate::fixed_length_dir::FixedLengthDir;
use crate::subject::{Subject, SubjectCase};
use crate::tools::callgrind::CallgrindProfile;
use crate::tools::llvm_ir;
use crate::tools::symbols::{bare, owner};
use crate::tools::valgrind::ExactCount;
use crate::workspace;

/// What a case executes; none if there was no time to find out.
pub type Executed = Result<Option<Vec<ExecutedFunction>>>;

/// What each case of a subject executes, in the order of `cases`; `done` is told of each.
pub fn count(
    subject: &dyn Subject,
    built: &Unoptimised,
    cases: &[SubjectCase],
    budget: Budget,
    done: impl Fn(&SubjectCase),
) -> Result<Vec<Executed>> {
    let crates = subject.crates()?;
    let profiles: Vec<Result<Option<CallgrindProfile>>> = cases
        .iter()
        .map(|case| {
            let profile = budget.in_time(|| profile(&subject.command(&built.build, case), budget));
            done(case);
            profile
        })
        .collect();
    let symbols = profiles.iter().flatten().flatten().flat_map(|profile| profile.symbols.keys());
    let symbols: HashSet<&str> = symbols.map(String::as_str).collect();
    let mut code = HashMap::new();
    for module in &built.modules {
        let text = fs::read_to_string(module).with_context(|| format!("can't read {}", module.display()))?;
        code.extend(llvm_ir::hashes(&text, &symbols));
    }
    let executed = |profile: CallgrindProfile| functions(&profile, &code, &crates);
    Ok(profiles.into_iter().map(|profile| Ok(profile?.map(executed))).collect())
}

/// The functions of a profile whose names are symbols.
fn functions(profile: &CallgrindProfile, code: &HashMap<String, u64>, crates: &[String]) -> Vec<ExecutedFunction> {
    let function = |(symbol, instructions): (&String, &u64)| ExecutedFunction {
        name: bare(symbol),
        code: code.get(symbol).copied(),
        instructions: *instructions,
        owner: owner(symbol, crates),
    };
    profile.symbols.iter().map(function).collect()
}

/// The profile of one exact count by symbol, without callers: they need no names here, and inlining moves none.
fn profile(command: &CaseCommand, budget: Budget) -> Result<CallgrindProfile> {
    let folder = workspace::temporary("work-")?;
    let home = FixedLengthDir::new(&command.program)?;
    let command = CaseCommand { program: home.program(), ..command.clone() };
    let count = ExactCount { command, scratch: home.scratch(), padding: 0, budget };
    counts::callgrind(&count, folder.path(), &[])
}

#[cfg(test)]
mod tests {
    use baselines::doing::{BuildInputs, Doing, Whose, by_execution};
    use worker::slice::ROOT;

    use super::*;
    use crate::tools::callgrind::{self, mangled};

    /// What a variant of the program in `program.txt` executes: the output of rustc 1.95 and callgrind 3.19, cut to the
    /// functions below the root.
    macro_rules! fixture {
        ($name:literal) => {
            functions_of(
                include_str!(concat!("../../tests/fixtures/work/", $name, ".out")),
                include_str!(concat!("../../tests/fixtures/work/", $name, ".ll")),
            )
        };
    }

    fn functions_of(profile: &str, module: &str) -> Vec<ExecutedFunction> {
        let profile = callgrind::parse(profile).expect("well formed");
        let symbols = profile.symbols.keys().map(String::as_str).collect();
        functions(&profile, &llvm_ir::hashes(module, &symbols), &["memory".to_owned()])
    }

    /// Whose doing it is that something changed since the base.
    fn since_base(new: &[ExecutedFunction]) -> Doing {
        let inputs = BuildInputs::default();
        by_execution((&fixture!("base"), &inputs), (new, &inputs))
    }

    #[test]
    fn code_of_other_functions_is_not_this_codes_doing() {
        let doing = since_base(&fixture!("other"));
        assert_eq!(doing.whose, Whose::Compiler, "{}", doing.evidence);
        assert!(doing.evidence.starts_with("the 5 functions"), "{}", doing.evidence);
    }

    #[test]
    fn a_file_that_makes_unchanged_code_loop_longer_is_your_doing() {
        let doing = since_base(&fixture!("constant"));
        assert_eq!(doing.whose, Whose::Yours);
        assert!(doing.evidence.starts_with("unchanged code is executed more often: +43."), "{}", doing.evidence);
    }

    #[test]
    fn changed_code_and_changed_attributes_are_your_doing() {
        for changed in [fixture!("changed"), fixture!("attribute")] {
            let doing = since_base(&changed);
            assert_eq!(doing.whose, Whose::Yours);
            assert!(doing.evidence.contains("functions that it executes changed"), "{}", doing.evidence);
        }
    }

    #[test]
    fn the_root_is_found_in_symbols_of_both_kinds() {
        assert_eq!(mangled(ROOT), "5slice12run_measured");
        let base = fixture!("base");
        assert!(base.iter().any(|function| function.name.contains(&mangled(ROOT))), "{base:?}");
        assert!("_RNvNtCsgEmfK2I1SDS_6worker5slice12run_measured".contains(&mangled(ROOT)));
    }
}
