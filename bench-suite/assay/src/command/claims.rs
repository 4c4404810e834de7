//! `assay claims`: every promise of an optimisation, measured and judged.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::claim::{ClaimReport, ClaimVerdict};
use baselines::exit::Exit;
use claims::measure::{self, ClaimSession, RoundCounts};
use claims::{Claim, definition};
use clap::{Args, ValueEnum};
use harness::session::plan::{RunProfile, command_line};
use harness::session::runs;
use harness::session::sides::SideBySide;
use harness::subject::memory::MemorySubject;
use harness::workspace;
use reports::Format;
use workloads::input::{SEED, Source};

/// Measure what was promised of each optimisation, and say what came of it
#[derive(Debug, Args)]
#[command(after_help = "\
A claim is `confirmed` (all that was measured is at the target or beyond it), `partly` (a real effect, short of the target), `refuted` (no effect in the
claimed direction), `inconclusive` (the interval can't tell), `skipped` (with what to type) or `invalid` (a toggle did not engage). A refuted claim
is a result, and no failure: the exit code is 0. It is 3 where something is invalid, and 4 where nothing was measured.

What is claimed, and how it is measured, stands in bench-suite/claims/claims.toml; the rule of the verdicts in METHODOLOGY.md. Claims at a distance need a
libSQL server for each side, so that LIBSQL_URL, which names one, is not asked: scripts/setup fetches sqld, or SQLD=path names it.

Examples:
  assay claims                           all of them, in minutes
  assay claims keepalive batch-get       two of them
  assay claims --profile full            with narrower intervals
  assay claims --list                    what is claimed")]
pub struct ClaimsArgs {
    /// Only these claims [default: all]
    ids: Vec<String>,

    /// How long to take
    #[arg(long, value_name = "quick|full", default_value = "quick")]
    profile: RunProfile,

    /// List the claims and what is measured for each, and measure nothing
    #[arg(long)]
    list: bool,

    /// What stdout gets
    #[arg(long, value_enum, default_value_t = Shown::Text)]
    format: Shown,

    /// Write the ledger to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The formats of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shown {
    Text,
    Markdown,
    Html,
    Json,
}

impl Shown {
    fn format(self) -> Format {
        match self {
            Shown::Text => Format::Text,
            Shown::Markdown => Format::Markdown,
            Shown::Html => Format::Html,
            Shown::Json => Format::Json,
        }
    }
}

impl ClaimsArgs {
    /// Measures, prints the ledger, and keeps it.
    pub fn execute(&self) -> Result<Exit> {
        let claims = definition::select(&self.ids)?;
        if self.list {
            print!("{}", list(&claims));
            return Ok(Exit::Ok);
        }
        let folder = workspace::output().join("claims");
        std::fs::create_dir_all(&folder).with_context(|| format!("can't make {}", folder.display()))?;
        let source = Source { seed: Some(SEED), corpus: None };
        let header = measure::header(&source, command_line(), self.profile.name())?;
        let path = folder.join(format!("{}.json", runs::name(&header.environment)));
        let worker = MemorySubject { source: source.clone() }.built()?;
        let both = SideBySide::new(&worker, &worker)?;
        let session = ClaimSession {
            workers: Some(&both),
            source: &source,
            rounds: rounds(self.profile),
            seed: SEED,
            header,
            today: runs::today(),
            rounds_file: path.with_extension("rounds.jsonl"),
        };
        let report = measure::measure(&claims, session)?;
        report.write(&path)?;
        if let Some(file) = &self.json {
            report.write(file)?;
        }
        for format in [Format::Html, Format::Markdown] {
            let file = path.with_extension(format.extension());
            baselines::atomic::write(&file, reports::ledger::render(&report, format)?.as_bytes())?;
        }
        print!("{}", reports::ledger::render(&report, self.format.format())?);
        eprintln!("\nclaims: {}\npage:   {}", path.display(), path.with_extension("html").display());
        Ok(exit(&report))
    }
}

fn rounds(profile: RunProfile) -> RoundCounts {
    match profile {
        RunProfile::Quick => RoundCounts { rounds: 10, remote_rounds: 8 },
        RunProfile::Full => RoundCounts { rounds: 30, remote_rounds: 20 },
    }
}

/// A refuted claim is a result; one that can't be believed is none.
fn exit(report: &ClaimReport) -> Exit {
    let measured = report.claims.iter().flat_map(|claim| &claim.parts).any(|part| part.measured.is_some());
    if report.count(ClaimVerdict::Invalid) > 0 {
        Exit::Invalid
    } else if measured {
        Exit::Ok
    } else {
        Exit::Nothing
    }
}

fn list(claims: &[Claim]) -> String {
    let mut text = String::new();
    for claim in claims {
        text.push_str(&format!("{:<20} {}: {} ({})\n", claim.id, claim.claim, claim.announced, claim.source));
        for part in &claim.parts {
            text.push_str(&format!("{:<20}   {:<7} {:<20} {}\n", "", part.lane, part.metric.name, part.what));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use baselines::Environment;
    use baselines::claim::{self, MeasuredEffect, Target};

    use super::*;

    fn ledger(parts: &[(ClaimVerdict, bool)]) -> ClaimReport {
        let claims = parts.iter().map(|(verdict, measured)| claim::JudgedClaim {
            id: "x".to_owned(),
            claim: String::new(),
            announced: String::new(),
            source: String::new(),
            note: String::new(),
            verdict: *verdict,
            parts: vec![claim::JudgedPart {
                what: String::new(),
                lane: "effect".to_owned(),
                workload: String::new(),
                base: String::new(),
                new: String::new(),
                metric: "commits".to_owned(),
                durability: baselines::Durability::Committed,
                target: Target::AtMost(1.0),
                margin: 0.01,
                measured: measured.then(|| MeasuredEffect::exact(Target::AtMost(1.0), None, 2.0)),
                counter: None,
                verdict: *verdict,
                why: String::new(),
            }],
        });
        ClaimReport {
            schema: claim::SCHEMA,
            started_at: String::new(),
            command: String::new(),
            profile: "quick".to_owned(),
            environment: Environment::detect(1, "generated"),
            claims: claims.collect(),
        }
    }

    #[test]
    fn a_refuted_claim_is_a_result_and_an_invalid_one_is_none() {
        use ClaimVerdict::{Confirmed, Invalid, Refuted, Skipped};
        assert_eq!(exit(&ledger(&[(Confirmed, true), (Refuted, true)])), Exit::Ok);
        assert_eq!(exit(&ledger(&[(Confirmed, true), (Invalid, false)])), Exit::Invalid);
        assert_eq!(exit(&ledger(&[(Skipped, false), (Refuted, true)])), Exit::Ok);
        assert_eq!(exit(&ledger(&[(Skipped, false)])), Exit::Nothing);
    }

    #[test]
    fn the_list_has_every_claim_and_how_it_is_measured() {
        let claims = definition::all().expect("reads");
        let text = list(&claims);
        assert!(claims.iter().all(|claim| text.contains(&claim.id)));
        assert!(text.contains("remote  connection_overhead"), "{text}");
    }
}
