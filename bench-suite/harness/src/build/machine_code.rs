//! Compares the machine code of two programs, function by function, as it was before it was linked.
//!
//! A function's code is the content of its section and what its relocations refer to: functions by their symbols, data
//! by their content, which may refer to other data. So neither the place of a function nor the line numbers that its
//! panics name are part of it. A case whose functions all have the same code on both sides, with all that they may
//! call, executes the same instructions, also those that were not executed while it was counted.
//!
//! Source: "System V Application Binary Interface, AMD64 Architecture Processor Supplement", section 4.4, on
//! relocations; the layout of a location as in [`super::same_program`].

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt::Write;

use anyhow::{Context, Result};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SectionIndex, SectionKind, SymbolKind};

use super::order::{Depth, entry};
use super::relink::Relink;
use super::same_program::{LINE_AT, is_source};
use crate::tools::symbols::within_unit;

/// The bytes of a location.
const LOCATION: usize = 24;

/// The functions of a program by symbol. Static functions of C may share one.
#[derive(Debug, Default)]
pub struct MachineCode(HashMap<String, Function>);

/// What is known of a function.
#[derive(Debug, Default)]
struct Function {
    /// Hashes of its code.
    code: Vec<u64>,
    /// The symbols of code that it refers to.
    callees: BTreeSet<String>,
}

impl MachineCode {
    /// The code of what the linker put into a program.
    pub fn of(program: &Relink) -> Result<MachineCode> {
        let linked = linked(&program.map()?);
        let contents: Vec<(&String, Vec<u8>)> = linked
            .keys()
            .map(|file| {
                let path = program.input(file);
                Ok((file, std::fs::read(&path).with_context(|| format!("can't read {}", path.display()))?))
            })
            .collect::<Result<_>>()?;
        let mut objects = Objects::default();
        for (file, content) in &contents {
            for (member, sections) in &linked[*file] {
                let data = match member.as_str() {
                    "" => content,
                    member => self::member(content, member).with_context(|| format!("{file} has no {member}"))?,
                };
                objects.add(data, sections).with_context(|| format!("can't understand {file}({member})"))?;
            }
        }
        let mut functions: HashMap<String, Function> = HashMap::new();
        for (name, hash, callees) in objects.functions()? {
            let function = functions.entry(name).or_default();
            function.code.push(hash);
            function.callees.extend(callees);
        }
        functions.values_mut().for_each(|function| function.code.sort_unstable());
        Ok(MachineCode(functions))
    }

    /// True if the functions of these symbols have the same code in another program, and so has whatever they refer to,
    /// on and on. What they call by a pointer in data (of a trait object, say) is not looked at.
    pub fn has_same_below<'a>(&'a self, other: &MachineCode, symbols: impl IntoIterator<Item = &'a str>) -> bool {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut left: Vec<&str> = symbols.into_iter().collect();
        while let Some(symbol) = left.pop() {
            if !seen.insert(symbol) {
                continue;
            }
            if !self.has_same(other, symbol) {
                return false;
            }
            let callees = self.0.get(within_unit(symbol)).into_iter().flat_map(|function| &function.callees);
            // What is no function of this program is one of a shared library, or data.
            left.extend(callees.map(String::as_str).filter(|callee| self.0.contains_key(*callee)));
        }
        true
    }

    /// True if the function of a symbol has the same code in another program. What neither of them has is of a shared
    /// library, if it is no function of Rust.
    pub fn has_same(&self, other: &MachineCode, symbol: &str) -> bool {
        let symbol = within_unit(symbol);
        match (self.0.get(symbol), other.0.get(symbol)) {
            (Some(own), Some(its)) => own.code == its.code,
            (None, None) => !["_ZN", "_R"].iter().any(|rust| symbol.starts_with(rust)),
            _ => false,
        }
    }
}

/// The sections with code in a map of LLD: names by file and member of it, which is empty for an object.
fn linked(map: &str) -> BTreeMap<String, BTreeMap<String, HashSet<String>>> {
    let mut linked: BTreeMap<String, BTreeMap<String, HashSet<String>>> = BTreeMap::new();
    for (bytes, depth, what) in map.lines().filter_map(entry) {
        let (Depth::Input, Some((file, section))) = (depth, what.split_once(":(")) else { continue };
        let section = section.trim_end_matches(')');
        if bytes == 0 || file == "<internal>" {
            continue;
        }
        let (file, member) = match file.strip_suffix(')').and_then(|file| file.rsplit_once('(')) {
            Some(parts) => parts,
            None => (file, ""),
        };
        let sections = linked.entry(file.to_owned()).or_default().entry(member.to_owned()).or_default();
        if section.starts_with(".text") {
            sections.insert(section.to_owned());
        }
    }
    linked
}

/// A member of an archive.
fn member<'a>(archive: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let file = ArchiveFile::parse(archive).ok()?;
    let mut members = file.members().flatten();
    members.find(|member| member.name() == name.as_bytes())?.data(archive).ok()
}

/// A section of an object: both by number.
type Place = (usize, SectionIndex);

/// The objects of a program.
#[derive(Default)]
struct Objects<'a> {
    files: Vec<object::File<'a>>,
    /// The sections with linked functions.
    code: Vec<Place>,
    /// The places of data by the names of their global symbols.
    data: HashMap<&'a str, Place>,
    /// Hashes of data.
    hashes: HashMap<Place, u64>,
}

impl<'a> Objects<'a> {
    fn add(&mut self, data: &'a [u8], sections: &HashSet<String>) -> Result<()> {
        let file = object::File::parse(data)?;
        let number = self.files.len();
        let of_code = file.sections().filter(|section| section.name().is_ok_and(|name| sections.contains(name)));
        self.code.extend(of_code.map(|section| (number, section.index())));
        for symbol in file.symbols().filter(|symbol| symbol.is_global() && symbol.kind() != SymbolKind::Text) {
            let (Ok(name), Some(section)) = (symbol.name(), symbol.section_index()) else { continue };
            self.data.entry(name).or_insert((number, section));
        }
        self.files.push(file);
        Ok(())
    }

    /// The names of all functions, each with the hash of its section and the symbols of code that it refers to.
    fn functions(mut self) -> Result<Vec<(String, u64, BTreeSet<String>)>> {
        let mut functions = Vec::new();
        for place in std::mem::take(&mut self.code) {
            let (hash, callees) = (self.hash(place, 0)?, self.callees(place)?);
            let file = &self.files[place.0];
            let of_section = file.symbols().filter(|symbol| symbol.section_index() == Some(place.1));
            for symbol in of_section.filter(|symbol| symbol.kind() == SymbolKind::Text) {
                functions.push((within_unit(symbol.name()?).to_owned(), hash, callees.clone()));
            }
        }
        Ok(functions)
    }

    /// The symbols that a section refers to, without those of data in the same object.
    fn callees(&self, place: Place) -> Result<BTreeSet<String>> {
        /// The names of a function's own section begin so.
        const OWN_SECTION: [&str; 2] = [".text.unlikely.", ".text."];
        let object = &self.files[place.0];
        let mut callees = BTreeSet::new();
        for (_, relocation) in object.section_by_index(place.1)?.relocations() {
            let RelocationTarget::Symbol(index) = relocation.target() else { continue };
            let symbol = object.symbol_by_index(index)?;
            let section = symbol.section_index().map(|section| object.section_by_index(section)).transpose()?;
            let name = match &section {
                Some(section) if section.kind() != SectionKind::Text => continue,
                Some(section) if symbol.kind() == SymbolKind::Section => section.name()?,
                _ => symbol.name()?,
            };
            let name = OWN_SECTION.iter().find_map(|section| name.strip_prefix(section)).unwrap_or(name);
            callees.insert(within_unit(name).to_owned());
        }
        Ok(callees)
    }

    /// A hash of a section and of what it refers to.
    fn hash(&mut self, place: Place, depth: usize) -> Result<u64> {
        /// Data that refer to themselves have an end here.
        const DEEPEST: usize = 8;
        if let Some(known) = self.hashes.get(&place) {
            return Ok(*known);
        }
        let section = self.files[place.0].section_by_index(place.1)?;
        let mut content = section.data()?.to_vec();
        let relocations: Vec<_> = section.relocations().collect();
        let mut text = String::new();
        let mut is_location = false;
        for (at, relocation) in relocations {
            let to = self.target(place.0, relocation.target())?;
            is_location |= content.len() == LOCATION && at == 0 && to.place.is_some_and(|file| self.is_source(file));
            write!(text, "{at} {:?} ", relocation.flags())?;
            match to.place {
                Some(data) if depth < DEEPEST => match self.constant(data, to.offset + relocation.addend())? {
                    Some(constant) => write!(text, "{constant:?}")?,
                    None => {
                        let hash = self.hash(data, depth + 1)?;
                        write!(text, "{hash:x}+{}", to.offset + relocation.addend())?;
                    }
                },
                _ => write!(text, "{}+{}", to.name, to.offset + relocation.addend())?,
            }
            text.push('\n');
        }
        if is_location {
            content[LINE_AT as usize..].fill(0);
        }
        content.extend(text.bytes());
        let hash = memory::hash::fnv1a(&content);
        self.hashes.insert(place, hash);
        Ok(hash)
    }

    /// What a relocation refers to.
    fn target(&self, file: usize, target: RelocationTarget) -> Result<Target> {
        let RelocationTarget::Symbol(index) = target else { return Ok(Target::default()) };
        let object = &self.files[file];
        let symbol = object.symbol_by_index(index)?;
        let name = symbol.name()?;
        let place = symbol.section_index().map(|section| (file, section)).or_else(|| self.data.get(name).copied());
        let Some(place) = place else { return Ok(Target { name: within_unit(name).to_owned(), ..Target::default() }) };
        let section = self.files[place.0].section_by_index(place.1)?;
        // Code is compared by itself, and what is written to has no content of interest.
        let is_constant = !matches!(section.kind(), SectionKind::Text | SectionKind::UninitializedData);
        let name = if symbol.kind() == SymbolKind::Section || name.is_empty() { section.name()? } else { name };
        let offset = if symbol.section_index().is_some() { symbol.address().cast_signed() } else { 0 };
        Ok(Target { name: within_unit(name).to_owned(), place: is_constant.then_some(place), offset })
    }

    /// The constant at a place, if its section has many of one size (`.rodata.cst16`).
    fn constant(&self, place: Place, addend: i64) -> Result<Option<&[u8]>> {
        /// An instruction's displacement counts from its end, which is four bytes behind the displacement.
        const DISPLACEMENT: i64 = 4;
        let section = self.files[place.0].section_by_index(place.1)?;
        let size = section.name()?.strip_prefix(".rodata.cst").and_then(|size| size.parse::<usize>().ok());
        let (Some(size), Ok(start)) = (size, usize::try_from(addend + DISPLACEMENT)) else { return Ok(None) };
        let (first, last) = (start / size * size, start.next_multiple_of(size) + size);
        Ok(section.data()?.get(first..last))
    }

    /// True for the name of a source file.
    fn is_source(&self, place: Place) -> bool {
        let content = self.files[place.0].section_by_index(place.1).and_then(|section| section.data());
        content.is_ok_and(is_source)
    }
}

/// What a relocation refers to.
#[derive(Default)]
struct Target {
    /// The symbol or the section.
    name: String,
    /// The section, if it has data.
    place: Option<Place>,
    /// The place within the section.
    offset: i64,
}
