//! `assay claims`: measures and judges every claim about an optimisation.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use baselines::RunHeader;
use baselines::claim::{self, ClaimReport, ClaimVerdict};
use baselines::exit_code::Exit;
use claims::change::{self, ChangeClaim};
use claims::measure::{self, ClaimSession, RoundCounts};
use claims::{Claim, definition};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use harness::build::base;
use harness::session::ab::AbSession;
use harness::session::plan::{RunProfile, Selection, command_line, draw_seed};
use harness::session::rulebook::Rulebook;
use harness::session::runs;
use harness::session::staged_sides::StagedSides;
use harness::subject;
use harness::subject::memory::MemorySubject;
use harness::workspace;
use reports::Format;
use workloads::input::{SEED, Source};

use super::cargo_args::CargoArgs;

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
  assay claims --list                    the claims, without measuring

In any cargo package or workspace, a change's own words are judged: a benchmark and what it takes since REV.
  assay claims 'parse/small -20%' --against main
  assay claims --against main            the lines `Assay: parse/small -20%` of the commits since then")]
pub struct ClaimsArgs {
    /// Only these claims [default: all]; with --against, claims as in `parse/small -20%`
    ids: Vec<String>,

    /// Judge what a change claims of itself, against where it left this revision [claims: those of its commits]
    #[arg(long, value_name = "REV")]
    against: Option<String>,

    /// With --against: also read claims from this text, as of a pull request
    #[arg(long, value_name = "FILE", requires = "against")]
    text: Option<PathBuf>,

    /// The duration: quick takes minutes, full narrows the intervals
    #[arg(long, value_name = "quick|full", default_value = "quick")]
    profile: RunProfile,

    /// List the claims with their measurements, and measure nothing
    #[arg(long)]
    list: bool,

    /// Repeat the orders and layouts of rounds that an earlier session's record of rounds names [default: drawn]
    #[arg(long, value_name = "SEED")]
    rounds_seed: Option<u64>,

    #[command(flatten)]
    cargo: CargoArgs,

    /// The format on stdout
    #[arg(long, default_value = "text", value_parser = formats())]
    format: Format,

    /// Also write the report to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// The formats of a claim report.
fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(["text", "markdown", "html", "json"]).try_map(|name| name.parse::<Format>())
}

impl ClaimsArgs {
    /// Measures, prints the report, and writes its files.
    pub fn execute(&self) -> Result<Exit> {
        if let Some(revision) = &self.against {
            return self.of_change(revision);
        }
        self.cargo.refuse_if(true)?;
        ensure!(
            workspace::has_the_memory(),
            "this project has no claims file: judge a change, `assay claims 'BENCHMARK -20%' --against REV`"
        );
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
        let mut both = StagedSides::new(&worker, &worker)?;
        if let Err(why) = both.randomize_layouts(seed) {
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
        self.publish(&measure::measure(&claims, session)?, &path)
    }

    /// Measures and judges what a change claims of itself.
    fn of_change(&self, revision: &str) -> Result<Exit> {
        let selection = Selection { rounds_seed: self.rounds_seed, ..Selection::default() };
        let subject = subject::here(selection.source()?, self.cargo.choice())?;
        let root = subject.root();
        let base = base::choose(&root, revision, false)?;
        eprintln!("{}", base.said);
        let mut claims = self.ids.iter().map(|id| ChangeClaim::parse(id)).collect::<Result<Vec<_>>>()?;
        if let Some(file) = &self.text {
            let text = std::fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
            claims.extend(change::in_text(&text)?);
        }
        if claims.is_empty() {
            claims = change::in_commits(&root, &base.commit)?;
        }
        let rulebook = Rulebook::of_this_tree(None)?;
        let mut report: Option<ClaimReport> = None;
        for claim in &claims {
            let selection = Selection { filter: Some(claim.benchmark.clone()), ..selection.clone() };
            let session = AbSession { selection: &selection, rulebook: &rulebook, budget: None };
            let judged = session.revisions(&*subject, &base.commit, None, false)?;
            let (deltas, invalid) = (&judged.judgement.comparison.deltas, &judged.judgement.invalid);
            let judged_claim = change::judge(claim, &base.said, deltas, &judged.finished.run.pairs, invalid);
            report.get_or_insert_with(|| empty(&judged.finished.run.header)).claims.push(judged_claim);
        }
        let report = report.context("nothing is claimed")?;
        let folder = workspace::output().join("claims");
        self.publish(&report, &folder.join(format!("{}.json", runs::name(&report.environment))))
    }

    /// Prints a report and writes its files.
    fn publish(&self, report: &ClaimReport, path: &Path) -> Result<Exit> {
        report.write(path)?;
        if let Some(file) = &self.json {
            report.write(file)?;
        }
        for format in [Format::Html, Format::Markdown] {
            let file = path.with_extension(format.extension());
            baselines::atomic::write(&file, reports::claims::render(report, format)?.as_bytes())?;
        }
        print!("{}", reports::claims::render(report, self.format)?);
        eprintln!("\nclaims: {}\npage:   {}", path.display(), path.with_extension("html").display());
        Ok(exit(report))
    }
}

/// A report without claims, of the environment of a run.
fn empty(header: &RunHeader) -> ClaimReport {
    ClaimReport {
        schema: claim::SCHEMA,
        started_at: header.started_at.clone(),
        command: header.command.clone(),
        profile: header.profile.clone(),
        environment: header.environment.clone(),
        claims: vec![],
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
    use baselines::claim::{MeasuredEffect, Target};

    use super::*;

    fn report(parts: &[(ClaimVerdict, bool)]) -> ClaimReport {
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
        assert_eq!(exit(&report(&[(Confirmed, true), (Refuted, true)])), Exit::Ok);
        assert_eq!(exit(&report(&[(Confirmed, true), (Invalid, false)])), Exit::Invalid);
        assert_eq!(exit(&report(&[(Skipped, false), (Refuted, true)])), Exit::Ok);
        assert_eq!(exit(&report(&[(Skipped, false)])), Exit::Nothing);
    }

    #[test]
    fn the_list_has_every_claim_and_how_it_is_measured() {
        let claims = definition::all().expect("reads");
        let text = list(&claims);
        assert!(claims.iter().all(|claim| text.contains(&claim.id)));
        assert!(text.contains("remote  connection_overhead"), "{text}");
    }
}
