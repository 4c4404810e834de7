//! `claims.toml`: every claim with its parts. FORMAT.md lists its keys.
//!
//! A definition that names a case, toggle, metric, counter or distance that does not exist is refused with its place,
//! so that no claim is judged by something else.

use anyhow::{Context, Result, bail, ensure};
use baselines::claim::Target;
use baselines::metric::Better;
use baselines::{Metric, metric};
use memory::Counters;
use serde::Deserialize;

use crate::phases;
use cache_sim::workload::WorkloadName;
use testbed::link::Distance;
use workloads::cases::{self, Case};

/// The version of the format.
const SCHEMA: u64 = 1;

/// The claims of this tree.
const TEXT: &str = include_str!("../claims.toml");

/// The lane that measures a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, strum::Display, strum::IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum ClaimLane {
    /// Fresh processes of both sides, alternating.
    Time,
    /// Exact counts under valgrind.
    Counts,
    /// The strategies' counters, in this process.
    Effect,
    /// On a server behind a link.
    Remote,
    /// A workload replayed against cache policies.
    Hits,
    /// Whole episodes over HTTP, through a link.
    Http,
}

impl ClaimLane {
    /// The name in definitions and claim reports.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The metrics of the lane.
    pub fn metrics(self) -> &'static [&'static str] {
        match self {
            ClaimLane::Time => &["cpu_time", "wall_time"],
            ClaimLane::Counts => &["instructions", "allocations", "allocated_bytes"],
            ClaimLane::Effect => &["commits", "stored_share", "hit_ratio"],
            ClaimLane::Remote => {
                &["wall_time", "connection_overhead", "utilisation", "round_trips", "connections", "received_bytes"]
            }
            ClaimLane::Hits => &["hit_ratio", "evictions"],
            ClaimLane::Http => &["sent_bytes", "received_bytes"],
        }
    }
}

/// A claim to measure.
#[derive(Clone)]
pub struct Claim {
    /// The identifier.
    pub id: String,
    /// The claim as a sentence.
    pub claim: String,
    /// The announced figure.
    pub announced: String,
    /// The source of the announcement.
    pub source: String,
    /// A note for the reader.
    pub note: String,
    /// The parts to measure.
    pub parts: Vec<Part>,
}

/// One measurement for a claim.
#[derive(Clone)]
pub struct Part {
    /// Its description.
    pub what: String,
    /// The lane.
    pub lane: ClaimLane,
    /// The base's case.
    pub base: Case,
    /// The candidate's case.
    pub new: Case,
    /// The distance of the server, in the remote lane only.
    pub distance: Option<(&'static str, Distance)>,
    /// The workload to replay, in the hits lane only.
    pub workload: Option<WorkloadName>,
    /// The metric.
    pub metric: &'static Metric,
    /// The claimed figure.
    pub target: Target,
    /// The counter that shows that the candidate engaged.
    pub counter: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: u64,
    #[serde(rename = "claim")]
    claims: Vec<WireClaim>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireClaim {
    id: String,
    claim: String,
    figure: String,
    source: String,
    #[serde(default)]
    note: String,
    #[serde(rename = "part")]
    parts: Vec<WirePart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WirePart {
    what: String,
    lane: ClaimLane,
    case: String,
    /// Another case for the base, if the two sides are different benchmarks.
    base_case: Option<String>,
    #[serde(default)]
    base: String,
    #[serde(default)]
    new: String,
    distance: Option<String>,
    workload: Option<String>,
    metric: String,
    counter: Option<String>,
    /// The share of the base by which the metric falls.
    reduction: Option<f64>,
    /// The factor by which the metric falls.
    speedup: Option<f64>,
    /// The share of the base by which the metric rises.
    increase: Option<f64>,
    at_most: Option<f64>,
    at_least: Option<f64>,
    /// The highest multiple of the base: a bound on a cost.
    at_most_of_base: Option<f64>,
}

/// The claims of this tree, in order.
pub fn all() -> Result<Vec<Claim>> {
    parse(TEXT).context("bench-suite/claims/claims.toml")
}

/// The claims with these identifiers, in the order of the file; all if none is given.
pub fn select(ids: &[String]) -> Result<Vec<Claim>> {
    let mut claims = all()?;
    for id in ids {
        if !claims.iter().any(|claim| claim.id == *id) {
            bail!("there is no claim `{id}`: `assay claims --list` shows them");
        }
    }
    claims.retain(|claim| ids.is_empty() || ids.contains(&claim.id));
    Ok(claims)
}

fn parse(text: &str) -> Result<Vec<Claim>> {
    let file: File = toml::from_str(text).context("not a file of claims")?;
    ensure!(file.schema == SCHEMA, "schema {} is unknown, this assay reads {SCHEMA}", file.schema);
    let mut claims: Vec<Claim> = Vec::with_capacity(file.claims.len());
    for wire in file.claims {
        ensure!(claims.iter().all(|claim| claim.id != wire.id), "two claims have the id `{}`: rename one", wire.id);
        ensure!(!wire.parts.is_empty(), "claim `{}` has no [[claim.part]]: add one", wire.id);
        let mut parts = Vec::with_capacity(wire.parts.len());
        for (number, part) in wire.parts.into_iter().enumerate() {
            parts.push(resolve(part).with_context(|| format!("claim `{}`, part {}", wire.id, number + 1))?);
        }
        claims.push(Claim {
            id: wire.id,
            claim: wire.claim,
            announced: wire.figure,
            source: wire.source,
            note: wire.note.split_whitespace().collect::<Vec<_>>().join(" "),
            parts,
        });
    }
    Ok(claims)
}

fn resolve(wire: WirePart) -> Result<Part> {
    let metric = Metric::find(&wire.metric).filter(|metric| wire.lane.metrics().contains(&metric.name));
    let metric = metric.with_context(|| {
        let metrics = wire.lane.metrics().join(", ");
        format!("the lane {} does not measure `{}`: it measures {metrics}", wire.lane, wire.metric)
    })?;
    let target = target(&wire, metric)?;
    let distance = match (wire.lane, &wire.distance) {
        (ClaimLane::Remote, Some(name)) => {
            let preset = Distance::PRESETS.into_iter().find(|(preset, _)| preset == name);
            let names = Distance::PRESETS.map(|(name, _)| name).join(", ");
            Some(preset.with_context(|| format!("there is no distance `{name}`: take one of {names}"))?)
        }
        (ClaimLane::Remote, None) => bail!("the lane remote needs a `distance`: add one"),
        (lane, Some(_)) => bail!("the lane {lane} has no `distance`: leave it out"),
        (_, None) => None,
    };
    let workload = match (wire.lane, &wire.workload) {
        (ClaimLane::Hits, Some(name)) => {
            let names = WorkloadName::ALL.map(WorkloadName::name).join(", ");
            let found = WorkloadName::ALL.into_iter().find(|workload| workload.name() == name);
            Some(found.with_context(|| format!("there is no workload `{name}`: take one of {names}"))?)
        }
        (ClaimLane::Hits, None) => bail!("the lane hits needs a `workload`: add one"),
        (lane, Some(_)) => bail!("the lane {lane} has no `workload`: leave it out"),
        (_, None) => None,
    };
    if let Some(counter) = &wire.counter {
        let listed = Counters::TABLE.iter().any(|(name, _)| name == counter);
        ensure!(listed, "there is no counter `{counter}`: memory/src/counters.rs lists them");
    }
    let base_case = wire.base_case.as_deref().unwrap_or(&wire.case);
    let part = Part {
        what: wire.what,
        lane: wire.lane,
        base: side(base_case, &wire.base).context("`base`")?,
        new: side(&wire.case, &wire.new).context("`new`")?,
        distance,
        workload,
        metric,
        target,
        counter: wire.counter,
    };
    let relative = matches!(part.target, Target::AtMostOfBase(_) | Target::AtLeastOfBase(_));
    let same = part.base.id == part.new.id && part.base.variant == part.new.variant;
    ensure!(!(relative && same), "base and candidate are the same: name a toggle in `base` or `new`");
    if part.lane == ClaimLane::Remote {
        for case in [&part.base, &part.new] {
            ensure!(
                case.variant.store == memory::StoreKind::Libsql,
                "case {} can't run on a server: take store=libsql",
                case.id
            );
        }
    }
    Ok(part)
}

/// A case with one side's phases and `toggle=strategy` pairs. Store and durability are set first, as they decide which
/// strategies of a phase apply.
fn side(case: &str, set: &str) -> Result<Case> {
    let written = set.split(',').map(str::trim).filter(|pair| !pair.is_empty());
    let (phases, pairs): (Vec<&str>, Vec<&str>) = written.partition(|pair| pair.starts_with("phase:"));
    let is_store = |pair: &&str| pair.starts_with("store=") || pair.starts_with("durability=");
    let (place, others): (Vec<&str>, Vec<&str>) = pairs.into_iter().partition(is_store);
    let mut case = cases::find(case, &place.into_iter().map(str::to_owned).collect::<Vec<_>>())?;
    for phase in phases {
        case = phases::find(phase.trim_start_matches("phase:"))?.apply(&case);
    }
    for pair in others {
        let (toggle, strategy) = pair.split_once('=').with_context(|| format!("`{pair}` is not toggle=strategy"))?;
        case.variant.set(toggle, strategy)?;
    }
    case.variant.validate()?;
    Ok(case)
}

fn target(wire: &WirePart, metric: &Metric) -> Result<Target> {
    let given = [wire.reduction, wire.speedup, wire.increase, wire.at_most, wire.at_least, wire.at_most_of_base];
    let mut values = given.into_iter().flatten();
    let (Some(value), None) = (values.next(), values.next()) else {
        bail!(
            "give one of `reduction`, `speedup`, `increase`, `at_most`, `at_least` and `at_most_of_base` as the \
                figure"
        );
    };
    ensure!(value.is_finite() && value >= 0.0, "the figure is {value}: give a number that is not negative");
    let lower = metric.better == Better::Lower;
    let direction = |ok: bool, name: &str| {
        ensure!(ok, "`{name}` does not fit {}: {} is better", metric.name, if lower { "less" } else { "more" });
        Ok(())
    };
    if let Some(part) = wire.reduction {
        direction(lower, "reduction")?;
        ensure!(part < 1.0, "a reduction by {part} leaves nothing: give less than 1");
        Ok(Target::AtMostOfBase(1.0 - part))
    } else if let Some(times) = wire.speedup {
        direction(lower, "speedup")?;
        ensure!(times >= 1.0, "a speedup of {times} is a slowdown: give at least 1");
        Ok(Target::AtMostOfBase(1.0 / times))
    } else if let Some(part) = wire.increase {
        direction(!lower, "increase")?;
        Ok(Target::AtLeastOfBase(1.0 + part))
    } else if wire.at_most_of_base.is_some() {
        direction(lower, "at_most_of_base")?;
        ensure!(value > 1.0, "`at_most_of_base` is {value}: below the base, give a `reduction`");
        Ok(Target::AtMostOfBase(value))
    } else if wire.at_most.is_some() {
        direction(lower, "at_most")?;
        Ok(Target::AtMost(value))
    } else {
        direction(!lower, "at_least")?;
        Ok(Target::AtLeast(value))
    }
}

/// The smallest change of a metric that a claim may be about.
pub fn margin(metric: &Metric) -> f64 {
    match (metric.assume, metric.name) {
        (metric::Assume::Exact, _) => 0.01,
        (metric::Assume::Sampled, "cpu_time") => 0.02,
        (metric::Assume::Sampled, _) => 0.05,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The claims that this project was given.
    const GIVEN: [&str; 24] = [
        "adaptive-ttl",
        "predictive-eviction",
        "arc-retrieval",
        "wire-compression",
        "keepalive",
        "adaptive-pool",
        "messagepack",
        "payload-compression",
        "parallel-batch",
        "json-extract",
        "query-cache",
        "batch-get",
        "allocations",
        "composite-index",
        "batch-writes",
        "phase-1",
        "phase-2",
        "phase-3",
        "turso-query",
        "episode-creation",
        "step-logging",
        "episode-completion",
        "pattern-extraction",
        "retrieval",
    ];

    #[test]
    fn every_claim_that_was_given_is_defined() {
        let claims = all().expect("reads");
        let missing: Vec<&str> = GIVEN.into_iter().filter(|id| !claims.iter().any(|claim| claim.id == *id)).collect();
        assert_eq!(missing, Vec::<&str>::new());
        assert!(claims.iter().all(|claim| !claim.source.is_empty() && !claim.announced.is_empty()));
    }

    #[test]
    fn only_what_is_named_is_selected() {
        let ids = ["messagepack".to_owned()];
        assert_eq!(select(&ids).expect("known").len(), 1);
        assert!(select(&[]).expect("all").len() >= GIVEN.len());
        let unknown = select(&["messagepak".to_owned()]).err().expect("refused").to_string();
        assert!(unknown.contains("`messagepak`") && unknown.contains("--list"), "{unknown}");
    }

    const CLAIM: &str = "schema = 1\n[[claim]]\nid = \"x\"\nclaim = \"c\"\nfigure = \"f\"\nsource = \"s\"\n";

    fn with(part: &str) -> String {
        format!("{CLAIM}[[claim.part]]\nwhat = \"w\"\n{part}")
    }

    const TIMED: &str = "lane = \"time\"\ncase = \"step_log_redb_buffered\"\nmetric = \"cpu_time\"\n";

    #[test]
    fn a_figure_has_a_direction() {
        let of = |keys: &str| {
            let text = with(&format!("{TIMED}new = \"codec=postcard\"\n{keys}"));
            parse(&text).map(|claims| claims[0].parts[0].target).map_err(|error| format!("{error:#}"))
        };
        assert_eq!(of("reduction = 0.25"), Ok(Target::AtMostOfBase(0.75)));
        assert_eq!(of("speedup = 4"), Ok(Target::AtMostOfBase(0.25)));
        assert_eq!(of("at_most = 2000"), Ok(Target::AtMost(2000.0)));
        assert_eq!(of("at_most_of_base = 1.5"), Ok(Target::AtMostOfBase(1.5)));
        for (keys, why) in [
            ("", "one of `reduction`"),
            ("reduction = 0.2\nspeedup = 2", "one of `reduction`"),
            ("reduction = 1.5", "leaves nothing"),
            ("speedup = 0.5", "is a slowdown"),
            ("at_most_of_base = 0.9", "give a `reduction`"),
            ("increase = 0.2", "less is better"),
            ("at_least = 2", "less is better"),
            ("reduction = -0.1", "not negative"),
        ] {
            let error = of(keys).expect_err("refused");
            assert!(error.contains(why) && error.contains("claim `x`, part 1"), "`{keys}`: {error}");
        }
    }

    #[test]
    fn what_does_not_exist_is_refused_with_its_place() {
        let timed = |keys: &str| with(&format!("{TIMED}{keys}"));
        for (text, why) in [
            ("schema = 2\nclaim = []".to_owned(), "schema 2"),
            (format!("{CLAIM}part = []"), "no [[claim.part]]"),
            (format!("{CLAIM}[[claim.part]]\nwaht = \"w\""), "unknown field `waht`"),
            (timed("new = \"codec=xml\"\nreduction = 0.1"), "xml"),
            (timed("new = \"phase:7\"\nreduction = 0.1"), "there is no phase `7`"),
            (timed("new = \"codec=postcard\"\nreduction = 0.1\ncounter = \"luck\""), "`luck`"),
            (timed("new = \"codec=postcard\"\nreduction = 0.1\ndistance = \"1ms\""), "has no `distance`"),
            (timed("reduction = 0.1"), "base and candidate are the same"),
            (with(&TIMED.replace("cpu_time", "hit_ratio")), "does not measure `hit_ratio`"),
            (
                with(&TIMED.replace("step_log_redb_buffered", "step_log"))
                    .replace("\"cpu_time\"\n", "\"cpu_time\"\nreduction = 0.1"),
                "step_log",
            ),
            (
                with(
                    "lane = \"remote\"\ncase = \"episode_get_libsql\"\nmetric = \"wall_time\"\nat_most = 1\ndistance = \
                        \"3ms\"",
                ),
                "there is no distance `3ms`",
            ),
            (
                with(
                    "lane = \"remote\"\ncase = \"episode_get_redb\"\nmetric = \"wall_time\"\nat_most = 1\ndistance = \
                        \"1ms\"",
                ),
                "can't run on a server",
            ),
            (timed("at_most = 1\nworkload = \"zipf\""), "has no `workload`"),
            (
                with(
                    "lane = \"hits\"\ncase = \"episode_get_redb_lru\"\nmetric = \"hit_ratio\"\nat_least = \
                        0.5\nworkload = \"zip\"",
                ),
                "there is no workload `zip`",
            ),
            (format!("{}{}", timed("at_most = 1"), timed("at_most = 1").replace("schema = 1", "")), "two claims"),
        ] {
            let error = format!("{:#}", parse(&text).err().expect("refused"));
            assert!(error.contains(why), "`{text}`: {error}");
        }
    }

    /// A candidate whose strategy moves no counter can't be told from the base.
    #[test]
    fn a_part_that_compares_names_what_must_move() {
        for claim in all().expect("reads") {
            let compares = |part: &&Part| matches!(part.target, Target::AtMostOfBase(_) | Target::AtLeastOfBase(_));
            for part in claim.parts.iter().filter(compares) {
                assert!(part.counter.is_some(), "claim `{}`: {} has no counter", claim.id, part.what);
            }
        }
    }
}
