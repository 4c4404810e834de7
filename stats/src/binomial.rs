//! Bounds of a true rate from a count of events: "0 red in 100 suites" means a rate below 3%, not a rate of 0.
//!
//! Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial" (Biometrika
//! 26, 1934, p. 404): a rate is refused if it makes a count as extreme as the observed one too unlikely. The exact
//! bounds are never too tight. The normal approximation would be: at 0 events it claims to know the rate exactly.

use crate::error::{Result, StatsError, check_open_unit};

/// The one-sided bound from above: with this confidence, the rate is at most that.
///
/// ```
/// use stats::binomial::upper_bound;
/// assert!(upper_bound(0, 100, 0.95)? < 0.03); // 0 red in 100 suites: below 3%
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn upper_bound(successes: u64, trials: u64, confidence: f64) -> Result<f64> {
    check(successes, trials, confidence)?;
    if successes == trials {
        return Ok(1.0);
    }
    let choose_ln = choose_ln(successes, trials);
    // Bisection between the observed rate, where the tail is about a half, and 1, where it is nothing. At the bound,
    // `successes` or fewer are as likely as what the confidence leaves.
    Ok(bisect(successes as f64 / trials as f64, 1.0, |rate| {
        lower_tail(successes, trials, choose_ln, rate, 1.0 - rate) > 1.0 - confidence
    }))
}

/// The one-sided bound from below: with this confidence, the rate is at least that.
///
/// ```
/// use stats::binomial::lower_bound;
/// assert!(lower_bound(60, 60, 0.95)? > 0.95); // 60 of 60 found: above 95%
/// # Ok::<(), stats::StatsError>(())
/// ```
pub fn lower_bound(successes: u64, trials: u64, confidence: f64) -> Result<f64> {
    check(successes, trials, confidence)?;
    if successes == 0 {
        return Ok(0.0);
    }
    let choose_ln = choose_ln(successes, trials);
    // The mirror image of the other bound, with failures for successes.
    Ok(bisect(0.0, successes as f64 / trials as f64, |rate| {
        lower_tail(trials - successes, trials, choose_ln, 1.0 - rate, rate) <= 1.0 - confidence
    }))
}

fn check(successes: u64, trials: u64, confidence: f64) -> Result<()> {
    if trials == 0 || successes > trials {
        return Err(StatsError::Trials { successes, trials });
    }
    check_open_unit("the confidence", confidence)
}

/// The point between `low` and `high` from which on `is_below` is false, to the last bit.
fn bisect(mut low: f64, mut high: f64, is_below: impl Fn(f64) -> bool) -> f64 {
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return middle;
        }
        if is_below(middle) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

/// P(X <= count) for a rate at or above `count / trials`; `rest` is 1 - rate. The terms fall from `count` downwards, so
/// the sum starts at the largest and stops when the next no longer changes it.
fn lower_tail(count: u64, trials: u64, choose_ln: f64, rate: f64, rest: f64) -> f64 {
    let (k, n) = (count as f64, trials as f64);
    // The logarithm of a number near 1 is taken from its distance to 1, which is known to more digits.
    let rate_ln = if rest < 0.5 { (-rest).ln_1p() } else { rate.ln() };
    let rest_ln = if rate < 0.5 { (-rate).ln_1p() } else { rest.ln() };
    let odds = rest / rate;
    let mut term = (choose_ln + k * rate_ln + (n - k) * rest_ln).exp();
    let mut sum = 0.0;
    let mut i = k;
    while term > sum * f64::EPSILON / 4.0 {
        sum += term;
        if i == 0.0 {
            break;
        }
        term *= i / (n - i + 1.0) * odds;
        i -= 1.0;
    }
    sum
}

/// ln of the number of ways to choose `k` of `n`.
fn choose_ln(k: u64, n: u64) -> f64 {
    let k = k.min(n - k);
    (1..=k).map(|i| ((n - k + i) as f64 / i as f64).ln()).sum()
}
