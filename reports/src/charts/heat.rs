//! Variants side by side: a table for each family of benchmarks, with the ratio of each variant to the naive one.
//!
//! The naive variant of a benchmark is the one with the most naive strategies on its store and durability class. Stores
//! are not held against each other: another store is another promise.

use std::collections::BTreeMap;

use baselines::{CaseKey, Measurement, Metric};

use crate::Report;
use crate::names::{Names, family, printable, toggles};

/// The variants of a family.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatTable<'a> {
    /// The family's name.
    pub family: &'a str,
    /// The metric of the values.
    pub metric: &'static Metric,
    /// The benchmarks, without the family's name.
    pub columns: Vec<String>,
    /// The variants, those of a store together.
    pub rows: Vec<HeatRow<'a>>,
}

/// A variant.
#[derive(Debug, Clone, PartialEq)]
pub struct HeatRow<'a> {
    /// Its store and durability class; empty if it has none.
    pub store: String,
    /// The other toggles that tell it apart.
    pub label: String,
    /// A cell for each benchmark.
    pub cells: Vec<Option<HeatCell<'a>>>,
}

/// A benchmark under a variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeatCell<'a> {
    /// The case.
    pub case: &'a CaseKey,
    /// The median.
    pub value: f64,
    /// The value as a part of the naive variant's, infinite if that is 0; none of the naive variant itself.
    pub ratio: Option<f64>,
}

/// The tables of a metric: one for each family in which a benchmark has several variants on one store.
pub fn tables<'a>(report: &'a Report, metric: &'static Metric, names: &Names) -> Vec<HeatTable<'a>> {
    let cells = cells(report, metric);
    let mut families: Vec<&str> = Vec::new();
    for cell in cells.iter().filter(|cell| cell.ratio.is_some()) {
        let name = family(&cell.case.benchmark);
        if !families.contains(&name) {
            families.push(name);
        }
    }
    families.into_iter().map(|name| table(name, metric, &cells, names)).collect()
}

/// The naive cases of a metric.
pub fn naive<'a>(report: &'a Report, metric: &Metric) -> Vec<&'a CaseKey> {
    cells(report, metric).into_iter().filter(|cell| cell.ratio.is_none()).map(|cell| cell.case).collect()
}

/// A benchmark on a store.
type Place<'a> = (&'a str, Vec<(&'a str, &'a str)>);

/// Every case of a metric, the naive ones before the others.
fn cells<'a>(report: &'a Report, metric: &Metric) -> Vec<HeatCell<'a>> {
    let found = report.run.measurements.iter().filter(|measurement| measurement.metric == metric.name);
    let optimised = |case: &CaseKey| {
        let is_naive =
            |toggle: &str, strategy: &str| report.naive.iter().any(|(of, naive)| of == toggle && naive == strategy);
        toggles(&case.variant).into_iter().filter(|(toggle, strategy)| !is_naive(toggle, strategy)).count()
    };
    let mut found: Vec<&Measurement> = found.collect();
    // Stable: without a list of naive strategies, the order of the run stays.
    found.sort_by_key(|measurement| optimised(&measurement.case));
    let mut bases: BTreeMap<Place<'_>, f64> = BTreeMap::new();
    let cell = |Measurement { case, sample, .. }: &'a Measurement| {
        let value = sample.median();
        let key = (case.benchmark.as_str(), store(case));
        let ratio = bases.get(&key).map(|base| if value == *base { 1.0 } else { value / base });
        bases.entry(key).or_insert(value);
        HeatCell { case, value, ratio }
    };
    found.into_iter().map(cell).collect()
}

/// What makes two variants different promises.
fn store(case: &CaseKey) -> Vec<(&str, &str)> {
    toggles(&case.variant).into_iter().filter(|(toggle, _)| matches!(*toggle, "store" | "durability")).collect()
}

fn table<'a>(name: &'a str, metric: &'static Metric, cells: &[HeatCell<'a>], names: &Names) -> HeatTable<'a> {
    let compared = |benchmark: &str| cells.iter().any(|cell| cell.case.benchmark == benchmark && cell.ratio.is_some());
    let of_family = cells.iter().filter(|cell| family(&cell.case.benchmark) == name && compared(&cell.case.benchmark));
    let (mut columns, mut variants): (Vec<&str>, Vec<&CaseKey>) = (vec![], vec![]);
    for cell in of_family.clone() {
        if !columns.contains(&cell.case.benchmark.as_str()) {
            columns.push(&cell.case.benchmark);
        }
        if variants.iter().all(|case| case.variant != cell.case.variant) {
            // Behind the last of its store, so that a store's variants stand together.
            let place = variants.iter().rposition(|case| store(case) == store(cell.case));
            variants.insert(place.map_or(variants.len(), |place| place + 1), cell.case);
        }
    }
    let row = |case: &CaseKey| {
        let cell = |benchmark: &&str| {
            let is_here =
                |cell: &&&HeatCell<'a>| cell.case.benchmark == **benchmark && cell.case.variant == case.variant;
            of_family.clone().find(|cell| is_here(&cell)).copied()
        };
        let is_store = |part: &&str| part.starts_with("store=") || part.starts_with("durability=");
        let store: Vec<String> = store(case).into_iter().map(|(_, strategy)| printable(strategy)).collect();
        let label = names.variant(case);
        let label: Vec<&str> = label.split(", ").filter(|part| !is_store(part)).collect();
        HeatRow { store: store.join(", "), label: label.join(", "), cells: columns.iter().map(cell).collect() }
    };
    // A store on which nothing is compared says nothing here.
    let compared =
        |case: &&&CaseKey| of_family.clone().any(|cell| cell.ratio.is_some() && store(cell.case) == store(case));
    HeatTable {
        family: name,
        metric,
        columns: columns.iter().map(|benchmark| short(benchmark, name)).collect(),
        rows: told_apart(variants.iter().filter(compared).map(|case| row(case)).collect()),
    }
}

/// The rows without what all variants of a store share.
fn told_apart(mut rows: Vec<HeatRow<'_>>) -> Vec<HeatRow<'_>> {
    let labels: Vec<(String, String)> = rows.iter().map(|row| (row.store.clone(), row.label.clone())).collect();
    for row in &mut rows {
        let is_shared = |part: &str| {
            let of_store = labels.iter().filter(|(store, _)| *store == row.store);
            of_store.map(|(_, label)| label).all(|label| label.split(", ").any(|other| other == part))
        };
        let parts: Vec<&str> = row.label.split(", ").filter(|part| !is_shared(part)).collect();
        row.label = parts.join(", ");
    }
    rows
}

fn short(benchmark: &str, family: &str) -> String {
    printable(benchmark.strip_prefix(family).and_then(|rest| rest.strip_prefix('/')).unwrap_or(benchmark))
}

#[cfg(test)]
mod tests {
    use baselines::{Durability, Environment, RunHeader, Sample};

    use super::*;

    fn report(cases: &[(&str, &str, f64)]) -> Report {
        let mut run = baselines::Run::new(RunHeader::new("x", "quick", Environment::detect(1, "generated")));
        run.measurements = (cases.iter())
            .map(|(benchmark, variant, value)| {
                let case = CaseKey { benchmark: (*benchmark).into(), variant: (*variant).into() };
                let sample = Sample::new(vec![*value]).expect("finite");
                Measurement::new(case, "instructions", sample, Durability::Memory)
            })
            .collect();
        let naive = vec![("codec".to_owned(), "json".to_owned())];
        Report { naive, ..Report::new(run) }
    }

    #[test]
    fn variants_are_held_against_the_naive_one_of_their_store() {
        let report = report(&[
            ("step/log", "store=memory,codec=postcard", 80.0),
            ("step/log", "store=redb,codec=json,pool=keepalive", 1000.0),
            ("step/log", "store=memory,codec=json", 100.0),
            ("step/log", "store=redb,codec=postcard,pool=keepalive", 500.0),
            ("step/log", "store=tiered,codec=json", 700.0),
            ("step/alone", "store=memory,codec=json", 5.0),
            ("codec/one", "store=memory", 7.0),
        ]);
        let metric = Metric::find("instructions").expect("known");
        let names = Names::of(report.run.measurements.iter().map(|measurement| &measurement.case));
        let tables = tables(&report, metric, &names);
        assert_eq!(tables.len(), 1, "a family without a second variant has no table");
        assert_eq!(tables[0].columns, ["log"]);
        let rows: Vec<_> = (tables[0].rows.iter())
            .map(|row| (row.store.as_str(), row.label.as_str(), row.cells[0].expect("measured").ratio))
            .collect();
        assert_eq!(
            rows,
            [
                ("memory", "codec=json", None),
                ("memory", "codec=postcard", Some(0.8)),
                ("redb", "codec=json", None),
                ("redb", "codec=postcard", Some(0.5)),
            ]
        );
        assert_eq!(naive(&report, metric).len(), 5);
    }
}
