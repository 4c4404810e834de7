//! The effect lane: counts what strategies change on the wire, for operations on a database server at several
//! distances, and for whole episodes over HTTP.
//!
//! Round trips and connections are exact; bytes vary slightly, because a server's headers hold its response time. Wall
//! times are also recorded, at the distance that the link simulates.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use baselines::{CaseKey, Durability, Measurement, RunWriter, Sample};
use memory::{StoreKind, Variant};
use testbed::link::{Distance, Link};
use testbed::site::{self, Site};
use worker::Prepared;
use worker::slice::{self, InjectedSlowdown};
use workloads::benchmark::Setup;
use workloads::cases::{self, ListedVariant, Tag};
use workloads::input::Input;
use workloads::{engagement, registry};

use super::load::{self, LoadPrograms};
use super::{Plan, corpus_file};
use crate::progress::Progress;

/// The size of a measurement.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    /// Slices at each distance, each giving one wall time.
    pub slices: usize,
    /// Operations in a slice.
    pub operations: u64,
    /// Episodes that are played over HTTP.
    pub episodes: u32,
}

impl Extent {
    /// Enough for the counts, in seconds.
    pub const QUICK: Extent = Extent { slices: 2, operations: 1, episodes: 64 };
    /// Enough for the times too.
    pub const FULL: Extent = Extent { slices: 10, operations: 4, episodes: 512 };
}

/// Measures the lane's tagged variants. One that fails becomes an invalid entry; remote ones are skipped without a
/// server.
pub fn measure(plan: &Plan<'_>, writer: &mut RunWriter) -> Result<()> {
    let extent = if plan.full { Extent::FULL } else { Extent::QUICK };
    let site = match site::missing() {
        None => Some(Site::start()?),
        Some(why) => {
            eprintln!("skipped: remote benchmarks: {why}");
            writer.skipped("remote", why)?;
            None
        }
    };
    let mut chosen = select(plan.filter, plan.set)?;
    chosen.retain(|found| site.is_some() || remote_benchmark(found).is_none());
    let (_home, corpus) = corpus_file(plan.input)?;
    let progress = Progress::start("effect", chosen.len());
    for found in &chosen {
        let measured = match (remote_benchmark(found), &site) {
            (Some(benchmark), Some(site)) => {
                remote(benchmark, &found.variant, site, site.distances(), plan.input, extent)
            }
            _ => http(&found.variant, &corpus, LoadPrograms::of(plan)?, extent, plan.input.seed),
        };
        match measured {
            Ok(measurements) => measurements.into_iter().try_for_each(|measurement| writer.measurement(measurement))?,
            Err(error) => super::invalid(&found.label(), &error, writer, &progress)?,
        }
        progress.done(&found.label());
    }
    Ok(())
}

/// The lane's tagged variants, without those that can't run on a server.
pub fn select(filter: Option<&str>, set: &[String]) -> Result<Vec<ListedVariant>> {
    let mut chosen = cases::variants(Tag::Effect, filter, set)?;
    let on_a_server =
        |variant: &Variant| variant.store == StoreKind::Libsql && variant.durability == memory::Durability::Committed;
    chosen.retain(|found| remote_benchmark(found).is_none() || on_a_server(&found.variant));
    Ok(chosen)
}

/// The registry's benchmark to run on a database server; `None` for episodes over HTTP.
fn remote_benchmark(found: &ListedVariant) -> Option<&'static str> {
    found.benchmark.strip_prefix("remote/")
}

/// Measures a benchmark of the registry on a site's server, at each distance. Each starts from a setup of its own, so
/// that all of them do the same operations, and their rows can be compared.
pub fn remote(
    benchmark: &str,
    variant: &Variant,
    site: &Site,
    distances: &[(&str, Distance)],
    input: &Input,
    extent: Extent,
) -> Result<Vec<Measurement>> {
    let found = registry::find(benchmark).with_context(|| format!("there is no benchmark {benchmark}"))?;
    let on_the_path = |toggle: &str| toggle == "wire" || found.exercises.contains(&toggle);
    let mut measurements = Vec::new();
    for (name, distance) in distances {
        site.move_to(Distance::milliseconds(0)); // the setup needs no distance
        let mut prepared = (found.setup)(&Setup { variant: *variant, input, remote: Some(&site.remote()) })?;
        slice::measure(&mut *prepared, extent.operations)?; // prepares statements and opens connections
        prepared.prepare_inputs(extent.operations * extent.slices as u64)?;
        site.move_to(*distance);
        let done = slices(&mut *prepared, extent);
        site.move_to(Distance::milliseconds(0));
        let (counted, wall_ns) = done?;
        prepared.check().context("wrong answer")?;
        let counters = prepared.counters();
        engagement::check_variant(variant, on_the_path, &counters)?;
        let counters: BTreeMap<String, u64> = counters.into_iter().map(|(name, did)| (name.to_owned(), did)).collect();
        let case = CaseKey { benchmark: format!("remote/{name}/{benchmark}"), variant: variant.to_string() };
        let recorded = record(&case, counted, wall_ns, extent)?.into_iter();
        measurements.extend(recorded.map(|measurement| measurement.with_counters(counters.clone())));
    }
    Ok(measurements)
}

/// The memory's counters of the wire, and the matching metrics.
const COUNTED: [(&str, &str); 4] = [
    ("remote_round_trips", "round_trips"),
    ("remote_connections", "connections"),
    ("bytes_sent", "sent_bytes"),
    ("bytes_received", "received_bytes"),
];

/// Runs the slices; returns the counts over all of them, and the wall time of each.
fn slices(prepared: &mut dyn Prepared, extent: Extent) -> Result<([u64; 4], Vec<u64>)> {
    let counted = |prepared: &dyn Prepared| {
        let counters = prepared.counters();
        COUNTED.map(|(counter, _)| counters.get(counter).copied().unwrap_or(0))
    };
    let before = counted(prepared);
    let mut wall_ns = Vec::with_capacity(extent.slices);
    for _ in 0..extent.slices {
        wall_ns.push(slice::timed(prepared, extent.operations, InjectedSlowdown::default())?.wall_ns);
    }
    let after = counted(prepared);
    Ok((std::array::from_fn(|at| after[at] - before[at]), wall_ns))
}

fn record(case: &CaseKey, counted: [u64; 4], wall_ns: Vec<u64>, extent: Extent) -> Result<Vec<Measurement>> {
    let all = extent.operations * extent.slices as u64;
    let of = |metric: &str, values: Vec<f64>| -> Result<Measurement> {
        let sample = Sample::new(values)?;
        Ok(Measurement::new(case.clone(), metric, sample, Durability::Committed).over(all))
    };
    let mut measurements = Vec::new();
    for ((_, metric), count) in COUNTED.iter().zip(counted) {
        measurements.push(of(metric, vec![count as f64 / all as f64])?);
    }
    let each = wall_ns.iter().map(|wall_ns| *wall_ns as f64 / extent.operations as f64);
    measurements.push(of("wall_time", each.collect())?);
    Ok(measurements)
}

/// Plays episodes over HTTP, one by one, and counts the bytes between client and server, averaged over requests.
pub fn http(
    variant: &Variant,
    corpus: &Path,
    programs: LoadPrograms<'_>,
    extent: Extent,
    seed: u64,
) -> Result<Vec<Measurement>> {
    let mut link = None;
    // One user plays episode after episode, in the order of the schedule.
    let episodes = extent.episodes.to_string();
    let pace = ["--users", "1", "--arrivals", "closed", "--episodes", &episodes];
    let loaded = load::drive_through(variant, corpus, programs, seed, &pace, |server| {
        let link = link.insert(Link::start(server, Distance::milliseconds(0))?);
        Ok(link.url())
    })?;
    let counts = link.context("the load generator did not use the link")?.counts();
    let first = loaded.first().context("the load generator printed no measurement")?;
    let errors = loaded.iter().find(|measurement| measurement.metric == "errors").map(|errors| errors.sample.median());
    if errors != Some(0.0) {
        bail!("{} requests got wrong answers", errors.unwrap_or(f64::NAN));
    }
    let of = |name: &str| first.counters.get(name).copied().unwrap_or(0);
    let counted = memory::Counters::TABLE.iter().map(|(name, _)| (*name, of(name))).collect();
    engagement::check_variant(variant, |toggle| toggle == "wire", &counted)?;
    let case = CaseKey { benchmark: "http/episodes".to_owned(), variant: variant.to_string() };
    let bytes = [("sent_bytes", counts.bytes_up), ("received_bytes", counts.bytes_down)];
    let mut measurements = Vec::new();
    for (metric, bytes) in bytes {
        let each = bytes as f64 / first.operations as f64;
        let bytes = Measurement::new(case.clone(), metric, Sample::new(vec![each])?, first.durability);
        measurements.push(bytes.over(first.operations).with_counters(first.counters.clone()));
    }
    Ok(measurements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_libsql_is_on_a_server() {
        assert_eq!(select(None, &[]).expect("the list is right").len(), 14);
        let redb = select(None, &["store=redb".to_owned()]).expect("the list is right");
        assert!(!redb.is_empty() && redb.iter().all(|found| remote_benchmark(found).is_none()));
    }

    /// Without a server it prints that it is skipped.
    #[test]
    fn round_trips_are_what_each_pool_and_batch_is_for() {
        if let Some(why) = site::missing() {
            eprintln!("skipped: {why}");
            return;
        }
        let site = Site::start().expect("starts");
        let input = workloads::input::Source::default().load(4).expect("generated");
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

    /// Without a server it prints that it is skipped.
    #[test]
    fn rows_beside_each_other_do_the_same_work() {
        if let Some(why) = site::missing() {
            eprintln!("skipped: {why}");
            return;
        }
        let site = Site::start().expect("starts");
        let input = workloads::input::Source::default().load(8).expect("generated");
        let extent = Extent { slices: 2, operations: 1, episodes: 1 };
        let here = ["first", "second", "third"].map(|name| (name, Distance::milliseconds(0)));
        let variant = "store=libsql,durability=committed,pool=keepalive".parse().expect("a variant");
        for benchmark in ["step/log", "episode/get", "episode/get_many"] {
            let measured = remote(benchmark, &variant, &site, &here, &input, extent).expect("measures");
            for (metric, digits) in [("round_trips", 0.0), ("sent_bytes", 16.0), ("received_bytes", 64.0)] {
                let rows: Vec<_> = measured.iter().filter(|measurement| measurement.metric == metric).collect();
                let work: Vec<_> = rows.iter().map(|row| (row.operations, row.sample.median())).collect();
                assert_eq!(work.len(), here.len());
                // Identifiers and times in headers may have more digits in a later row.
                let same = |row: &(u64, f64)| row.0 == work[0].0 && (row.1 - work[0].1).abs() <= digits;
                assert!(work.iter().all(same), "{metric} of {benchmark}: {work:?}");
            }
        }
    }
}
