//! Sources as tokens: paths, imports, modules and public types, also inside macros. Test code is left out.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{Tree, sources};

/// One file.
#[derive(Debug, Default)]
pub struct Source {
    pub path: String,
    /// The folder of its crate; its own path for a binary, a bench or an example.
    pub root: String,
    /// The module, from `crate`.
    pub module: Vec<String>,
    pub names: Vec<Name>,
    /// The imported paths, by their names in this file.
    pub imports: BTreeMap<String, Vec<String>>,
    /// Modules declared here.
    pub modules: BTreeSet<String>,
    /// Public types with their lines.
    pub types: Vec<(String, usize)>,
    /// Modules for tests only, below a root.
    test_modules: Vec<(String, Vec<String>)>,
}

/// A path in code or in a `use`, expanded from `crate` if it starts with `self` or `super`.
#[derive(Debug)]
pub struct Name {
    pub path: Vec<String>,
    pub line: usize,
}

/// All sources except those of tests.
pub fn production(tree: &Tree) -> Vec<Source> {
    let files = sources(tree).filter(|(path, _)| !path.contains("/tests/"));
    let mut read: Vec<Source> = files.map(|(path, text)| Source::read(path, text)).collect();
    let tests: Vec<_> = read.iter().flat_map(|file| file.test_modules.clone()).collect();
    read.retain(|file| !tests.iter().any(|(root, module)| *root == file.root && file.module.starts_with(module)));
    read
}

impl Source {
    fn read(path: &str, text: &str) -> Source {
        let mut source = Source { path: path.to_owned(), root: path.to_owned(), ..Source::default() };
        source.module.push("crate".to_owned());
        if let Some((root, file)) = path.split_once("/src/").filter(|(_, file)| !file.starts_with("bin/")) {
            let parts = file.trim_end_matches(".rs").split('/').filter(|part| !["lib", "main", "mod"].contains(part));
            source.module.extend(parts.map(str::to_owned));
            source.root = root.to_owned();
        }
        let tokens = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
        source.code(tokens, &source.module.clone());
        source
    }

    fn code(&mut self, tokens: TokenStream, module: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let texts: Vec<String> = tokens.iter().map(text_of).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut at = 0;
        while at < tokens.len() {
            let line = tokens[at].span().start().line;
            at += match texts[at..] {
                ["#", "[cfg(test)]", ref item @ ..] => {
                    if let Some(["mod", name, ";"]) = item.first_chunk() {
                        self.test_modules.push((self.root.clone(), [module, &[(*name).to_owned()]].concat()));
                    }
                    2 + item.iter().position(|text| [";", "{"].contains(text)).map_or(item.len(), |end| end + 1)
                }
                ["mod", name, ..] => {
                    self.modules.insert(name.to_owned());
                    if let Some(TokenTree::Group(body)) = tokens.get(at + 2) {
                        self.code(body.stream(), &[module, &[name.to_owned()]].concat());
                    }
                    3
                }
                ["use", ref tree @ ..] => {
                    let length = tree.iter().position(|text| *text == ";").unwrap_or(0);
                    self.import(&tokens[at + 1..][..length], &[], module);
                    1 + length
                }
                ["pub", "struct" | "enum" | "trait" | "type", name, ..] => {
                    self.types.push((name.to_owned(), line));
                    3
                }
                [first, ref rest @ ..] => {
                    let steps = rest.chunks(3).take_while(|step| matches!(step, [":", ":", name] if is_word(name)));
                    let path: Vec<&str> = [first].into_iter().chain(steps.map(|step| step[2])).collect();
                    if let TokenTree::Group(group) = &tokens[at] {
                        self.code(group.stream(), module);
                    } else if is_word(first) && !is_variable(&texts[..at], &path, rest) {
                        self.names.push(Name { path: absolute(module, &path), line });
                    }
                    3 * path.len() - 2
                }
                [] => 1,
            };
        }
    }

    /// Records the branches of a `use` below a path.
    fn import(&mut self, tree: &[TokenTree], above: &[String], module: &[String]) {
        for branch in tree.split(|token| text_of(token) == ",").filter(|branch| !branch.is_empty()) {
            let words = branch.iter().map(text_of).filter(|text| is_word(text) || text == "*");
            let mut path: Vec<String> = above.iter().cloned().chain(words).collect();
            if let Some(TokenTree::Group(group)) = branch.last() {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                self.import(&inner, &path, module);
                continue;
            }
            let renamed = path.iter().position(|word| word == "as").map(|at| path.split_off(at));
            path.pop_if(|last| last == "self" && !above.is_empty());
            let local = renamed.map_or(path[path.len() - 1].clone(), |renamed| renamed[1].clone());
            let path = absolute(module, &path);
            if path != [local.as_str()] {
                self.imports.insert(local, path.clone());
            }
            self.names.push(Name { path, line: branch[0].span().start().line });
        }
    }
}

/// A token as text; for a group other than an attribute, its opening bracket.
fn text_of(token: &TokenTree) -> String {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => "{".to_owned(),
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => "(".to_owned(),
        token => token.to_string().replace(' ', ""),
    }
}

fn is_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// True for a field, a method, or a lower-case word that is not called.
fn is_variable(before: &[&str], path: &[&str], after: &[&str]) -> bool {
    let is_called = after.first().is_some_and(|next| ["(", "!"].contains(next));
    let is_member = matches!(before, [.., before, "."] if *before != ".");
    is_member || path.len() == 1 && path[0].starts_with(char::is_lowercase) && !is_called
}

fn absolute(module: &[String], path: &[impl AsRef<str>]) -> Vec<String> {
    let path = path.iter().map(|part| part.as_ref().to_owned());
    let supers = path.clone().take_while(|part| part == "super").count();
    let is_relative = |part: &String| part == "super" || part == "self";
    let base =
        if path.clone().next().as_ref().is_some_and(is_relative) { &module[..module.len() - supers] } else { &[] };
    base.iter().cloned().chain(path.skip_while(is_relative)).collect()
}
