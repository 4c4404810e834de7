//! The charts: shapes, places, scales and colours. What is worth a chart, [`crate::figures`] chooses.
//!
//! - [`dots`]: a dot and its interval in each row, for changes and costs. [`heat`]: variants side by side. `lines`:
//!   lines, drawn with plotters; [`load_curve`] is one of them.
//! - `scale`: ranges and ticks. `palette`: the colours, also of pages.

pub mod dots;
pub mod heat;
pub(crate) mod lines;
pub mod load_curve;
pub(crate) mod palette;
mod scale;
