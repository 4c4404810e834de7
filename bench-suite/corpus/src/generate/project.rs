//! A made-up repository, and the window of a file that an editor in the shell shows.
//!
//! Whole files are never written, only the parts that a window shows. The same window of the same file always reads the
//! same.

use super::syntax::{SYNTAXES, Syntax};
use super::text::{Dice, Names, Quantiles, Vocabulary, capitalised, fill, number};

const DOMAINS: [&str; 6] = ["web-api", "parsing", "storage", "scheduling", "numerics", "command-line"];

/// A repository: its names, its files and its listing.
#[derive(Debug)]
pub(super) struct Project {
    pub(super) owner: String,
    pub(super) name: String,
    pub(super) root: String,
    pub(super) domain: &'static str,
    pub(super) syntax: &'static Syntax,
    pub(super) files: Vec<SourceFile>,
    pub(super) listing: String,
    identifiers: Vec<String>,
    types: Vec<String>,
}

/// A file that can be opened.
#[derive(Debug)]
pub(super) struct SourceFile {
    /// Relative to the root.
    pub(super) path: String,
    pub(super) lines: u64,
    seed: u64,
}

impl Project {
    const FILES: u64 = 24;
    const IDENTIFIERS: usize = 90;
    /// Of them, those that one file uses.
    const IDENTIFIERS_A_FILE: usize = 24;
    const TYPES: usize = 20;
    const TYPES_A_FILE: usize = 6;
    /// Lines of a file that is opened. Imported: 10, 23, 94, and four times 1997, of which a window shows 100.
    const FILE_LINES: &Quantiles = &[(0, 8), (280, 30), (430, 94), (1000, 2000)];

    pub(super) fn new(vocabulary: &Vocabulary, dice: &mut Dice) -> Project {
        let identifier = |dice: &mut Dice| {
            let mut name = vocabulary.name(dice).to_owned();
            for _ in 0..dice.weighted(&[(4, 0), (5, 1), (1, 2)]) {
                name.push('_');
                name.push_str(vocabulary.word(dice));
            }
            name
        };
        let identifiers: Vec<_> = (0..Project::IDENTIFIERS).map(|_| identifier(dice)).collect();
        let types: Vec<_> = (0..Project::TYPES).map(|_| capitalised(&identifier(dice))).collect();
        let (owner, name) = (vocabulary.name(dice).to_owned(), vocabulary.name(dice).to_owned());
        let syntax = dice.weighted(SYNTAXES);
        let files = (0..Project::FILES).map(|_| {
            let path = format!("{}/{name}/{}.{}", syntax.folder, dice.pick(&identifiers), syntax.extension);
            SourceFile { path, lines: dice.draw(Project::FILE_LINES), seed: dice.below(u64::MAX) }
        });
        let files = files.collect();
        let mut listing = String::new();
        for _ in 0..7 + dice.below(27) {
            listing.push_str(vocabulary.name(dice));
            let ending: &&str = dice.pick(&["/", ".md", ".toml", ".rst", ".cfg", "/"]);
            listing.push_str(ending);
            listing.push('\n');
        }
        let root = format!("/{owner}__{name}");
        let domain = *dice.pick(&DOMAINS);
        Project { owner, name, root, domain, syntax, files, listing, identifiers, types }
    }

    /// The names that one file uses: a part of the project's.
    pub(super) fn names<'a>(&'a self, vocabulary: &'a Vocabulary, file: &SourceFile) -> Names<'a> {
        let part = |of: &'a [String], size: usize| {
            let from = (file.seed % (of.len() - size + 1) as u64) as usize;
            &of[from..from + size]
        };
        let identifiers = part(&self.identifiers, Project::IDENTIFIERS_A_FILE);
        Names { vocabulary, identifiers, types: part(&self.types, Project::TYPES_A_FILE) }
    }

    /// So many lines of code.
    pub(super) fn code(&self, names: &Names<'_>, lines: u64, dice: &mut Dice) -> String {
        let mut text = String::with_capacity(lines as usize * 48);
        let mut written = 0;
        while written < lines {
            let start = text.len();
            let block = *dice.pick(self.syntax.blocks);
            fill(block, names, dice, &mut text);
            let more = count_lines(block);
            if written + more > lines {
                let end = start_of(&text[start..], lines - written);
                text.truncate(start + end);
            }
            written += more;
        }
        text
    }
}

/// A part of a file, and the window on it.
#[derive(Debug, Clone)]
pub(super) struct View {
    path: String,
    /// Lines in the whole file.
    total: u64,
    /// The number of the part's first line.
    first: u64,
    /// The part, every line ended.
    text: String,
    /// Lines in the part.
    lines: u64,
    /// The number of the first line in the window.
    top: u64,
}

impl View {
    /// Lines in a window.
    const WINDOW: u64 = 100;
    /// Lines of the part of a file that is written at all: a window can move a little.
    const PART: u64 = 150;

    /// Opens a file, somewhere.
    pub(super) fn open(project: &Project, vocabulary: &Vocabulary, file: &SourceFile, dice: &mut Dice) -> View {
        let parts = file.lines.div_ceil(View::PART);
        let part = dice.below(parts);
        let first = part * View::PART + 1;
        let lines = View::PART.min(file.lines + 1 - first);
        let text = project.code(&project.names(vocabulary, file), lines, &mut Dice::new(file.seed, part));
        let top = first + dice.below(lines.saturating_sub(View::WINDOW) + 1);
        View { path: format!("{}/{}", project.root, file.path), total: file.lines, first, text, lines, top }
    }

    /// A script that is shown whole.
    pub(super) fn of_script(project: &Project, path: String, text: String) -> View {
        let lines = count_lines(&text);
        View { path: format!("{}/{path}", project.root), total: lines, first: 1, text, lines, top: 1 }
    }

    /// The line that the window is about.
    pub(super) fn middle(&self) -> u64 {
        (self.top + View::WINDOW / 2).min(self.last())
    }

    fn last(&self) -> u64 {
        self.first + self.lines - 1
    }

    /// Appends the window.
    pub(super) fn show(&self, out: &mut String) {
        self.show_lines(self.top, self.top + View::WINDOW - 1, out);
    }

    /// Appends so many lines around one.
    pub(super) fn show_around(&self, line: u64, lines: u64, out: &mut String) {
        let from = line.saturating_sub(lines / 2).max(self.first);
        self.show_lines(from, from + lines - 1, out);
    }

    fn show_lines(&self, from: u64, to: u64, out: &mut String) {
        let to = to.min(self.last());
        for part in ["[File: ", &self.path, ", "] {
            out.push_str(part);
        }
        number(self.total, out);
        out.push_str(" lines]\n");
        if from > 1 {
            out.push('(');
            number(from - 1, out);
            out.push_str(" lines before)\n");
        }
        let start = start_of(&self.text, from - self.first);
        for (line, at) in self.text[start..].split_inclusive('\n').zip(from..=to) {
            number(at, out);
            out.push(':');
            out.push_str(line);
        }
        if self.total > to {
            out.push('(');
            number(self.total - to, out);
            out.push_str(" lines after)\n");
        }
    }

    /// Replaces some lines near the middle, moves the window to them, appends the difference to a patch, and returns
    /// the numbers of the replaced lines.
    pub(super) fn replace(&mut self, new: &str, lines: u64, dice: &mut Dice, patch: &mut String) -> (u64, u64) {
        let low = self.top.max(self.middle().saturating_sub(20));
        let high = self.last().saturating_sub(lines).max(low).min(low + 40);
        let from = low + dice.below(high - low + 1);
        let to = (from + lines - 1).min(self.last());
        let start = start_of(&self.text, from - self.first);
        let end = start + start_of(&self.text[start..], to + 1 - from);
        self.diff(from, start, end, new, patch);
        self.text.replace_range(start..end, new);
        let (gone, come) = (to + 1 - from, count_lines(new));
        self.lines = self.lines - gone + come;
        self.total = self.total - gone + come;
        self.top = from.saturating_sub(View::WINDOW / 2).max(self.first);
        (from, to)
    }

    /// Appends the replacement as a unified difference with three lines around it.
    fn diff(&self, from: u64, start: usize, end: usize, new: &str, patch: &mut String) {
        let path = &self.path;
        patch.push_str(&format!("diff --git a{path} b{path}\n--- a{path}\n+++ b{path}\n@@ -{from} +{from} @@\n"));
        let before: Vec<_> = self.text[..start].lines().rev().take(3).collect();
        let groups = [
            (' ', before.into_iter().rev().collect::<Vec<_>>()),
            ('-', self.text[start..end].lines().collect()),
            ('+', new.lines().collect()),
            (' ', self.text[end..].lines().take(3).collect()),
        ];
        for (mark, lines) in groups {
            for line in lines {
                patch.push(mark);
                patch.push_str(line);
                patch.push('\n');
            }
        }
    }
}

fn count_lines(text: &str) -> u64 {
    text.bytes().filter(|byte| *byte == b'\n').count() as u64
}

/// The start of the line that has so many before it.
fn start_of(text: &str, before: u64) -> usize {
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
    before.checked_sub(1).map_or(0, |last| ends.map(|(at, _)| at + 1).nth(last as usize).unwrap_or(text.len()))
}
