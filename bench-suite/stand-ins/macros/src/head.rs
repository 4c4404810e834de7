//! The head of a function or of a module, as far as an attribute needs it.

use proc_macro::{Delimiter, Ident, Spacing, TokenStream, TokenTree};

use crate::tokens::{is_sign, name, plain, types};

/// A function, or a module.
pub struct Head {
    /// The name.
    pub ident: Ident,
    name: String,
    /// It has the attribute `#[ignore]`.
    pub is_ignored: bool,
    /// The generic parameters but lifetimes.
    pub generics: Vec<Parameter>,
    /// The types of the parameters.
    pub parameters: Vec<TokenStream>,
}

/// A generic parameter.
pub enum Parameter {
    /// A type.
    Type,
    /// A constant of this type.
    Const(TokenStream),
}

impl Parameter {
    /// The type of a constant.
    pub fn const_type(&self) -> Option<&TokenStream> {
        match self {
            Parameter::Type => None,
            Parameter::Const(of_type) => Some(of_type),
        }
    }
}

impl Head {
    /// Reads it from the beginning of an item; none if the item is something else.
    pub fn read(item: TokenStream) -> Option<Head> {
        let mut tokens = item.into_iter();
        let mut is_ignored = false;
        let is_function = loop {
            match tokens.next()? {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
                    is_ignored |=
                        group.stream().into_iter().next().and_then(|token| name(&token)).as_deref() == Some("ignore");
                }
                TokenTree::Ident(ident) => match &*ident.to_string() {
                    "fn" => break true,
                    "mod" => break false,
                    _ => {}
                },
                _ => {}
            }
        };
        let TokenTree::Ident(ident) = tokens.next()? else { return None };
        let name = plain(&ident.to_string()).to_owned();
        let mut head = Head { ident, name, is_ignored, generics: Vec::new(), parameters: Vec::new() };
        if is_function {
            let mut generics = Vec::new();
            let parameters = tokens.find_map(|token| match token {
                TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis && is_whole(&generics) => {
                    Some(group.stream())
                }
                other => {
                    generics.push(other);
                    None
                }
            })?;
            let inner = generics.len().saturating_sub(2);
            let generics = generics.into_iter().skip(1).take(inner).collect();
            head.generics = types(generics).into_iter().filter_map(parameter).collect();
            head.parameters = types(parameters).into_iter().map(type_of).collect();
        }
        Some(head)
    }

    /// The name without `r#`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The type of the last parameter, without the lifetime of a reference.
    pub fn argument(&self) -> TokenStream {
        let tokens: Vec<TokenTree> = self.parameters.last().cloned().unwrap_or_default().into_iter().collect();
        match &tokens[..] {
            [reference, tick, _, rest @ ..] if is_sign(reference, '&') && is_sign(tick, '\'') => {
                [reference].into_iter().chain(rest).cloned().collect()
            }
            _ => tokens.into_iter().collect(),
        }
    }
}

/// True if as many `>` as `<` are there.
fn is_whole(tokens: &[TokenTree]) -> bool {
    let number = |sign| tokens.iter().filter(|token| is_sign(token, sign)).count();
    // The arrow of a function's type is none of them.
    let arrows = tokens.windows(2).filter(|pair| is_sign(&pair[0], '-') && is_sign(&pair[1], '>')).count();
    number('<') + arrows == number('>')
}

/// A generic parameter; none if it is a lifetime.
fn parameter(tokens: TokenStream) -> Option<Parameter> {
    let first = tokens.clone().into_iter().next()?;
    match name(&first) {
        Some(word) if word == "const" => Some(Parameter::Const(type_of(tokens))),
        Some(_) => Some(Parameter::Type),
        None => None,
    }
}

/// The type behind the colon.
fn type_of(tokens: TokenStream) -> TokenStream {
    let mut is_path = false;
    let is_no_colon = |token: &TokenTree| match token {
        TokenTree::Punct(punct) if punct.as_char() == ':' => {
            let is_of_path = is_path || punct.spacing() == Spacing::Joint;
            is_path = punct.spacing() == Spacing::Joint;
            is_of_path
        }
        _ => true,
    };
    tokens.into_iter().skip_while(is_no_colon).skip(1).collect()
}
