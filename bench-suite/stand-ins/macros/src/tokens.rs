//! Lists of tokens: how they are put into templates, and taken apart at commas.

use proc_macro::{Delimiter, Group, Literal, TokenStream, TokenTree};

/// The tokens of a template, with others in the places of some of its identifiers.
pub fn fill(template: &str, places: &[(&str, TokenStream)]) -> TokenStream {
    replace(template.parse().expect("a template is a list of tokens"), places)
}

/// The tokens with others in the places of some identifiers.
pub fn replace(stream: TokenStream, places: &[(&str, TokenStream)]) -> TokenStream {
    let replaced = stream.into_iter().map(|token| match token {
        TokenTree::Group(group) => {
            let mut replaced = Group::new(group.delimiter(), replace(group.stream(), places));
            replaced.set_span(group.span());
            TokenTree::from(replaced).into()
        }
        TokenTree::Ident(ident) => {
            let name = ident.to_string();
            let found = places.iter().find(|(place, _)| *place == name);
            found.map_or_else(|| TokenTree::from(ident).into(), |(_, tokens)| tokens.clone())
        }
        other => other.into(),
    });
    replaced.collect::<Vec<TokenStream>>().into_iter().collect()
}

/// What is between the brackets of `[a, b]`; none if the tokens are anything else.
pub fn in_brackets(stream: &TokenStream) -> Option<TokenStream> {
    within(stream, Delimiter::Bracket)
}

/// What is between the parentheses of `(a, b)`; none if the tokens are anything else.
pub fn in_parentheses(stream: &TokenStream) -> Option<TokenStream> {
    within(stream, Delimiter::Parenthesis)
}

fn within(stream: &TokenStream, delimiter: Delimiter) -> Option<TokenStream> {
    let mut tokens = stream.clone().into_iter();
    match (tokens.next(), tokens.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == delimiter => Some(group.stream()),
        // What a macro has taken for an expression.
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            within(&group.stream(), delimiter)
        }
        _ => None,
    }
}

/// The types between commas that are not within `<` and `>`.
pub fn types(stream: TokenStream) -> Vec<TokenStream> {
    split(stream, |_| true)
}

/// The values between commas. `<` compares or shifts, unless it stands behind `::`.
pub fn values(stream: TokenStream) -> Vec<TokenStream> {
    split(stream, |before| before == ':')
}

/// The parts between commas; `opens` tells if `<` opens a list of types, from the sign before it.
fn split(stream: TokenStream, opens: impl Fn(char) -> bool) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    let mut depth = 0;
    let mut before = ' ';
    for token in stream {
        let sign = match &token {
            TokenTree::Punct(punct) => punct.as_char(),
            _ => ' ',
        };
        match sign {
            '<' if depth > 0 || opens(before) => depth += 1,
            // Not the arrow of a function's type.
            '>' if depth > 0 && before != '-' => depth -= 1,
            _ => {}
        }
        before = sign;
        match parts.last_mut() {
            Some(part) if sign != ',' || depth > 0 => part.extend([token]),
            _ => parts.push(TokenStream::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// True for this sign.
pub fn is_sign(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// The identifier that a token is, without `r#`.
pub fn name(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(ident) => Some(plain(&ident.to_string()).to_owned()),
        _ => None,
    }
}

/// An identifier without `r#`.
pub fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// The literal of a text.
pub fn text(text: &str) -> TokenStream {
    TokenTree::from(Literal::string(text)).into()
}
