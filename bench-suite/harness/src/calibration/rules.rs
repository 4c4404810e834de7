//! The rules of a calibration: suites measured under different rules are not pooled.

use baselines::CaseKey;
use baselines::policy::Policy;
use jiff::civil::Date;
use stats::Procedure;
use workloads::cases::Case;

use crate::hash::hash;
use crate::recorded::Recorded;
use crate::schedule::scheduler;
use crate::schedule::worker_program::Slicing;
use crate::subject::server::Load;

/// A short hash of everything besides the times that a verdict depends on: the procedure, the shape of a round, and
/// each case with its limits. Naive toggles and rules of other metrics are left out, so that a new toggle or rule
/// elsewhere does not invalidate a calibration.
pub fn rules(procedure: &Procedure, policy: &Policy, cases: &[Case], today: Date) -> String {
    let mut text = format!("{procedure:?}|{} x {} ns", Slicing::OF_WORKERS.pairs, scheduler::SLICE_NS);
    for case in cases {
        text.push_str(&format!("|{} {}", case.id, case.label()));
        for metric in [case.deciding_metric(), "waiting_time"] {
            text.push_str(&format!(" {metric} {:?}", policy.limit(&case.key(), metric, today)));
        }
    }
    hash(text)
}

/// The same of a gate of a server under load: the procedure, the load, the shape of a round, and the limits.
pub fn rules_of_load(procedure: &Procedure, policy: &Policy, load: &Load, today: Date) -> String {
    let case = CaseKey { benchmark: load.name.clone(), variant: String::new() };
    let mut text = format!("{procedure:?}|{:?}|{} {} a second", load.slicing(), load.name, load.rate);
    for metric in ["cpu_per_request", "response_p50", "response_p95"] {
        text.push_str(&format!(" {metric} {:?}", policy.limit(&case, metric, today)));
    }
    hash(text)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_toggle_that_no_case_has_leaves_the_rules_as_they_are() {
        let case = |id: &str, set: &[&str]| {
            let set: Vec<String> = set.iter().map(|pair| (*pair).to_owned()).collect();
            workloads::cases::find(id, &set).expect("listed")
        };
        let today = jiff::civil::date(2026, 1, 1);
        let policy = |text: &str| Policy::parse(Path::new("p.toml"), &format!("schema = 1\n{text}")).expect("parses");
        let times = "[[rule]]\nmetric = 'cpu_time'\nrelative = 0.02\naction = 'block'\n";
        let counts = "[[rule]]\nmetric = 'instructions'\nrelative = 0.003\naction = 'block'\n";
        let of = |case: Case, text: &str| rules(&Procedure::default(), &policy(text), &[case], today);
        let plain = of(case("step_log_memory", &[]), times);
        assert_eq!(
            of(case("step_log_memory", &["codec=json"]), &format!("{counts}{times}")),
            plain,
            "naive, and another metric's rule"
        );
        assert_ne!(of(case("step_log_memory", &["codec=postcard"]), times), plain, "another variant");
        assert_ne!(of(case("episode_get_memory", &[]), times), plain, "another case");
        assert_ne!(of(case("step_log_memory", &[]), &times.replace("0.02", "0.03")), plain, "another limit");
        let of_load = |text: &str, seconds| {
            let load = Load { name: "load/memory".into(), rate: 500.0, seconds, arguments: vec![], generator: None };
            rules_of_load(&Procedure::default(), &policy(text), &load, today)
        };
        let served = "[[rule]]\nmetric = 'cpu_per_request'\nrelative = 0.05\naction = 'block'\n";
        assert_eq!(of_load(&format!("{times}{served}"), 0.1), of_load(served, 0.1), "another metric's rule");
        assert_ne!(of_load(&served.replace("0.05", "0.06"), 0.1), of_load(served, 0.1), "another limit");
        assert_ne!(of_load(served, 0.2), of_load(served, 0.1), "longer slices");
        let longer = Procedure::one_look(12);
        assert_ne!(rules(&longer, &policy(times), &[case("step_log_memory", &[])], today), plain, "another procedure");
    }
}
