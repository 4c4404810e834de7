//! What one command measures, judges and keeps.
//!
//! - [`plan`] is what was asked for; [`run`] measures it on one side.
//! - [`ab`] measures two sides in one session and judges them; [`sides`] is what both have, and where their programs
//!   lie meanwhile.
//! - [`judging`] turns a comparison into a judgement; [`runs`] finds runs on the disk.

pub mod ab;
pub mod judging;
pub mod plan;
pub mod run;
pub mod runs;
pub mod sides;
