//! Holm's step-down correction: many tests, one level for all of them together.
//!
//! Among 100 benchmarks of identical code, one is below 1% by chance. Holm, "A simple sequentially rejective multiple
//! test procedure" (Scandinavian Journal of Statistics 6, 1979, p. 65) keeps the chance of even one false rejection at
//! the level, however the tests depend on each other, and rejects all that Bonferroni rejects and more.
//! A false discovery rate would allow a share of the red marks to be wrong.

use crate::error::{Result, StatsError};

/// Adjusted p-values, in the order given: a test is rejected at level `a` if its adjusted value is at most `a`.
///
/// The smallest of m values is multiplied by m, the next by m - 1, and so on; none falls below one before it, or
/// exceeds 1. No tests give no values.
///
/// ```
/// use stats::holm::adjusted;
/// assert_eq!(adjusted(&[0.01, 0.04, 0.03])?, [0.03, 0.06, 0.06]);
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn adjusted(p_values: &[f64]) -> Result<Vec<f64>> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatsError::NotAProbability { name: "a p-value", value });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        let remaining = (p_values.len() - rank) as f64;
        floor = floor.max((p_values[index] * remaining).min(1.0));
        adjusted[index] = floor;
    }
    Ok(adjusted)
}
