//! The macros of gungraun, which was iai-callgrind.
//!
//! A function stays as it is. Beside it comes a module of its name, which comes past its benchmarks; so do the modules
//! of groups. Configurations are not compiled: they only change how gungraun counts, and what it prints.
//!
//! Source: the documentation of gungraun 0.20.0, and the expansion of its macros.

use proc_macro::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};

use crate::head::{Head, Parameter};
use crate::options::Options;
use crate::tokens::{fill, in_brackets, in_parentheses, is_sign, name, text, values};

/// A benchmark of a function.
const BENCH: &str = "__group.bench(__FUNCTION, __ID, __IS_ALONE, || __INPUT, |__PATTERN| super::__CALL, __AFTER);";

/// The elements of an iterator, each with a benchmark.
const EACH: &str = "for __place in 0..::std::iter::IntoIterator::into_iter(__ELEMENTS).count() {
    let __element = || ::std::iter::IntoIterator::into_iter(__ELEMENTS).nth(__place).unwrap();
    let __id = &::std::format!(\"{}_{}\", __ID, __place);
    __BENCH
}";

/// One attribute of a function: `#[bench::ID(..)]`, or `#[benches::ID(..)]` for several.
struct Attribute {
    is_for_several: bool,
    id: String,
    content: TokenStream,
}

/// A function with its module.
pub fn library_benchmark(options: TokenStream, item: TokenStream) -> Result<TokenStream, String> {
    let of_all = Options::read(options, &[])?;
    let (attributes, item) = attributes(item)?;
    let head = Head::read(item.clone()).ok_or("`#[library_benchmark]` belongs to a function")?;
    let mut benches = TokenStream::new();
    for attribute in &attributes {
        benches.extend(several(attribute, &of_all, &head)?);
    }
    if attributes.is_empty() {
        benches = bench(text(""), arguments(TokenStream::new()), None, &Settings::of(&of_all, None), &head);
    }
    let module = "#[inline(never)] __ITEM
        pub mod __NAME {
            use super::*;
            pub fn __visit(__group: &::__CRATE::__private::Group<'_>) { __BENCHES }
        }";
    let name = TokenTree::from(head.ident.clone()).into();
    Ok(fill(module, &[("__ITEM", item), ("__NAME", name), ("__BENCHES", benches), ("__CRATE", stand_in())]))
}

/// The module of a group. Commands are not measured.
pub fn group(input: TokenStream, is_measured: bool) -> Result<TokenStream, String> {
    let options = Options::read(input, &[])?;
    let option = |name: &str| options.get(name).cloned();
    let name = option("name").ok_or("a group has a `name`")?;
    let visit = match is_measured {
        true => "super::__BENCHMARK::__visit(&__group);",
        false => "__group.refuse(stringify!(__BENCHMARK));",
    };
    // The low-level form of commands is a closure.
    let is_name = |tokens: &TokenStream| tokens.clone().into_iter().count() == 1;
    let benchmarks = names(&option("benchmarks").ok_or("a group has `benchmarks`")?);
    let visits = benchmarks.into_iter().filter(is_name).map(|benchmark| fill(visit, &[("__BENCHMARK", benchmark)]));
    let module = "pub mod __NAME {
        use super::*;
        pub fn __visit(__main: &str) {
            let __group = ::__CRATE::__private::Group {
                path: &::std::format!(\"{__main}::{}\", stringify!(__NAME)), setup: &|| { __SETUP; }, teardown: &|| { __TEARDOWN; },
            };
            __VISITS
        }
    }";
    let (setup, teardown) = match is_measured {
        true => (option("setup").unwrap_or_default(), option("teardown").unwrap_or_default()),
        false => Default::default(),
    };
    Ok(fill(
        module,
        &[
            ("__NAME", name),
            ("__SETUP", setup),
            ("__TEARDOWN", teardown),
            ("__VISITS", visits.collect()),
            ("__CRATE", stand_in()),
        ],
    ))
}

/// The main function.
pub fn main(input: TokenStream) -> Result<TokenStream, String> {
    let options = Options::read(input, &[])?;
    let option = |name: &str| options.get(name).cloned().unwrap_or_default();
    let groups = ["library_benchmark_groups", "binary_benchmark_groups"].into_iter().flat_map(|of| names(&option(of)));
    let visits = groups.map(|group| fill("__GROUP::__visit(::std::module_path!());", &[("__GROUP", group)])).collect();
    let function = "fn main() {
        ::__CRATE::__private::main(&|| { __SETUP; }, &|| { __TEARDOWN; }, &|| { __VISITS });
    }";
    Ok(fill(
        function,
        &[
            ("__SETUP", option("setup")),
            ("__TEARDOWN", option("teardown")),
            ("__VISITS", visits),
            ("__CRATE", stand_in()),
        ],
    ))
}

/// The name of the crate.
fn stand_in() -> TokenStream {
    fill(if cfg!(feature = "iai_callgrind") { "iai_callgrind" } else { "gungraun" }, &[])
}

/// Names as `a, b` or as `[a, b]`.
fn names(list: &TokenStream) -> Vec<TokenStream> {
    values(in_brackets(list).unwrap_or_else(|| list.clone()))
}

/// The attributes of a function that are for its benchmarks, and the item without them.
fn attributes(item: TokenStream) -> Result<(Vec<Attribute>, TokenStream), String> {
    let mut attributes = Vec::new();
    let mut rest: Vec<TokenTree> = Vec::new();
    for token in item {
        let is_attribute = rest.last().is_some_and(|before| is_sign(before, '#'));
        let found = match &token {
            TokenTree::Group(group) if is_attribute && group.delimiter() == Delimiter::Bracket => attribute(group),
            _ => None,
        };
        match found {
            Some(found) => {
                rest.pop();
                attributes.push(found);
            }
            None => rest.push(token),
        }
    }
    Ok((attributes, rest.into_iter().collect()))
}

fn attribute(group: &Group) -> Option<Attribute> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    let [of, first, second, id, content @ ..] = &tokens[..] else { return None };
    let is_for_several = match &*name(of)? {
        "bench" => false,
        "benches" => true,
        _ => return None,
    };
    if !is_sign(first, ':') || !is_sign(second, ':') {
        return None;
    }
    let content = content.iter().cloned().collect();
    Some(Attribute { is_for_several, id: name(id)?, content: in_parentheses(&content).unwrap_or_default() })
}

/// What is done around a call of the function.
struct Settings<'a> {
    setup: Option<&'a TokenStream>,
    teardown: Option<&'a TokenStream>,
}

impl Settings<'_> {
    /// Those of an attribute, or else those of the function.
    fn of<'a>(of_all: &'a Options, own: Option<&'a Options>) -> Settings<'a> {
        let option = |name| own.and_then(|own| own.get(name)).or_else(|| of_all.get(name));
        Settings { setup: option("setup"), teardown: option("teardown") }
    }
}

/// The benchmarks of one attribute.
fn several(attribute: &Attribute, of_all: &Options, head: &Head) -> Result<TokenStream, String> {
    let Attribute { is_for_several, id, content } = attribute;
    // A list of arguments has no options.
    let own = Options::read(content.clone(), &[]).ok();
    let settings = Settings::of(of_all, own.as_ref());
    let option = |name: &str| own.as_ref().and_then(|own| own.get(name));
    if option("file").is_some() {
        let refusal = "__group.refuse_file(__FUNCTION, __ID);";
        return Ok(fill(refusal, &[("__FUNCTION", text(head.name())), ("__ID", text(id))]));
    }
    if let Some(elements) = option("iter") {
        let consts = option("consts").and_then(in_brackets).and_then(|consts| values(consts).into_iter().next());
        let arguments = vec![fill("__element()", &[])];
        let id_of_each = fill("__id", &[]);
        let bench = bench(id_of_each, arguments, consts.as_ref(), &settings, head);
        return Ok(fill(EACH, &[("__ELEMENTS", elements.clone()), ("__ID", text(id)), ("__BENCH", bench)]));
    }
    if !is_for_several {
        let arguments = match (option("args"), &own) {
            (Some(list), _) => in_parentheses(list).or_else(|| in_brackets(list)).unwrap_or_else(|| list.clone()),
            (None, Some(_)) => TokenStream::new(),
            (None, None) => content.clone(),
        };
        return Ok(bench(text(id), values(arguments), option("consts"), &settings, head));
    }
    let list = option("args").or_else(|| own.is_none().then_some(content)).cloned().unwrap_or_default();
    let lists = names(&list);
    let consts = option("consts").map(names).unwrap_or_default();
    let number = lists.len().max(consts.len());
    // The last one is used for all that follow.
    let at = |list: &[TokenStream], place: usize| list.get(place).or(list.last()).cloned();
    let benches = (0..number).map(|place| {
        let id = text(&format!("{id}_{place}"));
        bench(id, arguments(at(&lists, place).unwrap_or_default()), at(&consts, place).as_ref(), &settings, head)
    });
    Ok(benches.collect())
}

/// The arguments of one call: `(a, b)` are two.
fn arguments(element: TokenStream) -> Vec<TokenStream> {
    match in_parentheses(&element) {
        Some(list) => values(list),
        None if element.is_empty() => Vec::new(),
        None => vec![element],
    }
}

fn bench(
    id: TokenStream,
    arguments: Vec<TokenStream>,
    consts: Option<&TokenStream>,
    settings: &Settings<'_>,
    head: &Head,
) -> TokenStream {
    let list = |parts: Vec<TokenStream>| {
        parts.into_iter().flat_map(|part| fill("__PART,", &[("__PART", part)])).collect::<TokenStream>()
    };
    let arguments = match settings.setup {
        Some(setup) => vec![fill("(__SETUP)(__LIST)", &[("__SETUP", setup.clone()), ("__LIST", list(arguments))])],
        None => arguments,
    };
    let place =
        |place: usize| TokenStream::from(TokenTree::from(Ident::new(&format!("__input_{place}"), Span::call_site())));
    let places = list((0..arguments.len()).map(place).collect());
    let consts =
        consts.map(|consts| in_parentheses(consts).or_else(|| in_brackets(consts)).unwrap_or_else(|| consts.clone()));
    let mut consts = consts.map(values).unwrap_or_default().into_iter();
    let forms = head.generics.iter().filter_map(|parameter| match parameter {
        Parameter::Const(_) => consts.next().map(|value| fill("{ __VALUE }", &[("__VALUE", value)])),
        Parameter::Type => Some(fill("_", &[])),
    });
    let forms = list(forms.collect());
    let call = if forms.is_empty() { "__NAME(__PLACES)" } else { "__NAME::<__FORMS>(__PLACES)" };
    let name = TokenTree::from(head.ident.clone()).into();
    let call = fill(call, &[("__NAME", name), ("__FORMS", forms), ("__PLACES", places.clone())]);
    let after = match settings.teardown {
        Some(teardown) => fill("|__output| { (__TEARDOWN)(__output); }", &[("__TEARDOWN", teardown.clone())]),
        None => fill("::std::mem::drop", &[]),
    };
    let is_alone = settings.setup.is_some() || settings.teardown.is_some();
    fill(
        BENCH,
        &[
            ("__FUNCTION", text(head.name())),
            ("__ID", id),
            ("__IS_ALONE", fill(if is_alone { "true" } else { "false" }, &[])),
            ("__INPUT", TokenTree::from(Group::new(Delimiter::Parenthesis, list(arguments))).into()),
            ("__PATTERN", TokenTree::from(Group::new(Delimiter::Parenthesis, places)).into()),
            ("__CALL", call),
            ("__AFTER", after),
        ],
    )
}
