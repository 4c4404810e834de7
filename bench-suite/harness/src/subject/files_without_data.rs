//! Changed files on which a bench does not work, so that a change of them needs no measurement.

use std::path::Path;

/// Files of other tools and for people. A bench that works on one has its name.
const NO_DATA: [&str; 9] = [
    "Cargo.lock",
    "Cargo.toml",
    "clippy.toml",
    "codecov.yml",
    "deny.toml",
    "justfile",
    "Makefile",
    "rustfmt.toml",
    "typos.toml",
];

/// True for a file that a bench does not work on: source is compiled, and documents, settings of tools and hidden files
/// are read only by a program that has their names.
pub fn is_no_data(file: &str, program: &[u8]) -> bool {
    let path = Path::new(file);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_hidden = file.split('/').any(|part| part.starts_with('.'));
    let for_people =
        ["LICENSE", "COPYING", "NOTICE", "AUTHORS", "CODEOWNERS"].iter().any(|start| name.starts_with(start));
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("rs") => true,
        Some("md" | "adoc" | "rst") => !contains(program, &name),
        _ if is_hidden || for_people || NO_DATA.contains(&&*name) => !contains(program, &name),
        _ => false,
    }
}

fn contains(program: &[u8], name: &str) -> bool {
    program.windows(name.len()).any(|bytes| bytes == name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_a_bench_may_read_are_told_from_source_and_documents() {
        let program = b"..README.md..data/words.txt..LICENSE..";
        for file in [
            "src/lib.rs",
            "tests/all.rs",
            "CHANGELOG.md",
            "docs/guide.adoc",
            "Cargo.lock",
            ".gitignore",
            ".github/ci.yml",
            "LICENSE-MIT",
        ] {
            assert!(is_no_data(file, program), "{file}");
        }
        for file in ["data/words.txt", "benches/other.json", "README.md", "input", "LICENSE"] {
            assert!(!is_no_data(file, program), "{file}");
        }
    }
}
