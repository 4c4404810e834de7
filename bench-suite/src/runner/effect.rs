//! The effect lane: what strategies do on the wire, counted. Operations on a database's server at several distances, and whole episodes over HTTP.
//!
//! Round trips and connections are exact; bytes differ by a few from run to run, because a server says in its headers how long it took. The wall
//! time stands beside them, of a server that is as far away as the link makes it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use baselines::{Case, Durability, Measurement, Sample};
use memory::Variant;

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

/// The variant of a remote case.
///
/// # Errors
/// There is no such variant.
pub fn remote_variant(strategies: &str) -> Result<Variant> {
    Ok(format!("store=libsql,durability=committed,{strategies}").parse()?)
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
        let case = Case { benchmark: format!("remote/{name}/{benchmark}"), variant: variant.to_string() };
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

fn record(case: &Case, counted: [u64; 4], wall_ns: Vec<u64>, extent: Extent) -> Result<Vec<Measurement>> {
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
    case: &Case,
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
    let case = Case { benchmark: "http/episodes".to_owned(), variant: variant.to_string() };
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
