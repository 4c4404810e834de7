//! The record of a calibration, and what it says about the gate: false alarms with their bound, and what is found of slowdowns of a known size.
//!
//! JSON Lines, a suite a line. The values of all rounds are kept, so that other rules can be tried on the same rounds. Left out on purpose: the times
//! themselves, which say nothing about a gate.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use baselines::Unit;
use baselines::compare::{Delta, Verdict};
use baselines::paired::Paired;
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::stats::binomial::{lower_bound, upper_bound};
use baselines::stats::decision::Stage;
use reports::chart::{Across, Line, lines};
use serde::{Deserialize, Serialize};

use crate::cases::Case;

/// The version of the record.
pub const SCHEMA: u32 = 1;

/// The confidence of every bound in the table.
const CONFIDENCE: f64 = 0.95;

/// One suite through the gate's time lane.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Suite {
    /// The version of the record.
    pub schema: u32,
    /// By which rules, limits and cases: suites of different ones are not counted together.
    pub rules: String,
    /// When it began, RFC 3339 in UTC.
    pub started_at: String,
    /// How long it took.
    pub duration_s: f64,
    /// The commit that was measured against itself.
    pub commit: String,
    /// The CPU, its cores and the kernel.
    pub machine: String,
    /// The number of the suite among those of its size.
    pub number: usize,
    /// The size of the slowdown, in per cent; 0 is one program against itself.
    pub extra_percent: f64,
    /// What was different about it.
    pub condition: Condition,
    /// Why it can't be believed, where it can't.
    pub invalid: Vec<String>,
    /// What the controls showed.
    pub controls: Vec<String>,
    /// The cases.
    pub tried: Vec<Tried>,
}

/// What makes suites of one size different from each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Condition {
    /// Every core was busy meanwhile.
    pub hog: bool,
    /// The sides were built apart from one source.
    pub rebuilt: bool,
}

impl Condition {
    const ALL: [Condition; 4] = [
        Condition { hog: false, rebuilt: false },
        Condition { hog: true, rebuilt: false },
        Condition { hog: false, rebuilt: true },
        Condition { hog: true, rebuilt: true },
    ];

    fn name(self) -> &'static str {
        match (self.hog, self.rebuilt) {
            (false, false) => "idle",
            (true, false) => "loaded",
            (false, true) => "idle, rebuilt",
            (true, true) => "loaded, rebuilt",
        }
    }
}

/// One case of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The case.
    pub case: baselines::Case,
    /// The metric that decided.
    pub metric: String,
    /// How much more work its new side did, in per cent.
    pub extra_percent: f64,
    /// What the gate said.
    pub verdict: Verdict,
    /// The change that it saw, as a part of the base.
    pub relative: Option<f64>,
    /// The values of the first stage.
    pub screen: Vec<f64>,
    /// The values of the second stage.
    pub confirm: Vec<f64>,
}

impl Tried {
    /// What a pair of a finished suite showed.
    ///
    /// # Errors
    /// A round has no value.
    pub fn new(paired: &Paired, delta: &Delta, extra_percent: f64) -> Result<Tried> {
        let values = |stage| -> Result<Vec<f64>> {
            let rounds = paired.rounds.iter().filter(|round| round.stage == stage);
            // A ten-millionth is far below what any round shows; a record of all digits would be twice as long.
            rounds.map(|round| Ok((round.value(&paired.pair.metric)? * 1e7).round() / 1e7)).collect()
        };
        Ok(Tried {
            case: delta.case.clone(),
            metric: delta.metric.clone(),
            extra_percent,
            verdict: delta.verdict,
            relative: delta.relative,
            screen: values(Stage::Screen)?,
            confirm: values(Stage::Confirm)?,
        })
    }
}

impl Suite {
    /// What came of it, for the one who waits.
    pub fn sentence(&self) -> String {
        let count = |verdict| self.tried.iter().filter(|tried| tried.verdict == verdict).count();
        let validity =
            if self.invalid.is_empty() { String::new() } else { format!("invalid ({}), ", self.invalid.join("; ")) };
        format!(
            "  {validity}{} regressed, {} improved, {} equal, {} inconclusive in {:.0} s",
            count(Verdict::Regressed),
            count(Verdict::Improved),
            count(Verdict::Equal),
            count(Verdict::Inconclusive),
            self.duration_s
        )
    }

    /// A benchmark that is the same on both sides was called slower.
    fn false_alarms(&self) -> usize {
        let alarms =
            self.tried.iter().filter(|tried| tried.extra_percent == 0.0 && tried.verdict == Verdict::Regressed);
        alarms.count()
    }
}

/// A short name for all that a verdict depends on, beside the times.
pub fn rules(procedure: &Procedure, policy: &Policy, cases: &[Case]) -> String {
    let mut text = format!("{procedure:?}|{policy:?}");
    for case in cases {
        text.push_str(&format!("|{} {}", case.id, case.variant));
    }
    format!("{:016x}", memory::hash::fnv1a(text.as_bytes()))
}

/// All suites of a record; none where there is no file. A last line that was cut off is left out.
///
/// # Errors
/// The file can't be read, or a line is no suite of this version.
pub fn read(path: &Path) -> Result<Vec<Suite>> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    let mut suites = Vec::new();
    for (number, line) in text.split_inclusive('\n').enumerate() {
        if !line.ends_with('\n') {
            break;
        }
        let suite: Suite = serde_json::from_str(line)
            .with_context(|| format!("{}:{}: no suite of a calibration", path.display(), number + 1))?;
        ensure!(
            suite.schema == SCHEMA,
            "{}: schema {} is unknown, this assay reads {SCHEMA}",
            path.display(),
            suite.schema
        );
        suites.push(suite);
    }
    Ok(suites)
}

/// How far a case was seen to move on this machine although both sides were the same program: the largest of all idle suites, as a part; 0 where none
/// is recorded.
pub fn noise(suites: &[Suite], machine: &str, case: &baselines::Case, metric: &str) -> f64 {
    let quiet = |suite: &&Suite| {
        suite.machine == machine && suite.condition == Condition::default() && suite.invalid.is_empty()
    };
    let same = suites
        .iter()
        .filter(quiet)
        .flat_map(|suite| &suite.tried)
        .filter(|tried| tried.extra_percent == 0.0 && tried.case == *case && tried.metric == metric);
    same.filter_map(|tried| tried.relative).map(f64::abs).fold(0.0, f64::max)
}

/// Where the record of this machine's calibration lies.
pub fn standard_record() -> std::path::PathBuf {
    crate::workspace::output().join("calibration.jsonl")
}

/// The machine as records name it.
pub fn machine(environment: &baselines::Environment) -> String {
    format!("{}, {} cores, {}", environment.cpu_model, environment.cores, environment.kernel)
}

/// Adds a suite to a record.
///
/// # Errors
/// The file can't be written.
pub fn append(path: &Path, suite: &Suite) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).with_context(|| format!("can't make {}", folder.display()))?;
    }
    // What a killed calibration left of its last line goes: the suite is measured again.
    let kept = std::fs::read(path).unwrap_or_default();
    let whole = kept.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let mut line = serde_json::to_vec(suite).context("a suite has string keys and finite numbers")?;
    line.push(b'\n');
    let mut file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("can't write {}", path.display()))?;
    let write = |file: &mut std::fs::File| {
        use std::io::Seek;
        file.set_len(whole as u64)?;
        file.seek(std::io::SeekFrom::End(0))?;
        file.write_all(&line)?;
        file.sync_all()
    };
    write(&mut file).with_context(|| format!("can't write {}", path.display()))
}

/// One row of the table: suites of a size, idle or not.
#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    suites: usize,
    invalid: usize,
    red: usize,
    same: usize,
    alarms: usize,
    slowed: usize,
    found: usize,
    /// Slowed cases by what else was said of them: improved, equal, inconclusive.
    missed: [usize; 3],
}

fn row<'a>(suites: impl Iterator<Item = &'a Suite>) -> Row {
    let mut row = Row::default();
    for suite in suites {
        row.suites += 1;
        // An invalid suite is neither red nor green: it is counted, and what it says is not.
        if !suite.invalid.is_empty() {
            row.invalid += 1;
            continue;
        }
        row.red += usize::from(suite.false_alarms() > 0);
        row.alarms += suite.false_alarms();
        for tried in &suite.tried {
            if tried.extra_percent == 0.0 {
                row.same += 1;
                continue;
            }
            row.slowed += 1;
            match tried.verdict {
                Verdict::Regressed => row.found += 1,
                Verdict::Improved => row.missed[0] += 1,
                Verdict::Equal => row.missed[1] += 1,
                _ => row.missed[2] += 1,
            }
        }
    }
    row
}

/// The sizes and conditions of a record, in order.
fn groups(suites: &[Suite]) -> Vec<(Condition, f64)> {
    let mut groups: Vec<_> = suites.iter().map(|suite| (suite.condition, suite.extra_percent)).collect();
    groups.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    groups.dedup();
    groups
}

fn of(suites: &[Suite], (condition, extra): (Condition, f64)) -> impl Iterator<Item = &Suite> {
    suites.iter().filter(move |suite| suite.condition == condition && suite.extra_percent == extra)
}

/// The table of false alarms and of what was found.
///
/// # Errors
/// A bound can't be computed.
pub fn table(suites: &[Suite]) -> Result<String> {
    let mut text = String::new();
    let per_cent = |part: f64| format!("{:.1}%", part * 100.0);
    let machines = {
        let mut machines: Vec<&str> = suites.iter().map(|suite| suite.machine.as_str()).collect();
        machines.sort_unstable();
        machines.dedup();
        machines.join("; ")
    };
    let bounds = per_cent(CONFIDENCE);
    writeln!(text, "{machines}\nBounds hold with {bounds} confidence each (Clopper and Pearson).\n")?;
    writeln!(text, "False alarms: programs that are the same on both sides.")?;
    writeln!(
        text,
        "{:<15} {:>7} {:>7} {:>8} {:>8} {:>11} {:>7} {:>8}",
        "", "slowed", "suites", "invalid", "red", "true rate", "cases", "alarms"
    )?;
    for group in groups(suites) {
        let row = row(of(suites, group));
        let valid = row.suites - row.invalid;
        let bound = match valid {
            0 => "unknown".to_owned(),
            _ => format!("<= {}", per_cent(upper_bound(row.red as u64, valid as u64, CONFIDENCE)?)),
        };
        let (name, size) = (group.0.name(), slowdown(group.1));
        writeln!(
            text,
            "{name:<15} {size:>7} {:>7} {:>8} {:>8} {bound:>11} {:>7} {:>8}",
            row.suites, row.invalid, row.red, row.same, row.alarms
        )?;
    }
    writeln!(text, "\nFound: cases that did more work than they were asked for.")?;
    writeln!(
        text,
        "{:<15} {:>7} {:>7} {:>8} {:>8} {:>11} {:>13} {:>6} {:>9}",
        "", "slowed", "cases", "found", "rate", "true rate", "inconclusive", "equal", "improved"
    )?;
    for group in groups(suites).into_iter().filter(|(_, extra)| *extra > 0.0) {
        let row = row(of(suites, group));
        let (name, size) = (group.0.name(), slowdown(group.1));
        let (rate, bound) = match row.slowed {
            0 => ("unknown".to_owned(), "unknown".to_owned()),
            slowed => (
                per_cent(row.found as f64 / slowed as f64),
                format!(">= {}", per_cent(lower_bound(row.found as u64, slowed as u64, CONFIDENCE)?)),
            ),
        };
        let [improved, equal, inconclusive] = row.missed;
        writeln!(
            text,
            "{name:<15} {size:>7} {:>7} {:>8} {rate:>8} {bound:>11} {inconclusive:>13} {equal:>6} {improved:>9}",
            row.slowed, row.found
        )?;
    }
    Ok(text)
}

fn slowdown(extra_percent: f64) -> String {
    if extra_percent == 0.0 { "none".to_owned() } else { format!("+{extra_percent}%") }
}

/// The part that was found by the size of the slowdown; nothing where fewer than two sizes were measured. Sizes of which nothing was found have no
/// point: the scale is logarithmic.
///
/// # Errors
/// The picture can't be drawn.
pub fn chart(suites: &[Suite]) -> Result<Option<String>> {
    let mut sizes: Vec<f64> = groups(suites).into_iter().map(|(_, extra)| extra).filter(|extra| *extra > 0.0).collect();
    sizes.sort_by(f64::total_cmp);
    sizes.dedup();
    let line = |condition: Condition| {
        let points = sizes.iter().enumerate().filter_map(|(step, extra)| {
            let row = row(of(suites, (condition, *extra)));
            (row.found > 0).then(|| (step as f64, row.found as f64 / row.slowed as f64))
        });
        Line { label: condition.name().to_owned(), points: points.collect() }
    };
    let drawn: Vec<Line> = Condition::ALL.map(line).into_iter().filter(|line| !line.points.is_empty()).collect();
    if sizes.len() < 2 || drawn.is_empty() {
        return Ok(None);
    }
    let names = sizes.iter().map(|extra| slowdown(*extra)).collect();
    Ok(Some(lines(&drawn, &Across::Steps(names), Unit::Ratio)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(number: usize, extra_percent: f64, verdicts: &[(f64, Verdict)]) -> Suite {
        let tried = verdicts.iter().map(|(extra_percent, verdict)| Tried {
            case: baselines::Case { benchmark: "step/log".into(), variant: "store=memory".into() },
            metric: "cpu_time".into(),
            extra_percent: *extra_percent,
            verdict: *verdict,
            relative: Some(0.01),
            screen: vec![0.01; 10],
            confirm: vec![],
        });
        Suite {
            schema: SCHEMA,
            rules: "r".into(),
            started_at: "2026-01-01T00:00:00Z".into(),
            duration_s: 60.0,
            commit: "c".into(),
            machine: "one, 2 cores, 6.1".into(),
            number,
            extra_percent,
            condition: Condition::default(),
            invalid: vec![],
            controls: vec![],
            tried: tried.collect(),
        }
    }

    #[test]
    fn suites_are_counted_by_what_they_said() {
        use Verdict::{Equal, Inconclusive, Regressed};
        let suites = [
            suite(0, 5.0, &[(5.0, Regressed), (0.0, Equal)]),
            suite(1, 5.0, &[(5.0, Inconclusive), (0.0, Regressed)]),
            Suite { invalid: vec!["a control".into()], ..suite(2, 5.0, &[(5.0, Equal), (0.0, Regressed)]) },
        ];
        let row = row(suites.iter());
        let expected =
            Row { suites: 3, invalid: 1, red: 1, same: 2, alarms: 1, slowed: 2, found: 1, missed: [0, 0, 1] };
        assert_eq!(row, expected);
        let table = table(&suites).expect("a table");
        assert!(table.contains("one, 2 cores"), "{table}");
        assert!(
            table.lines().any(|line| line.starts_with("idle") && line.contains("+5%") && line.contains("50.0%")),
            "{table}"
        );
    }

    #[test]
    fn a_record_goes_on_after_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/calibration.jsonl");
        assert_eq!(read(&path).expect("no record yet"), []);
        let (first, second) = (suite(0, 0.0, &[(0.0, Verdict::Equal)]), suite(1, 0.0, &[(0.0, Verdict::Equal)]));
        append(&path, &first).expect("written");
        let whole = std::fs::read(&path).expect("there");
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).expect("cut off");
        assert_eq!(read(&path).expect("as far as it goes"), std::slice::from_ref(&first));
        append(&path, &second).expect("written");
        assert_eq!(read(&path).expect("whole"), [first, second]);
    }

    #[test]
    fn the_noise_is_the_largest_shift_of_identical_programs_on_this_machine() {
        let shifted = |relative: f64, extra_percent: f64| {
            let mut suite = suite(0, extra_percent, &[(extra_percent, Verdict::Equal)]);
            suite.tried[0].relative = Some(relative);
            suite
        };
        let loaded = Suite { condition: Condition { hog: true, rebuilt: false }, ..shifted(0.3, 0.0) };
        let elsewhere = Suite { machine: "another".into(), ..shifted(0.4, 0.0) };
        let suites = [shifted(0.01, 0.0), shifted(-0.02, 0.0), shifted(0.1, 5.0), loaded, elsewhere];
        let case = suites[0].tried[0].case.clone();
        assert_eq!(noise(&suites, "one, 2 cores, 6.1", &case, "cpu_time"), 0.02);
        assert_eq!(noise(&suites, "one, 2 cores, 6.1", &case, "wall_time"), 0.0);
        assert_eq!(noise(&[], "one, 2 cores, 6.1", &case, "cpu_time"), 0.0);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.jsonl");
        std::fs::write(&path, "{}\n").expect("written");
        assert!(read(&path).is_err());
    }

    #[test]
    fn the_chart_needs_two_sizes() {
        let one = [suite(0, 5.0, &[(5.0, Verdict::Regressed)])];
        assert!(chart(&one).expect("drawn").is_none());
        let two = [one[0].clone(), suite(0, 10.0, &[(10.0, Verdict::Regressed)])];
        assert!(chart(&two).expect("drawn").is_some_and(|svg| svg.contains("+10%")));
    }
}
