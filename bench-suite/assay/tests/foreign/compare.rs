//! Both sides beside each other, and what a comparison comes to that could not compare.

use crate::inputs::{Inputs, gungraun, hyperfine};

#[test]
fn both_sides_are_shown_whatever_is_judged() {
    let inputs = Inputs::new();
    inputs.criterion("a/f/new", "f", 990.0);
    inputs.criterion("b/f/new", "f", 1100.0);
    let compared = inputs.assay(&["compare", "a", "b"]);
    compared.printed(4, &["incomparable: sampled in two sessions", "nothing was compared"]);
    assert_eq!(compared.row(" f"), "incomparable wall_time 990 ns 1.100 us +11.1% f");
    assert_eq!(compared.stdout.matches("sampled in two sessions").count(), 1, "said once: {}", compared.stdout);
    let row = "| incomparable | `f` | `wall_time` | 990 ns | 1.100 us | +11.1% |";
    inputs.assay(&["compare", "a", "b", "--format", "markdown"]).printed(4, &[row]);
    let skipped = "incomparable: 990 ns to 1.100 us, +11.1%; sampled in two sessions";
    inputs.assay(&["compare", "a", "b", "--format", "junit"]).printed(4, &[skipped]);
    inputs.write("a.json", gungraun("b::g::f", ".", &[("Ir", 1000), ("L1hits", 70)]));
    let equal = inputs.assay(&["compare", "a.json", "a.json"]);
    equal.printed(0, &["passed: 2 compared, 2 equal"]);
    assert_eq!(equal.row(" b::g::f"), "equal instructions 1000 1000 0% b::g::f", "{}", equal.stdout);
}

#[test]
fn a_new_benchmark_breaks_nothing_and_a_removed_one_is_said() {
    let inputs = Inputs::new();
    for (folder, name) in [("a/gone", "gone"), ("a/kept", "kept"), ("b/kept", "kept"), ("b/fresh", "fresh")] {
        inputs.criterion(&format!("{folder}/new"), name, 5.0);
    }
    let compared = inputs.assay(&["compare", "a", "b"]);
    compared.printed(4, &["nothing was compared"]);
    assert_eq!(compared.row(" gone"), "missing (advises) wall_time 5 ns - gone");
    assert_eq!(compared.row(" fresh"), "added wall_time - 5 ns fresh");
    // Counts are judged, so a benchmark that is gone is missed.
    inputs.write("x/one/summary.json", gungraun("b::g::one", ".", &[("Ir", 1000)]));
    inputs.write("y/two/summary.json", gungraun("b::g::two", ".", &[("Ir", 1000)]));
    inputs.assay(&["compare", "x", "y"]).printed(3, &["instructions of b::g::one is missing"]);
}

#[test]
fn missing_metrics_that_only_advise_are_no_reason_to_disbelieve() {
    let inputs = Inputs::new();
    let (all, fewer) = ([("Ir", 1000), ("L1hits", 1010), ("RamHits", 7), ("EstimatedCycles", 1280)], [("Ir", 1000)]);
    inputs.write("a/f/summary.json", gungraun("b::g::f", ".", &all));
    inputs.write("b/f/summary.json", gungraun("b::g::f", ".", &fewer));
    let said = [
        "missing (advises)",
        "passed in part: 1 compared, 1 equal, 0 improved, 3 missing that only advise; 1 exact, within its limit\n",
    ];
    inputs.assay(&["compare", "a", "b"]).printed(0, &said);
    let junit = inputs.assay(&["compare", "a", "b", "--format", "junit"]);
    junit.printed(0, &["passed in part", "errors=\"0\""]);
}

#[test]
fn what_was_not_compared_has_not_passed() {
    let inputs = Inputs::new();
    inputs.write("a.json", hyperfine("prog", 1.0));
    inputs.write("b.json", hyperfine("prog", 10.0));
    let compared = inputs.assay(&["compare", "a.json", "b.json"]);
    compared.printed(4, &["nothing was compared but errors"]);
    assert_eq!(compared.row(" prog"), "incomparable wall_time 1.000 s 10.00 s +900% prog");
    let markdown = inputs.assay(&["compare", "a.json", "b.json", "--format", "markdown"]);
    markdown.printed(4, &["Nothing compared: Nothing was compared but errors"]);
    let junit = inputs.assay(&["compare", "a.json", "b.json", "--format", "junit"]);
    junit.printed(4, &["<error message=\"nothing was compared but errors"]);
    inputs.write("policy.toml", "schema = 1\n[[rule]]\nmetric = \"wall_time\"\nrelative = 0.05\naction = \"block\"\n");
    inputs.assay(&["compare", "a.json", "b.json", "--policy", "policy.toml"]).printed(4, &["nothing was compared"]);
    // More failures are worse, whatever the times are.
    inputs.write("b.json", hyperfine("prog", 10.0).replace("[0,0]", "[0,1]"));
    inputs.assay(&["compare", "a.json", "b.json"]).printed(100, &["regressed: errors of prog"]);
    // Beside counts that were compared, times of another benchmark are a part that was not.
    for side in ["a", "b"] {
        inputs.write(&format!("{side}/summary.json"), gungraun("b::g::f", ".", &[("Ir", 1000)]));
        inputs.criterion(&format!("{side}/f/new"), "f", 5.0);
    }
    inputs.assay(&["compare", "a", "b"]).printed(
        0,
        &["passed in part: 1 compared, 1 equal, 0 improved, 1 case not compared; 1 exact, within its limit\n"],
    );
    inputs.assay(&["compare", "a", "b", "--format", "junit"]).printed(0, &["passed in part"]);
}

#[test]
fn what_was_skipped_is_said_alike_everywhere() {
    let inputs = Inputs::new();
    for side in ["a", "b"] {
        inputs.write(&format!("{side}/f/summary.json"), gungraun("b::g::f", ".", &[("Ir", 1000)]));
    }
    inputs.write("b/broken/summary.json", "{");
    let said = "1 compared, 1 equal, 0 improved; 1 exact, within its limit; 1 skipped (not passed)";
    let text = format!("passed in part: {said}\n");
    inputs.assay(&["compare", "a", "b"]).printed(0, &[text.as_str()]);
    inputs.assay(&["compare", "a", "b", "--format", "markdown"]).printed(0, &["Passed in part: ", said]);
    inputs.assay(&["compare", "a", "b", "--format", "junit"]).printed(0, &["passed in part: ", said]);
}

#[test]
fn a_tiny_function_that_doubles_fails_the_gate() {
    let inputs = Inputs::new();
    inputs.write("a.json", gungraun("b::g::tiny", ".", &[("Ir", 80)]));
    inputs.write("b.json", gungraun("b::g::tiny", ".", &[("Ir", 170)]));
    inputs.assay(&["compare", "a.json", "b.json"]).printed(100, &["+112%", "regressed: instructions of b::g::tiny"]);
}

#[test]
fn toggles_are_tried_one_by_one_between_phases_only() {
    let inputs = Inputs::new();
    inputs.write("a.json", hyperfine("prog", 1.0));
    let refused = inputs.assay(&["compare", "a.json", "a.json", "--each-toggle"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--each-toggle compares two phases"), "{}", refused.stderr);
}
