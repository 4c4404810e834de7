//! Matches the cases of both sides of a comparison, and places their programs while they alternate.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use baselines::compare::{Delta, Verdict};
use baselines::policy::{Limit, Policy};
use tempfile::TempDir;

use super::runs;
use crate::build::checkout::{Build, BuiltProgram};
use crate::build::layouts::Layouts;
use crate::hash::hash;
use crate::schedule::jobs::Side;
use crate::subject::SubjectCase;
use crate::workspace;

/// The cases that both sides have with the same meaning, and the deltas of cases that one side lacks or has redefined.
/// Of cases of the base that are not measured, only those that are `wanted` count. With `everything`, nothing that is
/// wanted may be left out of those that were chosen.
pub fn match_up(
    policy: &Policy,
    chosen: Vec<SubjectCase>,
    everything: bool,
    base: &[SubjectCase],
    new: &[SubjectCase],
    wanted: impl Fn(&SubjectCase) -> bool,
) -> (Vec<SubjectCase>, Vec<Delta>) {
    let (mut shared, mut one_sided) = (Vec::new(), Vec::new());
    let find = |cases: &[SubjectCase], of: &SubjectCase| cases.iter().find(|case| case.is(of)).cloned();
    let measured = chosen.clone();
    for case in chosen {
        match (find(base, &case), find(new, &case)) {
            (Some(before), Some(now)) if !alike(&before, &now) => {
                let why = format!("the base has {} by the name {}, here it is {}", before.key, case.id, now.key);
                one_sided.push(redefined(policy, &before, &why));
            }
            (Some(before), Some(now)) if before.operations != now.operations => {
                let why =
                    format!("one count has {} operations in the base, {} here", before.operations, now.operations);
                one_sided.push(redefined(policy, &case, &why));
            }
            (Some(_), _) => shared.push(case),
            (None, _) => {
                let why = "the base does not have this case: it is judged once the base has it".to_owned();
                one_sided.push(unmatched_delta(policy, &case, (Verdict::Added, why)));
            }
        }
    }
    for gone in base.iter().filter(|case| wanted(case)) {
        let why = match find(new, gone) {
            None => format!("the base has the case {}, the new side does not", gone.id),
            Some(_) if everything && !measured.iter().any(|case| case.is(gone)) => {
                format!("both sides have the case {}, and the list of this tree does not", gone.id)
            }
            Some(_) => continue,
        };
        let judged = match policy.redefined(&gone.key, gone.metric, runs::today(), &why) {
            (Verdict::Invalid, why) => (Verdict::Missing, why),
            accepted => accepted,
        };
        one_sided.push(unmatched_delta(policy, gone, judged));
    }
    (shared, one_sided)
}

/// The delta of a case that means something else than in the base.
fn redefined(policy: &Policy, case: &SubjectCase, why: &str) -> Delta {
    unmatched_delta(policy, case, policy.redefined(&case.key, case.metric, runs::today(), why))
}

/// The delta of a case that can't be compared, without a value. The policy of its metric decides if it blocks.
fn unmatched_delta(policy: &Policy, case: &SubjectCase, judged: (Verdict, String)) -> Delta {
    let limit = policy.limit(&case.key, case.metric, runs::today());
    Delta::new(case.key.clone(), case.metric, judged, limit.is_some_and(Limit::blocks))
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
    layouts: Option<(ByProgram, ByProgram)>,
}

/// The layouts of a side's programs.
type ByProgram = BTreeMap<String, Layouts>;

impl SideBySide {
    /// Links both programs into a new folder.
    pub fn new(base: &Build, new: &Build) -> Result<SideBySide> {
        let folder = workspace::temporary("pair-")?;
        let place = |side: &str, build: &Build| {
            let mut placed = build.clone();
            for program in placed.programs.iter_mut().filter(|program| program.in_place.is_none()) {
                let folder = home(folder.path(), side, &program.name);
                let (from, to) = (&program.path, folder.join("program"));
                std::fs::create_dir_all(&folder)
                    .and_then(|()| std::fs::hard_link(from, &to).or_else(|_| std::fs::copy(from, &to).map(drop)))
                    .with_context(|| format!("can't copy {}", from.display()))?;
                program.path = to;
            }
            anyhow::Ok(placed)
        };
        let (base, new) = (place("a", base)?, place("b", new)?);
        Ok(SideBySide { folder, base, new, layouts: None })
    }

    /// Gives both sides a new layout for each round, drawn from a seed, or returns the reason why one can't have any.
    /// With one seed, functions that both programs share are laid out alike, so that only changed code moves, and one
    /// program on both sides is one file.
    pub fn randomize_layouts(&mut self, base_seed: u64, new_seed: u64) -> Result<(), String> {
        let layouts = |side: &str, program: &BuiltProgram, seed| {
            let relink = program.layouts.clone()?;
            Ok::<_, String>(Layouts::new(relink, home(self.folder.path(), side, &program.name), seed))
        };
        let (mut of_base, mut of_new) = (ByProgram::new(), ByProgram::new());
        // Where both sides run one machine code, in place, its layout is no part of the difference.
        let one = |program: &BuiltProgram, other: &Build| {
            let other = other.find(&program.name).and_then(|other| other.in_place.as_ref());
            other.is_some() && other == program.in_place.as_ref()
        };
        for program in self.base.programs.iter().filter(|program| !one(program, &self.new)) {
            of_base.insert(program.name.clone(), layouts("a", program, base_seed)?);
        }
        for program in self.new.programs.iter().filter(|program| !one(program, &self.base)) {
            let name = program.name.clone();
            let before = self.base.find(&name).zip(of_base.get(&name).cloned());
            let Some((before, base)) = before else {
                of_new.insert(name, layouts("b", program, new_seed)?);
                continue;
            };
            if base_seed == new_seed && before.layouts == program.layouts {
                of_new.insert(name, base);
            } else {
                let new = layouts("b", program, new_seed)?;
                of_base.insert(name.clone(), base.clone().beside(&new));
                of_new.insert(name, new.beside(&base));
            }
        }
        self.layouts = Some((of_base, of_new));
        Ok(())
    }

    /// The reason why only the new side can't have new layouts: then the change took them away.
    pub fn lost_layouts(&self) -> Option<&str> {
        let lost = |program: &&BuiltProgram| {
            program.layouts.is_err() && self.base.find(&program.name).is_some_and(|before| before.layouts.is_ok())
        };
        self.new.programs.iter().find(lost).and_then(|program| program.layouts.as_ref().err()).map(String::as_str)
    }

    /// True if both sides have a new layout for each round, or one machine code.
    pub fn randomized(&self) -> bool {
        self.layouts.is_some()
    }

    /// The base's side and the new side.
    pub fn sides(&self) -> (Side<'_>, Side<'_>) {
        let (base, new) = self.layouts.as_ref().map(|(base, new)| (base, new)).unzip();
        (Side { build: &self.base, layouts: base }, Side { build: &self.new, layouts: new })
    }
}

/// The folder of a side's program and its layouts. Names become hashes, so that all paths have one length.
fn home(folder: &Path, side: &str, program: &str) -> PathBuf {
    folder.join(side).join(hash(program))
}

#[cfg(test)]
mod tests {
    use baselines::{CaseKey, Durability};
    use workloads::input::Source;

    use super::*;
    use crate::build::relink::Relink;
    use crate::schedule::program::Slicing;
    use crate::subject::memory::MemorySubject;

    fn case(id: &str, benchmark: &str, variant: &str) -> SubjectCase {
        SubjectCase {
            program: "worker".into(),
            id: id.into(),
            set: vec![],
            key: CaseKey { benchmark: benchmark.into(), variant: variant.into() },
            operations: 4,
            gated: true,
            metric: "cpu_time",
            durability: Durability::Memory,
            slicing: Slicing::OF_WORKERS,
        }
    }

    fn listed() -> Vec<SubjectCase> {
        ["one", "two", "three"].map(|id| case(id, &format!("family/{id}"), "store=redb,codec=json")).into()
    }

    /// The number of shared cases, and the verdicts on the others.
    fn matched(wanted: &str, base: &[SubjectCase], new: &[SubjectCase]) -> (usize, Vec<Verdict>) {
        let wanted = |case: &SubjectCase| case.id.contains(wanted);
        let (shared, one_sided) = match_up(&Policy::standard(), new.to_vec(), true, base, new, wanted);
        (shared.len(), one_sided.iter().map(|delta| delta.verdict).collect())
    }

    #[test]
    fn a_case_that_one_side_lacks_is_missing_or_added() {
        let (all, mut fewer) = (listed(), listed());
        let gone = fewer.remove(0);
        assert_eq!(matched("", &all, &all), (all.len(), vec![]));
        assert_eq!(matched("", &fewer, &all).1, [Verdict::Added]);
        let mut more = all.clone();
        more.push(SubjectCase { id: "retired".into(), ..gone });
        assert_eq!(matched("", &more, &all).1, [Verdict::Missing]);
        assert_eq!(matched("one", &more, &all).1, [], "the filter left it out");
        let unmeasured = |everything| {
            let chosen = all[1..].to_vec();
            let (_, one_sided) = match_up(&Policy::standard(), chosen, everything, &all, &all, |_| true);
            one_sided.iter().map(|delta| delta.verdict).collect::<Vec<_>>()
        };
        assert_eq!(unmeasured(true), [Verdict::Missing], "both sides list it, and nobody measures it");
        assert_eq!(unmeasured(false), [], "a toggle is not on its path");
    }

    #[test]
    fn a_redefined_case_is_not_green_until_the_base_accepts_it() {
        let (all, mut other) = (listed(), listed());
        other[0].key.variant = "store=redb,codec=postcard".into();
        other[1].operations += 1;
        let (shared, one_sided) = match_up(&Policy::standard(), all.clone(), true, &other, &all, |_| true);
        assert_eq!((shared.len(), one_sided.len()), (all.len() - 2, 2));
        assert!(
            one_sided[0].why.contains("codec=postcard") && one_sided[0].why.contains("codec=json"),
            "{one_sided:?}"
        );
        assert!(one_sided[1].why.contains("5 operations in the base, 4 here"), "{one_sided:?}");
        let judgement = |deltas: Vec<Delta>| {
            let comparison = baselines::compare::Comparison { differences: vec![], deltas };
            baselines::gate::judge(comparison, &[], &[])
        };
        assert_eq!(judgement(one_sided).outcome, baselines::gate::GateOutcome::Invalid);
        let accepted = "schema = 1\n[[rule]]\nmetric = 'cpu_time'\naction = 'block'\n[[redefinition]]\nbenchmark = \
            'family/*'\nreason = 'another codec'\nexpires = '9999-12-31'\n";
        let policy = Policy::parse(Path::new("p.toml"), accepted).expect("parses");
        let (_, one_sided) = match_up(&policy, all.clone(), true, &other, &all[2..], |_| true);
        assert!(one_sided.iter().all(|delta| delta.verdict == Verdict::Incomparable), "{one_sided:?}");
        assert!(one_sided[0].why.contains("accepted until 9999-12-31 (another codec)"), "{one_sided:?}");
        assert!(judgement(one_sided).invalid.is_empty());
    }

    #[test]
    fn two_variants_of_one_program_share_the_layout_of_each_round() {
        let folder = tempfile::tempdir().expect("a folder");
        let build = |name: &str| {
            let of = folder.path().join(name);
            std::fs::create_dir(&of).expect("a folder");
            for file in ["program", "linker", "map"] {
                std::fs::write(of.join(file), "").expect("written");
            }
            let layouts = Relink::open(&of).expect("there is a linker");
            let subject = MemorySubject { source: Source::default() };
            let built = subject.in_place(of.join("program")).expect("lies in a folder");
            Build { programs: vec![BuiltProgram { layouts, ..built.programs[0].clone() }], ..built }
        };
        let paths = |base: &Build, new: &Build| {
            let mut both = SideBySide::new(base, new).expect("placed");
            both.randomize_layouts(7, 7).expect("both can");
            let (base, new) = both.sides();
            [base, new].map(|side| {
                let layouts = side.layouts.expect("they were drawn").values().next().expect("of its program");
                [0, 1].map(|round| layouts.path(round))
            })
        };
        let (one, other) = (build("one"), build("other"));
        let [base, new] = paths(&one, &Build { name: "another variant".into(), ..one.clone() });
        assert_eq!(base, new, "they run from one file");
        assert_ne!(base[0], base[1], "each round has another");
        let [base, new] = paths(&one, &other);
        assert!(base[0] != new[0] && base[1] != new[1], "two programs");
    }

    #[test]
    fn one_machine_code_in_place_needs_no_layouts_and_another_does() {
        let build = |code: &str| {
            let program = BuiltProgram {
                name: "python3 worker.py".to_owned(),
                path: "/usr/bin/env".into(),
                layouts: Err("it runs where it is built".to_owned()),
                package: PathBuf::new(),
                in_place: Some(code.to_owned()),
            };
            let (tree, folder) = (PathBuf::new(), PathBuf::new());
            let (name, commit, rustc, source) = Default::default();
            let (programs, skipped) = (vec![program], vec![]);
            Build { name, commit, dirty: false, rustc, programs, skipped, folder, tree, source, used: None }
        };
        let mut both = SideBySide::new(&build("one"), &build("one")).expect("placed");
        assert_eq!(both.randomize_layouts(1, 1), Ok(()));
        assert!(both.randomized(), "times may block");
        let (base, new) = both.sides();
        assert!(base.build.program() == Path::new("/usr/bin/env") && new.layouts.is_some_and(BTreeMap::is_empty));
        let mut differing = SideBySide::new(&build("one"), &build("other")).expect("placed");
        assert!(differing.randomize_layouts(1, 1).is_err_and(|why| why.contains("where it is built")));
        assert!(!differing.randomized() && differing.lost_layouts().is_none());
    }

    #[test]
    fn a_name_means_the_same_while_no_common_toggle_differs() {
        let before = case("x", "step/log", "store=redb,codec=json");
        assert!(alike(&before, &case("x", "step/log", "store=redb,codec=json,index=single")), "a new toggle");
        assert!(!alike(&before, &case("x", "step/log", "store=redb,codec=postcard")));
        assert!(!alike(&before, &case("x", "step/get", "store=redb,codec=json")));
    }
}
