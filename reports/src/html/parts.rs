//! Shared parts of pages: the head, a section, prose with code in it.

use maud::{Markup, PreEscaped, html};

use crate::charts::palette;

const STYLE: &str = include_str!("style.css");

/// Every request is forbidden.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// A section of the page, with its title in the table of contents.
pub(crate) struct Section {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// The title in the table of contents.
    pub(crate) short: &'static str,
    /// It is folded under its title and these words.
    pub(crate) folded: Option<String>,
    pub(crate) body: Markup,
}

impl Section {
    pub(crate) fn new(id: &'static str, title: &'static str, short: &'static str, body: Markup) -> Section {
        Section { id, title, short, folded: None, body }
    }

    /// The same, folded: for what only some readers want.
    pub(crate) fn folded(self, words: impl Into<String>) -> Section {
        Section { folded: Some(words.into()), ..self }
    }

    pub(crate) fn markup(&self) -> Markup {
        html! {
            section id=(self.id) {
                @match &self.folded {
                    None => { h2 { (self.title) } (self.body) },
                    Some(words) => details { summary.title { h2 { (self.title) } " " span { (words) } } (self.body) },
                }
            }
        }
    }
}

/// Prose with code between backticks, as messages have it.
pub(crate) fn prose(text: &str) -> Markup {
    let text = crate::names::printable(text);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return html! { (text) };
    }
    html! { @for (place, part) in parts.iter().enumerate() { @if place % 2 == 1 { code { (part) } } @else { (part) } } }
}

/// The head of a page, with its style and its content policy.
pub(crate) fn head(title: &str) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta http-equiv="Content-Security-Policy" content=(CONTENT_POLICY);
            link rel="icon" href="data:,";
            title { (title) " \u{b7} Assay" }
            style { (PreEscaped(palette::css())) (PreEscaped(STYLE)) }
        }
    }
}

/// The text in which the page's filter searches.
pub(crate) fn filter_name(name: &str) -> String {
    name.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_escaped_and_keeps_its_code() {
        assert_eq!(prose("type `a<b` & go").into_string(), "type <code>a&lt;b</code> &amp; go");
        assert_eq!(prose("one ` <b>").into_string(), "one ` &lt;b&gt;");
    }
}
