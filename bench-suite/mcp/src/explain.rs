//! The cause of one case: the functions, how much each did, and whose doing it is.

use baselines::delta::{Delta, Verdict};
use reports::deltas::{is_changed, value};
use reports::{JudgedReport, cause};

/// The most functions of an answer.
const FUNCTIONS: usize = 20;
/// The most other cases that an answer names.
const OTHERS: usize = 10;

/// Explains the worst case whose benchmark and metric match.
///
/// # Errors
/// A sentence: nothing was judged, or nothing that matches changed.
pub fn explain(report: &JudgedReport, benchmark: Option<&str>, metric: Option<&str>) -> Result<String, String> {
    let Some(judgement) = &report.judgement else {
        return Err("the last run was not judged: call `gate` first".to_owned());
    };
    let mut changed: Vec<&Delta> = judgement.comparison.deltas.iter().filter(|delta| is_changed(delta)).collect();
    if changed.is_empty() {
        return Err(format!("there is nothing to explain: {}", judgement.summary));
    }
    changed.retain(|delta| {
        benchmark.is_none_or(|part| delta.case.to_string().contains(part))
            && metric.is_none_or(|name| delta.metric == name)
    });
    changed.sort_by(|one, other| {
        let worth = |delta: &Delta| {
            let regressed = delta.verdict == Verdict::Regressed;
            (!(regressed && delta.blocks), !regressed, delta.cause.is_empty())
        };
        let size = |delta: &Delta| delta.relative.map_or(0.0, f64::abs);
        worth(one).cmp(&worth(other)).then_with(|| size(other).total_cmp(&size(one)))
    });
    let Some((first, others)) = changed.split_first() else {
        return Err("nothing of that benchmark and metric changed: `gate` lists what did".to_owned());
    };
    let mut text = told(first);
    if !others.is_empty() {
        let names: Vec<String> =
            others.iter().take(OTHERS).map(|delta| format!("{} of {}", delta.metric, delta.case)).collect();
        let more = others.len().saturating_sub(OTHERS);
        text.push_str(&format!("\nalso changed: {}", names.join(", ")));
        text.push_str(&if more > 0 { format!(" and {more} more\n") } else { "\n".to_owned() });
    }
    Ok(text)
}

fn told(delta: &Delta) -> String {
    let change = delta.relative.map_or_else(String::new, |relative| format!(", {:+.2}%", relative * 100.0));
    let mut text = format!(
        "{}: {} of {}: {} to {}{change} ({})\n",
        delta.verdict,
        delta.metric,
        delta.case,
        value(delta, delta.base),
        value(delta, delta.new),
        delta.why
    );
    match cause::doing(delta) {
        Some(doing) => text.push_str(&format!("{doing}\n")),
        None => text.push_str("whose doing: this was not looked into\n"),
    }
    if delta.cause.is_empty() {
        text.push_str("by function: that is not known here: ask for the metric `instructions`\n");
        return text;
    }
    let shown = cause::largest(&delta.cause, FUNCTIONS);
    text.push_str(&format!("{:+} {} by function{}:\n", shown.total, delta.metric, cause::scope(delta)));
    for function in shown.functions {
        text.push_str(&format!("{:>+12}  {}: {}\n", function.delta, function.function, cause::told(function)));
    }
    if let Some(rest) = cause::explain_rest(&shown) {
        text.push_str(&format!("{:>12}  {rest}\n", ""));
    }
    text
}
