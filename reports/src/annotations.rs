//! Workflow commands of GitHub Actions: annotations on the run's summary page, the verdict first.
//!
//! GitHub shows at most ten annotations of a kind for a step, so the last one counts the others.
//! Source: "Workflow commands for GitHub Actions", docs.github.com, sections on annotations and on escaping.

use baselines::delta::{Delta, Verdict};

use crate::headline::{Tone, headline};
use crate::names::{Names, printable};
use crate::numbers::{percent, plural, signed};
use crate::ranking::{rank, reasons};
use crate::{Report, cause, deltas};

const SHOWN: usize = 10;

/// The commands, one per line.
pub fn render(report: &Report) -> String {
    let headline = headline(report);
    let (mut errors, mut warnings, mut notices) = (vec![], vec![], vec![]);
    let verdict = (format!("assay: {}", headline.word), headline.lead);
    match headline.tone {
        Tone::Good => notices.push(verdict),
        Tone::Partial => warnings.push(verdict),
        Tone::Bad | Tone::Distrust => errors.push(verdict),
        // Nothing compared or decided fails a gate; nothing judged was no gate.
        Tone::Undecided if report.judgement.is_some() => errors.push(verdict),
        Tone::Undecided => notices.push(verdict),
    }
    if let Some(judgement) = &report.judgement {
        let names = Names::of(judgement.comparison.deltas.iter().map(|delta| &delta.case));
        let ranking = rank(&judgement.comparison);
        for delta in ranking.told.into_iter().filter(|delta| !delta.is_left_to_counts()) {
            let title = format!("{}: {} of {}", delta.verdict, delta.metric, names.case(&delta.case));
            match (delta.verdict, delta.blocks) {
                (Verdict::Regressed, true) => errors.push((title, change(delta))),
                (Verdict::Invalid, _) | (Verdict::Missing, true) => errors.push((title, delta.why.clone())),
                (Verdict::Inconclusive, true) => errors.push((title, change(delta))),
                (Verdict::Missing, false) => warnings.push((title, delta.why.clone())),
                (Verdict::Regressed | Verdict::Inconclusive, false) => warnings.push((title, change(delta))),
                _ => {}
            }
        }
        for group in ranking.unjudged.into_iter().filter(|group| group.verdict == Verdict::Inconclusive) {
            let told = (format!("{}: {}", group.verdict, plural(group.deltas.len(), "metric")), group.why.to_owned());
            let blocks = group.deltas.iter().any(|delta| delta.blocks);
            if blocks { errors.push(told) } else { warnings.push(told) }
        }
        notices.extend(judgement.accepted.iter().map(|accepted| ("accepted".to_owned(), accepted.clone())));
        errors.extend(reasons(judgement).into_iter().map(|reason| ("invalid".to_owned(), reason.to_owned())));
    } else {
        errors.extend(report.run.invalid.iter().map(|item| (format!("invalid: {}", item.what), item.why.clone())));
    }
    warnings.extend(report.run.skipped.iter().map(|item| (format!("skipped: {}", item.what), item.why.clone())));
    let mut commands = String::new();
    for (kind, messages) in [("error", errors), ("warning", warnings), ("notice", notices)] {
        write(&mut commands, kind, messages);
    }
    commands
}

/// `12.35M to 12.51M (+1.30%): +15,600 in memory::append, costlier per call`.
fn change(delta: &Delta) -> String {
    let bound = deltas::bound(delta).map(|bound| format!(", {bound}")).unwrap_or_default();
    let relative = delta.relative.map(|relative| format!(" ({}{bound})", percent(relative))).unwrap_or_default();
    let cause = delta
        .cause
        .first()
        .map(|function| format!(": {} in {}, {}", signed(function.delta), function.function, cause::told(function)));
    let doing = delta.doing.as_ref().map(|doing| format!("; {}", doing.whose)).unwrap_or_default();
    format!("{}{relative}{}{doing}", deltas::sides(delta), cause.unwrap_or_default())
}

fn write(commands: &mut String, kind: &str, mut messages: Vec<(String, String)>) {
    if messages.len() > SHOWN {
        let left = messages.len() - (SHOWN - 1);
        messages.truncate(SHOWN - 1);
        messages.push((format!("{left} more"), "the report lists them".to_owned()));
    }
    for (title, message) in messages {
        commands.push_str(&format!("::{kind} title={}::{}\n", property(&title), data(&message)));
    }
}

/// Escapes a message, so that it stays one line and can't become a command.
fn data(text: &str) -> String {
    printable(text).replace('%', "%25")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_can_not_become_a_command() {
        let mut commands = String::new();
        write(&mut commands, "error", vec![("a,b::c".into(), "50%\n::error::x".into())]);
        assert_eq!(commands, "::error title=a%2Cb%3A%3Ac::50%25\\n::error::x\n");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let mut commands = String::new();
        write(&mut commands, "warning", (0..25).map(|number| (number.to_string(), String::new())).collect());
        assert_eq!(commands.lines().count(), SHOWN);
        assert!(commands.ends_with("title=16 more::the report lists them\n"), "{commands}");
    }
}
