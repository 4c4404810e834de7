//! What METHODOLOGY.md says of verdicts, held against the policy and the procedure that decide them.

use std::path::Path;

use baselines::CaseKey;
use baselines::policy::Policy;
use stats::Procedure;

fn methodology() -> String {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../METHODOLOGY.md")).expect("reads");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_limits_in_the_text_are_the_policys() {
    let text = methodology();
    let case = CaseKey { benchmark: "step/log".into(), variant: String::new() };
    for metric in ["cpu_time", "wall_time", "waiting_time"] {
        let limit = Policy::standard().limit(&case, metric, jiff::civil::date(2026, 1, 1)).expect("a rule");
        let said = format!("| `{metric}` | limit {}%, tolerance {}%", 100.0 * limit.relative, 100.0 * limit.tolerance);
        assert!(text.contains(&said), "METHODOLOGY.md does not say: {said}");
    }
}

#[test]
fn the_looks_and_levels_in_the_text_are_those_of_the_gate() {
    let text = methodology();
    let Procedure { looks, .. } = Procedure::default();
    let (first, later) = looks.split_first().expect("looks");
    let listed = |values: Vec<String>, and: &str| {
        let (last, before) = values.split_last().expect("some");
        format!("{}{and}{last}", before.join(", "))
    };
    let per_cent = |level: f64| format!("{:.1}%", 100.0 * level);
    for said in [
        format!("The first look comes after {} rounds", first.rounds),
        format!("looks after {} rounds", listed(later.iter().map(|look| look.rounds.to_string()).collect(), " and ")),
        format!(
            "at the level of that look ({})",
            listed(later.iter().map(|look| per_cent(look.test_level)).collect(), ", ")
        ),
        format!("where the `a(k)` ({})", listed(looks.iter().map(|look| per_cent(look.bound_level)).collect(), ", ")),
    ] {
        assert!(text.contains(&said), "METHODOLOGY.md does not say: {said}");
    }
}
