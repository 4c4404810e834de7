//! Six slowdowns that CPU time shows badly or not at all, planted in a copy of `memory` as [`crate::plants`] are. Each
//! must be red, and by the metric that it belongs to.

use std::path::Path;

use baselines::compare::compare;
use baselines::delta::Verdict;
use baselines::policy::Policy;
use baselines::{Measurement, Run};

use crate::planted::edit;
use crate::plants::{lost_place, switch};

/// A slowdown, and how it must show.
struct Plant {
    kind: &'static str,
    /// The case that runs through it.
    case: &'static str,
    file: &'static str,
    /// Text that occurs once in the file; the code is inserted behind it.
    after: &'static str,
    /// `PLANT` in it tells whether it is switched on.
    code: &'static str,
    /// The metric that must be red, and how much an operation must gain, if that is known.
    metric: &'static str,
    gain: Option<f64>,
}

const LOG_STEP: &str = "pub async fn log_step(&self, id: EpisodeId, step: NewStep) -> Result<u32> {\n";

const PLANTS: [Plant; 6] = [
    Plant {
        kind: "a lock held across I/O", // steps that waited for one commit together now wait for one each
        case: "lifecycle_together_libsql_batched",
        file: "memory/mod.rs",
        after: LOG_STEP,
        code: "static LOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(()); \
            let _held = if PLANT { Some(LOCK.lock().await) } else { None };",
        metric: "system_calls",
        gain: None,
    },
    Plant {
        kind: "a sleep of 2 ms",
        case: "step_log_memory",
        file: "memory/mod.rs",
        after: LOG_STEP,
        code: "if PLANT { std::thread::sleep(std::time::Duration::from_millis(2)); }",
        metric: "system_calls",
        gain: Some(1.0),
    },
    Plant {
        kind: "one more fsync",
        case: "step_log_redb_fsynced",
        file: "store/redb/mod.rs",
        after: "let mut transaction = database.begin_write()?;\n",
        code: "static FILE: std::sync::OnceLock<std::fs::File> = std::sync::OnceLock::new(); \
            let file = || std::fs::File::open(&self.path).expect(\"it is there\"); \
            if PLANT { FILE.get_or_init(file).sync_data().expect(\"synced\"); }",
        metric: "system_calls",
        gain: Some(1.0),
    },
    Plant {
        kind: "one more query",
        case: "episode_get_libsql",
        file: "store/libsql/mod.rs",
        after: "async fn episode(&self, id: EpisodeId) -> Result<Option<Arc<Episode>>> {\n",
        code: "if PLANT { self.head(id).await?; }",
        metric: "system_calls",
        gain: None,
    },
    Plant {
        kind: "a doubled clone",
        case: "episode_complete_memory",
        file: "pattern/mod.rs",
        after: "outcome: &Outcome) -> Vec<Pattern> {\n",
        code: "if PLANT { std::hint::black_box(head.clone()); }",
        metric: "allocations",
        gain: None,
    },
    Plant {
        kind: "a lost prepared statement",
        case: "step_log_libsql_committed",
        file: "store/libsql/transport/connection.rs",
        after: "async fn prepared(&mut self, sql: Sql) -> BackendResult<RunningStatement<'_>> {\n",
        code: "if PLANT { self.statements[sql as usize] = None; }",
        metric: "instructions",
        gain: None,
    },
];

/// The places that a workspace lacks or has twice.
pub fn lost(workspace: &Path) -> Vec<String> {
    PLANTS.iter().filter_map(|plant| lost_place(workspace, plant.file, plant.after)).collect()
}

/// Inserts the plants into the `memory` of a copy of the workspace.
pub fn plant(copy: &Path) {
    switch(copy);
    for (place, plant) in PLANTS.iter().enumerate() {
        edit(&copy.join("memory/src").join(plant.file), |source| {
            let code = plant.code.replace("PLANT", &format!("crate::planted::is({})", place + 1));
            source.replace(plant.after, &format!("{}{code}\n", plant.after))
        });
    }
}

/// Switches on one plant after another and checks the report of each. `count` measures a case of the copy with a plant.
pub fn check(count: impl Fn(&str, usize) -> Run) {
    let mut wrong = Vec::new();
    for (place, plant) in PLANTS.iter().enumerate() {
        let (base, new) = (count(plant.case, 0), count(plant.case, place + 1));
        let deltas = compare(&base, &new, &Policy::standard(), "2026-01-01".parse().expect("a date")).deltas;
        let red: Vec<&str> = deltas
            .iter()
            .filter(|delta| delta.verdict == Verdict::Regressed && delta.blocks)
            .map(|delta| delta.metric.as_str())
            .collect();
        let [before, after] = [&base, &new].map(|run| value(run, plant.metric));
        println!("{:<26} {:>12} {before:>10.3} to {after:>10.3}  red: {}", plant.kind, plant.metric, red.join(", "));
        if !red.contains(&plant.metric) {
            wrong.push(format!("{}: {} is not red", plant.kind, plant.metric));
        }
        if plant.gain.is_some_and(|gain| after - before != gain) {
            wrong.push(format!("{}: {} rose by {}", plant.kind, plant.metric, after - before));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn value(run: &Run, metric: &str) -> f64 {
    let of = |measurement: &&Measurement| measurement.metric == metric;
    run.measurements.iter().find(of).expect("counted").sample.median()
}
