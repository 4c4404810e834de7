//! Where spans of requests and operations go: as lines to stderr (`--log`), and to a collector (`--otlp`).

use std::io;

use anyhow::Result;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

#[cfg(feature = "otlp")]
pub use crate::otlp::Collector;

/// Begins to write and send spans. Where nobody asked for them, a span costs a comparison.
pub fn begin(log: Option<LevelFilter>, otlp: Option<&str>) -> Result<Option<Collector>> {
    let mut outputs: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    if let Some(level) = log {
        let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr).with_span_events(FmtSpan::CLOSE);
        outputs.push(lines.with_filter(level).boxed());
    }
    let collector = otlp.map(Collector::new).transpose()?;
    outputs.extend(collector.as_ref().map(Collector::output));
    if !outputs.is_empty() {
        tracing_subscriber::registry().with(outputs).init();
    }
    Ok(collector)
}

/// No collector: this server was built without the feature `otlp`.
#[cfg(not(feature = "otlp"))]
pub(crate) enum Collector {}

#[cfg(not(feature = "otlp"))]
impl Collector {
    /// Says how to build a server that has one.
    fn new(_url: &str) -> Result<Collector> {
        anyhow::bail!(
            "this server was built without --otlp: build one that has it with \
            `cargo build --release -p assay-memory-server --features otlp`"
        )
    }

    fn output(&self) -> Box<dyn Layer<Registry> + Send + Sync> {
        match *self {}
    }

    /// Sends what is left.
    pub async fn end(self) {
        match self {}
    }
}
