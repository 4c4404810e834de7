//! Figures in documents: what stands between `<!-- assay:NAME -->` and `<!-- /assay -->` is replaced by the figures of
//! that name, so that nobody types a measured number.
//!
//! A document may have blocks of several sources. Each source fills its own and leaves the others.

use baselines::calibration::Suite;
use baselines::claim::ClaimReport;

use crate::names::Names;
use crate::{Error, Report, Result, calibration, claims, headline, markdown, toggles};

/// Where figures come from.
#[derive(Debug)]
pub enum Figures<'a> {
    /// A run, with its judgement if it has one.
    Run(&'a Report),
    /// A claim report.
    Claims(&'a ClaimReport),
    /// The suites of a calibration.
    Calibration(&'a [Suite]),
}

/// The names of a run's figures.
const OF_RUN: &[&str] = &[
    "lead",
    "changes",
    "variants",
    "toggles",
    "single-toggles",
    "phase-steps",
    "interactions",
    "counts",
    "time",
    "load",
    "effect",
];
/// The names of a claim report's figures.
const OF_CLAIMS: &[&str] = &["claims", "claims-summary", "claimed-toggles", "phases"];
/// The names of a calibration's figures.
const OF_CALIBRATION: &[&str] = &["calibration"];

const START: &str = "<!-- assay:";
const END: &str = "<!-- /assay -->";

/// The text with the source's blocks replaced, and the number of them. `name` is the document's, for messages. Where
/// `blocks` has names, only these blocks are replaced: a document may have figures of two runs.
pub fn splice(name: &str, text: &str, figures: &Figures<'_>, blocks: &[String]) -> Result<(String, usize)> {
    let mine = match figures {
        Figures::Run(_) => OF_RUN,
        Figures::Claims(_) => OF_CLAIMS,
        Figures::Calibration(_) => OF_CALIBRATION,
    };
    let wrong = |reason: String| Error::Splice { name: name.to_owned(), reason };
    let (mut spliced, mut rest, mut filled) = (String::with_capacity(text.len()), text, 0);
    while let Some((before, after)) = rest.split_once(START) {
        let line = text[..text.len() - after.len()].lines().count();
        let Some((block, after)) = after.split_once(" -->") else {
            return Err(wrong(format!("line {line}: the marker does not end with ` -->`")));
        };
        if ![OF_RUN, OF_CLAIMS, OF_CALIBRATION].concat().contains(&block) {
            let known = [OF_RUN, OF_CLAIMS, OF_CALIBRATION].concat().join(", ");
            return Err(wrong(format!("line {line}: there are no figures `{block}`: take one of {known}")));
        }
        let Some((old, after)) = after.split_once(END).filter(|(old, _)| !old.contains(START)) else {
            return Err(wrong(format!("line {line}: `{block}` has no end: write `{END}` below it")));
        };
        spliced.push_str(&format!("{before}{START}{block} -->"));
        if mine.contains(&block) && (blocks.is_empty() || blocks.iter().any(|wanted| wanted == block)) {
            let figure = figure(figures, block).ok_or_else(|| {
                wrong(format!(
                    "line {line}: the source has no figures `{block}`: name one that has, or remove the block"
                ))
            })?;
            spliced.push_str(&format!("\n{}\n", figure.trim()));
            filled += 1;
        } else {
            spliced.push_str(old);
        }
        spliced.push_str(END);
        rest = after;
    }
    if filled == 0 {
        let wanted = blocks.first().map_or(mine[0], String::as_str);
        return Err(wrong(format!("there is no block for this source: write `{START}{wanted} -->` and `{END}`")));
    }
    spliced.push_str(rest);
    Ok((spliced, filled))
}

/// The figures of a name as Markdown; none if the source does not have them.
fn figure(figures: &Figures<'_>, name: &str) -> Option<String> {
    match (figures, name) {
        (Figures::Run(report), "lead") => Some(format!("{}.", markdown::prose(&headline::headline(report).lead))),
        (Figures::Run(report), "changes") => report.judgement.as_ref().map(markdown::changes),
        (Figures::Run(report), "variants") => {
            let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
            Some(markdown::variants(report, &names)).filter(|text| !text.is_empty())
        }
        (Figures::Run(report), "toggles") => Some(toggles::markdown::effects(report)).filter(|text| !text.is_empty()),
        (Figures::Run(report), "single-toggles") => toggles::markdown::singles(report),
        (Figures::Run(report), "phase-steps") => toggles::markdown::phases(report),
        (Figures::Run(report), "interactions") => toggles::markdown::interactions(report),
        (Figures::Run(report), lane) => markdown::lane(report, lane),
        (Figures::Claims(report), "claims") => Some(claims::markdown(report)),
        (Figures::Claims(report), "claims-summary") => Some(claims::summary(report)),
        (Figures::Claims(report), "claimed-toggles") => claims::toggles_markdown(report),
        (Figures::Claims(report), _) => claims::phases_markdown(report),
        (Figures::Calibration(suites), _) => calibration::markdown(suites).ok(),
    }
}
