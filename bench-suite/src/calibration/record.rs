//! The record of a calibration: JSON Lines, a suite a line, under version control beside the baselines.
//!
//! The values of all rounds are kept, so that other rules can be tried on the same rounds. Left out on purpose: the times themselves, which say nothing
//! about a gate.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::Environment;
use baselines::compare::{Delta, Verdict};
use baselines::paired::Paired;
use baselines::policy::Policy;
use baselines::stats::Procedure;
use baselines::stats::decision::Stage;
use serde::{Deserialize, Serialize};

use crate::cases::Case;
use crate::pair::{conductor, round};

/// The version of the record.
pub const SCHEMA: u32 = 2;

/// Who judged a suite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// The gate's time lane.
    #[default]
    Assay,
    /// Criterion's own detection of changes, against its own last run.
    Criterion,
}

/// One suite: all cases measured and judged once.
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
    /// The CPU and its cores.
    pub machine: String,
    /// The number of the suite among those of its sizes.
    pub number: usize,
    /// The sizes of slowdowns that were dealt to its cases, in per cent, the smallest first; 0 is one program against itself.
    pub sizes: Vec<f64>,
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
    /// Who judged.
    #[serde(default)]
    pub judge: Judge,
    /// Every core was busy meanwhile.
    pub hog: bool,
    /// The sides were built apart from one source.
    pub rebuilt: bool,
}

impl Condition {
    /// Its name in tables and charts.
    pub fn name(self) -> String {
        let judge = if self.judge == Judge::Criterion { "criterion, " } else { "" };
        let machine = if self.hog { "loaded" } else { "idle" };
        let sides = if self.rebuilt { ", two builds" } else { "" };
        format!("{judge}{machine}{sides}")
    }
}

/// One case of a suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The case's identifier: its variant gets longer with every toggle that it does not have.
    pub case: String,
    /// The metric that decided.
    pub metric: String,
    /// How much more work its new side did, in per cent.
    pub extra_percent: f64,
    /// What the gate said.
    pub verdict: Verdict,
    /// The change that it saw, as a part of the base.
    pub relative: Option<f64>,
    /// How far this machine was known to move the case, as a part: its margin was no smaller.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub noise: f64,
    /// The values of the first stage, in millionths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub screen: Vec<i64>,
    /// The values of the second stage, in millionths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub confirm: Vec<i64>,
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

impl Tried {
    /// What a pair of a finished suite showed of a case.
    ///
    /// # Errors
    /// A round has no value.
    pub fn new(case: &Case, paired: &Paired, delta: &Delta, extra_percent: f64) -> Result<Tried> {
        let values = |stage| -> Result<Vec<i64>> {
            let rounds = paired.rounds.iter().filter(|round| round.stage == stage);
            // A millionth is far below what any round shows; a record of all digits would be four times as long.
            rounds.map(|round| Ok((round.value(&paired.pair.metric)? * 1e6).round() as i64)).collect()
        };
        Ok(Tried {
            case: case.id.to_owned(),
            metric: delta.metric.clone(),
            extra_percent,
            verdict: delta.verdict,
            relative: delta.relative.map(|relative| (relative * 1e6).round() / 1e6),
            noise: paired.pair.noise,
            screen: values(Stage::Screen)?,
            confirm: values(Stage::Confirm)?,
        })
    }
}

impl Suite {
    /// One program against itself, in every case.
    pub fn same_throughout(&self) -> bool {
        self.sizes == [0.0]
    }

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
    pub fn false_alarms(&self) -> usize {
        let alarms =
            self.tried.iter().filter(|tried| tried.extra_percent == 0.0 && tried.verdict == Verdict::Regressed);
        alarms.count()
    }
}

/// A short name for all that a verdict depends on, beside the times: the procedure, the shape of a round, and each case with its limit. Of a variant only
/// what is not naive counts, and of the policy only what it says of the times, so that a toggle or a rule that is new elsewhere leaves a calibration whole.
pub fn rules(procedure: &Procedure, policy: &Policy, cases: &[Case], today: jiff::civil::Date) -> String {
    let mut text = format!("{procedure:?}|{} x {} ns", round::PAIRS, conductor::SLICE_NS);
    for case in cases {
        let metric = case.deciding_metric();
        let limit = policy.limit(&case.record(), metric, today);
        text.push_str(&format!("|{} {} {metric} {limit:?}", case.id, case.label()));
    }
    format!("{:016x}", memory::hash::fnv1a(text.as_bytes()))
}

/// What every version of a line has.
#[derive(Deserialize)]
struct Version {
    schema: u32,
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
        let place = || format!("{}:{}: no suite of a calibration", path.display(), number + 1);
        let Version { schema } = serde_json::from_str(line).with_context(place)?;
        ensure!(
            schema == SCHEMA,
            "{}: schema {schema} is unknown, this assay reads {SCHEMA}: name another file with --record",
            path.display()
        );
        suites.push(serde_json::from_str(line).with_context(place)?);
    }
    Ok(suites)
}

/// How far a case was seen to move on this machine although both sides did the same: the largest of all idle suites that measured sides of one source in
/// the way of `condition`, one program or two builds, as a part; 0 where none is recorded. Suites with slowdowns don't count: their margins come from here.
pub fn noise(suites: &[Suite], machine: &str, condition: Condition, case: &str, metric: &str) -> f64 {
    let quiet = |suite: &&Suite| {
        suite.machine == machine
            && suite.condition == Condition { hog: false, judge: Judge::Assay, ..condition }
            && suite.invalid.is_empty()
            && suite.same_throughout()
    };
    let same = suites
        .iter()
        .filter(quiet)
        .flat_map(|suite| &suite.tried)
        .filter(|tried| tried.case == case && tried.metric == metric);
    same.filter_map(|tried| tried.relative).map(f64::abs).fold(0.0, f64::max)
}

/// Where the record of a machine's calibration lies, under version control.
pub fn standard_record(machine: &str) -> PathBuf {
    let letters = machine.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { ' ' });
    let words = letters.collect::<String>().to_ascii_lowercase();
    let name = words.split_whitespace().collect::<Vec<_>>().join("-");
    crate::workspace::calibrations().join(format!("{name}.jsonl"))
}

/// The machine as records name it.
pub fn machine(environment: &Environment) -> String {
    format!("{}, {} cores", environment.cpu_model, environment.cores)
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

#[cfg(test)]
mod tests {
    use super::super::samples::suite;
    use super::*;

    #[test]
    fn a_record_goes_on_after_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deep/calibration.jsonl");
        assert_eq!(read(&path).expect("no record yet"), []);
        let (first, second) = (suite(0, &[0.0], &[(0.0, Verdict::Equal)]), suite(1, &[0.0], &[(0.0, Verdict::Equal)]));
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
            let mut suite = suite(0, &[0.0, extra_percent], &[(extra_percent, Verdict::Equal)]);
            suite.sizes.dedup();
            suite.tried[0].relative = Some(relative);
            suite
        };
        let loaded = Suite { condition: Condition { hog: true, ..Condition::default() }, ..shifted(0.3, 0.0) };
        let elsewhere = Suite { machine: "another".into(), ..shifted(0.4, 0.0) };
        let mut beside_slowed = shifted(0.1, 5.0);
        beside_slowed.tried[0].extra_percent = 0.0;
        let rebuilt = Condition { rebuilt: true, ..Condition::default() };
        let two_builds = Suite { condition: rebuilt, ..shifted(0.05, 0.0) };
        let suites =
            [shifted(0.01, 0.0), shifted(-0.02, 0.0), shifted(0.1, 5.0), beside_slowed, loaded, elsewhere, two_builds];
        let case = suites[0].tried[0].case.clone();
        let of = |suites: &[Suite], condition, metric| noise(suites, "one, 2 cores", condition, &case, metric);
        assert_eq!(of(&suites, Condition::default(), "cpu_time"), 0.02);
        assert_eq!(of(&suites, rebuilt, "cpu_time"), 0.05);
        assert_eq!(
            of(&suites, Condition { hog: true, ..rebuilt }, "cpu_time"),
            0.05,
            "margins are those of an idle machine"
        );
        assert_eq!(of(&suites, Condition::default(), "wall_time"), 0.0);
        assert_eq!(of(&[], Condition::default(), "cpu_time"), 0.0);
    }

    #[test]
    fn what_is_no_record_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("calibration.jsonl");
        for (line, expected) in
            [("{}", "no suite"), ("{\"schema\":1}", "schema 1 is unknown"), ("{\"schema\":2}", "no suite")]
        {
            std::fs::write(&path, format!("{line}\n")).expect("written");
            let refused = format!("{:#}", read(&path).expect_err("refused"));
            assert!(refused.contains(expected), "{line}: {refused}");
        }
    }

    #[test]
    fn a_toggle_that_no_case_has_leaves_the_rules_as_they_are() {
        let case = |id: &str, set: &[&str]| {
            let set: Vec<String> = set.iter().map(|pair| (*pair).to_owned()).collect();
            crate::cases::find(id, &set).expect("listed")
        };
        let today = jiff::civil::date(2026, 1, 1);
        let policy = |text: &str| Policy::parse(Path::new("p.toml"), &format!("schema = 1\n{text}")).expect("parses");
        let times = "[[rule]]\nmetric = 'cpu_time'\nrelative = 0.02\naction = 'block'\n";
        let counts = "[[rule]]\nmetric = 'instructions'\nrelative = 0.003\naction = 'block'\n";
        let of = |case: Case, text: &str| rules(&Procedure::default(), &policy(text), &[case], today);
        let plain = of(case("step_log_memory", &[]), times);
        assert_eq!(
            of(case("step_log_memory", &["codec=json"]), &format!("{counts}{times}")),
            plain,
            "naive, and another metric's rule"
        );
        assert_ne!(of(case("step_log_memory", &["codec=postcard"]), times), plain, "another variant");
        assert_ne!(of(case("episode_get_memory", &[]), times), plain, "another case");
        assert_ne!(of(case("step_log_memory", &[]), &times.replace("0.02", "0.03")), plain, "another limit");
        let longer = Procedure { screen_rounds: 12, ..Procedure::default() };
        assert_ne!(rules(&longer, &policy(times), &[case("step_log_memory", &[])], today), plain, "another procedure");
    }

    #[test]
    fn records_are_named_by_their_machine() {
        let path = standard_record("Some(R) CPU @ 2.50GHz, 2 cores");
        assert!(path.ends_with("baselines/calibration/some-r-cpu-2-50ghz-2-cores.jsonl"), "{}", path.display());
    }
}
