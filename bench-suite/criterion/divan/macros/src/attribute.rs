//! The options in the brackets of an attribute.

use proc_macro::{Spacing, TokenStream, TokenTree};

use crate::tokens::{fill, in_brackets, is_sign, name, split};

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

/// The options, in their order.
pub struct Attribute(Vec<(String, TokenStream)>);

impl Attribute {
    /// Reads them. Commas within values don't end these: an option begins where a name stands before `=`, and a flag
    /// where one stands by itself.
    pub fn read(stream: TokenStream) -> Result<Attribute, String> {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let is_end = |place: usize| tokens.get(place).map_or(true, |token| is_sign(token, ','));
        let option = |place: usize| {
            let name = name(tokens.get(place)?)?;
            match tokens.get(place + 1) {
                Some(TokenTree::Punct(punct)) if punct.as_char() == '=' && punct.spacing() == Spacing::Alone => {
                    Some((name, place + 2))
                }
                _ if is_end(place + 1) && FLAGS.contains(&&*name) => Some((name, place + 1)),
                _ => None,
            }
        };
        let mut options: Vec<(String, TokenStream)> = Vec::new();
        let mut place = 0;
        while place < tokens.len() {
            let (name, start) = option(place).ok_or_else(|| format!("`{}` is not an option", tokens[place]))?;
            if options.iter().any(|(other, _)| *other == name) {
                return Err(format!("the option `{name}` is there twice"));
            }
            let next = |place: &usize| is_end(*place) && (*place + 1 >= tokens.len() || option(*place + 1).is_some());
            let end = (start..tokens.len()).find(next).unwrap_or(tokens.len());
            let value = match start == end {
                true => fill("true", &[]),
                false => tokens[start..end].iter().cloned().collect(),
            };
            options.push((name, value));
            place = end + 1;
        }
        Ok(Attribute(options))
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&TokenStream> {
        self.0.iter().find(|(option, _)| option == name).map(|(_, value)| value)
    }

    /// The path of the stand-in.
    pub fn krate(&self) -> TokenStream {
        self.get("crate").cloned().unwrap_or_else(|| fill("::divan", &[]))
    }

    /// The fields of the options of a benchmark. The compiler refuses those that it does not have.
    pub fn options(&self, is_ignored: bool) -> TokenStream {
        let mut fields = TokenStream::new();
        let mut counters = TokenStream::new();
        for (name, value) in &self.0 {
            let with = [("__VALUE", value.clone()), ("__CRATE", self.krate())];
            if let Some((_, counter)) = COUNTERS.iter().find(|(option, _)| option == name) {
                let counter = [("__COUNTER", fill(counter, &[]))];
                let template = ".with({ use ::std::convert::From as _; __CRATE::counter::__COUNTER::from(__VALUE) })";
                counters.extend(fill(template, &[&with[..], &counter].concat()));
                continue;
            }
            let value = match &**name {
                "counter" => {
                    counters.extend(fill(".with(__VALUE)", &with));
                    continue;
                }
                "counters" => {
                    for counter in split(in_brackets(value).unwrap_or_default()) {
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
}
