//! Measures every part of the selected claims by its lane, judges them, and builds the report.
//!
//! A measurement that several parts need is done once. A part that can't be measured here is skipped, with the remedy;
//! one that fails is invalid; the others continue.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow, ensure};
use baselines::claim::{self, ClaimReport, ClaimVerdict, MeasuredEffect};
use baselines::{Environment, RunHeader};
use harness::build::cargo::{self, OwnProgram};
use harness::lanes::load::LoadPrograms;
use harness::progress::Progress;
use harness::recorded::Recorded;
use harness::session::staged_sides::StagedSides;
use harness::subject::memory::MemorySubject;
use harness::tools::valgrind;
use testbed::site;
use workloads::cases::Case;
use workloads::input::Source;
use workloads::suite;

use super::{Claim, ClaimLane, Part, counts, definition, effect, hits, http, remote, time};

/// The numbers of rounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundCounts {
    /// Rounds of alternating pairs in fresh processes.
    pub rounds: usize,
    /// Rounds on a server.
    pub remote_rounds: usize,
}

/// A session of measuring claims.
pub struct ClaimSession<'a> {
    /// The worker on both sides, at paths of one length; `None` if nothing alternates.
    pub workers: Option<&'a StagedSides>,
    /// The source of the input.
    pub source: &'a Source,
    /// The numbers of rounds.
    pub rounds: RoundCounts,
    /// The seed of replays and of remote rounds.
    pub seed: u64,
    /// The seed of the orders and placements of alternating pairs.
    pub rounds_seed: u64,
    /// The header of the report and its rounds.
    pub header: RunHeader,
    /// Today's date.
    pub today: jiff::civil::Date,
    /// The file of the rounds, beside the report.
    pub rounds_file: PathBuf,
}

/// The result of one part: its measurement and the change of its counter, or the reason why there is none.
type Outcome = std::result::Result<(MeasuredEffect, Option<u64>), Nothing>;

/// The reason why a part has no measurement.
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
pub fn measure(claims: &[Claim], session: ClaimSession<'_>) -> Result<ClaimReport> {
    let parts: Vec<&Part> = claims.iter().flat_map(|claim| &claim.parts).collect();
    let mut outcomes: Vec<Option<Outcome>> = parts.iter().map(|_| None).collect();
    for lane in
        [ClaimLane::Effect, ClaimLane::Hits, ClaimLane::Http, ClaimLane::Remote, ClaimLane::Time, ClaimLane::Counts]
    {
        let places: Vec<usize> = (0..parts.len()).filter(|place| parts[*place].lane == lane).collect();
        if places.is_empty() {
            continue;
        }
        let chosen: Vec<&Part> = places.iter().map(|place| parts[*place]).collect();
        let measured = match lane {
            ClaimLane::Effect => effects(&chosen, &session),
            ClaimLane::Http => served(&chosen, &session)?,
            ClaimLane::Hits => replays(&chosen, &session),
            ClaimLane::Remote => remotes(&chosen, &session),
            ClaimLane::Time => times(&chosen, &session)?,
            ClaimLane::Counts => exact(&chosen, &session)?,
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

/// A part as a row of the report.
fn row(part: &Part, outcome: Option<Outcome>) -> claim::JudgedPart {
    let margin = definition::margin(part.metric);
    let outcome = outcome.unwrap_or_else(|| Err(Nothing::Invalid("no lane measured this part".to_owned())));
    let (measured, moved, (verdict, why)) = match outcome {
        Ok((measured, moved)) => {
            let judged = claim::judge(part.target, &measured, margin);
            // A file can't hold values that are not finite.
            let finite = Some(measured).filter(|_| judged.0 != ClaimVerdict::Invalid);
            (finite, moved, engaged(part, moved).unwrap_or(judged))
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
        target: part.target,
        margin,
        measured,
        counter: part.counter.clone().zip(moved),
        verdict,
        why,
    }
}

/// A candidate whose counter did not move is invalid, whatever the clock says.
fn engaged(part: &Part, moved: Option<u64>) -> Option<(ClaimVerdict, String)> {
    let counter = part.counter.as_ref()?;
    (moved == Some(0))
        .then(|| (ClaimVerdict::Invalid, format!("the candidate did not engage: the counter `{counter}` is 0")))
}

/// Measures one part after the other, with progress.
fn each(what: &str, parts: &[&Part], mut measure: impl FnMut(&Part) -> Outcome) -> Vec<Outcome> {
    let progress = Progress::start(what, parts.len());
    let measure = |part: &&Part| {
        let outcome = measure(part);
        progress.done(&part.what);
        outcome
    };
    parts.iter().map(measure).collect()
}

fn effects(parts: &[&Part], session: &ClaimSession<'_>) -> Vec<Outcome> {
    let mut cache: BTreeMap<String, effect::CounterChange> = BTreeMap::new();
    let mut counted = |case: &Case| -> Result<effect::CounterChange> {
        let key = format!("{}|{}", case.id, case.variant);
        if let Some(counted) = cache.get(&key) {
            return Ok(counted.clone());
        }
        let counted = effect::count(case, session.source)?;
        cache.insert(key, counted.clone());
        Ok(counted)
    };
    each("effects", parts, |part| {
        let new = counted(&part.new).context("the candidate")?;
        let moved = part.counter.as_ref().map(|counter| new.total.get(counter.as_str()).copied().unwrap_or(0));
        let value = new.value(part.metric.name).context("the candidate")?;
        // A bound needs no base, and without compression the base has no share of it.
        let base = match part.target {
            claim::Target::AtMost(_) | claim::Target::AtLeast(_) => None,
            _ => Some(counted(&part.base).and_then(|base| base.value(part.metric.name)).context("the base")?),
        };
        Ok((MeasuredEffect::exact(part.target, base, value), moved))
    })
}

fn served(parts: &[&Part], session: &ClaimSession<'_>) -> Result<Vec<Outcome>> {
    let (server, loadgen) = (cargo::build_one(OwnProgram::MemoryServer)?, cargo::build_one(OwnProgram::Loadgen)?);
    let programs = LoadPrograms { server: &server, loadgen: &loadgen };
    Ok(each("http", parts, |part| Ok(http::measure(part, programs, session.source, session.seed)?)))
}

fn replays(parts: &[&Part], session: &ClaimSession<'_>) -> Vec<Outcome> {
    let replay = |part: &&Part| {
        let workload = part.workload.context("a part of the lane hits has a workload")?;
        Ok(hits::measure(part, workload, session.seed)?)
    };
    parts.iter().map(replay).collect()
}

fn remotes(parts: &[&Part], session: &ClaimSession<'_>) -> Vec<Outcome> {
    if let Some(why) = site::missing_own() {
        return parts.iter().map(|_| Err(Nothing::Skipped(why.clone()))).collect();
    }
    let mut done: BTreeMap<String, Result<remote::Rounds, String>> = BTreeMap::new();
    each("remote", parts, |part| {
        let measure = || {
            let rounds = remote::rounds(part, session.rounds.remote_rounds, session.seed, session.source);
            rounds.map_err(|error| format!("{error:#}"))
        };
        let rounds = done.entry(remote::key(part)).or_insert_with(measure);
        let rounds = rounds.as_ref().map_err(|why| Nothing::Invalid(why.clone()))?;
        let moved = part.counter.as_ref().map(|counter| rounds.counter(counter));
        Ok((rounds.measured(part.metric.name, part.target)?, moved))
    })
}

fn times(parts: &[&Part], session: &ClaimSession<'_>) -> Result<Vec<Outcome>> {
    let subject = MemorySubject { source: session.source.clone() };
    let workers = session.workers.context("a claim about times needs workers")?;
    let plan = time::RoundPlan {
        sides: workers.sides(),
        subject: &subject,
        rounds: session.rounds.rounds,
        seed: session.rounds_seed,
        today: session.today,
    };
    let measured = time::measure(parts, &plan, session.header.clone(), &session.rounds_file)?;
    let with_counter = |(part, measured): (&&Part, Result<_>)| Ok((measured?, moved(part, session.source)?));
    Ok(parts.iter().zip(measured).map(with_counter).collect())
}

fn exact(parts: &[&Part], session: &ClaimSession<'_>) -> Result<Vec<Outcome>> {
    if let Some(why) = valgrind::missing() {
        return Ok(parts.iter().map(|_| Err(Nothing::Skipped(why.to_owned()))).collect());
    }
    let counted = counts::measure(parts, &cargo::build_one(OwnProgram::Worker)?, session.source)?;
    let effect = |(part, sides): (&&Part, Result<counts::SideValues>)| {
        let (base, new) = sides?;
        let metric = part.metric.name;
        let value = |values: &counts::Values| values.get(metric).copied().with_context(|| format!("no {metric}"));
        let measured = MeasuredEffect::exact(part.target, Some(value(&base)?), value(&new)?);
        Ok((measured, moved(part, session.source)?))
    };
    Ok(parts.iter().zip(counted).map(effect).collect())
}

/// The change of a part's counter while its candidate does one exact count. The workers check that every toggle
/// engages, but do not report counters here.
fn moved(part: &Part, source: &Source) -> Result<Option<u64>> {
    let Some(counter) = &part.counter else { return Ok(None) };
    let prepared = suite::prepare(&part.new, &source.load(part.new.benchmark.episodes)?, None)?;
    let counted = prepared.counters();
    let moved = counted.get(counter.as_str()).copied().ok_or_else(|| anyhow!("there is no counter `{counter}`"))?;
    Ok(Some(moved))
}

/// The header of a session that starts now.
pub fn header(source: &Source, command: String, profile: &str) -> Result<RunHeader> {
    let input = source.load(1)?;
    ensure!(!input.scripts.is_empty(), "the input has no episode");
    Ok(RunHeader::new(command, profile, Environment::detect(input.seed, &input.name)))
}

#[cfg(test)]
mod tests {
    use baselines::claim::Target;

    use super::*;

    fn claims(ids: &[&str]) -> Vec<Claim> {
        definition::select(&ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()).expect("defined")
    }

    /// Measures claims that need no build: those of the lane `effect`.
    fn report(claims: &[Claim]) -> ClaimReport {
        let folder = tempfile::tempdir().expect("a folder");
        let source = Source::default();
        let session = ClaimSession {
            workers: None,
            source: &source,
            rounds: RoundCounts { rounds: 8, remote_rounds: 8 },
            seed: 1,
            rounds_seed: 1,
            header: header(&source, "assay claims".to_owned(), "quick").expect("generated"),
            today: jiff::civil::date(2026, 11, 25),
            rounds_file: folder.path().join("rounds.jsonl"),
        };
        measure(claims, session).expect("measures")
    }

    #[test]
    fn an_effect_is_measured_judged_and_comes_out_the_same_again() {
        let claims = claims(&["batch-writes"]);
        let report = report(&claims);
        let [claim] = &report.claims[..] else { panic!("{report:?}") };
        let part = &claim.parts[0];
        assert_eq!(claim.verdict, ClaimVerdict::Confirmed, "{claim:?}");
        assert_eq!(part.measured.map(|measured| measured.base), Some(Some(1.0)), "one commit per step");
        assert!(part.counter.as_ref().is_some_and(|(name, moved)| name == "shared_commits" && *moved > 0));
        assert_eq!(self::report(&claims).claims, report.claims);
    }

    #[test]
    fn a_candidate_that_did_not_engage_is_invalid_however_good_it_looks() {
        let mut claims = claims(&["batch-writes"]);
        claims[0].parts[0].counter = Some("metadata_extractions".to_owned());
        let report = report(&claims);
        assert_eq!(report.claims[0].verdict, ClaimVerdict::Invalid);
        assert!(report.claims[0].parts[0].why.contains("`metadata_extractions` is 0"), "{report:?}");
    }

    #[test]
    fn what_fails_is_invalid_and_says_why() {
        let mut claims = claims(&["batch-writes"]);
        // Nothing is compressed in this case, so there is no share.
        claims[0].parts[0].metric = baselines::Metric::find("stored_share").expect("in the table");
        claims[0].parts[0].target = Target::AtMost(0.4);
        let report = report(&claims);
        let part = &report.claims[0].parts[0];
        assert_eq!((part.verdict, part.measured), (ClaimVerdict::Invalid, None));
        assert!(part.why.contains("`compressed_bytes_before` did not move"), "{}", part.why);
    }
}
