//! The raw data in the page, with the command that makes the page of it again: what is archived needs no other file.
//!
//! Files that are too large even when compressed are named and not embedded.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use maud::{Markup, html};

use super::parts::Section;
use crate::names::printable;
use crate::report::RawFile;
use crate::{Error, Format, Report, Result};

/// The most bytes of a page that one file may take, compressed and as text.
const ROOM: usize = 2 << 20;

/// The files, and how to use them; none if the report has none.
pub(super) fn section(report: &Report) -> Result<Option<Section>> {
    let Some(first) = report.raw.first() else { return Ok(None) };
    let links = report.raw.iter().map(link).collect::<Result<Vec<Markup>>>()?;
    let run = printable(&quoted(&first.name));
    let body = html! {
        p.hint { "The numbers behind this page, in the page. Save them beside each other to make it again or to compare with it:" }
        ul.data { @for link in links { li { (link) } } }
        pre tabindex="0" { "gunzip *.gz\nassay report " (run) "\nassay compare " (run) " latest" }
        p { "They were measured by:" }
        pre tabindex="0" { (printable(&report.run.header.command)) }
    };
    Ok(Some(Section::new("data", "The raw data, and the command", "Data", body)))
}

/// A name as a word of a shell.
fn quoted(name: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || "._-+".contains(letter);
    if name.chars().all(is_plain) { name.to_owned() } else { format!("'{}'", name.replace('\'', r"'\''")) }
}

fn link(file: &RawFile) -> Result<Markup> {
    let packed = packed(file)?;
    let name = format!("{}.gz", file.name);
    Ok(html! {
        @if packed.len() > ROOM { code { (printable(&file.name)) } ": too large for this page (" (size(file.bytes.len())) "), see the folder of the run" }
        @else { a href=(format!("data:application/gzip;base64,{packed}")) download=(printable(&name)) { (printable(&name)) } " " small { (size(file.bytes.len())) " unpacked" } }
    })
}

/// The file as gzip, in base64. The same bytes give the same text: there is no time in it.
fn packed(file: &RawFile) -> Result<String> {
    let failed = |error: std::io::Error| Error::Encode { format: Format::Html, reason: error.to_string() };
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::best());
    gzip.write_all(&file.bytes).map_err(failed)?;
    Ok(STANDARD.encode(gzip.finish().map_err(failed)?))
}

fn size(bytes: usize) -> String {
    baselines::Unit::Bytes.show(bytes as f64)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(["x-1.jsonl", "my run.jsonl", "it's"].map(quoted), ["x-1.jsonl", "'my run.jsonl'", r"'it'\''s'"]);
    }

    #[test]
    fn what_is_in_the_page_is_the_file() {
        let file = RawFile { name: "x.jsonl".into(), bytes: b"{\"record\":\"header\"}\n".repeat(100) };
        let link = link(&file).expect("packs").into_string();
        let text = link.split("base64,").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
        let bytes = STANDARD.decode(text).expect("base64");
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut unpacked).expect("gzip");
        assert_eq!(unpacked, file.bytes);
        assert!(link.contains("download=\"x.jsonl.gz\""));
    }
}
