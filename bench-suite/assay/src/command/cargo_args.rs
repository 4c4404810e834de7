//! The arguments by which cargo chooses packages, bench targets and features, for the benches of other projects.

use anyhow::{Result, ensure};
use clap::Args;
use harness::subject::cargo_choice::{CargoChoice, OF_OTHERS};

/// The choice, as cargo spells it.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Benches of a cargo package or workspace")]
pub struct CargoArgs {
    /// Only this package of the workspace; may be repeated
    #[arg(long, short, value_name = "PACKAGE")]
    package: Vec<String>,

    /// Only this bench target, or the library of this name; may be repeated
    #[arg(long, value_name = "NAME")]
    bench: Vec<String>,

    /// Features to turn on, with commas between; may be repeated
    #[arg(long, short = 'F', value_name = "FEATURES")]
    features: Vec<String>,

    /// Turn all features on
    #[arg(long)]
    all_features: bool,

    /// Turn the default features off
    #[arg(long)]
    no_default_features: bool,
}

impl CargoArgs {
    /// The arguments as a choice.
    pub fn choice(&self) -> CargoChoice {
        let CargoArgs { package, bench, features, all_features, no_default_features } = self.clone();
        CargoChoice { packages: package, benches: bench, features, all_features, no_default_features }
    }

    /// True if some of the benches are chosen.
    pub fn is_partial(&self) -> bool {
        !self.package.is_empty() || !self.bench.is_empty()
    }

    /// Refuses the arguments where no package is built.
    pub fn refuse_if(&self, others: bool) -> Result<()> {
        ensure!(!others || self.choice().is_empty(), "{OF_OTHERS}");
        Ok(())
    }
}
