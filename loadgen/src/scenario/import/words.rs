//! Parts of a URL, and names made of them.

/// `http://host:port` and the rest from the path on, without a fragment. The scheme is http where there is none.
pub fn split_url(url: &str) -> Result<(String, String), String> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    if host.is_empty() {
        return Err(format!("`{url}` has no host: write http://ADDRESS:PORT/PATH"));
    }
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((format!("{scheme}://{host}"), path))
}

/// A name for a request, of letters, digits and `-`, that no other has.
pub fn name(wanted: &str, taken: impl Fn(&str) -> bool) -> String {
    let mut name: String = wanted.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    while name.contains("--") {
        name = name.replace("--", "-");
    }
    let name = name.trim_matches('-').to_ascii_lowercase();
    let name = if name.is_empty() { "request".to_owned() } else { name };
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    [name.clone()].into_iter().chain(numbered).find(|name| !taken(name)).expect("numbers do not end")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_base_and_a_path() {
        let split = |url: &str| split_url(url).map(|(base, path)| format!("{base} {path}"));
        assert_eq!(split("http://127.0.0.1:80/a?b=c#d").unwrap(), "http://127.0.0.1:80 /a?b=c");
        assert_eq!(split("localhost:8080").unwrap(), "http://localhost:8080 /");
        assert_eq!(split("http://h?x=1").unwrap(), "http://h /?x=1");
        assert!(split("http:///a").is_err());
    }

    #[test]
    fn names_are_words_and_differ() {
        assert_eq!(name("GET /users/{id}", |_| false), "get-users-id");
        assert_eq!(name("/", |_| false), "request");
        assert_eq!(name("a", |name| name == "a" || name == "a-2"), "a-3");
    }
}
