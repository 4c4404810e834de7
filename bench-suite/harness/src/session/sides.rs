//! Matches the cases of both sides of a comparison, and places their programs while they alternate.

use std::path::Path;

use anyhow::{Context, Result};
use baselines::RunWriter;
use baselines::compare::{Delta, Verdict};
use baselines::policy::{Action, Policy};
use tempfile::TempDir;

use super::runs;
use crate::build::checkout::Build;
use crate::build::layouts::Layouts;
use crate::schedule::jobs::Side;
use crate::subject::SubjectCase;
use crate::workspace;

/// The cases that both sides have with the same meaning, and the deltas of cases that one side lacks. Of cases that
/// only the base has, only those that are `wanted` count.
pub fn match_up(
    policy: &Policy,
    chosen: Vec<SubjectCase>,
    base: &[SubjectCase],
    new: &[SubjectCase],
    wanted: impl Fn(&SubjectCase) -> bool,
    writer: &mut RunWriter,
) -> Result<(Vec<SubjectCase>, Vec<Delta>)> {
    let (mut shared, mut one_sided) = (Vec::new(), Vec::new());
    let find = |cases: &[SubjectCase], id: &str| cases.iter().find(|case| case.id == id).cloned();
    for case in chosen {
        match (find(base, &case.id), find(new, &case.id)) {
            (Some(before), Some(now)) if !alike(&before, &now) => {
                writer.skipped(case.key.to_string(), "the base has another benchmark or variant by this name")?;
            }
            (Some(before), Some(now)) if before.operations != now.operations => writer.skipped(
                case.key.to_string(),
                format!("one count has {} operations in the base, {} here", before.operations, now.operations),
            )?,
            (Some(_), _) => shared.push(case),
            (None, _) => one_sided.push(unmatched_delta(policy, &case, Verdict::Added)),
        }
    }
    let missing = base.iter().filter(|case| new.iter().all(|other| other.id != case.id) && wanted(case));
    one_sided.extend(missing.map(|case| unmatched_delta(policy, case, Verdict::Missing)));
    Ok((shared, one_sided))
}

/// The delta of a case that one side lacks, without a value. The policy of its metric decides if it blocks.
fn unmatched_delta(policy: &Policy, case: &SubjectCase, verdict: Verdict) -> Delta {
    let why = match verdict {
        Verdict::Missing => {
            "the base has this case, the new side does not: restore it, or gate with a filter that excludes it"
        }
        _ => "the base does not have this case: it is judged once the base has it",
    };
    let limit = policy.limit(&case.key, case.metric, runs::today());
    Delta {
        blocks: limit.is_some_and(|limit| limit.action == Action::Block),
        case: case.key.clone(),
        metric: case.metric.to_owned(),
        base: None,
        new: None,
        relative: None,
        interval: None,
        verdict,
        why: why.to_owned(),
        cause: vec![],
        doing: None,
    }
}

/// True if an identifier means the same on both sides: one benchmark, and each common toggle has one strategy.
fn alike(base: &SubjectCase, new: &SubjectCase) -> bool {
    let pairs = |case: &SubjectCase| -> Vec<(String, String)> {
        let pairs = case.key.variant.split(',').filter_map(|pair| pair.split_once('='));
        pairs.map(|(toggle, strategy)| (toggle.to_owned(), strategy.to_owned())).collect()
    };
    let before = pairs(base);
    let differs = |(toggle, chosen): &(String, String)| {
        before.iter().any(|(other, strategy)| other == toggle && strategy != chosen)
    };
    base.key.benchmark == new.key.benchmark && !pairs(new).iter().any(differs)
}

/// The programs of both sides while they alternate: at paths of one length, as it moves a program's stack, and safe
/// from other builds.
pub struct SideBySide {
    folder: TempDir,
    base: Build,
    new: Build,
    layouts: Option<(Layouts, Layouts)>,
}

impl SideBySide {
    /// Links both programs into a new folder.
    pub fn new(base: &Build, new: &Build) -> Result<SideBySide> {
        let folder = workspace::temporary("pair-")?;
        let place = |side: &str, build: &Build| {
            let to = folder.path().join(side).join("program");
            let from: &Path = &build.program;
            std::fs::create_dir_all(folder.path().join(side))
                .and_then(|()| std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(drop)))
                .with_context(|| format!("can't copy {}", from.display()))?;
            anyhow::Ok(Build { program: to, ..build.clone() })
        };
        let (base, new) = (place("a", base)?, place("b", new)?);
        Ok(SideBySide { folder, base, new, layouts: None })
    }

    /// Gives both sides a new layout for each round, drawn from a seed, or returns the reason why one can't have any.
    /// With one seed, functions that both programs share are laid out alike, so that only changed code moves.
    pub fn randomize_layouts(&mut self, base_seed: u64, new_seed: u64) -> Result<(), String> {
        let layouts = |side: &str, build: &Build, seed| {
            let relink = build.layouts.clone()?;
            Ok::<_, String>(Layouts::new(relink, self.folder.path().join(side), seed))
        };
        self.layouts = Some((layouts("a", &self.base, base_seed)?, layouts("b", &self.new, new_seed)?));
        Ok(())
    }

    /// True if both sides have a new layout for each round.
    pub fn randomized(&self) -> bool {
        self.layouts.is_some()
    }

    /// The base's side and the new side.
    pub fn sides(&self) -> (Side<'_>, Side<'_>) {
        let (base, new) = self.layouts.as_ref().map(|(base, new)| (base, new)).unzip();
        (Side { build: &self.base, layouts: base }, Side { build: &self.new, layouts: new })
    }
}

#[cfg(test)]
mod tests {
    use baselines::{CaseKey, Durability, Environment};

    use super::*;
    use crate::session::plan;

    fn case(id: &str, benchmark: &str, variant: &str) -> SubjectCase {
        SubjectCase {
            id: id.into(),
            set: vec![],
            key: CaseKey { benchmark: benchmark.into(), variant: variant.into() },
            operations: 4,
            metric: "cpu_time",
            durability: Durability::Memory,
        }
    }

    fn listed() -> Vec<SubjectCase> {
        ["one", "two", "three"].map(|id| case(id, &format!("family/{id}"), "store=redb,codec=json")).into()
    }

    /// The number of shared cases, the verdicts on cases that one side lacks, and the reasons why others are skipped.
    fn matched(wanted: &str, base: &[SubjectCase], new: &[SubjectCase]) -> (usize, Vec<Verdict>, Vec<String>) {
        let folder = tempfile::tempdir().expect("a folder");
        let header = plan::header("quick", Environment::detect(1, "generated"));
        let mut writer = RunWriter::create(&folder.path().join("run.jsonl"), header).expect("a run");
        let wanted = |case: &SubjectCase| case.id.contains(wanted);
        let (shared, one_sided) =
            match_up(&Policy::standard(), new.to_vec(), base, new, wanted, &mut writer).expect("matched");
        let skipped = writer.so_far().skipped.iter().map(|skipped| skipped.why.clone()).collect();
        (shared.len(), one_sided.iter().map(|delta| delta.verdict).collect(), skipped)
    }

    #[test]
    fn a_case_that_one_side_lacks_is_missing_or_added() {
        let (all, mut fewer) = (listed(), listed());
        let gone = fewer.remove(0);
        assert_eq!(matched("", &all, &all), (all.len(), vec![], vec![]));
        assert_eq!(matched("", &fewer, &all).1, [Verdict::Added]);
        let mut more = all.clone();
        more.push(SubjectCase { id: "retired".into(), ..gone });
        assert_eq!(matched("", &more, &all).1, [Verdict::Missing]);
        assert_eq!(matched("one", &more, &all).1, [], "the filter left it out");
    }

    #[test]
    fn what_one_name_means_twice_is_not_compared() {
        let (all, mut other) = (listed(), listed());
        other[0].key.variant = "store=redb,codec=postcard".into();
        other[1].operations += 1;
        let (shared, one_sided, skipped) = matched("", &other, &all);
        assert_eq!((shared, one_sided), (all.len() - 2, vec![]));
        assert!(skipped[0].contains("another benchmark or variant"), "{skipped:?}");
        assert!(skipped[1].contains("in the base"), "{skipped:?}");
    }

    #[test]
    fn a_name_means_the_same_while_no_common_toggle_differs() {
        let before = case("x", "step/log", "store=redb,codec=json");
        assert!(alike(&before, &case("x", "step/log", "store=redb,codec=json,index=single")), "a new toggle");
        assert!(!alike(&before, &case("x", "step/log", "store=redb,codec=postcard")));
        assert!(!alike(&before, &case("x", "step/get", "store=redb,codec=json")));
    }
}
