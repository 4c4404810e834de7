//! Statistics over episodes: forecasts of a series, and clusters of tasks. Pure functions, computed by augurs.

pub mod clusters;
pub mod forecast;
