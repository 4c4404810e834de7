//! `assay claims`: measures and judges every claim about an optimisation.

use std::path::PathBuf;

use anyhow::{Context, Result};
use baselines::RunHeader;
use baselines::claim::{ClaimReport, ClaimVerdict};
use baselines::exit_code::Exit;
use claims::measure::{self, ClaimSession, RoundCounts};
use claims::{Claim, definition};
use clap::{Args, ValueEnum};
use harness::session::plan::{RunProfile, command_line, draw_seed};
use harness::session::runs;
use harness::session::sides::SideBySide;
use harness::subject::memory::MemorySubject;
use harness::workspace;
use reports::Format;
use workloads::input::{SEED, Source};

/// Measure and judge what was promised of each optimisation
#[derive(Debug, Args)]
#[command(after_help = "\
A claim is `confirmed` (every part reaches its target), `partly` (a real effect, short of the target), `refuted` (no
effect in the claimed direction), `inconclusive` (the interval can't tell), `skipped` (with the remedy) or `invalid`
(a toggle did not engage). A refuted claim is a result: the exit code is 0. It is 3 if a claim is invalid, and 4 if
nothing was measured.

bench-suite/claims/claims.toml defines the claims and their measurements; METHODOLOGY.md has the rules of the verdicts.
Remote claims need a libSQL server for each side, so the one in LIBSQL_URL is not used: scripts/setup installs sqld, or
SQLD=path names it.

Examples:
  assay claims                           all claims, in minutes
  assay claims keepalive batch-get       two claims
  assay claims --profile full            narrower intervals
  assay claims --list                    the claims, without measuring")]
pub struct ClaimsArgs {
    /// Only these claims [default: all]
    ids: Vec<String>,

    /// The duration: quick takes minutes, full narrows the intervals
    #[arg(long, value_name = "quick|full", default_value = "quick")]
    profile: RunProfile,

    /// List the claims with their measurements, and measure nothing
    #[arg(long)]
    list: bool,

    /// Repeat the orders and layouts of rounds that an earlier session's record of rounds names [default: drawn]
    #[arg(long, value_name = "SEED")]
    rounds_seed: Option<u64>,

    /// The format on stdout
    #[arg(long, value_enum, default_value_t = Shown::Text)]
    format: Shown,

    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The formats of a report.
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
    /// Measures, prints the report, and writes its files.
    pub fn execute(&self) -> Result<Exit> {
        let claims = definition::select(&self.ids)?;
        if self.list {
            print!("{}", list(&claims));
            return Ok(Exit::Ok);
        }
        let folder = workspace::output().join("claims");
        std::fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
        let source = Source { seed: Some(SEED), corpus: None };
        let seed = self.rounds_seed.unwrap_or_else(draw_seed);
        let header =
            RunHeader { rounds_seed: Some(seed), ..measure::header(&source, command_line(), self.profile.name())? };
        let path = folder.join(format!("{}.json", runs::name(&header.environment)));
        let worker = MemorySubject { source: source.clone() }.relinkable()?;
        let mut both = SideBySide::new(&worker, &worker)?;
        if let Err(why) = both.randomize_layouts(seed, seed) {
            eprintln!(
                "skipped: layouts: both variants are measured in one, which can move times by some per cent: {why}"
            );
        }
        let session = ClaimSession {
            workers: Some(&both),
            source: &source,
            rounds: rounds(self.profile),
            seed: SEED,
            rounds_seed: seed,
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

/// A refuted claim is a result, an invalid one is not.
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
