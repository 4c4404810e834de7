//! A judged report as an agent reads it: the verdict, then the rows that changed.
//!
//! Everything is the report's own: nothing is judged here.

use baselines::delta::{Delta, Verdict};
use baselines::exit_code::Exit;
use reports::JudgedReport;
use reports::deltas::{is_changed, value};
use rmcp::schemars::JsonSchema;
use serde::Serialize;

use crate::child::FinishedCommand;

/// The most rows of an answer.
const ROWS_MAX: usize = 100;
/// The most lines of tables in an answer: agents pay for each.
const LINES_MAX: usize = 100;
/// The last lines of a command's messages that an answer repeats.
const MESSAGES_MAX: usize = 12;

/// A verdict.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars")]
pub struct GateAnswer {
    /// `passed`, `regressed`, `undecided`, `invalid`, `nothing` (was compared) or `failed`. Only `passed` is a pass.
    pub outcome: String,
    /// The exit code of the command: 0, 100, 3, 3, 4, or 1 and 2.
    pub exit_code: i32,
    /// The verdict in one sentence.
    pub summary: String,
    /// The base of the comparison.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<String>,
    /// The rows that changed, those that block first; 100 at the most.
    pub rows: Vec<ChangedRow>,
    /// The rows that are left out here.
    pub more_rows: usize,
}

/// A metric of a benchmark that changed, or that could not be judged.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(crate = "rmcp::schemars", inline)]
pub struct ChangedRow {
    /// `regressed`, `improved`, `inconclusive`, `missing` or `invalid`.
    pub verdict: String,
    /// The row may fail the gate; else it only advises.
    pub blocks: bool,
    /// The benchmark, with its variant if it has one.
    pub benchmark: String,
    /// The metric, such as `instructions`.
    pub metric: String,
    /// The base's value with its unit.
    pub base: String,
    /// The new value with its unit.
    pub new: String,
    /// The change in per cent; more is worse, except of a throughput.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_percent: Option<f64>,
    /// Whose doing it is, if that was looked into: `your code`, `a dependency`, `the toolchain`, `only the compiler`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whose: Option<String>,
}

/// The answer to a command that judges, as text and as fields; an error if the command failed.
pub fn answer(ended: &FinishedCommand, report: Option<&JudgedReport>) -> Result<(String, GateAnswer), String> {
    let messages = messages(&ended.progress);
    let meaning = Exit::TABLE.iter().find(|(exit, _)| i32::from(exit.code()) == ended.code);
    let Some((exit, meaning)) = meaning.filter(|(exit, _)| !matches!(exit, Exit::Error | Exit::Usage)) else {
        return Err(format!("failed (exit code {})\n{}", ended.code, messages.join("\n")));
    };
    let Some((report, judgement)) = report.and_then(|report| Some((report, report.judgement.as_ref()?))) else {
        let outcome = match exit {
            Exit::Ok => "passed",
            Exit::Regressed => "regressed",
            Exit::Nothing => "nothing",
            Exit::Invalid | Exit::Error | Exit::Usage => "invalid",
        };
        let summary = messages.last().cloned().unwrap_or_else(|| (*meaning).to_owned());
        let text = format!("{outcome}: {meaning} (exit code {})\n{}\n", ended.code, messages.join("\n"));
        let (against, rows) = (None, vec![]);
        let fields =
            GateAnswer { outcome: outcome.into(), exit_code: ended.code, summary, against, rows, more_rows: 0 };
        return Ok((text, fields));
    };
    let mut changed: Vec<&Delta> = judgement.comparison.deltas.iter().filter(|delta| is_changed(delta)).collect();
    changed.sort_by_key(|delta| (delta.verdict != Verdict::Regressed || !delta.blocks, delta.verdict));
    let more_rows = changed.len().saturating_sub(ROWS_MAX);
    let changed_rows = changed.into_iter().take(ROWS_MAX).map(row).collect();
    let outcome = judgement.outcome.name().to_owned();
    let mut text = format!("{}\nexit code {} ({outcome}): {meaning}\n", judgement.summary, ended.code);
    if let Some(against) = &report.against {
        text.push_str(&format!("compared with {against}\n"));
    }
    report.notes.iter().for_each(|note| text.push_str(&format!("note: {note}\n")));
    let rows = reports::text::judgement(judgement);
    // Its last line is the summary, which an agent reads first.
    let rows = rows.trim_end().strip_suffix(&judgement.summary).unwrap_or(&rows);
    text.push_str(&shortened(rows, LINES_MAX));
    let (summary, against) = (judgement.summary.clone(), report.against.clone());
    Ok((text, GateAnswer { outcome, exit_code: ended.code, summary, against, rows: changed_rows, more_rows }))
}

/// The last messages of a command.
pub fn messages(progress: &[String]) -> Vec<String> {
    progress[progress.len().saturating_sub(MESSAGES_MAX)..].to_vec()
}

/// The first lines of a text, and how many more there are.
pub fn shortened(text: &str, most: usize) -> String {
    let all = text.lines().count();
    if all <= most {
        return text.to_owned();
    }
    let first: Vec<&str> = text.lines().take(most).collect();
    format!("{}\nand {} more lines: `assay report` in a terminal has them\n", first.join("\n"), all - most)
}

fn row(delta: &Delta) -> ChangedRow {
    ChangedRow {
        verdict: delta.verdict.name().to_owned(),
        blocks: delta.blocks,
        benchmark: delta.case.to_string(),
        metric: delta.metric.clone(),
        base: value(delta, delta.base),
        new: value(delta, delta.new),
        change_percent: delta.relative.map(|relative| relative * 100.0),
        whose: delta.doing.as_ref().map(|doing| doing.whose.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use baselines::gate::Judgement;

    use super::*;

    fn ended(code: i32, message: &str) -> FinishedCommand {
        FinishedCommand { code, output: String::new(), progress: vec!["counts: 1/1".to_owned(), message.to_owned()] }
    }

    #[test]
    fn a_command_that_failed_has_no_verdict() {
        let said = answer(&ended(1, "error: there is no Cargo.toml"), None).expect_err("it failed");
        assert_eq!(said, "failed (exit code 1)\ncounts: 1/1\nerror: there is no Cargo.toml");
        // Killed, or ended by a panic.
        assert!(answer(&ended(101, "panicked"), None).is_err());
    }

    #[test]
    fn what_was_not_compared_is_no_pass() {
        let (text, fields) = answer(&ended(4, "nothing was compared: the base is HEAD"), None).expect("an answer");
        assert!(
            text.starts_with("nothing: nothing was measured, or nothing could be compared (exit code 4)\n"),
            "{text}"
        );
        assert_eq!((&*fields.outcome, fields.exit_code), ("nothing", 4));
        assert_eq!(fields.summary, "nothing was compared: the base is HEAD");
    }

    #[test]
    fn the_outcome_is_that_of_the_exit_code_where_no_report_can_be_read() {
        for (code, outcome) in [(0, "passed"), (100, "regressed"), (3, "invalid"), (4, "nothing")] {
            let (_, fields) = answer(&ended(code, ""), None).expect("an answer");
            assert_eq!(fields.outcome, outcome, "exit code {code}");
        }
    }

    #[test]
    fn the_verdict_comes_first_and_once() {
        let judgement = Judgement::same_program();
        let summary = judgement.summary.clone();
        let report = JudgedReport { against: Some("base".to_owned()), notes: vec![], judgement: Some(judgement) };
        let (text, _) = answer(&ended(0, ""), Some(&report)).expect("an answer");
        assert_eq!(text, format!("{summary}\nexit code 0 (passed): done, nothing regressed\ncompared with base\n"));
    }

    #[test]
    fn long_tables_are_cut() {
        assert_eq!(shortened("a\nb\n", 2), "a\nb\n");
        assert_eq!(shortened("a\nb\nc\nd\n", 2), "a\nb\nand 2 more lines: `assay report` in a terminal has them\n");
    }
}
