//! Two builds of a subject with the cases that they list: which are compared, and of which size.

use anyhow::Result;
use baselines::delta::Delta;
use baselines::policy::Policy;
use baselines::{CaseKey, RunWriter};

use super::choose_timed;
use super::match_up::match_up;
use super::plan::Selection;
use crate::budget::{Budget, NO_TIME};
use crate::build::checkout::Build;
use crate::recorded::selects;
use crate::subject::{Chosen, NothingToMeasure, Subject, SubjectCase, Unsized};

/// The part of a budget that sizes may take, as a divisor. Rounds take longer: if sizes need more, there is no time to
/// decide anything about the cases that are left.
const SIZES: u32 = 4;

/// Both sides of a comparison.
pub struct TwoSides<'a> {
    /// What is built.
    pub subject: &'a dyn Subject,
    /// The base.
    pub base: Build,
    /// The new side.
    pub new: Build,
    /// True if both are one program: then there is nothing to compare, and no list.
    pub same: bool,
    /// What the base lists.
    pub of_base: Chosen,
    /// What the new side lists.
    pub of_new: Chosen,
}

impl<'a> TwoSides<'a> {
    /// Lists the cases of two builds.
    ///
    /// # Errors
    /// There is nothing to measure, also by the selection's filter, or it overrides a toggle that is not there.
    pub fn list(subject: &'a dyn Subject, base: Build, new: Build, selection: &Selection) -> Result<TwoSides<'a>> {
        let (same, filter) = (subject.same(&base, &new)?, selection.filter.as_deref());
        let list = |build| if same { Ok(Chosen::default()) } else { subject.list(build) };
        let sides = TwoSides { of_base: list(&base)?, of_new: list(&new)?, subject, base, new, same };
        if !same {
            NothingToMeasure::of(filter, &sides.listed())?;
        } else if filter.is_some() || !selection.set.is_empty() {
            // A mistyped name would pass until the program changes.
            let listed = subject.list(&sides.new)?;
            NothingToMeasure::of(filter, &[(&sides.new, &listed)])?;
            subject.choose(&listed.cases, filter, &selection.set)?;
        }
        Ok(sides)
    }

    /// The builds with what they list, the measured one first.
    pub fn listed(&self) -> [(&Build, &Chosen); 2] {
        [(&self.new, &self.of_new), (&self.base, &self.of_base)]
    }

    /// The cases that either side lists.
    pub fn keys(&self) -> Vec<CaseKey> {
        self.of_base.cases.iter().chain(&self.of_new.cases).map(|case| case.key.clone()).collect()
    }

    /// The selected cases that both sides have, and the deltas of those that one side lacks or has redefined. What is
    /// left out is recorded.
    pub fn choose(
        &self,
        selection: &Selection,
        policy: &Policy,
        writer: &mut RunWriter,
    ) -> Result<(Vec<SubjectCase>, Vec<Delta>)> {
        let Selection { filter, set, .. } = selection;
        let chosen = self.subject.choose(&self.of_new.cases, filter.as_deref(), set)?;
        for (what, why) in self.new.skipped.iter().chain(&self.of_new.left_out).chain(&chosen.left_out) {
            writer.skipped(what, why)?;
        }
        let by_filter = |case: &SubjectCase| selects(filter.as_deref(), &case.id, &case.key);
        // Other projects choose from what the new side lists, and overridden toggles leave cases out.
        let everything = self.subject.is_exact() && set.is_empty();
        let (of_base, of_new) = (&self.of_base.cases, &self.of_new.cases);
        let matched = match_up(policy, chosen.cases, everything, of_base, of_new, by_filter);
        if matched.0.is_empty() {
            writer.skipped("every case", "the two sides share none that was selected")?;
        }
        Ok(matched)
    }

    /// The cases among `shared` whose times are judged.
    pub fn timed(&self, shared: &[SubjectCase], selection: &Selection) -> Vec<SubjectCase> {
        let everything = selection.filter.is_some() || !selection.set.is_empty();
        choose_timed::gated(shared, &self.of_base.cases, everything)
    }

    /// Finds the sizes of the cases, and takes out those without one, which is recorded.
    pub fn size(&self, shared: &mut Vec<SubjectCase>, budget: Budget, writer: &mut RunWriter) -> Result<()> {
        let (all, budget) = (shared.len(), budget.part(SIZES));
        let Unsized { failed, too_late } = self.subject.size(&self.new, shared, budget);
        for (case, why) in failed {
            let label = case.label();
            // A benchmark that never worked says nothing about the change.
            match self.subject.size(&self.base, &mut vec![case], budget).failed.is_empty() {
                true => writer.invalid(label, why)?,
                false => writer.skipped(label, format!("it fails on both sides: {why}"))?,
            }
        }
        if too_late > 0 {
            writer.invalid(format!("sizes of {too_late} of {all} cases"), NO_TIME)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use workloads::input::Source;

    use super::*;
    use crate::subject::memory::MemorySubject;

    #[test]
    fn a_name_that_selects_nothing_is_an_error_also_of_one_program() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        let case = r#"{"id":"step_log","benchmark":"step/log","variant":"","operations":4}"#;
        std::fs::write(&program, format!("#!/bin/sh\necho '{case}'\n")).expect("written");
        std::fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("executable");
        let subject = MemorySubject { source: Source::default() };
        let build = subject.in_place(program).expect("lies in a folder");
        let same = |filter: &str, set: &[&str]| {
            let set = set.iter().map(|pair| (*pair).to_owned()).collect();
            let selection = Selection { filter: Some(filter.to_owned()), set, ..Selection::default() };
            TwoSides::list(&subject, build.clone(), build.clone(), &selection).map(|sides| sides.same)
        };
        assert!(same("step/log", &["codec=json"]).expect("is listed"));
        let refused = same("u65", &[]).expect_err("no benchmark has that name");
        assert!(refused.is::<NothingToMeasure>(), "{refused:#}");
        let refused = same("step/log", &["foo=bar"]).expect_err("no such toggle");
        assert!(refused.to_string().contains("--set foo=bar"), "{refused:#}");
    }
}
