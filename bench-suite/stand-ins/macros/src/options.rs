//! Options as attributes and macros have them: names, with values behind `=`.

use proc_macro::{Spacing, TokenStream, TokenTree};

use crate::tokens::{fill, is_sign, name};

/// The options, in their order.
pub struct Options(Vec<(String, TokenStream)>);

impl Options {
    /// Reads them. Commas within values don't end these: an option begins where a name stands before `=`, and one of
    /// the flags where it stands by itself.
    pub fn read(stream: TokenStream, flags: &[&str]) -> Result<Options, String> {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let is_end = |place: usize| tokens.get(place).map_or(true, |token| is_sign(token, ',') || is_sign(token, ';'));
        let option = |place: usize| {
            let name = name(tokens.get(place)?)?;
            match tokens.get(place + 1) {
                Some(TokenTree::Punct(punct)) if punct.as_char() == '=' && punct.spacing() == Spacing::Alone => {
                    Some((name, place + 2))
                }
                _ if is_end(place + 1) && flags.contains(&&*name) => Some((name, place + 1)),
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
        Ok(Options(options))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &TokenStream)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// The value of an option.
    pub fn get(&self, name: &str) -> Option<&TokenStream> {
        self.0.iter().find(|(option, _)| option == name).map(|(_, value)| value)
    }
}
