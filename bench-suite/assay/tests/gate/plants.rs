//! Ten slowdowns of different kinds, planted in a copy of `memory`: each must be found, its function listed first, and
//! the parts must sum to the whole.
//!
//! All ten are compiled into one copy, so that it is built once; `ASSAY_PLANT` switches on one at a time. The base is
//! the same program with none switched on, so the two differ only in the plant.

use std::path::Path;

use baselines::Run;
use baselines::cause::FunctionDelta;
use baselines::compare::compare;
use baselines::delta::{Delta, Verdict};
use baselines::policy::Policy;

use crate::planted::edit;

/// A slowdown and the expected report.
struct Plant {
    kind: &'static str,
    file: &'static str,
    /// Text that occurs once in the file; the code is inserted behind it.
    after: &'static str,
    /// The code of the plant.
    code: &'static str,
    /// The function that must be listed first; two if the compiler decides which of them contains the code.
    function: &'static [&'static str],
    /// The expected words of the report.
    words: &'static str,
}

/// The case that runs through all plants.
const CASE: &str = "episode_complete_memory";

const PLANTS: [Plant; 10] = [
    Plant {
        kind: "an extra call",
        file: "embedding.rs",
        after: "fn normalise(vector: &mut [f32]) {\n",
        code: "for _ in 0..16 { std::hint::black_box(dot(vector, vector)); }",
        function: &["memory::embedding::dot"],
        words: "called more often",
    },
    Plant {
        kind: "a dearer loop",
        file: "embedding.rs",
        after: "while let Some(begin) = rest.find(char::is_alphanumeric) {\n",
        code: "for turn in 0..100 { std::hint::black_box(turn); }",
        function: &["FeatureHashing as memory::embedding::Embedder>::embed"],
        words: "costlier per call",
    },
    Plant {
        kind: "an allocation",
        file: "reward.rs",
        after: "ended: &Outcome) -> Reward {\n",
        code: "for size in 1..16 { std::hint::black_box(Vec::<u8>::with_capacity(std::hint::black_box(size * 64))); }",
        function: &["memory::reward::reward"],
        words: "costlier per call",
    },
    Plant {
        kind: "a lost inline",
        file: "embedding.rs",
        after: "lower_case(word, |bytes| {\n",
        code: "apart(&mut single, bytes); if let Some(pair) = &mut pair { pair.write(bytes); } return;",
        function: &["memory::embedding::apart"],
        words: "new",
    },
    Plant {
        kind: "a clone",
        file: "pattern/mod.rs",
        after: "outcome: &Outcome) -> Vec<Pattern> {\n",
        code: "for _ in 0..8 { std::hint::black_box(head.clone()); }",
        function: &["<memory::episode::Head as core::clone::Clone>::clone", "memory::pattern::extract"],
        words: "",
    },
    Plant {
        kind: "a redundant hash",
        file: "trace.rs",
        after: "for (place, step) in steps.iter().enumerate() {\n",
        code: "std::hint::black_box(call_hash(std::hint::black_box(step)));",
        function: &["memory::trace::call_hash", "memory::trace::Trace::of"],
        words: "",
    },
    Plant {
        kind: "a format!",
        file: "reward.rs",
        after: "let steps = trace.tools.len();\n",
        code: "for part in 0..16 { std::hint::black_box(format!(\"{part} of {steps}\")); }",
        function: &["memory::reward::reward"],
        words: "costlier per call",
    },
    Plant {
        kind: "a sort",
        file: "reflection.rs",
        after: "trace: &Trace<'_>, outcome: &Outcome) -> Reflection {\n",
        code: "let mut places: Vec<u64> = (0..100).map(|place| place * 37 % 100).collect(); std::hint::black_box(&mut \
            places).sort();",
        function: &["memory::reflection::reflect"],
        words: "costlier per call",
    },
    Plant {
        kind: "a lock",
        file: "pattern/mod.rs",
        after: "let key = context_key(head);\n",
        code: "static LOCK: std::sync::Mutex<u64> = std::sync::Mutex::new(0); for _ in 0..200 { \
            *LOCK.lock().expect(\"held by nobody else\") += 1; }",
        function: &["memory::pattern::extract"],
        words: "costlier per call",
    },
    Plant {
        kind: "bounds checked again",
        file: "embedding.rs",
        after: "let len = a.len().min(b.len());\n",
        code: "for place in 0..len { std::hint::black_box(std::hint::black_box(a)[place]); }",
        function: &["memory::embedding::dot"],
        words: "costlier per call",
    },
];

/// The places that a workspace lacks or has twice, so that a plant would not be where it is expected.
pub fn lost(workspace: &Path) -> Vec<String> {
    PLANTS.iter().filter_map(|plant| lost_place(workspace, plant.file, plant.after)).collect()
}

/// What is wrong with the place of a plant.
pub fn lost_place(workspace: &Path, file: &str, after: &str) -> Option<String> {
    let source = std::fs::read_to_string(workspace.join("memory/src").join(file)).expect("reads");
    (source.matches(after).count() != 1).then(|| format!("{file}: `{}` must occur there once", after.trim_end()))
}

/// Adds the switch of the plants to the `memory` of a copy of the workspace.
pub fn switch(copy: &Path) {
    edit(&copy.join("memory/src/lib.rs"), |source| {
        format!(
            "{source}\n/// Which plant is switched on.\npub mod planted {{\n    static WHICH: \
                std::sync::LazyLock<usize> = std::sync::LazyLock::new(|| \
             std::env::var(\"ASSAY_PLANT\").map_or(0, |which| which.parse().expect(\"a number\")));\n    /// Whether \
                 it is this one.\n    \
             #[inline(always)]\n    pub fn is(which: usize) -> bool {{\n        *WHICH == which\n    }}\n}}\n"
        )
    });
}

/// Inserts the plants into the `memory` of a copy of the workspace.
pub fn plant(copy: &Path) {
    switch(copy);
    edit(&copy.join("memory/src/embedding.rs"), |source| {
        format!(
            "{source}\n#[inline(never)]\nfn apart(hasher: &mut Fnv1a, bytes: &[u8]) {{\n    hasher.write(bytes);\n}}\n"
        )
    });
    for (place, plant) in PLANTS.iter().enumerate() {
        edit(&copy.join("memory/src").join(plant.file), |source| {
            let code = format!("{}if crate::planted::is({}) {{ {} }}\n", plant.after, place + 1, plant.code);
            source.replace(plant.after, &code)
        });
    }
}

/// Switches on one plant after another and checks the report of each. `count` measures the copy's case with a plant.
pub fn check(count: impl Fn(&str, usize) -> Run) {
    let base = count(CASE, 0);
    println!("{:<21} {:>8} {:>9}  {:>9} {:>9}  listed first", "planted", "change", "in all", "by calls", "by cost");
    let mut wrong = Vec::new();
    for (place, plant) in PLANTS.iter().enumerate() {
        let new = count(CASE, place + 1);
        let day = "2026-01-01".parse().expect("a date");
        let deltas = compare(&base, &new, &Policy::standard(), day).deltas;
        let of = |metric: &str| deltas.iter().find(|delta| delta.metric == metric).expect("counted");
        if let Err(why) = examine(plant, of("instructions"), instructions(&new) - instructions(&base)) {
            wrong.push(format!("{}: {why}", plant.kind));
        }
        let allocating = of("allocations").cause.first();
        let is_it = |most: &FunctionDelta| most.function.contains(plant.function[0]) && most.by_cost > 0;
        if plant.kind == "an allocation" && !allocating.is_some_and(is_it) {
            wrong.push(format!("{}: its blocks are of {allocating:?}", plant.kind));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// All instructions of the case.
fn instructions(run: &Run) -> i64 {
    let counted = run.measurements.iter().find(|measurement| measurement.metric == "instructions").expect("counted");
    (counted.sample.median() * counted.operations as f64).round() as i64
}

fn examine(plant: &Plant, delta: &Delta, change: i64) -> Result<(), String> {
    let Some(first) = delta.cause.first() else {
        return Err(format!("no function is listed: {} by {change}, {}", delta.verdict, delta.why));
    };
    println!(
        "{:<21} {:>7.2}% {change:>+9}  {:>+9} {:>+9}  {}: {}",
        plant.kind,
        delta.relative.unwrap_or(0.0) * 100.0,
        delta.cause.iter().map(|function| function.by_calls).sum::<i64>(),
        delta.cause.iter().map(|function| function.by_cost).sum::<i64>(),
        first.function,
        reports::cause::told(first)
    );
    let parts: i64 = delta.cause.iter().map(|function| function.by_calls + function.by_cost).sum();
    match () {
        () if delta.verdict != Verdict::Regressed => Err(format!("it is {}", delta.verdict)),
        () if parts != change => Err(format!("the parts sum to {parts} and the whole is {change}")),
        () if !plant.function.iter().any(|function| first.function.contains(function)) => {
            Err(format!("{} is listed first, and {:?} should be", first.function, plant.function))
        }
        () if !reports::cause::explain(first).contains(plant.words) => {
            Err(format!("the report says {}", reports::cause::explain(first)))
        }
        () => Ok(()),
    }
}
