//! Lays counts that got worse to whoever made them so: [`baselines::doing`] says how.
//!
//! Nothing is built or counted unless something blocks. Without evidence a change stays as it is, and blocks.

use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use baselines::doing::{BuildInputs, Doing, by_execution, by_inputs};
use baselines::policy::Policy;
use baselines::verdict::{Delta, Verdict};
use baselines::{Assume, Metric};

use super::runs;
use crate::build::git::git;
use crate::build::unoptimised;
use crate::lanes::work;
use crate::progress::Progress;
use crate::subject::{Subject, SubjectCase};

/// The most cases that are counted once more, the worst first.
const MOST: usize = 12;

/// The two sides of a comparison.
pub struct BothSides<'a> {
    /// What builds them.
    pub subject: &'a dyn Subject,
    /// The revisions, the base's first; none for the working tree.
    pub revisions: [Option<String>; 2],
    /// The measured programs.
    pub programs: [PathBuf; 2],
    /// The cases.
    pub cases: Vec<SubjectCase>,
}

impl BothSides<'_> {
    /// Lays each exact count that got worse and blocks to somebody.
    pub fn lay(&self, deltas: &mut [Delta], policy: &Policy) {
        let worse = self.worse(deltas);
        if worse.is_empty() {
            return;
        }
        let doings = self.doings(&worse).unwrap_or_else(|error| {
            let unknown = Doing::unknown(format!("{error:#}"));
            vec![unknown; worse.len()]
        });
        for (case, doing) in worse.iter().zip(doings) {
            for delta in deltas.iter_mut().filter(|delta| blocks(delta) && delta.case == case.key) {
                let limit = policy.limit(&delta.case, &delta.metric, runs::today());
                delta.lay(doing.clone(), limit.and_then(|limit| limit.compiler));
            }
        }
    }

    /// The cases with a count that blocks, the worst first.
    fn worse(&self, deltas: &[Delta]) -> Vec<SubjectCase> {
        let mut worse: Vec<&Delta> = deltas.iter().filter(|delta| blocks(delta)).collect();
        let size = |delta: &Delta| delta.relative.unwrap_or(f64::INFINITY);
        worse.sort_by(|a, b| size(b).total_cmp(&size(a)));
        let mut cases: Vec<SubjectCase> = Vec::new();
        for delta in worse {
            let found = self.cases.iter().find(|case| case.key == delta.case);
            let Some(case) = found.filter(|case| !cases.iter().any(|known| known.is(case))) else { continue };
            cases.push(case.clone());
        }
        cases.truncate(MOST);
        cases
    }

    /// Whose doing it is that these cases got worse, in their order.
    fn doings(&self, cases: &[SubjectCase]) -> Result<Vec<Doing>> {
        let [base, new] = [self.inputs(0)?, self.inputs(1)?];
        if let Some(doing) = by_inputs(&base, &new) {
            return Ok(vec![doing; cases.len()]);
        }
        eprintln!("whose doing: building both sides without optimisation");
        let build = |side: usize| self.subject.unoptimised(self.revisions[side].as_deref());
        let built = [build(0)?, build(1)?];
        let progress = Progress::start("whose doing", 2 * cases.len());
        let execute =
            |side: usize| work::executed(self.subject, &built[side], cases, |case| progress.done(&case.label()));
        let (of_base, of_new) = std::thread::scope(|scope| {
            let of_base = scope.spawn(|| execute(0));
            let of_new = execute(1);
            (of_base.join().unwrap_or_else(|_| Err(anyhow!("a counting thread panicked"))), of_new)
        });
        let both = of_base.context("the base")?.into_iter().zip(of_new.context("the new side")?);
        let doing = |(of_base, of_new): (Result<Vec<_>>, Result<Vec<_>>)| -> Result<Doing> {
            Ok(by_execution((&of_base?, &base), (&of_new?, &new)))
        };
        Ok(both.map(|sides| doing(sides).unwrap_or_else(|error| Doing::unknown(format!("{error:#}")))).collect())
    }

    /// What a side was built with, besides its source.
    fn inputs(&self, side: usize) -> Result<BuildInputs> {
        let root = self.subject.root();
        let text = |file: &str| match &self.revisions[side] {
            Some(revision) => git(&root, &["show", &format!("{revision}:./{file}")]).ok(),
            None => std::fs::read_to_string(root.join(file)).ok(),
        };
        let toolchain = unoptimised::compiler(&self.programs[side])?;
        let (lock, manifest) = (text("Cargo.lock").unwrap_or_default(), text("Cargo.toml").unwrap_or_default());
        let mut inputs = BuildInputs::read(&toolchain, &lock, &manifest)?;
        for file in [".cargo/config.toml", ".cargo/config"] {
            inputs.settings.extend(text(file).map(|text| (file.to_owned(), text)));
        }
        Ok(inputs)
    }
}

fn blocks(delta: &Delta) -> bool {
    let is_exact = Metric::find(&delta.metric).is_some_and(|metric| metric.assume == Assume::Exact);
    delta.verdict == Verdict::Regressed && delta.blocks && is_exact
}

#[cfg(test)]
mod tests {
    use workloads::cases;
    use workloads::input::Source;

    use super::*;
    use crate::subject::memory::MemorySubject;

    fn worse(case: &SubjectCase, metric: &str, relative: f64, verdict: Verdict, blocks: bool) -> Delta {
        Delta {
            case: case.key.clone(),
            metric: metric.to_owned(),
            base: Some(1.0),
            new: Some(1.0 + relative),
            relative: Some(relative),
            interval: None,
            bound: None,
            verdict,
            blocks,
            why: String::new(),
            cause: vec![],
            doing: None,
        }
    }

    #[test]
    fn what_blocks_is_looked_into_and_nothing_else() {
        let resolved = cases::LISTED[..4].iter().map(|listed| listed.resolve(&[]).expect("listed"));
        let cases: Vec<SubjectCase> = resolved.map(|case| MemorySubject::case(&case, &[])).collect();
        let sides = BothSides {
            subject: &MemorySubject { source: Source::default() },
            revisions: [None, None],
            programs: [PathBuf::from("no base"), PathBuf::from("no program")],
            cases: cases.clone(),
        };
        let mut deltas = vec![
            worse(&cases[0], "instructions", 0.01, Verdict::Regressed, true),
            worse(&cases[0], "allocations", 0.5, Verdict::Regressed, true),
            worse(&cases[1], "instructions", 0.1, Verdict::Regressed, true),
            worse(&cases[2], "branches", 0.9, Verdict::Regressed, false),
            worse(&cases[2], "instructions", -0.9, Verdict::Improved, true),
            worse(&cases[3], "cpu_time", 0.9, Verdict::Regressed, true),
        ];
        let ids: Vec<String> = sides.worse(&deltas).into_iter().map(|case| case.id).collect();
        assert_eq!(ids, [cases[0].id.as_str(), &cases[1].id], "each once, the worst first, and no time");
        sides.lay(&mut deltas, &Policy::standard());
        let doings: Vec<bool> = deltas.iter().map(|delta| delta.doing.is_some()).collect();
        assert_eq!(doings, [true, true, true, false, false, false]);
        let unknown = deltas[0].doing.as_ref().expect("looked into");
        assert_eq!(unknown.whose, baselines::doing::Whose::Unknown, "{}", unknown.evidence);
        assert!(unknown.evidence.starts_with("can't read no base") && deltas[0].blocks, "{}", unknown.evidence);
    }
}
