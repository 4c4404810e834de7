//! The formats of a report, and their names.

/// The format of a report.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, strum::Display, strum::EnumString, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "lowercase", parse_err_ty = String, parse_err_fn = unknown)]
pub enum Format {
    /// A page that needs no other file.
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
    pub const ALL: &[Format] = <Format as strum::VariantArray>::VARIANTS;

    /// The name in commands.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The extension of a file of this format.
    pub fn extension(self) -> &'static str {
        match self {
            Format::Markdown => "md",
            Format::Text | Format::Github => "txt",
            Format::Junit => "xml",
            Format::Html | Format::Json => self.name(),
        }
    }
}

fn unknown(name: &str) -> String {
    format!("unknown format `{name}`: one of html, markdown, text, junit, json, github")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_a_name_that_parses() {
        for &format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().ok(), Some(format));
        }
        let error = "pdf".parse::<Format>().expect_err("no such format");
        assert!(Format::ALL.iter().all(|format| error.contains(format.name())), "{error} names them all");
    }
}
