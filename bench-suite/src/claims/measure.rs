//! Has every part of the chosen claims measured by its lane, judges them, and puts the ledger together.
//!
//! What several parts are about is measured once. A part that can't be measured here is skipped with what to type; one that fails is invalid; the
//! others go on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use baselines::claim::{self, ClaimReport, ClaimVerdict, MeasuredEffect};
use baselines::{Environment, RunHeader};

use super::{Claim, Lane, Part, counts, definition, effect, hits, http, remote, time};
use crate::cases::Case;
use crate::input::Source;
use crate::progress::Progress;
use crate::runner::artifacts::{self, Artifacts, Program};
use crate::runner::{slice, valgrind};

/// How much is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Rounds of pairs that alternate in fresh processes.
    pub rounds: usize,
    /// Rounds on a server.
    pub remote_rounds: usize,
}

/// A session of measuring claims.
pub struct Session<'a> {
    /// The workers of both sides, at paths of one length.
    pub workers: (&'a Path, &'a Path),
    /// What is worked on.
    pub source: &'a Source,
    /// How much.
    pub effort: Effort,
    /// The seed of orders and places.
    pub seed: u64,
    /// Where it was measured, for the ledger and its rounds.
    pub header: RunHeader,
    /// The day.
    pub today: jiff::civil::Date,
    /// Where the rounds are kept, beside the ledger.
    pub rounds: PathBuf,
    /// Where stores and profiles are made meanwhile.
    pub scratch: PathBuf,
}

/// What became of one part: what was measured, and how far its counter moved; or why there is nothing.
type Outcome = std::result::Result<(MeasuredEffect, Option<u64>), Nothing>;

/// Why nothing was measured.
enum Nothing {
    Skipped(String),
    Invalid(String),
}

impl From<anyhow::Error> for Nothing {
    fn from(error: anyhow::Error) -> Nothing {
        Nothing::Invalid(format!("{error:#}"))
    }
}

/// Measures and judges the claims.
///
/// # Errors
/// The build or the disk failed. What fails for one part only is in the ledger.
pub fn measure(claims: &[Claim], session: Session<'_>) -> Result<ClaimReport> {
    let parts: Vec<&Part> = claims.iter().flat_map(|claim| &claim.parts).collect();
    let mut outcomes: Vec<Option<Outcome>> = parts.iter().map(|_| None).collect();
    for lane in [Lane::Effect, Lane::Hits, Lane::Http, Lane::Remote, Lane::Time, Lane::Counts] {
        let places: Vec<usize> = (0..parts.len()).filter(|place| parts[*place].lane == lane).collect();
        if places.is_empty() {
            continue;
        }
        let chosen: Vec<&Part> = places.iter().map(|place| parts[*place]).collect();
        let measured = match lane {
            Lane::Effect => effects(&chosen, &session),
            Lane::Http => served(&chosen, &session)?,
            Lane::Hits => replays(&chosen, &session),
            Lane::Remote => remotes(&chosen, &session),
            Lane::Time => times(&chosen, &session)?,
            Lane::Counts => exact(&chosen, &session)?,
        };
        for (place, outcome) in places.into_iter().zip(measured) {
            outcomes[place] = Some(outcome);
        }
    }
    let mut outcomes = outcomes.into_iter();
    let mut judged = Vec::with_capacity(claims.len());
    for claim in claims {
        let of_claim = claim.parts.iter().zip(outcomes.by_ref());
        judged.push(conclude(claim, of_claim.map(|(part, outcome)| row(part, outcome)).collect()));
    }
    let RunHeader { started_at, command, profile, environment, .. } = session.header;
    Ok(ClaimReport { schema: claim::SCHEMA, started_at, command, profile, environment, claims: judged })
}

fn conclude(claim: &Claim, parts: Vec<claim::JudgedPart>) -> claim::JudgedClaim {
    let verdicts: Vec<ClaimVerdict> = parts.iter().map(|part| part.verdict).collect();
    claim::JudgedClaim {
        id: claim.id.clone(),
        claim: claim.claim.clone(),
        announced: claim.announced.clone(),
        source: claim.source.clone(),
        note: claim.note.clone(),
        parts,
        verdict: claim::combine(&verdicts),
    }
}

/// A part as the ledger has it.
fn row(part: &Part, outcome: Option<Outcome>) -> claim::JudgedPart {
    let margin = definition::margin(part.metric);
    let outcome = outcome.unwrap_or_else(|| Err(Nothing::Invalid("no lane measured it".to_owned())));
    let (measured, moved, (verdict, why)) = match outcome {
        Ok((measured, moved)) => {
            let judged = claim::judge(part.figure, &measured, margin);
            // What is not finite has no place in a file.
            let kept = Some(measured).filter(|_| judged.0 != ClaimVerdict::Invalid);
            (kept, moved, engaged(part, moved).unwrap_or(judged))
        }
        Err(Nothing::Skipped(why)) => (None, None, (ClaimVerdict::Skipped, why)),
        Err(Nothing::Invalid(why)) => (None, None, (ClaimVerdict::Invalid, why)),
    };
    let distance = part.distance.map_or_else(String::new, |(name, _)| format!(" at {name}"));
    claim::JudgedPart {
        what: part.what.clone(),
        lane: part.lane.name().to_owned(),
        workload: part
            .workload
            .map_or_else(|| format!("{}{distance}", part.new.benchmark.name), |workload| workload.name().to_owned()),
        base: part.base.variant.to_string(),
        new: part.new.variant.to_string(),
        metric: part.metric.name.to_owned(),
        durability: part.new.durability(),
        target: part.figure,
        margin,
        measured,
        counter: part.counter.clone().zip(moved),
        verdict,
        why,
    }
}

/// A candidate whose counter did not move was not measured, whatever the clock says.
fn engaged(part: &Part, moved: Option<u64>) -> Option<(ClaimVerdict, String)> {
    let counter = part.counter.as_ref()?;
    (moved == Some(0))
        .then(|| (ClaimVerdict::Invalid, format!("the candidate did not engage: the counter `{counter}` is 0")))
}

fn effects(parts: &[&Part], session: &Session<'_>) -> Vec<Outcome> {
    let mut known: BTreeMap<String, effect::Counted> = BTreeMap::new();
    let progress = Progress::start("effects", parts.len());
    let mut counted = |case: &Case| -> Result<effect::Counted> {
        let key = format!("{}|{}", case.id, case.variant);
        if let Some(counted) = known.get(&key) {
            return Ok(counted.clone());
        }
        let counted = effect::count(case, session.source)?;
        known.insert(key, counted.clone());
        Ok(counted)
    };
    let mut outcomes = Vec::with_capacity(parts.len());
    for part in parts {
        let mut measure = || -> Result<(MeasuredEffect, Option<u64>)> {
            let new = counted(&part.new).context("the candidate")?;
            let moved = part.counter.as_ref().map(|counter| new.total.get(counter.as_str()).copied().unwrap_or(0));
            let value = new.value(part.metric.name).context("the candidate")?;
            // A bound asks nothing of the base, and where nothing is compressed there is no share of it.
            let base = match part.figure {
                claim::Target::AtMost(_) | claim::Target::AtLeast(_) => None,
                _ => Some(counted(&part.base).and_then(|base| base.value(part.metric.name)).context("the base")?),
            };
            Ok((MeasuredEffect::exact(part.figure, base, value), moved))
        };
        outcomes.push(measure().map_err(Nothing::from));
        progress.done(&part.what);
    }
    outcomes
}

fn served(parts: &[&Part], session: &Session<'_>) -> Result<Vec<Outcome>> {
    let artifacts = artifacts::build(&[Program::MemoryServer, Program::Loadgen])?;
    let progress = Progress::start("http", parts.len());
    let mut outcomes = Vec::with_capacity(parts.len());
    for part in parts {
        let measured = http::measure(part, &artifacts, session.source, &session.scratch, session.seed);
        outcomes.push(measured.map_err(Nothing::from));
        progress.done(&part.what);
    }
    Ok(outcomes)
}

fn replays(parts: &[&Part], session: &Session<'_>) -> Vec<Outcome> {
    let replay = |part: &&Part| {
        let workload = part.workload.context("a part of the lane hits has a workload")?;
        hits::measure(part, workload, session.seed)
    };
    parts.iter().map(|part| replay(part).map_err(Nothing::from)).collect()
}

fn remotes(parts: &[&Part], session: &Session<'_>) -> Vec<Outcome> {
    if let Some(why) = crate::remote::missing_own() {
        return parts.iter().map(|_| Err(Nothing::Skipped(why.clone()))).collect();
    }
    let mut done: BTreeMap<String, Result<remote::Rounds, String>> = BTreeMap::new();
    let progress = Progress::start("remote", parts.len());
    let mut outcomes = Vec::with_capacity(parts.len());
    for part in parts {
        let measure = || {
            let rounds = remote::rounds(part, session.effort.remote_rounds, session.seed, session.source);
            rounds.map_err(|error| format!("{error:#}"))
        };
        let outcome = match done.entry(remote::key(part)).or_insert_with(measure) {
            Ok(rounds) => {
                let moved = part.counter.as_ref().map(|counter| rounds.counter(counter));
                rounds.measured(part.metric.name, part.figure).map(|measured| (measured, moved)).map_err(Nothing::from)
            }
            Err(why) => Err(Nothing::Invalid(why.clone())),
        };
        outcomes.push(outcome);
        progress.done(&part.what);
    }
    outcomes
}

fn times(parts: &[&Part], session: &Session<'_>) -> Result<Vec<Outcome>> {
    let alternating = time::Session {
        base: session.workers.0,
        new: session.workers.1,
        source: session.source,
        rounds: session.effort.rounds,
        seed: session.seed,
        today: session.today,
    };
    let measured = time::measure(parts, &alternating, session.header.clone(), &session.rounds)?;
    let mut outcomes = Vec::with_capacity(parts.len());
    for (part, measured) in parts.iter().zip(measured) {
        let with_counter = measured.and_then(|measured| Ok((measured, moved(part, session.source)?)));
        outcomes.push(with_counter.map_err(Nothing::from));
    }
    Ok(outcomes)
}

fn exact(parts: &[&Part], session: &Session<'_>) -> Result<Vec<Outcome>> {
    if let Some(why) = valgrind::missing() {
        return Ok(parts.iter().map(|_| Err(Nothing::Skipped(why.to_owned()))).collect());
    }
    let artifacts: Artifacts = artifacts::build(&Program::COUNTS)?;
    let counted = counts::measure(parts, &artifacts, session.source, &session.scratch)?;
    let mut outcomes = Vec::with_capacity(parts.len());
    for (part, sides) in parts.iter().zip(counted) {
        let metric = part.metric.name;
        let value = |values: &counts::Values| values.get(metric).copied().with_context(|| format!("no {metric}"));
        let measured = sides.and_then(|(base, new)| {
            let measured = MeasuredEffect::exact(part.figure, Some(value(&base)?), value(&new)?);
            Ok((measured, moved(part, session.source)?))
        });
        outcomes.push(measured.map_err(Nothing::from));
    }
    Ok(outcomes)
}

/// How far the counter of a part moves where its candidate does what one exact count does: the workers check that every toggle engages, and end.
fn moved(part: &Part, source: &Source) -> Result<Option<u64>> {
    let Some(counter) = &part.counter else { return Ok(None) };
    let (prepared, _) = slice::prepare(&part.new, &source.load(part.new.benchmark.episodes)?)?;
    let counted = prepared.counters();
    let moved = counted.get(counter.as_str()).copied().ok_or_else(|| anyhow!("nothing counts `{counter}`"))?;
    Ok(Some(moved))
}

/// The header of a session that begins now.
///
/// # Errors
/// The source can't be read.
pub fn header(source: &Source, started_at: String, command: String, profile: &str) -> Result<RunHeader> {
    let input = source.load(1)?;
    ensure!(!input.scripts.is_empty(), "there is no episode to work on");
    let environment = Environment::detect(input.seed, &input.name);
    Ok(RunHeader { started_at, command, profile: profile.to_owned(), environment, accepted: None })
}

#[cfg(test)]
mod tests {
    use baselines::claim::Target;

    use super::*;

    fn claims(ids: &[&str]) -> Vec<Claim> {
        definition::select(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()).expect("defined")
    }

    /// Everything that needs no build: the lane `effect`.
    fn ledger(claims: &[Claim]) -> ClaimReport {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source::default();
        let session = Session {
            workers: (Path::new("none"), Path::new("none")),
            source: &source,
            effort: Effort { rounds: 8, remote_rounds: 8 },
            seed: 1,
            header: header(&source, "2026-11-25T00:00:00Z".to_owned(), "assay claims".to_owned(), "quick")
                .expect("generated"),
            today: jiff::civil::date(2026, 11, 25),
            rounds: folder.path().join("rounds.jsonl"),
            scratch: folder.path().to_owned(),
        };
        measure(claims, session).expect("measures")
    }

    #[test]
    fn an_effect_is_measured_judged_and_comes_out_the_same_again() {
        let claims = claims(&["batch-writes"]);
        let ledger = ledger(&claims);
        let [claim] = &ledger.claims[..] else { panic!("{ledger:?}") };
        let part = &claim.parts[0];
        assert_eq!(claim.verdict, ClaimVerdict::Confirmed, "{claim:?}");
        assert_eq!(part.measured.map(|measured| measured.base), Some(Some(1.0)), "a commit a step");
        assert!(part.counter.as_ref().is_some_and(|(name, moved)| name == "shared_commits" && *moved > 0));
        assert_eq!(self::ledger(&claims).claims, ledger.claims);
    }

    #[test]
    fn a_candidate_that_did_not_engage_is_invalid_however_good_it_looks() {
        let mut claims = claims(&["batch-writes"]);
        claims[0].parts[0].counter = Some("metadata_extractions".to_owned());
        let ledger = ledger(&claims);
        assert_eq!(ledger.claims[0].verdict, ClaimVerdict::Invalid);
        assert!(ledger.claims[0].parts[0].why.contains("`metadata_extractions` is 0"), "{ledger:?}");
    }

    #[test]
    fn what_fails_is_invalid_and_says_why() {
        let mut claims = claims(&["batch-writes"]);
        // Nothing is compressed there: there is no share of it.
        claims[0].parts[0].metric = baselines::Metric::find("stored_share").expect("in the table");
        claims[0].parts[0].figure = Target::AtMost(0.4);
        let ledger = ledger(&claims);
        let part = &ledger.claims[0].parts[0];
        assert_eq!((part.verdict, part.measured), (ClaimVerdict::Invalid, None));
        assert!(part.why.contains("`compressed_bytes_before` did not move"), "{}", part.why);
    }
}
