//! The formats of a report, and their names.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A self-contained page.
    Html,
    /// A short comment in GitHub's Markdown.
    Markdown,
    /// Tables for a terminal.
    Text,
    /// JUnit XML.
    Junit,
    /// The model as JSON.
    Json,
    /// Workflow commands of GitHub Actions.
    Github,
}

impl Format {
    /// Every format, as help lists them.
    pub const ALL: [Format; 6] =
        [Format::Html, Format::Markdown, Format::Text, Format::Junit, Format::Json, Format::Github];

    /// The name in commands.
    pub fn name(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Markdown => "markdown",
            Format::Text => "text",
            Format::Junit => "junit",
            Format::Json => "json",
            Format::Github => "github",
        }
    }

    /// What a file of this format ends in.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Html => "html",
            Format::Markdown => "md",
            Format::Text | Format::Github => "txt",
            Format::Junit => "xml",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Format> {
        Format::ALL
            .into_iter()
            .find(|format| format.name() == name)
            .ok_or_else(|| Error::UnknownFormat { name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_that_parses() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().ok(), Some(format));
        }
        let error = "pdf".parse::<Format>().expect_err("no such format").to_string();
        assert!(Format::ALL.iter().all(|format| error.contains(format.name())), "{error} names them all");
    }
}
