//! What reports say, tried on reports built from the model: one binary, so that it is linked once.

mod browser;
mod claims;
mod doing;
mod fixture;
mod golden;
mod history;
mod hostile;
mod model;
mod schema;
mod size;
mod splice;
