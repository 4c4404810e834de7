//! Outcomes as a table for a terminal: a block a workload, a row a policy.

use std::fmt::Write;

use super::Outcome;

/// Columns: the heading, and whether its cells stand to the right.
const COLUMNS: [(&str, bool); 6] = [
    ("policy", false),
    ("hits", true),
    ("against lru", true),
    ("stale of hits", true),
    ("evictions", true),
    ("expirations", true),
];

/// The outcomes in their order; those of one workload and one cache stand together.
pub fn render(outcomes: &[Outcome]) -> String {
    let mut text = String::new();
    let same = |a: &Outcome, b: &Outcome| (&a.workload, a.capacity, a.ttl_ns) == (&b.workload, b.capacity, b.ttl_ns);
    for block in outcomes.chunk_by(same) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&heading(&block[0]));
        let lru = block.iter().find(|outcome| outcome.policy == super::Policy::Lru);
        let mut rows = vec![COLUMNS.map(|(heading, _)| heading.to_owned())];
        rows.extend(block.iter().map(|outcome| cells(outcome, lru)));
        align(&rows, &mut text);
    }
    text
}

fn heading(outcome: &Outcome) -> String {
    let Outcome { workload, accesses, capacity, ttl_ns, .. } = outcome;
    let kept = match ttl_ns {
        &u64::MAX => String::new(),
        ttl_ns => format!(", each for {} s", *ttl_ns as f64 / 1e9),
    };
    format!("{workload}: {accesses} accesses, {capacity} entries{kept}\n")
}

fn cells(outcome: &Outcome, lru: Option<&Outcome>) -> [String; 6] {
    let against = match lru {
        Some(lru) if lru.hits > 0 => format!("{:+.1}%", 100.0 * (outcome.hits as f64 / lru.hits as f64 - 1.0)),
        _ => "-".to_owned(),
    };
    [
        outcome.policy.name().to_owned(),
        format!("{:.2}%", 100.0 * outcome.hit_ratio()),
        against,
        format!("{:.2}%", 100.0 * outcome.stale_ratio()),
        outcome.evictions.to_string(),
        outcome.expirations.to_string(),
    ]
}

fn align(rows: &[[String; 6]], text: &mut String) {
    for row in rows {
        for (column, (cell, (_, right))) in row.iter().zip(COLUMNS).enumerate() {
            let width = rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
            let written = if right { write!(text, "  {cell:>width$}") } else { write!(text, "  {cell:<width$}") };
            written.expect("a string takes everything");
        }
        text.push('\n');
    }
}
