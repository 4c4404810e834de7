//! The effect lane: what strategies do on the wire, counted. Operations on a database's server at several distances, and whole episodes over HTTP.
//!
//! Round trips and connections are exact; bytes differ by a few from run to run, because a server says in its headers how long it took. The wall
//! time stands beside them, of a server that is as far away as the link makes it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use baselines::{CaseKey, Durability, Measurement, Sample};
use memory::{StoreKind, Variant};

use super::artifacts::Artifacts;
use super::load;
use super::slice;
use crate::benchmark::{Prepared, Setup};
use crate::engagement;
use crate::input::Input;
use crate::link::{Distance, Link};
use crate::registry;
use crate::remote::Site;

/// What is measured of a database's server: a benchmark, and its variant beside `store=libsql`.
pub const REMOTE: [(&str, &str); 12] = [
    ("episode/get", "pool=none"),
    ("episode/get", "pool=keepalive"),
    ("episode/get", "pool=keepalive,wire=compressed"),
    ("episode/get_many", "pool=keepalive,batch=serial"),
    ("episode/get_many", "pool=keepalive,batch=single-query"),
    ("episode/get_many", "pool=keepalive,batch=single-query,wire=compressed"),
    ("episode/get_many", "pool=keepalive,batch=parallel"),
    ("step/log", "pool=none"),
    ("step/log", "pool=keepalive"),
    ("step/together", "pool=none,writes=immediate"),
    ("step/together", "pool=keepalive,writes=immediate"),
    ("step/together", "pool=keepalive,writes=batched"),
];

/// What is measured of the HTTP front end.
pub const HTTP: [&str; 2] = ["store=memory,wire=identity", "store=memory,wire=compressed"];

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Slices at each distance, each a value of the wall time.
    pub slices: usize,
    /// Operations of a slice.
    pub operations: u64,
    /// Episodes that are played over HTTP.
    pub episodes: u32,
}

impl Extent {
    /// Enough to count, in seconds.
    pub const QUICK: Extent = Extent { slices: 2, operations: 1, episodes: 64 };
    /// Enough for the times as well.
    pub const FULL: Extent = Extent { slices: 10, operations: 4, episodes: 512 };
}

/// One thing that the lane measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// The benchmark of the registry on a database's server, or episodes over HTTP.
    pub benchmark: Option<&'static str>,
    /// Its variant.
    pub variant: Variant,
}

impl Work {
    /// What a filter is compared with.
    pub fn label(&self) -> String {
        match self.benchmark {
            Some(benchmark) => format!("remote/{benchmark} [{}]", self.variant),
            None => format!("http/episodes [{}]", self.variant),
        }
    }
}

/// What the lane measures: what contains the filter, with some toggles set otherwise, where the strategies go together and with a server. None twice.
///
/// # Errors
/// The list names a variant that there is none of.
pub fn select(filter: Option<&str>, set: &[String]) -> Result<Vec<Work>> {
    let remote = REMOTE
        .map(|(benchmark, strategies)| (Some(benchmark), format!("store=libsql,durability=committed,{strategies}")));
    let http = HTTP.map(|variant| (None, variant.to_owned()));
    let mut work: Vec<Work> = Vec::new();
    for (benchmark, text) in remote.into_iter().chain(http) {
        let mut variant: Variant = text.parse().with_context(|| format!("the variant {text}"))?;
        let pairs = set.iter().filter_map(|pair| pair.split_once('='));
        let valid = pairs.fold(true, |valid, (toggle, strategy)| variant.set(toggle, strategy).is_ok() && valid);
        let on_a_server = variant.store == StoreKind::Libsql && variant.durability == memory::Durability::Committed;
        let chosen = Work { benchmark, variant };
        if valid
            && variant.validate().is_ok()
            && (benchmark.is_none() || on_a_server)
            && filter.is_none_or(|filter| chosen.label().contains(filter))
            && !work.contains(&chosen)
        {
            work.push(chosen);
        }
    }
    Ok(work)
}

/// Measures a benchmark of the registry on a site's server, at each of the distances.
///
/// # Errors
/// There is no such benchmark, the server failed, an answer is wrong, or a toggle did not engage.
pub fn remote(
    benchmark: &str,
    variant: &Variant,
    site: &Site,
    distances: &[(&str, Distance)],
    input: &Input,
    extent: Extent,
) -> Result<Vec<Measurement>> {
    let found = registry::find(benchmark).with_context(|| format!("there is no benchmark {benchmark}"))?;
    site.move_to(Distance::milliseconds(0)); // what is set up is not measured
    let mut prepared = (found.setup)(&Setup { variant: *variant, input, remote: Some(&site.remote()) })?;
    slice::measure(&mut *prepared, extent.operations)?; // statements are prepared, connections open
    let mut measurements = Vec::new();
    for (name, distance) in distances {
        prepared.refill(extent.operations * extent.slices as u64)?;
        site.move_to(*distance);
        let done = slices(&mut *prepared, extent);
        site.move_to(Distance::milliseconds(0));
        let (counted, wall_ns) = done?;
        let case = CaseKey { benchmark: format!("remote/{name}/{benchmark}"), variant: variant.to_string() };
        measurements.extend(record(&case, counted, wall_ns, extent)?);
    }
    prepared.check().context("wrong answer")?;
    let on_the_path = |toggle: &str| toggle == "wire" || found.exercises.contains(&toggle);
    let counters = prepared.counters();
    engagement::check_variant(variant, on_the_path, &counters)?;
    let counters: BTreeMap<String, u64> = counters.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    measurements.iter_mut().for_each(|measurement| measurement.counters = counters.clone());
    Ok(measurements)
}

/// What the memory counts on the wire, and the metric that it is.
const COUNTED: [(&str, &str); 4] = [
    ("remote_round_trips", "round_trips"),
    ("remote_connections", "connections"),
    ("bytes_sent", "sent_bytes"),
    ("bytes_received", "received_bytes"),
];

/// Runs the slices; what was counted in all, and the wall time of each.
fn slices(prepared: &mut dyn Prepared, extent: Extent) -> Result<([u64; 4], Vec<u64>)> {
    let counted = |prepared: &dyn Prepared| {
        let counters = prepared.counters();
        COUNTED.map(|(counter, _)| counters.get(counter).copied().unwrap_or(0))
    };
    let before = counted(prepared);
    let mut wall_ns = Vec::with_capacity(extent.slices);
    for _ in 0..extent.slices {
        wall_ns.push(slice::timed(prepared, extent.operations, slice::Extra::default())?.wall_ns);
    }
    let after = counted(prepared);
    Ok((std::array::from_fn(|at| after[at] - before[at]), wall_ns))
}

fn record(case: &CaseKey, counted: [u64; 4], wall_ns: Vec<u64>, extent: Extent) -> Result<Vec<Measurement>> {
    let all = extent.operations * extent.slices as u64;
    let of = |metric: &str, values: Vec<f64>| measurement(case, metric, values, all, Durability::Committed);
    let mut measurements = Vec::new();
    for ((_, metric), count) in COUNTED.iter().zip(counted) {
        measurements.push(of(metric, vec![count as f64 / all as f64])?);
    }
    let each = wall_ns.iter().map(|wall_ns| *wall_ns as f64 / extent.operations as f64);
    measurements.push(of("wall_time", each.collect())?);
    Ok(measurements)
}

fn measurement(
    case: &CaseKey,
    metric: &str,
    values: Vec<f64>,
    operations: u64,
    durability: Durability,
) -> Result<Measurement> {
    Ok(Measurement {
        case: case.clone(),
        metric: metric.to_owned(),
        sample: Sample::new(values)?,
        operations,
        durability,
        counters: Default::default(),
        functions: vec![],
    })
}

/// Plays episodes over HTTP, one after the other, and counts the bytes that a link between client and server carries, of one request on average.
///
/// # Errors
/// Server or load generator failed, or a request was answered wrongly.
pub fn http(
    variant: &Variant,
    corpus: &Path,
    artifacts: &Artifacts,
    extent: Extent,
    seed: u64,
) -> Result<Vec<Measurement>> {
    let mut link = None;
    // One user who is always late plays one episode after the other, in the order of the schedule.
    let episodes = extent.episodes.to_string();
    let pace = ["--users", "1", "--rate", "10000", "--gap", "0us", "--episodes", &episodes];
    let loaded = load::drive_through(variant, corpus, artifacts, seed, &pace, |server| {
        let link = link.insert(Link::start(server, Distance::milliseconds(0))?);
        Ok(link.url())
    })?;
    let counts = link.context("the server was not reached over the link")?.counts();
    let first = loaded.first().context("the load generator measured nothing")?;
    let errors = loaded.iter().find(|measurement| measurement.metric == "errors").map(|errors| errors.sample.median());
    if errors != Some(0.0) {
        bail!("{} requests were answered wrongly", errors.unwrap_or(f64::NAN));
    }
    let of = |name: &str| first.counters.get(name).copied().unwrap_or(0);
    let counted = memory::Counters::TABLE.iter().map(|(name, _)| (*name, of(name))).collect();
    engagement::check_variant(variant, |toggle| toggle == "wire", &counted)?;
    let case = CaseKey { benchmark: "http/episodes".to_owned(), variant: variant.to_string() };
    let bytes = [("sent_bytes", counts.bytes_up), ("received_bytes", counts.bytes_down)];
    let mut measurements = Vec::new();
    for (metric, bytes) in bytes {
        let each = bytes as f64 / first.operations as f64;
        let mut bytes = measurement(&case, metric, vec![each], first.operations, first.durability)?;
        bytes.counters = first.counters.clone();
        measurements.push(bytes);
    }
    Ok(measurements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_chosen_as_cases_are() {
        let all = select(None, &[]).expect("the list is right");
        assert_eq!(all.len(), REMOTE.len() + HTTP.len());
        let filtered = select(Some("remote/step"), &[]).expect("the list is right");
        assert!(!filtered.is_empty() && filtered.iter().all(|work| work.label().starts_with("remote/step/")));
        let set = ["wire=compressed".to_owned()];
        let compressed = select(None, &set).expect("the list is right");
        assert!(compressed.iter().all(|work| work.variant.wire == memory::WireKind::Compressed));
        assert!(compressed.len() < all.len(), "what is the same is measured once");
        let redb = select(None, &["store=redb".to_owned()]).expect("the list is right");
        assert!(redb.iter().all(|work| work.benchmark.is_none()), "only libsql is on a server");
        assert!(select(Some("no such thing"), &[]).expect("the list is right").is_empty());
    }

    /// Without a server it says so and checks nothing.
    #[test]
    fn round_trips_are_what_each_pool_and_batch_is_for() {
        if let Some(why) = crate::remote::missing() {
            eprintln!("skipped: {why}");
            return;
        }
        let site = Site::start().expect("starts");
        let input = crate::input::Source::default().load(4).expect("generated");
        let extent = Extent { slices: 1, operations: 2, episodes: 1 };
        let near = [("0ms", Distance::milliseconds(0))];
        let of = |benchmark: &str, strategies: &str| {
            let variant = format!("store=libsql,durability=committed,{strategies}").parse().expect("a variant");
            let measured = remote(benchmark, &variant, &site, &near, &input, extent).expect("measures");
            ["round_trips", "connections"].map(|metric| {
                let found = measured.iter().find(|measurement| measurement.metric == metric).expect("counted");
                found.sample.median()
            })
        };
        assert_eq!(of("episode/get", "pool=keepalive"), [1.0, 0.0]);
        let [serial, connections] = of("episode/get_many", "pool=keepalive,batch=serial");
        assert!(
            (7.0..=10.0).contains(&serial) && connections == 0.0,
            "one for each different id: {serial}, {connections}"
        );
        assert_eq!(of("episode/get_many", "pool=keepalive,batch=single-query"), [1.0, 0.0]);
        let [round_trips, connections] = of("episode/get", "pool=none");
        assert!(round_trips >= 3.0 && connections >= 1.0, "{round_trips}, {connections}");
    }
}
