//! What phases and toggles bring, as Markdown tables for documents.

use std::collections::BTreeMap;

use baselines::CaseKey;

use super::{Interaction, ToggleEffects};
use crate::Report;
use crate::costs::cost;
use crate::markdown::{code, prose};
use crate::names::{spoken, toggles as toggles_of};
use crate::numbers::percent;

/// Each toggle by itself and on top of all others, and mixes of them, benchmark by benchmark; empty if the run does not
/// have them.
pub fn effects(report: &Report) -> String {
    let mut text = String::new();
    let shown = |change: Option<f64>| change.map_or_else(String::new, percent);
    for of in super::of(report) {
        let [none, all] = of.ends.map(|value| of.metric.show(value));
        text.push_str(&format!(
            "\n{}: {none} {} with none, {all} with all.\n\n| toggle | by itself | on top of all others |\n|---|--:|--:|\n",
            code(&of.benchmark),
            spoken(of.metric.name)
        ));
        for effect in &of.effects {
            let [alone, last] = [effect.alone, effect.last].map(shown);
            text.push_str(&format!("| {} | {alone} | {last} |\n", code(&effect.toggle)));
        }
        if !of.mixes.is_empty() {
            text.push_str("\n| together | measured | if multiplied | |\n|---|--:|--:|---|\n");
        }
        for mix in &of.mixes {
            let toggles: Vec<String> = mix.toggles.iter().map(|toggle| code(toggle)).collect();
            let [measured, expected] = [mix.measured, mix.expected].map(|share| percent(share - 1.0));
            text.push_str(&format!("| {} | {measured} | {expected} | {} |\n", toggles.join(", "), mix.verdict()));
        }
    }
    text.trim_start().to_owned()
}

/// The phases, one row per benchmark: what the first one costs, and what each of the others brings on top of the one
/// before; none if the run does not have them.
pub fn phases(report: &Report) -> Option<String> {
    let all = super::of(report);
    let with_phases: Vec<&ToggleEffects> = all.iter().filter(|of| of.phases.len() > 1).collect();
    let (first, rest) = with_phases.first()?.phases.split_first()?;
    let metric = spoken(with_phases[0].metric.name);
    let heads: Vec<String> = rest.iter().map(|(phase, _)| format!("phase {} | ", prose(phase))).collect();
    let mut text = format!(
        "| benchmark | {metric}, phase {} | {}together |\n|---|--:|{}--:|\n",
        prose(&first.0),
        heads.concat(),
        "--:|".repeat(rest.len())
    );
    for of in with_phases {
        let (none, last) = (of.phases[0].1, of.phases[of.phases.len() - 1].1);
        let steps: Vec<String> = of.phases.windows(2).map(|pair| percent(pair[1].1 / pair[0].1 - 1.0)).collect();
        let (name, cost) = (code(&of.benchmark), of.metric.show(none));
        text.push_str(&format!("| {name} | {cost} | {} | {} |\n", steps.join(" | "), percent(last / none - 1.0)));
    }
    Some(text)
}

/// Three toggles beside each other: a table and a sentence for each pair; none if they were not mixed.
pub fn interactions(report: &Report) -> Option<String> {
    let mut text = String::new();
    for of in super::of(report).iter().filter(|of| !of.interactions.is_empty()) {
        text.push_str(&format!(
            "\n{}, in {}:\n\n| toggle | by itself | beside others |\n|---|--:|---|\n",
            code(&of.benchmark),
            spoken(of.metric.name)
        ));
        let mut rows: BTreeMap<&str, (String, Vec<String>)> = BTreeMap::new();
        for Interaction { toggle, beside, effect } in &of.interactions {
            let row = rows.entry(toggle).or_default();
            match beside.is_empty() {
                true => row.0 = percent(*effect),
                false => {
                    let beside: Vec<String> = beside.iter().map(|toggle| code(toggle)).collect();
                    row.1.push(format!("{} with {}", percent(*effect), beside.join(" and ")));
                }
            }
        }
        for (toggle, (alone, beside)) in rows {
            text.push_str(&format!("| {} | {alone} | {} |\n", code(toggle), beside.join("; ")));
        }
        text.push('\n');
        for said in of.interaction_sentences() {
            text.push_str(&format!("- {}\n", prose(&said)));
        }
    }
    (!text.is_empty()).then(|| text.trim().to_owned())
}

/// What each strategy costs in place of the naive one where nothing else differs, by toggle; none without such pairs.
pub fn singles(report: &Report) -> Option<String> {
    let metric = cost(&report.run)?;
    let found = report.run.measurements.iter().filter(|found| found.metric == metric.name);
    let costs: BTreeMap<&CaseKey, f64> = found.map(|found| (&found.case, found.sample.median())).collect();
    let mut rows: Vec<(usize, &str, &CaseKey, [f64; 2])> = Vec::new();
    for (case, with) in &costs {
        for (place, (toggle, strategy)) in toggles_of(&case.variant).into_iter().enumerate() {
            let Some((_, naive)) = report.naive.iter().find(|(name, _)| name == toggle) else { continue };
            let part = format!("{toggle}={strategy}");
            let variant: Vec<String> = (case.variant.split(','))
                .map(|other| if other == part { format!("{toggle}={naive}") } else { other.to_owned() })
                .collect();
            let without = CaseKey { benchmark: case.benchmark.clone(), variant: variant.join(",") };
            let is_other = strategy != naive && !matches!(toggle, "store" | "durability");
            if let Some(without) = costs.get(&without).filter(|without| is_other && **without > 0.0) {
                rows.push((place, strategy, case, [*without, *with]));
            }
        }
    }
    let change = |sides: [f64; 2]| sides[1] / sides[0] - 1.0;
    rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(change(a.3).total_cmp(&change(b.3))));
    let mut text =
        format!("| toggle | benchmark | {} without | with | change |\n|---|---|--:|--:|--:|\n", spoken(metric.name));
    for (place, strategy, case, sides) in &rows {
        let pairs = toggles_of(&case.variant);
        let store = pairs.iter().find(|(toggle, _)| *toggle == "store").map_or("", |(_, store)| *store);
        let toggle = code(&format!("{}={strategy}", pairs[*place].0));
        let [without, with] = sides.map(|value| metric.show(value));
        let name = if store.is_empty() {
            code(&case.benchmark)
        } else {
            format!("{} in {}", code(&case.benchmark), prose(store))
        };
        text.push_str(&format!("| {toggle} | {name} | {without} | {with} | {} |\n", percent(change(*sides))));
    }
    (!rows.is_empty()).then_some(text)
}
