//! The Universal Scalability Law: throughput as a function of concurrency (Gunther, "Guerrilla Capacity Planning",
//! 2007, chapter 4).
//!
//! `X(N) = gamma N / (1 + alpha (N - 1) + beta N (N - 1))`: contention (`alpha`) bounds the throughput, coherency
//! (`beta`) makes it fall again. It is fitted to the rates that were tried, the concurrency by Little's law.

use serde::Serialize;

use super::Rung;

/// A fitted law.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScalabilityLaw {
    /// Throughput of one request at a time.
    pub gamma: f64,
    /// Contention: the part that is done one after the other.
    pub alpha: f64,
    /// Coherency: what each pair of requests costs the other.
    pub beta: f64,
    /// The most throughput; none if it grows without an end.
    pub capacity: Option<f64>,
    /// The concurrency with the most throughput, if there is one.
    pub at_concurrency: Option<f64>,
    /// The root of the mean squared relative error of the fit.
    pub error: f64,
}

/// Concurrency and throughput of a rung. The concurrency is that of the server: without the generator's waits.
fn point(rung: &Rung) -> (f64, f64) {
    let throughput = rung.median(|trial| trial.throughput);
    (throughput * rung.median(|trial| trial.service_mean_ns) / 1e9, throughput)
}

/// Fits the law; none with fewer than four rates.
pub fn fit(rungs: &[Rung]) -> Option<ScalabilityLaw> {
    fit_points(&rungs.iter().map(point).filter(|(n, x)| *n > 0.0 && *x > 0.0).collect::<Vec<_>>())
}

/// `N / X` is linear in 1, N - 1 and N (N - 1); coefficients below zero mean nothing, and are fitted without.
fn fit_points(points: &[(f64, f64)]) -> Option<ScalabilityLaw> {
    if points.len() < 4 {
        return None;
    }
    let terms: [fn(f64) -> f64; 3] = [|_| 1.0, |n| n - 1.0, |n| n * (n - 1.0)];
    for chosen in [&terms[..], &terms[..2], &terms[..1]] {
        let mut coefficients = least_squares(points, chosen).unwrap_or_default();
        if coefficients.is_empty() || coefficients.iter().any(|coefficient| *coefficient < 0.0) {
            continue;
        }
        coefficients.resize(3, 0.0);
        let (gamma, alpha, beta) =
            (1.0 / coefficients[0], coefficients[1] / coefficients[0], coefficients[2] / coefficients[0]);
        if !gamma.is_finite() {
            continue;
        }
        let throughput = |n: f64| gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0));
        let best = (beta > 0.0 && alpha < 1.0).then(|| ((1.0 - alpha) / beta).sqrt());
        let capacity = best.map(throughput).or_else(|| (alpha > 0.0).then(|| gamma / alpha));
        let squares = points.iter().map(|(n, x)| (throughput(*n) / x - 1.0).powi(2)).sum::<f64>();
        let error = (squares / points.len() as f64).sqrt();
        return Some(ScalabilityLaw { gamma, alpha, beta, capacity, at_concurrency: best, error });
    }
    None
}

/// Weighted so that relative errors of `N / X` count; solved by Gauss's elimination.
fn least_squares(points: &[(f64, f64)], terms: &[fn(f64) -> f64]) -> Option<Vec<f64>> {
    let size = terms.len();
    let mut rows = vec![vec![0.0; size + 1]; size];
    for (n, x) in points {
        let (target, weight) = (n / x, (x / n).powi(2));
        for (row, term) in rows.iter_mut().zip(terms) {
            for (column, other) in terms.iter().enumerate() {
                row[column] += weight * term(*n) * other(*n);
            }
            row[size] += weight * term(*n) * target;
        }
    }
    for pivot in 0..size {
        let best = (pivot..size).max_by(|a, b| rows[*a][pivot].abs().total_cmp(&rows[*b][pivot].abs()))?;
        rows.swap(pivot, best);
        if rows[pivot][pivot].abs() < 1e-12 {
            return None;
        }
        let of_pivot = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(number, _)| *number != pivot) {
            let factor = row[pivot] / of_pivot[pivot];
            row.iter_mut().zip(&of_pivot).for_each(|(cell, above)| *cell -= factor * above);
        }
    }
    Some((0..size).map(|row| rows[row][size] / rows[row][row]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(gamma: f64, alpha: f64, beta: f64) -> ScalabilityLaw {
        let throughput = |n: f64| gamma * n / (1.0 + alpha * (n - 1.0) + beta * n * (n - 1.0));
        let points: Vec<_> = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0].map(|n| (n, throughput(n))).to_vec();
        fit_points(&points).unwrap()
    }

    #[test]
    fn a_law_is_found_again() {
        let found = law(900.0, 0.05, 0.002);
        assert!((found.gamma - 900.0).abs() < 1e-6 && (found.alpha - 0.05).abs() < 1e-9, "{found:?}");
        assert!((found.beta - 0.002).abs() < 1e-9 && found.error < 1e-9, "{found:?}");
        assert!((found.at_concurrency.unwrap() - (0.95f64 / 0.002).sqrt()).abs() < 1e-6, "{found:?}");
    }

    #[test]
    fn a_single_server_has_its_rate_as_capacity() {
        // M/M/1 with 400 per second: N = rho / (1 - rho), so that X = 400 N / (N + 1).
        let points: Vec<_> = [0.2, 0.5, 1.0, 3.0, 9.0].map(|n| (n, 400.0 * n / (n + 1.0))).to_vec();
        let found = fit_points(&points).unwrap();
        assert!((found.capacity.unwrap() - 400.0).abs() < 0.5, "{found:?}");
        assert!((found.alpha - 0.5).abs() < 1e-3, "{found:?}");
    }

    #[test]
    fn throughput_without_an_end_has_no_capacity() {
        let points: Vec<_> = [1.0, 2.0, 4.0, 8.0].map(|n| (n, 10.0 * n)).to_vec();
        let found = fit_points(&points).unwrap();
        assert!(found.capacity.is_none_or(|capacity| capacity > 1e6), "{found:?}");
        assert_eq!(fit_points(&points[..3]), None);
    }
}
