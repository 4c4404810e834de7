//! The claim report: promises beside measured effects, in text, Markdown, HTML and JSON.

mod html;
mod markdown;
mod phases;
mod text;
mod toggles;
mod words;

use baselines::claim::ClaimReport;

use crate::{Error, Format, Result};

pub use markdown::render as markdown;
pub use phases::markdown as phases_markdown;
pub use toggles::markdown as toggles_markdown;
pub use words::{picture, summary};

/// The claim report in a format. JUnit and annotations have none, because they only show regressions.
pub fn render(report: &ClaimReport, format: Format) -> Result<String> {
    match format {
        Format::Text => Ok(text::render(report)),
        Format::Markdown => Ok(markdown::render(report)),
        Format::Html => html::render(report),
        Format::Json => {
            let failed = |error: serde_json::Error| Error::Encode { format, reason: error.to_string() };
            Ok(format!("{}\n", serde_json::to_string_pretty(report).map_err(failed)?))
        }
        Format::Junit | Format::Github => Err(Error::NoClaims(format)),
    }
}
