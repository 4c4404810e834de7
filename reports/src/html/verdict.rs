//! The top of the page: the verdict, the invalid and the skipped entries. And its end: the environment.

use baselines::delta::{Delta, Verdict};
use maud::{Markup, html};

use super::parts::{Section, prose};
use crate::Report;
use crate::answers::answers;
use crate::headline::Headline;
use crate::names::printable;
use crate::numbers::count;
use crate::ranking::reasons;

/// The verdict in words, and the tally below it.
pub(super) fn hero(report: &Report, headline: &Headline) -> Markup {
    let header = &report.run.header;
    let commit: String = header.environment.commit.chars().take(12).collect();
    html! {
        header.hero.(headline.tone.name()) {
            p.eyebrow {
                strong.word { span.sign aria-hidden="true" { (headline.tone.sign()) } " " (headline.word) }
                span { "Assay report" } span { (header.profile) " profile" } span { (day(&header.started_at)) }
            }
            h1 { (prose(&headline.lead)) "." }
            (answered(report))
            @if !headline.next.is_empty() { p.next { (prose(headline.next)) } }
            p.facts {
                span { "commit " code { (commit) } @if header.environment.dirty { " with uncommitted changes" } }
                @if let Some(against) = &report.against { span { "against " (printable(against)) } }
                span { (header.environment.cpu_model) }
            }
            (tally(report))
            @for accepted in report.judgement.iter().flat_map(|judgement| &judgement.accepted) {
                p.note { "accepted: " (prose(accepted)) }
            }
            @if report.judgement.is_some() || !report.notes.is_empty() {
                details {
                    summary { "how it was judged" }
                    p.note { (prose(&headline.sentence)) }
                    @for note in &report.notes { p.note { (prose(note)) } }
                }
            }
        }
    }
}

/// What readers of a red report ask, each with its answer.
fn answered(report: &Report) -> Markup {
    let answers = answers(report);
    html! {
        @if !answers.is_empty() {
            dl.answers { @for one in &answers { dt { (one.question) } dd { (prose(&one.answer)) } } }
        }
    }
}

/// A tile for each verdict that occurs, and one for skipped entries.
fn tally(report: &Report) -> Markup {
    use Verdict::{Added, Equal, Improved, Incomparable, Inconclusive, Invalid, Missing, Regressed};
    let order = [Regressed, Invalid, Missing, Inconclusive, Improved, Equal, Incomparable, Added];
    let deltas = || report.judgement.iter().flat_map(|judgement| &judgement.comparison.deltas);
    let number = |verdict: Verdict, advises: bool| {
        deltas().filter(|delta| delta.verdict == verdict && is_advice(delta) == advises).count()
    };
    let tiles = order.into_iter().flat_map(|verdict| {
        let name = verdict.name();
        [
            (number(verdict, false), name.to_owned(), name),
            (number(verdict, true), format!("{name}, advises"), "advises"),
        ]
    });
    let tiles = tiles.chain([(report.run.skipped.len(), "skipped".to_owned(), "skipped")]);
    let tiles: Vec<_> = tiles.filter(|(number, ..)| *number > 0).collect();
    html! {
        @if !tiles.is_empty() {
            dl.tally { @for (number, name, tone) in tiles { div.(tone) { dt { (name) } dd { (count(number as u64)) } } } }
        }
    }
}

/// It got worse, or may have, and the policy does not block it.
pub(super) fn is_advice(delta: &Delta) -> bool {
    matches!(delta.verdict, Verdict::Regressed | Verdict::Inconclusive) && !delta.blocks
}

fn day(at: &str) -> String {
    printable(&at.replace('T', " ").replace('Z', " UTC"))
}

/// The reasons why the run can't be believed.
pub(super) fn invalid(report: &Report) -> Option<Section> {
    let reasons: Vec<Markup> = match &report.judgement {
        Some(judgement) => reasons(judgement).into_iter().map(prose).collect(),
        None => report.run.invalid.iter().map(|item| entry(&item.what, &item.why)).collect(),
    };
    if reasons.is_empty() {
        return None;
    }
    let body = html! { ul.reasons.distrust { @for reason in reasons { li { (reason) } } } };
    Some(Section::new("invalid", "What can't be believed", "Invalid", body))
}

fn entry(what: &str, why: &str) -> Markup {
    html! { strong { (printable(what)) } ": " (prose(why)) }
}

/// The skipped entries, with their remedies.
pub(super) fn skipped(report: &Report) -> Option<Section> {
    if report.run.skipped.is_empty() && report.run.complete {
        return None;
    }
    let body = html! {
        p { "Nothing here counts as passed." }
        ul.reasons.partial {
            @if !report.run.complete { li { strong { "the end of the run" } ": it was stopped; measure again for the rest" } }
            @for item in &report.run.skipped { li { (entry(&item.what, &item.why)) } }
        }
    };
    Some(Section::new("skipped", "What was skipped", "Skipped", body))
}

/// The machine, the toolchain and the command.
pub(super) fn environment(report: &Report) -> Section {
    let header = &report.run.header;
    let environment = &header.environment;
    let commit = format!("{}{}", environment.commit, if environment.dirty { " with uncommitted changes" } else { "" });
    let mut rows = vec![
        ("commit", commit),
        ("command", header.command.clone()),
        ("started", day(&header.started_at)),
        ("rustc", environment.rustc.clone()),
        ("target", environment.target.clone()),
        ("valgrind", environment.valgrind.clone().unwrap_or_else(|| "not installed".to_owned())),
        ("libc", environment.libc.clone()),
        ("CPU", environment.cpu_model.clone()),
        ("CPU features", environment.cpu_features.join(" ")),
        ("cores", environment.cores.to_string()),
        ("kernel", environment.kernel.clone()),
        ("corpus", environment.corpus.clone()),
        ("seed", environment.seed.to_string()),
    ];
    if let Some(accepted) = &header.accepted {
        rows.push(("accepted", format!("{}: {}", day(&accepted.at), accepted.reason)));
    }
    let body = html! {
        dl.environment { @for (name, value) in rows { dt { (name) } dd { (printable(&value)) } } }
    };
    let words = format!("{}, {}, {}", environment.cpu_model, environment.rustc, environment.target);
    Section::new("environment", "Where it was measured", "Environment", body).folded(printable(&words))
}
