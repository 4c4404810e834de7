//! Results as a table for a terminal: one block per workload, one row per policy.

use super::ReplayResult;

const COLUMNS: [&str; 6] = ["policy", "hits", "against lru", "stale of hits", "evictions", "expirations"];

/// The results in their order, a block for each workload and cache.
pub fn render(outcomes: &[ReplayResult]) -> String {
    let mut text = String::new();
    let same =
        |a: &ReplayResult, b: &ReplayResult| (&a.workload, a.capacity, a.ttl_ns) == (&b.workload, b.capacity, b.ttl_ns);
    for block in outcomes.chunk_by(same) {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&heading(&block[0]));
        let lru = block.iter().find(|outcome| outcome.policy == super::CachePolicy::Lru);
        let mut rows = vec![COLUMNS.map(str::to_owned)];
        rows.extend(block.iter().map(|outcome| cells(outcome, lru)));
        align(&rows, &mut text);
    }
    text
}

fn heading(outcome: &ReplayResult) -> String {
    let ReplayResult { workload, accesses, capacity, ttl_ns, .. } = outcome;
    let kept = match ttl_ns {
        &u64::MAX => String::new(),
        ttl_ns => format!(", each for {} s", *ttl_ns as f64 / 1e9),
    };
    format!("{workload}: {accesses} accesses, {capacity} entries{kept}\n")
}

fn cells(outcome: &ReplayResult, lru: Option<&ReplayResult>) -> [String; 6] {
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

/// Appends the rows, names to the left and numbers to the right.
fn align(rows: &[[String; 6]], text: &mut String) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in rows {
        text.push_str(&format!("  {:<1$}", row[0], width(0)));
        for (column, cell) in row.iter().enumerate().skip(1) {
            text.push_str(&format!("  {cell:>0$}", width(column)));
        }
        text.push('\n');
    }
}
