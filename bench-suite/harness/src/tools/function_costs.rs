//! Attributes instructions to functions, from separate call stacks: each function's cost and calls, and the cost of the
//! libraries that it calls.
//!
//! Without stacks, the cost of a library has no caller, and calls from the setup count as measured work. Calls outside
//! the root are ignored.

use std::collections::BTreeMap;

use baselines::FunctionCost;

use super::callgrind::{ALLOCATORS, CallgrindProfile, frames};

/// The option for callers: as many frames as the depth of a query through the asynchronous runtime and SQLite.
pub const SEPARATE_CALLERS: &str = "--separate-callers=40";

/// Functions of libraries below this share of the total are summed as `(other)`.
const LISTED_SHARE: f64 = 0.0005;

/// The owner of a library's cost in stacks that [`SEPARATE_CALLERS`] cut off, and whose remaining frames have no
/// function of the project.
const CUT_OFF: &str = "(stacks cut off)";

/// Cost by function from `root` inwards, the dearest first; small functions of libraries are summed last, as `(other)`.
/// The instructions sum to the profile's total, and so do the project's functions with the libraries' cost that they
/// own.
///
/// `crates` are the project's, as symbols name them. All else is a library, whose code changes only with `Cargo.lock`
/// and the toolchain. Needs a profile with callers separated.
pub fn functions(profile: &CallgrindProfile, root: &str, crates: &[String]) -> Vec<FunctionCost> {
    let mut project: BTreeMap<&str, FunctionCost> = BTreeMap::new();
    let mut libraries: BTreeMap<&str, FunctionCost> = BTreeMap::new();
    for (context, cost) in &profile.contexts {
        let mut stack: Vec<&str> = frames(context).collect();
        let place = stack.iter().position(|frame| frame.contains(root));
        if let Some(place) = place {
            stack.truncate(place + 1);
        } else if cost.instructions == 0 {
            // Before or after the measured work.
            continue;
        }
        let ours = |frame: &&&str| is_project(frame, crates) || frame.contains(root);
        let function = stack[0];
        if ours(&&function) {
            let row = project.entry(function).or_default();
            row.instructions += cost.instructions;
            row.calls += cost.calls;
            if let Some(caller) = stack[1..].iter().find(ours) {
                *row.callers.entry((*caller).to_owned()).or_default() += cost.calls;
            }
            row.library.get_or_insert(0);
        } else {
            let row = libraries.entry(function).or_default();
            row.instructions += cost.instructions;
            row.calls += cost.calls;
            let owner = project.entry(stack.iter().find(ours).copied().unwrap_or(CUT_OFF)).or_default();
            *owner.library.get_or_insert(0) += cost.instructions;
            if ALLOCATORS.contains(&function) {
                *owner.allocations.get_or_insert(0) += cost.calls;
            }
        }
    }
    project.retain(|_, row| row.instructions + row.library.unwrap_or(0) > 0);
    listed(project, libraries, profile.total)
}

fn listed(
    project: BTreeMap<&str, FunctionCost>,
    libraries: BTreeMap<&str, FunctionCost>,
    total: u64,
) -> Vec<FunctionCost> {
    let least = (total as f64 * LISTED_SHARE) as u64;
    let (large, small): (Vec<_>, Vec<_>) = libraries.into_iter().partition(|(_, row)| row.instructions > least);
    let named = |(function, row): (&str, FunctionCost)| FunctionCost { function: function.to_owned(), ..row };
    let mut functions: Vec<FunctionCost> = project.into_iter().chain(large).map(named).collect();
    functions.sort_by(|a, b| b.instructions.cmp(&a.instructions).then_with(|| a.function.cmp(&b.function)));
    let other = small.iter().fold(FunctionCost::default(), |sum, (_, row)| FunctionCost {
        instructions: sum.instructions + row.instructions,
        calls: sum.calls + row.calls,
        ..sum
    });
    if other.instructions > 0 {
        functions.push(FunctionCost { function: "(other)".to_owned(), ..other });
    }
    functions
}

/// True for a function of this project: `memory::x`, `<memory::X as core::Y>::z`, `<core::X as memory::Y>::z`. A
/// library's code for a type of the project, as in `drop_in_place<memory::X>`, is the library's.
fn is_project(function: &str, crates: &[String]) -> bool {
    let of_project = |path: &str| {
        let path = path.trim_start_matches(['<', '&', '*', '(', '[', ' ']);
        let path = ["mut ", "const ", "dyn "].iter().fold(path, |path, word| path.strip_prefix(word).unwrap_or(path));
        path.split_once("::").is_some_and(|(first, _)| crates.iter().any(|name| name == first))
    };
    let implemented = || function.strip_prefix('<').and_then(|rest| rest.split_once(" as ")).map(|(_, what)| what);
    of_project(function) || implemented().is_some_and(of_project)
}

/// Folded stacks for flamegraphs, outermost frame first, `a;b;c 42` a line, without `root` and the frames outside of
/// it. Recursion is kept. Needs a profile with callers separated.
pub fn folded(profile: &CallgrindProfile, root: &str) -> String {
    let mut stacks: BTreeMap<String, u64> = BTreeMap::new();
    for (context, cost) in &profile.contexts {
        let inner = frames(context).take_while(|frame| !frame.contains(root));
        let mut frames: Vec<String> = inner.map(|frame| frame.replace(';', ":")).collect();
        frames.reverse();
        if cost.instructions > 0 && !frames.is_empty() {
            *stacks.entry(frames.join(";")).or_default() += cost.instructions;
        }
    }
    stacks.into_iter().map(|(stack, instructions)| format!("{stack} {instructions}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::callgrind::parse;
    use super::*;

    /// A root that calls work twice, which hashes three times and allocates; and a setup that did the same before.
    const STACKS: &str = "events: Ir\n\
        fn=(1) memory::run'worker::slice::measured'main\n1 10\n\
        cfn=(2) memory::hash'memory::run'worker::slice::measured'main\ncalls=3 0\n1 60\n\
        cfn=(3) malloc'memory::run'worker::slice::measured'main\ncalls=2 0\n1 8\n\
        fn=(2)\n1 60\n\
        fn=(3)\n1 8\n\
        fn=(4) worker::slice::measured'main\n1 5\ncfn=(1)\ncalls=2 0\n1 78\n\
        fn=(5) memory::run'main\n1 0\ncfn=(6) memory::hash'memory::run'main\ncalls=100 0\n1 0\n\
        fn=(6)\n1 0\n";

    fn crates() -> [String; 2] {
        ["memory", "workloads"].map(str::to_owned)
    }

    fn find<'a>(functions: &'a [FunctionCost], name: &str) -> &'a FunctionCost {
        functions.iter().find(|row| row.function == name).expect("listed")
    }

    #[test]
    fn calls_and_costs_are_those_of_the_measured_work() {
        let profile = parse(STACKS).expect("well formed");
        let functions = functions(&profile, "slice::measured", &crates());
        assert_eq!(functions.iter().map(|row| row.instructions).sum::<u64>(), profile.total);
        let (run, hash) = (find(&functions, "memory::run"), find(&functions, "memory::hash"));
        assert_eq!((run.calls, run.library, run.allocations), (2, Some(8), Some(2)));
        assert_eq!(hash.allocations, None);
        assert_eq!(hash.calls, 3, "100 more were of the setup");
        assert_eq!(hash.callers, BTreeMap::from([("memory::run".to_owned(), 3)]));
        assert_eq!(find(&functions, "malloc").library, None);
        let owned: u64 = functions.iter().filter_map(|row| Some(row.instructions + row.library?)).sum();
        assert_eq!(owned, profile.total, "every instruction of a library has an owner");
    }

    #[test]
    fn small_functions_of_libraries_are_summed() {
        let mut text = "events: Ir\nfn=memory::big'memory::root\n1 100000\n".to_owned();
        for small in 0..30 {
            text.push_str(&format!("fn=small{small}'memory::big'memory::root\n1 2\n"));
        }
        text.push_str("fn=memory::tiny'memory::root\n1 1\n");
        let functions = functions(&parse(&text).expect("well formed"), "memory::root", &crates());
        let rows: Vec<_> = functions.iter().map(|row| (row.function.as_str(), row.instructions)).collect();
        assert_eq!(rows, [("memory::big", 100_000), ("memory::tiny", 1), ("(other)", 60)]);
        assert_eq!(functions[0].library, Some(60));
    }

    #[test]
    fn what_is_cut_off_has_an_owner_too() {
        let text = "events: Ir\nfn=step'loop'loop\n1 70\nfn=memory::root\n1 30\n";
        let functions = functions(&parse(text).expect("well formed"), "memory::root", &crates());
        assert_eq!(find(&functions, CUT_OFF).library, Some(70));
    }

    #[test]
    fn the_project_is_known_by_its_crates() {
        for name in ["memory::x", "<memory::X as core::Y>::z", "<&mut memory::X>::z", "<alloc::S as memory::Y>::z"] {
            assert!(is_project(name, &crates()), "{name}");
        }
        for name in ["malloc", "core::ptr::drop_in_place<memory::X>", "memory_other::x", "<alloc::S as core::Y>::z"] {
            assert!(!is_project(name, &crates()), "{name}");
        }
    }

    #[test]
    fn stacks_begin_below_the_measured_function() {
        let text = "events: Ir\nfn=inner'outer'slice::measured'main\n1 10\nfn=outer'slice::measured'main\n1 \
            5\nfn=slice::measured'main\n1 3\n";
        let folded = folded(&parse(text).expect("well formed"), "slice::measured");
        assert_eq!(folded, "outer 5\nouter;inner 10\n");
    }
}
