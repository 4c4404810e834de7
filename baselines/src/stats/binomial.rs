//! What a count of events says about their true rate: "0 red in 100 suites" means a rate below 3%, not a rate of 0.
//!
//! Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial"
//! (Biometrika 26, 1934, p. 404): a rate is refused if it makes a count as extreme as the observed one too unlikely.
//! The exact bounds are never too tight, whatever the rate. Left out on purpose: the normal approximation, which at 0
//! events claims to know the rate exactly.

use super::{Error, Result, check_open_unit};

/// The rates that the count does not speak against.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// The lowest, between 0 and 1.
    pub low: f64,
    /// The highest.
    pub high: f64,
}

/// Both bounds of the rate, each with half of what the confidence leaves over.
///
/// # Errors
///
/// [`Error::Trials`] for more successes than trials or no trials, [`Error::NotAProbability`] for the confidence.
///
/// ```
/// use baselines::stats::binomial::clopper_pearson;
/// let found = clopper_pearson(29, 30, 0.95)?; // 29 of 30 slowdowns found
/// assert!((found.low - 0.8278).abs() < 1e-4 && (found.high - 0.9992).abs() < 1e-4);
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn clopper_pearson(successes: u64, trials: u64, confidence: f64) -> Result<Rates> {
    check(successes, trials, confidence)?;
    let outside = (1.0 - confidence) / 2.0;
    Ok(Rates { low: lowest(successes, trials, outside), high: highest(successes, trials, outside) })
}

/// The one-sided bound from above: with this confidence, the rate is at most that.
///
/// # Errors
///
/// Those of [`clopper_pearson`].
///
/// ```
/// use baselines::stats::binomial::upper_bound;
/// assert!(upper_bound(0, 100, 0.95)? < 0.03); // 0 red in 100 suites: below 3%
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn upper_bound(successes: u64, trials: u64, confidence: f64) -> Result<f64> {
    check(successes, trials, confidence)?;
    Ok(highest(successes, trials, 1.0 - confidence))
}

/// The one-sided bound from below: with this confidence, the rate is at least that.
///
/// # Errors
///
/// Those of [`clopper_pearson`].
///
/// ```
/// use baselines::stats::binomial::lower_bound;
/// assert!(lower_bound(60, 60, 0.95)? > 0.95); // 60 of 60 found: above 95%
/// # Ok::<(), baselines::stats::Error>(())
/// ```
pub fn lower_bound(successes: u64, trials: u64, confidence: f64) -> Result<f64> {
    check(successes, trials, confidence)?;
    Ok(lowest(successes, trials, 1.0 - confidence))
}

fn check(successes: u64, trials: u64, confidence: f64) -> Result<()> {
    if trials == 0 || successes > trials {
        return Err(Error::Trials { successes, trials });
    }
    check_open_unit("the confidence", confidence)
}

/// The rate that makes `successes` or fewer as likely as `outside`.
fn highest(successes: u64, trials: u64, outside: f64) -> f64 {
    if successes == trials {
        return 1.0;
    }
    let choose_ln = choose_ln(successes, trials);
    // Bisection between the observed rate, where the tail is about a half, and 1, where it is nothing.
    bisect(successes as f64 / trials as f64, 1.0, |rate| {
        lower_tail(successes, trials, choose_ln, rate, 1.0 - rate) > outside
    })
}

/// The rate that makes `successes` or more as likely as `outside`: the mirror image, with failures for successes.
fn lowest(successes: u64, trials: u64, outside: f64) -> f64 {
    if successes == 0 {
        return 0.0;
    }
    let choose_ln = choose_ln(successes, trials);
    bisect(0.0, successes as f64 / trials as f64, |rate| {
        lower_tail(trials - successes, trials, choose_ln, 1.0 - rate, rate) <= outside
    })
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

/// P(X <= count) for a rate at or above `count / trials`, and `rest`, which is 1 - rate: the terms fall from `count`
/// downwards, so that summing starts at the largest and may stop when the rest no longer changes the sum.
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
