//! What both sides of a comparison have, and where their workers lie while they alternate.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::RunWriter;
use baselines::compare::{Delta, Verdict};
use baselines::policy::{Action, Policy};

use super::runs;
use super::versus::Versus;
use crate::cases::Case;
use crate::pair::jobs::Side;
use crate::pair::layouts::Layouts;
use crate::pair::protocol::Known;
use crate::runner::relink::Relink;
use crate::workspace;

/// The cases that both sides have and mean alike; and the deltas of those that one side lacks.
///
/// # Errors
/// A record can't be written.
pub fn match_up(
    versus: &Versus<'_>,
    chosen: Vec<Case>,
    base: &[Known],
    new: &[Known],
    writer: &mut RunWriter,
) -> Result<(Vec<Case>, Vec<Delta>)> {
    let (mut shared, mut one_sided_deltas) = (Vec::new(), Vec::new());
    for case in chosen {
        let find = |known: &[Known]| known.iter().find(|known| known.id == case.id).cloned();
        match (find(base), find(new)) {
            (Some(before), Some(now)) if !alike(&before, &now) => {
                writer.skipped(case.label(), "the base means another benchmark or variant by this name")?;
            }
            (Some(before), Some(now)) if before.operations != now.operations => writer.skipped(
                case.label(),
                format!("one count is of {} operations in the base, of {} here", before.operations, now.operations),
            )?,
            (Some(_), _) => shared.push(case),
            (None, _) => one_sided_deltas.push(one_sided(versus.policy, case.record(), Verdict::Added)),
        }
    }
    let filter = versus.selection.filter.as_deref();
    for known in base.iter().filter(|known| new.iter().all(|other| other.id != known.id)) {
        if filter.is_none_or(|filter| known.id.contains(filter) || known.benchmark.contains(filter)) {
            let case = baselines::CaseKey { benchmark: known.benchmark.clone(), variant: known.variant.clone() };
            one_sided_deltas.push(one_sided(versus.policy, case, Verdict::Missing));
        }
    }
    Ok((shared, one_sided_deltas))
}

fn one_sided(policy: &Policy, case: baselines::CaseKey, verdict: Verdict) -> Delta {
    let why = match verdict {
        Verdict::Missing => {
            "the base has this case, this tree does not: give it back, or gate with a filter that leaves it out"
        }
        _ => "the base does not have this case: it is judged when the base has it",
    };
    lone(policy, case, "cpu_time", verdict, why)
}

/// The delta of what one side lacks: there is nothing to compare, and the policy of its metric says whether it blocks.
pub fn lone(policy: &Policy, case: baselines::CaseKey, metric: &str, verdict: Verdict, why: &str) -> Delta {
    Delta {
        blocks: policy.limit(&case, metric, runs::today()).is_some_and(|limit| limit.action == Action::Block),
        case,
        metric: metric.to_owned(),
        base: None,
        new: None,
        relative: None,
        interval: None,
        verdict,
        why: why.to_owned(),
        cause: vec![],
    }
}

/// Whether both sides mean the same by an identifier: the same benchmark, and no toggle that both know set differently.
fn alike(base: &Known, new: &Known) -> bool {
    let strategy = |toggle: &str| {
        base.variant.split(',').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == toggle)
    };
    base.benchmark == new.benchmark
        && new
            .variant
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .all(|(toggle, chosen)| strategy(toggle).is_none_or(|(_, before)| before == chosen))
}

/// Where the workers lie while they alternate: at paths of one length, because the length moves a program's stack; and safe from builds that go on
/// meanwhile.
pub struct Places {
    folder: tempfile::TempDir,
    /// The base's worker.
    pub base: Placed,
    /// The new side's.
    pub new: Placed,
}

/// A worker that alternates with another.
pub struct Placed {
    /// The program as it was built.
    pub worker: PathBuf,
    /// Where it takes a layout a round, those.
    pub layouts: Option<Layouts>,
}

impl Placed {
    /// It as a side of a comparison.
    pub fn side<'a>(&'a self, name: &'a str, set: &'a [String]) -> Side<'a> {
        Side { name, worker: &self.worker, layouts: self.layouts.as_ref(), set }
    }
}

impl Places {
    /// Links both workers into a folder of their own.
    ///
    /// # Errors
    /// The folder can't be made, or the files can't be linked or copied.
    pub fn new(base: &Path, new: &Path) -> Result<Places> {
        let parent = workspace::output().join("scratch");
        std::fs::create_dir_all(&parent).with_context(|| format!("can't make {}", parent.display()))?;
        let folder = tempfile::Builder::new().prefix("pair-").tempdir_in(&parent).context("no folder for workers")?;
        let place = |side: &str, from: &Path| {
            let to = folder.path().join(side).join("assay-worker");
            std::fs::create_dir_all(folder.path().join(side))
                .and_then(|()| std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(|_| ())))
                .with_context(|| format!("can't place {}", from.display()))?;
            anyhow::Ok(Placed { worker: to, layouts: None })
        };
        let (base, new) = (place("a", base)?, place("b", new)?);
        Ok(Places { base, new, folder })
    }

    /// Whether the sides take a layout a round.
    pub fn laid_out(&self) -> bool {
        self.base.layouts.is_some()
    }

    /// Has both sides take a layout a round, each drawn from a seed. Programs of the same functions lie alike where the seeds are the same, so that only
    /// what the change moves is moved.
    pub fn lay_out(&mut self, base: (&Relink, u64), new: (&Relink, u64)) {
        let layouts = |side: &str, (relink, seed): (&Relink, u64)| {
            Some(Layouts::new(relink.clone(), self.folder.path().join(side), seed))
        };
        (self.base.layouts, self.new.layouts) = (layouts("a", base), layouts("b", new));
    }
}

#[cfg(test)]
mod tests {
    use super::super::run::Selection;
    use super::super::versus::scratch_run;
    use super::*;
    use crate::cases;
    use crate::input::SEED;

    fn known(benchmark: &str, variant: &str) -> Known {
        Known { id: "x".into(), benchmark: benchmark.into(), variant: variant.into(), operations: 4 }
    }

    /// What a worker of this tree would list.
    fn listed() -> Vec<Known> {
        let listed = cases::LISTED.iter().map(|listed| {
            let case = listed.resolve(&[]).expect("listed");
            Known {
                id: case.id.to_owned(),
                benchmark: case.benchmark.name.to_owned(),
                variant: case.variant.to_string(),
                operations: case.benchmark.operations,
            }
        });
        listed.collect()
    }

    /// How many cases both sides share, what one side lacks, and why others are skipped.
    fn matched(filter: Option<&str>, base: &[Known], new: &[Known]) -> (usize, Vec<Verdict>, Vec<String>) {
        let selection = Selection {
            filter: filter.map(str::to_owned),
            lane: vec![],
            set: vec![],
            repeat: 1,
            corpus: None,
            seed: SEED,
        };
        let policy = Policy::standard();
        let versus = Versus { selection: &selection, policy: &policy, budget: None };
        let folder = tempfile::tempdir().expect("a folder");
        let mut writer = scratch_run(&folder.path().join("run.jsonl")).expect("a run");
        let chosen = cases::select(filter, &[]).expect("selected").cases;
        let (shared, one_sided) = match_up(&versus, chosen, base, new, &mut writer).expect("matched");
        let skipped = writer.so_far().skipped.iter().map(|skipped| skipped.why.clone()).collect();
        (shared.len(), one_sided.iter().map(|delta| delta.verdict).collect(), skipped)
    }

    #[test]
    fn a_case_that_one_side_lacks_is_missing_or_added() {
        let (all, mut fewer) = (listed(), listed());
        let gone = fewer.remove(0);
        assert_eq!(matched(None, &all, &all), (all.len(), vec![], vec![]));
        assert_eq!(matched(None, &fewer, &all).1, [Verdict::Added]);
        let mut more = all.clone();
        more.push(Known { id: "retired".into(), ..gone });
        assert_eq!(matched(None, &more, &all).1, [Verdict::Missing]);
        assert_eq!(matched(Some("retrieve"), &more, &all).1, [], "the filter left it out");
    }

    #[test]
    fn what_one_name_means_twice_is_not_compared() {
        let (all, mut other) = (listed(), listed());
        other[0].variant = other[0].variant.replace("codec=json", "codec=postcard");
        other[1].operations += 1;
        let (shared, one_sided, skipped) = matched(None, &other, &all);
        assert_eq!((shared, one_sided), (all.len() - 2, vec![]));
        assert!(skipped[0].contains("another benchmark or variant"), "{skipped:?}");
        assert!(skipped[1].contains("in the base"), "{skipped:?}");
    }

    #[test]
    fn a_name_means_the_same_while_no_common_toggle_differs() {
        let before = known("step/log", "store=redb,codec=json");
        assert!(alike(&before, &known("step/log", "store=redb,codec=json,index=single")), "a new toggle");
        assert!(!alike(&before, &known("step/log", "store=redb,codec=postcard")));
        assert!(!alike(&before, &known("step/get", "store=redb,codec=json")));
    }
}
