//! Reads one source file: lines, calls of `unwrap`, `expect` and `clone`, and the modules in other files.
//!
//! The file is parsed, so a comment, a string or a document is no call. What is inside of a macro is not parsed by
//! rustc's rules, as only the macro knows them: its tokens are searched for `.unwrap()`. Code for tests is left out:
//! items, statements and modules below `#[cfg(test)]`, and functions that are tests or benches.

use anyhow::{Context, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, Path, Type};

/// What a file shows.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FileSyntax {
    pub(super) lines: usize,
    pub(super) unwraps: usize,
    pub(super) expects: usize,
    pub(super) functions: Vec<Function>,
    /// Modules in files of their own.
    pub(super) modules: Vec<Module>,
}

/// A function and the calls of `clone` in it, those of its closures among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Function {
    /// The modules, from the crate.
    pub(super) module: Vec<String>,
    /// The last name of the type that it belongs to; of a provided method, the trait.
    pub(super) of_type: Option<String>,
    /// The last name of the trait that it implements.
    pub(super) of_trait: Option<String>,
    pub(super) name: String,
    pub(super) clones: usize,
}

impl Function {
    /// As in `memory::store::Store::get`, with the trait in brackets.
    pub(super) fn path(&self) -> String {
        let of_trait = self.of_trait.as_ref().map(|of_trait| format!(" [{of_trait}]")).unwrap_or_default();
        let parts = self.module.iter().chain(&self.of_type).chain([&self.name]);
        parts.map(String::as_str).collect::<Vec<_>>().join("::") + &of_trait
    }
}

/// A module in another file.
#[derive(Debug, PartialEq)]
pub(super) struct Module {
    /// The inline modules around it.
    pub(super) inside: Vec<String>,
    pub(super) name: String,
    /// The `path` that it names.
    pub(super) path: Option<String>,
}

/// Reads a file; `module` is its own, from the crate.
pub(super) fn read(text: &str, module: &[String]) -> Result<FileSyntax> {
    let file = syn::parse_file(text).context("rustc's grammar can't parse it")?;
    let lines = text.lines().count();
    let mut reader = Reader { depth: module.len(), module: module.to_vec(), ..Reader::default() };
    if !is_test(&file.attrs) {
        reader.visit_file(&file);
    }
    Ok(FileSyntax { lines, ..reader.found })
}

#[derive(Default)]
struct Reader {
    found: FileSyntax,
    module: Vec<String>,
    /// The length of the file's own module.
    depth: usize,
    of_type: Option<String>,
    of_trait: Option<String>,
    /// The functions around, as positions in `found`.
    around: Vec<usize>,
}

impl Reader {
    fn called(&mut self, name: &str, arguments: Option<usize>) {
        match (name, arguments) {
            ("unwrap", Some(0) | None) => self.found.unwraps += 1,
            ("expect", Some(1) | None) => self.found.expects += 1,
            ("clone", Some(0) | None) => {
                if let Some(function) = self.around.last() {
                    self.found.functions[*function].clones += 1;
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, name: &syn::Ident, visit: impl FnOnce(&mut Reader)) {
        let of = match self.around.is_empty() {
            true => (self.of_type.clone(), self.of_trait.clone()),
            false => (None, None),
        };
        let (of_type, of_trait) = of;
        self.around.push(self.found.functions.len());
        let (module, name) = (self.module.clone(), name.to_string());
        self.found.functions.push(Function { module, of_type, of_trait, name, clones: 0 });
        visit(self);
        self.around.pop();
    }

    fn below(&mut self, of_type: Option<String>, of_trait: Option<String>, visit: impl FnOnce(&mut Reader)) {
        let before = (self.of_type.take(), self.of_trait.take(), std::mem::take(&mut self.around));
        (self.of_type, self.of_trait) = (of_type, of_trait);
        visit(self);
        (self.of_type, self.of_trait, self.around) = before;
    }

    /// Calls among the tokens of a macro.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at..] {
                [TokenTree::Punct(hash), TokenTree::Group(attribute), item @ ..]
                    if hash.as_char() == '#' && attribute.to_string().replace(' ', "") == "[cfg(test)]" =>
                {
                    at += 2 + item.iter().position(ends_item).map_or(item.len(), |end| end + 1);
                    continue;
                }
                [TokenTree::Punct(dot), TokenTree::Ident(name), TokenTree::Group(arguments), ..]
                    if dot.as_char() == '.' && arguments.delimiter() == Delimiter::Parenthesis =>
                {
                    let some = usize::from(!arguments.stream().is_empty());
                    self.called(&name.to_string(), Some(some));
                }
                [TokenTree::Group(group), ..] => self.tokens(group.stream()),
                _ => {}
            }
            at += 1;
        }
    }
}

fn ends_item(token: &TokenTree) -> bool {
    match token {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    }
}

impl<'a> Visit<'a> for Reader {
    fn visit_item(&mut self, item: &'a Item) {
        if !is_test(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'a syn::ItemMod) {
        let name = item.ident.to_string();
        if item.content.is_none() {
            let inside = self.module[self.depth..].to_vec();
            self.found.modules.push(Module { inside, name, path: named_path(&item.attrs) });
            return;
        }
        self.module.push(name);
        self.below(None, None, |reader| visit::visit_item_mod(reader, item));
        self.module.pop();
    }

    fn visit_item_impl(&mut self, item: &'a syn::ItemImpl) {
        let of_trait = item.trait_.as_ref().and_then(|(path, _)| last(path));
        self.below(type_name(&item.self_ty), of_trait, |reader| visit::visit_item_impl(reader, item));
    }

    fn visit_item_trait(&mut self, item: &'a syn::ItemTrait) {
        self.below(Some(item.ident.to_string()), None, |reader| visit::visit_item_trait(reader, item));
    }

    fn visit_item_fn(&mut self, item: &'a syn::ItemFn) {
        self.function(&item.sig.ident, |reader| visit::visit_item_fn(reader, item));
    }

    fn visit_impl_item_fn(&mut self, item: &'a syn::ImplItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig.ident, |reader| visit::visit_impl_item_fn(reader, item));
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'a syn::TraitItemFn) {
        if !is_test(&item.attrs) {
            self.function(&item.sig.ident, |reader| visit::visit_trait_item_fn(reader, item));
        }
    }

    fn visit_local(&mut self, local: &'a syn::Local) {
        if !is_test(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_expr_block(&mut self, block: &'a syn::ExprBlock) {
        if !is_test(&block.attrs) {
            visit::visit_expr_block(self, block);
        }
    }

    fn visit_expr_method_call(&mut self, call: &'a syn::ExprMethodCall) {
        self.called(&call.method.to_string(), Some(call.args.len()));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'a syn::ExprPath) {
        // `Arc::clone(..)`, or `map(Result::unwrap)`.
        if path.path.segments.len() > 1 || path.qself.is_some() {
            self.called(&last(&path.path).unwrap_or_default(), None);
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, of: &'a syn::Macro) {
        self.tokens(of.tokens.clone());
    }
}

fn last(path: &Path) -> Option<String> {
    path.segments.last().map(|segment| segment.ident.to_string())
}

fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Path(path) => last(&path.path),
        Type::Reference(reference) => type_name(&reference.elem),
        _ => None,
    }
}

/// The `path` of a module.
fn named_path(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(named) if named.path.is_ident("path") => match &named.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) => Some(path.value()),
            _ => None,
        },
        _ => None,
    })
}

/// True for code that only tests contain: `#[cfg(test)]`, or a function that is a test or a bench.
fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => list.parse_args::<Meta>().is_ok_and(|meta| needs_test(&meta)),
        meta => last(meta.path()).is_some_and(|name| name == "test" || name == "bench"),
    })
}

/// True if a predicate of `cfg` never holds without `test`.
fn needs_test(predicate: &Meta) -> bool {
    let parts = |list: &syn::MetaList| {
        let parse = syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated;
        list.parse_args_with(parse).map(|parts| parts.into_iter().collect::<Vec<_>>()).unwrap_or_default()
    };
    match predicate {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => parts(list).iter().any(needs_test),
        Meta::List(list) if list.path.is_ident("any") => {
            let parts = parts(list);
            !parts.is_empty() && parts.iter().all(needs_test)
        }
        _ => false,
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (usize, usize, usize) {
        let found = read(text, &["it".to_owned()]).expect("parses");
        (found.unwraps, found.expects, found.functions.iter().map(|function| function.clones).sum())
    }

    #[test]
    fn calls_are_counted_and_what_only_looks_like_one_is_not() {
        for (text, expected) in [
            ("fn f() { a.unwrap(); b.expect(\"why\"); c.clone(); }", (1, 1, 1)),
            ("/// Like `x.unwrap()`.\nfn f() { let s = \".unwrap()\"; } // y.unwrap()", (0, 0, 0)),
            ("fn f() { a.unwrap_or(1); b.expect(); c.clone(1); d.unwrap(1); unwrap(); }", (0, 0, 0)),
            ("fn f() { println!(\"x.unwrap() {}\", a.unwrap()); vec![b.clone(); 3]; }", (1, 0, 1)),
            ("macro_rules! m { ($x:expr) => { $x.unwrap() } }", (1, 0, 0)),
            ("fn f() { Arc::clone(&a); b.map(Result::unwrap); <T as Clone>::clone(&c); }", (1, 0, 2)),
            ("fn f() { m! { #[cfg(test)] fn t() { a.unwrap() } fn g() { b.unwrap() } } }", (1, 0, 0)),
        ] {
            assert_eq!(counted(text), expected, "{text}");
        }
    }

    #[test]
    fn code_for_tests_is_left_out() {
        for text in [
            "#[cfg(test)] mod tests { fn f() { a.unwrap(); } }",
            "#[test] fn f() { a.unwrap(); }",
            "#[tokio::test] async fn f() { a.unwrap(); }",
            "#[cfg(all(unix, test))] impl T { fn f() { a.unwrap(); } }",
            "impl T { #[cfg(test)] fn f() { a.unwrap(); } }",
            "fn f() { #[cfg(test)] let a = b.unwrap(); }",
            "#![cfg(test)] fn f() { a.unwrap(); }",
        ] {
            assert_eq!(counted(text), (0, 0, 0), "{text}");
        }
        for text in [
            "#[cfg(not(test))] fn f() { a.unwrap(); }",
            "#[cfg(any(test, feature = \"x\"))] fn f() { a.unwrap(); }",
            "#[cfg(feature = \"test\")] fn f() { a.unwrap(); }",
        ] {
            assert_eq!(counted(text), (1, 0, 0), "{text}");
        }
    }

    #[test]
    fn clones_belong_to_the_function_around_them() {
        let text = "mod inner { impl fmt::Debug for Trace<'_> { fn fmt(&self) { (|| a.clone())(); fn own() { b.clone(); c.clone(); } } } }
            trait Store { fn get(&self) { d.clone(); } }";
        let found = read(text, &["it".to_owned()]).expect("parses");
        let clones: Vec<_> = found.functions.iter().map(|function| (function.path(), function.clones)).collect();
        let expected = [("it::inner::Trace::fmt [Debug]", 1), ("it::inner::own", 2), ("it::Store::get", 1)];
        assert_eq!(clones, expected.map(|(path, clones)| (path.to_owned(), clones)));
    }

    #[test]
    fn modules_in_other_files_are_named() {
        let text = "mod a; mod b { #[path = \"x.rs\"] mod c; } #[cfg(test)] mod tests;";
        let module = |inside: &[&str], name: &str, path: Option<&str>| Module {
            inside: inside.iter().map(|name| (*name).to_owned()).collect(),
            name: name.to_owned(),
            path: path.map(str::to_owned),
        };
        let found = read(text, &["it".to_owned()]).expect("parses").modules;
        assert_eq!(found, [module(&[], "a", None), module(&["b"], "c", Some("x.rs"))]);
    }
}
