//! The runner of the callgrind and DHAT benches. The `counts` bench starts it, users do not.
//!
//! It is gungraun's own, built here so that `Cargo.lock` pins its version and nobody has to install it.

use std::process::ExitCode;

use gungraun_runner::error::Error;

fn main() -> ExitCode {
    match gungraun_runner::runner::run::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let regressed = matches!(error.downcast_ref::<Error>(), Some(Error::RegressionError(_)));
            eprintln!("error: {error:#}");
            ExitCode::from(if regressed { 3 } else { 1 })
        }
    }
}
