//! What other tools left, read by the command: stdout, stderr and exit code. The inputs are small, and made after
//! public reports of people who gate performance; `inputs` writes them.

mod baselines;
mod compare;
mod formats;
mod inputs;
mod places;
mod python;
mod traces;
