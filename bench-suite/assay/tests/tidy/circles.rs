//! No circle of imports between the files of a crate.
//!
//! A file imports the file that defines what it names: re-exports are followed. A module and its submodules count as
//! one: the trait is in `mod.rs`, the strategies beside it, and each names the other.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::Tree;
use crate::source::{Source, production};

type Modules<'a> = BTreeMap<&'a [String], &'a Source>;

/// The imported files of each file, with the line of the first import.
type Imports<'a> = BTreeMap<&'a str, BTreeMap<&'a str, usize>>;

/// The shortest circle of each file that is on one.
pub fn circles(tree: &Tree) -> Vec<String> {
    let sources = production(tree);
    let mut crates: BTreeMap<&str, Modules<'_>> = BTreeMap::new();
    for source in &sources {
        crates.entry(&source.root).or_default().entry(&source.module).or_insert(source);
    }
    let mut circles = BTreeSet::new();
    for modules in crates.values() {
        let imports: Imports<'_> = modules.values().map(|file| (file.path.as_str(), imported(modules, file))).collect();
        for mut circle in imports.keys().filter_map(|start| shortest(&imports, start)) {
            let first = circle.iter().min().copied().unwrap_or_default();
            let before = circle.iter().take_while(|file| **file != first).count();
            circle.rotate_left(before);
            let steps = circle.iter().zip(circle.iter().cycle().skip(1));
            let steps: String = steps.map(|(file, next)| format!("{file}:{} -> ", imports[file][next])).collect();
            circles.insert(steps + first);
        }
    }
    circles.into_iter().collect()
}

fn imported<'a>(modules: &Modules<'a>, source: &'a Source) -> BTreeMap<&'a str, usize> {
    let mut imports = BTreeMap::new();
    for name in &source.names {
        if let Some(target) = definer(modules, source, name.path.clone())
            && target.path != source.path
            && !target.module.starts_with(&source.module)
            && !source.module.starts_with(&target.module)
        {
            imports.entry(target.path.as_str()).or_insert(name.line);
        }
    }
    imports
}

/// The file that defines a path's item; `None` for a module as a whole, or another crate.
fn definer<'a>(modules: &Modules<'a>, mut from: &'a Source, mut path: Vec<String>) -> Option<&'a Source> {
    // Bounded, as two imports may refer to each other.
    for _ in 0..20 {
        if let Some(import) = from.imports.get(&path[0]) {
            path.splice(..1, import.iter().cloned());
            continue;
        }
        if modules.contains_key(&[&from.module, &path[..1]].concat()[..]) {
            path.splice(..0, from.module.iter().cloned());
        }
        let depth = (1..=path.len()).rev().find(|depth| modules.contains_key(&path[..*depth]))?;
        let owner = modules[&path[..depth]];
        path.drain(..depth);
        if !owner.imports.contains_key(path.first()?) {
            return Some(owner);
        }
        from = owner;
    }
    None
}

/// The files on the shortest path from one back to itself.
fn shortest<'a>(imports: &Imports<'a>, start: &str) -> Option<Vec<&'a str>> {
    let mut seen = BTreeSet::new();
    let mut ways = VecDeque::from([vec![*imports.get_key_value(start)?.0]]);
    while let Some(way) = ways.pop_front() {
        for next in imports[way[way.len() - 1]].keys() {
            if *next == start {
                return Some(way);
            }
            if seen.insert(*next) {
                ways.push_back([&way[..], &[*next]].concat());
            }
        }
    }
    None
}
