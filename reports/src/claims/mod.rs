//! The ledger of claims: promises beside measured effects, in text, Markdown, HTML and JSON.

mod html;
mod markdown;
mod phases;
mod text;
mod words;

use baselines::claim::ClaimReport;

use crate::{Error, Format, Result};

pub use markdown::render as markdown;
pub use phases::markdown as phases_markdown;
pub use words::{picture, summary};

/// The ledger in a format. JUnit and annotations have none, because they only show regressions.
pub fn render(ledger: &ClaimReport, format: Format) -> Result<String> {
    match format {
        Format::Text => Ok(text::render(ledger)),
        Format::Markdown => Ok(markdown::render(ledger)),
        Format::Html => html::render(ledger),
        Format::Json => {
            let failed = |error: serde_json::Error| Error::Encode { format, reason: error.to_string() };
            Ok(format!("{}\n", serde_json::to_string_pretty(ledger).map_err(failed)?))
        }
        Format::Junit | Format::Github => Err(Error::NoLedger(format)),
    }
}
