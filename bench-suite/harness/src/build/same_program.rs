//! Tells if two programs are one: what they load into memory is equal, but for the line numbers that panics name.
//!
//! A comment, a format or a new test moves lines, and every `Location` below it. Nothing computes with a location, so
//! programs that differ only there execute the same instructions on the same data.
//!
//! Source of the layout: the Rust reference implementation, `core::panic::Location`: a pointer to the file's name, its
//! length, the line and the column.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result};
use object::elf::SHF_ALLOC;
use object::{Object, ObjectSection, SectionFlags};

/// The section of constants with pointers in them.
const WITH_POINTERS: &str = ".data.rel.ro";

/// The section with a hash of all others.
const BUILD_ID: &str = ".note.gnu.build-id";

/// The bytes from a location's start to its line.
pub(super) const LINE_AT: u64 = 16;

/// True if two files are one program.
pub fn is_same_program(one: &Path, other: &Path) -> Result<bool> {
    let read = |path: &Path| std::fs::read(path).with_context(|| format!("can't read {}", path.display()));
    let (one, other) = (read(one)?, read(other)?);
    Ok(one == other || differ_only_in_lines(&one, &other).unwrap_or(false))
}

/// Part of a program in memory.
struct Loaded<'a> {
    name: &'a str,
    address: u64,
    size: u64,
    bytes: &'a [u8],
}

/// A program in memory.
struct Program<'a> {
    loaded: Vec<Loaded<'a>>,
    /// Pointers that are set when it starts, by their address.
    pointers: HashMap<u64, u64>,
}

impl<'a> Program<'a> {
    fn parse(file: &'a [u8]) -> Option<Program<'a>> {
        let file = object::File::parse(file).ok()?;
        let mut loaded = Vec::new();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { return None };
            if sh_flags & u64::from(SHF_ALLOC) == 0 {
                continue;
            }
            let (address, size) = (section.address(), section.size());
            // Zeroed memory has a size and no bytes.
            loaded.push(Loaded {
                name: section.name_bytes().ok().and_then(|name| str::from_utf8(name).ok())?,
                address,
                size,
                bytes: section.data().ok()?,
            });
        }
        let pointers =
            file.dynamic_relocations()?.map(|(at, pointer)| (at, pointer.addend().cast_unsigned())).collect();
        Some(Program { loaded, pointers })
    }

    /// The bytes at an address.
    fn at(&self, address: u64, size: u64) -> Option<&'a [u8]> {
        self.loaded.iter().find_map(|section| {
            let start = usize::try_from(address.checked_sub(section.address)?).ok()?;
            section.bytes.get(start..start.checked_add(usize::try_from(size).ok()?)?)
        })
    }

    fn number(&self, address: u64) -> Option<u64> {
        self.at(address, 8)?.try_into().ok().map(u64::from_le_bytes)
    }

    /// True for a location: its file is Rust source.
    fn has_location(&self, start: u64) -> bool {
        let pointer = self.pointers.get(&start).copied().or_else(|| self.number(start));
        let file = pointer.zip(self.number(start + 8)).and_then(|(pointer, length)| self.at(pointer, length));
        file.is_some_and(is_source)
    }
}

/// True for the name of a source file, as a location has it.
pub(super) fn is_source(name: &[u8]) -> bool {
    name.strip_suffix(b"\0").unwrap_or(name).ends_with(b".rs")
}

/// True if two programs differ in line numbers and columns of locations, and nowhere else; `None` if they can't be
/// understood.
fn differ_only_in_lines(one: &[u8], other: &[u8]) -> Option<bool> {
    let (one, other) = (Program::parse(one)?, Program::parse(other)?);
    if one.loaded.len() != other.loaded.len() {
        return Some(false);
    }
    for (own, its) in one.loaded.iter().zip(&other.loaded) {
        if (own.name, own.address, own.size, own.bytes.len()) != (its.name, its.address, its.size, its.bytes.len()) {
            return Some(false);
        }
        if own.bytes == its.bytes || own.name == BUILD_ID {
            continue;
        }
        let differing = (0..own.bytes.len()).filter(|place| own.bytes[*place] != its.bytes[*place]);
        let in_a_location = |place: usize| {
            // Line and column are the third word of eight bytes.
            let word = (own.address + place as u64) & !7;
            word.checked_sub(LINE_AT).is_some_and(|start| one.has_location(start) && other.has_location(start))
        };
        if own.name != WITH_POINTERS || !differing.into_iter().all(in_a_location) {
            return Some(false);
        }
    }
    Some(true)
}

#[cfg(all(test, target_os = "linux", target_pointer_width = "64", target_endian = "little"))]
mod tests {
    use std::process::Command;

    use super::*;

    const SOURCE: &str = "fn main() {\n    let numbers: Vec<u64> = std::env::args().map(|text| text.len() as \
        u64).collect();\n    println!(\"{}\", numbers[numbers.len() - 1] * 3);\n}\n";

    /// The program of a source.
    fn compiled(folder: &Path, name: &str, source: &str) -> std::path::PathBuf {
        // In one place, as paths are part of a program.
        std::fs::write(folder.join("main.rs"), source).expect("written");
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let program = folder.join(name);
        let mut command = Command::new(rustc);
        command.args(["--edition=2024", "-Copt-level=2", "--crate-name=sums", "main.rs", "-o"]).arg(&program);
        assert!(command.current_dir(folder).status().expect("rustc starts").success(), "it compiles");
        program
    }

    #[test]
    fn lines_that_moved_are_no_other_program_and_all_else_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let base = compiled(folder.path(), "base", SOURCE);
        let same = |name: &str, source: &str| {
            let other = compiled(folder.path(), name, source);
            assert_ne!(std::fs::read(&base).expect("read"), std::fs::read(&other).expect("read"), "{name} differs");
            is_same_program(&base, &other).expect("read")
        };
        assert!(same("comment", &format!("// A comment.\n\n{SOURCE}")));
        assert!(same("format", &SOURCE.replace("numbers[", "numbers\n        [")));
        assert!(!same("constant", &SOURCE.replace("* 3", "* 5")));
        assert!(!same("text", &SOURCE.replace("{}", "{}.")));
        assert!(is_same_program(&base, &base).expect("read"));
    }

    #[test]
    fn what_is_no_program_is_compared_as_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
        std::fs::write(&one, "#!/bin/sh\n").expect("written");
        std::fs::write(&other, "#!/bin/bash\n").expect("written");
        assert!(!is_same_program(&one, &other).expect("read"));
        std::fs::copy(&one, &other).expect("copied");
        assert!(is_same_program(&one, &other).expect("read"));
    }
}
