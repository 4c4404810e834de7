//! `#[divan::bench]` and `#[divan::bench_group]`.
//!
//! The item stays as it is. Beside it comes a constant that enters the benchmark, or the group, in a list before the
//! main function starts: its address lies in the section of the program's initializers, as divan has it too.
//!
//! Source: the documentation of divan 0.1.21, and the expansion of its macros.

use proc_macro::{Literal, TokenStream, TokenTree};

use crate::head::{Head, Parameter};
use crate::options::Options;
use crate::tokens::{fill, in_brackets, replace, text, types, values};

/// Options that need no value.
const FLAGS: [&str; 3] = ["ignore", "skip_ext_time", "threads"];

/// Options that are no fields of the options of a benchmark.
const NO_FIELDS: [&str; 5] = ["args", "consts", "crate", "name", "types"];

/// Options that stand for a counter of this type.
const COUNTERS: [(&str, &str); 4] = [
    ("bytes_count", "BytesCount"),
    ("chars_count", "CharsCount"),
    ("cycles_count", "CyclesCount"),
    ("items_count", "ItemsCount"),
];

/// As many constants as an expression can have whose length is not written there; divan's number.
const MOST_CONSTS: usize = 20;

/// Enters something in a list before the main function starts.
const ENTER: &str = r#"
    const _: () = {
        __CONSTS
        static __ENTRY: __DIVAN::Entry = __DIVAN::Entry {
            name: __NAME,
            raw_name: __RAW_NAME,
            module_path: ::std::module_path!(),
            line: ::std::line!(),
            options: || __DIVAN::BenchOptions { __OPTIONS ..::std::default::Default::default() },
            visit: __VISIT,
        };
        static __NODE: __DIVAN::Node = __DIVAN::Node::new(&__ENTRY);
        extern "C" fn __enter() { __DIVAN::enter(&__NODE); }
        #[used]
        #[cfg_attr(windows, link_section = ".CRT$XCU")]
        #[cfg_attr(
            any(target_os = "macos", target_os = "ios", target_os = "tvos", target_os = "watchos"),
            link_section = "__DATA,__mod_init_func,mod_init_funcs"
        )]
        #[cfg_attr(
            not(any(
                windows, target_os = "macos", target_os = "ios", target_os = "tvos", target_os = "watchos"
            )),
            link_section = ".init_array"
        )]
        static __BEFORE_MAIN: extern "C" fn() = __enter;
    };
"#;

/// What comes beside a benchmark.
pub fn bench(options: TokenStream, item: TokenStream) -> Result<TokenStream, String> {
    let options = Options::read(options, &FLAGS)?;
    let head = Head::read(item).ok_or("`#[divan::bench]` belongs to a function")?;
    Ok(enter_bench(&options, &head))
}

/// What comes beside a group.
pub fn bench_group(options: TokenStream, item: TokenStream) -> Result<TokenStream, String> {
    let options = Options::read(options, &FLAGS)?;
    let head = Head::read(item).ok_or("`#[divan::bench_group]` belongs to a module")?;
    Ok(enter(&options, &head, TokenStream::new(), None))
}

fn enter(options: &Options, head: &Head, consts: TokenStream, visits: Option<TokenStream>) -> TokenStream {
    let divan = fill("__CRATE::__private", &[("__CRATE", path(options))]);
    let visit = match visits {
        None => fill("::std::option::Option::None", &[]),
        Some(visits) => fill("::std::option::Option::Some(|__visitor| { __VISITS })", &[("__VISITS", visits)]),
    };
    let filled = fill(
        ENTER,
        &[
            ("__CONSTS", consts),
            ("__NAME", options.get("name").cloned().unwrap_or_else(|| text(head.name()))),
            ("__RAW_NAME", text(head.name())),
            ("__OPTIONS", fields(options, head.is_ignored)),
            ("__VISIT", visit),
        ],
    );
    fill_path(filled, divan)
}

/// Puts the path of the crate's private items in its place, also within what other places were filled with.
fn fill_path(stream: TokenStream, divan: TokenStream) -> TokenStream {
    replace(stream, &[("__DIVAN", divan)])
}

fn enter_bench(options: &Options, head: &Head) -> TokenStream {
    let consts = options.get("consts").zip(head.generics.iter().find_map(|parameter| parameter.const_type()));
    let (constants, number) = match consts {
        None => (TokenStream::new(), 0),
        Some((list, of_type)) => {
            let template = "const __ASSAY_CONSTS: &[__TYPE] = &(__VALUES);";
            let constants = fill(template, &[("__TYPE", of_type.clone()), ("__VALUES", list.clone())]);
            (constants, in_brackets(list).map_or(MOST_CONSTS, |list| values(list).len()))
        }
    };
    let mut visits = TokenStream::new();
    if let Some(arguments) = options.get("args") {
        // Without an element, nothing but the function says of what type they are.
        let is_empty = in_brackets(arguments).is_some_and(|arguments| arguments.is_empty());
        let of_type = if is_empty { "-> [__ARGUMENT; 0]" } else { "" };
        let template = "let __arguments = __DIVAN::collect(|| __OF_TYPE { __VALUES });";
        let of_type = fill(of_type, &[("__ARGUMENT", head.argument())]);
        visits.extend(fill(template, &[("__OF_TYPE", of_type), ("__VALUES", arguments.clone())]));
    }
    let types: Vec<Option<TokenStream>> = match options.get("types") {
        None => vec![None],
        Some(list) => types(in_brackets(list).unwrap_or_default()).into_iter().map(Some).collect(),
    };
    for of_type in types {
        match consts {
            None => visits.extend(visit(options, head, of_type.as_ref(), None)),
            Some(_) => (0..number).for_each(|place| visits.extend(visit(options, head, of_type.as_ref(), Some(place)))),
        }
    }
    enter(options, head, constants, Some(visits))
}

/// Comes past one form of a function: with this type, and the constant at this place of the list.
fn visit(options: &Options, head: &Head, of_type: Option<&TokenStream>, constant: Option<usize>) -> TokenStream {
    let mut forms = TokenStream::new();
    let mut names = TokenStream::new();
    if let Some(of_type) = of_type {
        names.extend(fill("__DIVAN::type_name::<__TYPE>(),", &[("__TYPE", of_type.clone())]));
    }
    let place = TokenStream::from(TokenTree::from(Literal::usize_unsuffixed(constant.unwrap_or(0))));
    // Beyond the end of the list it is the first one, so that it compiles.
    let value = "{ __ASSAY_CONSTS[if __PLACE < __ASSAY_CONSTS.len() { __PLACE } else { 0 }] }";
    let value = fill(value, &[("__PLACE", place.clone())]);
    if constant.is_some() {
        names.extend(fill("::std::string::ToString::to_string(&__VALUE),", &[("__VALUE", value.clone())]));
    }
    for parameter in &head.generics {
        let form = match (parameter, of_type) {
            (Parameter::Const(_), _) if constant.is_some() => value.clone(),
            (Parameter::Type, Some(of_type)) => of_type.clone(),
            _ => continue,
        };
        forms.extend(fill("__FORM,", &[("__FORM", form)]));
    }
    let mut function = TokenStream::from(TokenTree::from(head.ident.clone()));
    if !forms.is_empty() {
        function = fill("__NAME::<__FORMS>", &[("__NAME", function), ("__FORMS", forms)]);
    }
    let call = match (head.parameters.len(), options.get("args").is_some()) {
        (0, false) => "__visitor.plain(&[__NAMES], |__bencher| __bencher.bench(|| __FUNCTION()));",
        (1, false) => "__visitor.plain(&[__NAMES], |__bencher| { __FUNCTION(__bencher); });",
        (1, true) => {
            "__visitor.args(&[__NAMES], __arguments, __ARGUMENT_NAME, |__bencher, __argument| {
            __bencher.bench(|| __FUNCTION(__DIVAN::Arg::<__ARGUMENT>::get(__argument)));
        });"
        }
        (2, true) => {
            "__visitor.args(&[__NAMES], __arguments, __ARGUMENT_NAME, |__bencher, __argument| {
            __FUNCTION(__bencher, __DIVAN::Arg::<__ARGUMENT>::get(__argument));
        });"
        }
        (0, true) => "::std::compile_error!(\"the option `args` needs a parameter of the function\");",
        (_, false) => "::std::compile_error!(\"the last parameter of the function needs the option `args`\");",
        (_, true) => "::std::compile_error!(\"the function has more parameters than a bencher and an argument\");",
    };
    let argument_name = "|__argument| { use __DIVAN::NamedForDebugging as _; __DIVAN::Named(__argument).name() }";
    let call = fill(
        call,
        &[
            ("__NAMES", names),
            ("__FUNCTION", function),
            ("__ARGUMENT", head.argument()),
            ("__ARGUMENT_NAME", fill(argument_name, &[])),
        ],
    );
    match constant {
        None => call,
        Some(_) => fill("if __PLACE < __ASSAY_CONSTS.len() { __CALL }", &[("__PLACE", place), ("__CALL", call)]),
    }
}

/// The path of the stand-in.
fn path(options: &Options) -> TokenStream {
    options.get("crate").cloned().unwrap_or_else(|| fill("::divan", &[]))
}

/// The fields of the options of a benchmark. The compiler refuses those that it does not have.
fn fields(options: &Options, is_ignored: bool) -> TokenStream {
    let mut fields = TokenStream::new();
    let mut counters = TokenStream::new();
    for (name, value) in options.iter() {
        let with = [("__VALUE", value.clone()), ("__CRATE", path(options))];
        if let Some((_, counter)) = COUNTERS.iter().find(|(option, _)| *option == name) {
            let counter = [("__COUNTER", fill(counter, &[]))];
            let template = ".with({ use ::std::convert::From as _; __CRATE::counter::__COUNTER::from(__VALUE) })";
            counters.extend(fill(template, &[&with[..], &counter].concat()));
            continue;
        }
        let value = match name {
            "counter" => {
                counters.extend(fill(".with(__VALUE)", &with));
                continue;
            }
            "counters" => {
                for counter in values(in_brackets(value).unwrap_or_default()) {
                    counters.extend(fill(".with(__VALUE)", &[("__VALUE", counter)]));
                }
                continue;
            }
            other if NO_FIELDS.contains(&other) => continue,
            "threads" => fill("__DIVAN::IntoThreads::into_threads(__VALUE)", &with),
            "min_time" | "max_time" => fill("__DIVAN::IntoDuration::into_duration(__VALUE)", &with),
            _ => value.clone(),
        };
        fields.extend(fill(&format!("{name}: ::std::option::Option::Some(__VALUE),"), &[("__VALUE", value)]));
    }
    if is_ignored {
        fields.extend(fill("ignore: ::std::option::Option::Some(true),", &[]));
    }
    fields.extend(fill("counters: __DIVAN::CounterSet::default() __WITH,", &[("__WITH", counters)]));
    fields
}
