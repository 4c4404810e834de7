//! Places the programs of both sides while they alternate, in a new layout for each round.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::build::checkout::{Build, BuiltProgram};
use crate::build::layouts::Layouts;
use crate::hash::hash;
use crate::schedule::jobs::Side;
use crate::workspace;

/// The programs of both sides while they alternate: at paths of one length, as it moves a program's stack, and safe
/// from other builds.
pub struct StagedSides {
    folder: TempDir,
    base: Build,
    new: Build,
    layouts: Option<(ByProgram, ByProgram)>,
}

/// The layouts of a side's programs.
type ByProgram = BTreeMap<String, Layouts>;

impl StagedSides {
    /// Links both programs into a new folder.
    pub fn new(base: &Build, new: &Build) -> Result<StagedSides> {
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
        Ok(StagedSides { folder, base, new, layouts: None })
    }

    /// Gives both sides a new layout for each round, drawn from a seed, or returns the reason why one can't have any.
    /// Functions that both programs share are laid out alike, so that only changed code moves, and one program on both
    /// sides is one file.
    pub fn randomize_layouts(&mut self, seed: u64) -> Result<(), String> {
        let layouts = |side: &str, program: &BuiltProgram| {
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
            of_base.insert(program.name.clone(), layouts("a", program)?);
        }
        for program in self.new.programs.iter().filter(|program| !one(program, &self.base)) {
            let name = program.name.clone();
            let before = self.base.find(&name).zip(of_base.get(&name).cloned());
            let Some((before, base)) = before else {
                of_new.insert(name, layouts("b", program)?);
                continue;
            };
            if before.layouts == program.layouts {
                of_new.insert(name, base);
            } else {
                let new = layouts("b", program)?;
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
    use workloads::input::Source;

    use super::*;
    use crate::build::relink::Relink;
    use crate::subject::memory::MemorySubject;

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
            let mut both = StagedSides::new(base, new).expect("placed");
            both.randomize_layouts(7).expect("both can");
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
        let mut both = StagedSides::new(&build("one"), &build("one")).expect("placed");
        assert_eq!(both.randomize_layouts(1), Ok(()));
        assert!(both.randomized(), "times may block");
        let (base, new) = both.sides();
        assert!(base.build.program() == Path::new("/usr/bin/env") && new.layouts.is_some_and(BTreeMap::is_empty));
        let mut differing = StagedSides::new(&build("one"), &build("other")).expect("placed");
        assert!(differing.randomize_layouts(1).is_err_and(|why| why.contains("where it is built")));
        assert!(!differing.randomized() && differing.lost_layouts().is_none());
    }
}
