//! The exact signed-rank test: could these rounds come from two sides that are equally fast?
//!
//! If the labels A and B of every round could be swapped without changing anything, every value is as likely as its
//! negative. Of all 2^n ways to choose the signs, the test counts those in which the positive values outrank the
//! negative ones at least as clearly as measured. No distribution is assumed, and nothing is approximated: ties and
//! zeros change the set of ranks, and the count is made over the ranks that are there.
//!
//! Sources: Wilcoxon, "Individual comparisons by ranking methods" (Biometrics Bulletin 1, 1945, p. 80); Pratt, "Remarks
//! on zeros and ties in the Wilcoxon signed rank procedures" (JASA 54, 1959, p. 655); Hollander, Wolfe and Chicken,
//! "Nonparametric statistical methods" (3rd edition, 2014, section 3.1).

use crate::error::{Result, StatsError, check_finite};

/// The most values a test accepts: beyond, the probability of a single choice of signs is no longer a normal `f64`.
pub const MAX_VALUES: usize = 1000;

/// The result of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// The sum of the ranks of the positive values (W+), with midranks for ties.
    pub positive_ranks: f64,
    /// The sum of the ranks of the negative values (W-).
    pub negative_ranks: f64,
    /// The number of values with a sign.
    pub signed: usize,
    /// P(W+ at least as large as measured): small if the shift is positive.
    pub p_greater: f64,
    /// P(W+ at most as large as measured): small if the shift is negative.
    pub p_less: f64,
    /// Twice the smaller of the two, at most 1: small if there is a shift.
    pub p_two_sided: f64,
}

/// Tests whether the values are placed symmetrically about 0, exactly, for one to [`MAX_VALUES`] of them.
///
/// Only the order of the magnitudes counts, so the unit does not matter. Equal magnitudes share the mean of their
/// ranks. Zeros are ranked with the rest and left out of the sums (Pratt): dropping them first could make a sample more
/// significant by moving a value away from the alternative. If all values are zero, all p-values are 1.
///
/// ```
/// use stats::wilcoxon::signed_rank;
/// // Hollander and Wolfe, table 3.1: a depression scale before and after treatment, differences.
/// let change = [0.952, -0.147, 1.022, 0.43, 0.62, 0.59, 0.49, -0.08, 0.01];
/// let test = signed_rank(&change)?;
/// assert_eq!(test.positive_ranks, 40.0);
/// assert_eq!(test.p_greater, 10.0 / 512.0); // 0.01953
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn signed_rank(values: &[f64]) -> Result<SignedRank> {
    check_finite(values)?;
    if values.len() > MAX_VALUES {
        return Err(StatsError::TooMany { given: values.len(), limit: MAX_VALUES });
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| a.abs().total_cmp(&b.abs()));

    // Midranks are whole or half numbers: doubled, they are exact.
    let mut doubled_ranks = Vec::with_capacity(sorted.len());
    let mut positive = 0;
    let mut first = 0;
    for group in sorted.chunk_by(|a, b| a.abs() == b.abs()) {
        let doubled_rank = 2 * first + 1 + group.len();
        first += group.len();
        if group[0] != 0.0 {
            doubled_ranks.extend(group.iter().map(|_| doubled_rank));
            positive += doubled_rank * group.iter().filter(|&&value| value > 0.0).count();
        }
    }
    let total: usize = doubled_ranks.iter().sum();
    let negative = total - positive;
    let scale = if doubled_ranks.iter().all(|rank| rank % 2 == 0) { 2 } else { 1 };
    let ranks: Vec<usize> = doubled_ranks.iter().map(|rank| rank / scale).collect();
    // Both tails are the same: the smaller sum is as unlikely from below as the larger one from above.
    let smaller = positive.min(negative) / scale;
    let probabilities = rank_sum_probabilities(&ranks, smaller);
    let below: f64 = probabilities[..smaller].iter().sum();
    let thin = (below + probabilities[smaller]).min(1.0);
    let (p_greater, p_less) = if positive > negative { (thin, 1.0 - below) } else { (1.0 - below, thin) };
    Ok(SignedRank {
        positive_ranks: positive as f64 / 2.0,
        negative_ranks: negative as f64 / 2.0,
        signed: ranks.len(),
        p_greater,
        p_less,
        p_two_sided: (2.0 * thin).min(1.0),
    })
}

/// P(W = w) for w from 0 to `most`, where each rank counts with probability 1/2.
///
/// One rank after the other either leaves a sum or raises it by the rank. Sums only grow, so those beyond `most` are
/// not followed.
fn rank_sum_probabilities(ranks: &[usize], most: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; most + 1];
    let mut next = probabilities.clone();
    probabilities[0] = 1.0;
    let mut reached = 0;
    for &rank in ranks {
        reached = (reached + rank).min(most);
        for (sum, &probability) in next[..=reached].iter_mut().zip(&probabilities) {
            *sum = probability / 2.0;
        }
        for (sum, &probability) in next[..=reached].iter_mut().skip(rank).zip(&probabilities) {
            *sum += probability / 2.0;
        }
        std::mem::swap(&mut probabilities, &mut next);
    }
    probabilities
}

/// P(W <= w) for w from 0 to half of the largest sum, for `n` values without ties. Intervals are made from it.
pub(crate) fn untied_cumulative(n: usize) -> Vec<f64> {
    let ranks: Vec<usize> = (1..=n).collect();
    let mut sums = rank_sum_probabilities(&ranks, n * (n + 1) / 4);
    for w in 1..sums.len() {
        sums[w] += sums[w - 1];
    }
    sums
}
