//! A curl command as a request.

use super::words::{name, split_url};
use super::{Imported, ImportedRequest};

/// Reads a command: URL, `-X`, `-H`, `-d` and its kin, `--json`, `-A`, `-I`, `-G`.
pub fn import(command: &str) -> Result<Imported, String> {
    let words = words(command)?;
    let mut words = words.iter().map(String::as_str).peekable();
    if words.peek() == Some(&"curl") {
        words.next();
    }
    let (mut url, mut method, mut headers, mut data) = (None, None, Vec::new(), Vec::new());
    let mut in_url = false;
    while let Some(word) = words.next() {
        let (option, attached) = option(word);
        let mut value = || {
            let next = || words.next().map(str::to_owned);
            attached.clone().or_else(next).ok_or_else(|| format!("`{option}` has no value"))
        };
        match option.as_str() {
            "-X" | "--request" => method = Some(value()?),
            "-H" | "--header" => headers.extend(header(&value()?)),
            "-A" | "--user-agent" => headers.push(("user-agent".to_owned(), value()?)),
            "-b" | "--cookie" => headers.push(("cookie".to_owned(), value()?)),
            "-d" | "--data" | "--data-raw" | "--data-ascii" | "--data-binary" | "--json" => {
                let body = value()?;
                if body.starts_with('@') && option != "--data-raw" {
                    return Err(format!("`{option} {body}` reads a file: write its content into the command"));
                }
                if option == "--json" {
                    headers.extend(
                        ["content-type", "accept"].map(|name| (name.to_owned(), "application/json".to_owned())),
                    );
                }
                data.push(body);
            }
            "-I" | "--head" => method = Some("HEAD".to_owned()),
            "-G" | "--get" => in_url = true,
            "--url" => url = Some(value()?),
            // They change nothing of the request.
            "-s" | "-S" | "-sS" | "-v" | "-i" | "-L" | "-k" | "-f" | "--silent" | "--show-error" | "--verbose"
            | "--include" | "--location" | "--insecure" | "--fail" | "--compressed" => {}
            "-o" | "--output" | "-m" | "--max-time" | "--connect-timeout" => {
                value()?;
            }
            option if option.starts_with('-') && option.len() > 1 => {
                return Err(format!("`{option}` is not known here: leave it out, or write the scenario by hand"));
            }
            address => url = Some(address.to_owned()),
        }
    }
    let url = url.ok_or("there is no URL: write curl http://ADDRESS:PORT/PATH")?;
    let (base_url, mut path) = split_url(&url)?;
    let body = (!data.is_empty()).then(|| data.join("&"));
    let body = if in_url {
        if let Some(query) = &body {
            path = format!("{path}{}{query}", if path.contains('?') { '&' } else { '?' });
        }
        None
    } else {
        body
    };
    let has_type = headers.iter().any(|(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type"));
    if body.is_some() && !has_type {
        headers.push(("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned()));
    }
    let method = method.unwrap_or_else(|| if body.is_some() { "POST" } else { "GET" }.to_owned());
    let name = name(path.split('?').next().unwrap_or_default(), |_| false);
    let request = ImportedRequest { name: name.clone(), method, path, headers, body, ..ImportedRequest::default() };
    Ok(Imported { name, base_url, requests: vec![request], ..Imported::default() })
}

/// An option, and the value that is attached to it: `-XPOST`, `--request=POST`.
fn option(word: &str) -> (String, Option<String>) {
    if let Some((option, value)) = word.split_once('=').filter(|(option, _)| option.starts_with("--")) {
        return (option.to_owned(), Some(value.to_owned()));
    }
    let takes_value = ["-X", "-H", "-d", "-A", "-b", "-o", "-m"].iter().find(|it| word.starts_with(*it));
    match takes_value {
        Some(option) if word.len() > 2 => ((*option).to_owned(), Some(word[2..].to_owned())),
        _ => (word.to_owned(), None),
    }
}

fn header(text: &str) -> Option<(String, String)> {
    let (name, value) = text.split_once(':')?;
    Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
}

/// Words as a POSIX shell has them: quotes, escapes, and lines that go on after a backslash.
fn words(command: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut characters = command.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some('\''), '\'') | (Some('"'), '"') => quote = None,
            (Some('"'), '\\') if characters.peek().is_some_and(|next| "\"\\$`".contains(*next)) => {
                word.get_or_insert_default().extend(characters.next());
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                word.get_or_insert_default();
                quote = Some(c);
            }
            (None, '\\') => match characters.next() {
                Some('\n') | None => {}
                Some(next) => word.get_or_insert_default().push(next),
            },
            (None, '$') if characters.peek() == Some(&'\'') => {
                return Err("`$'..'` is not known here: write it as '..', or the scenario by hand".to_owned());
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    match quote {
        Some(quote) => Err(format!("a quote {quote} is not closed")),
        None => Ok(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_a_request() {
        let command = "curl -sS 'http://127.0.0.1:8080/items?x=1' \\\n  -XPUT -H 'Content-Type: application/json' \
                       --data-raw \"{\\\"a\\\": 1}\" --compressed";
        let imported = import(command).unwrap();
        assert_eq!(imported.base_url, "http://127.0.0.1:8080");
        let expected = ImportedRequest {
            name: "items".to_owned(),
            method: "PUT".to_owned(),
            path: "/items?x=1".to_owned(),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: Some("{\"a\": 1}".to_owned()),
            ..ImportedRequest::default()
        };
        assert_eq!(imported.requests, [expected]);
    }

    #[test]
    fn data_is_posted_or_asked_for() {
        let request = |command| import(command).unwrap().requests.remove(0);
        let posted = request("curl -d a=1 -d b=2 localhost:1/f");
        assert_eq!((posted.method.as_str(), posted.body.as_deref()), ("POST", Some("a=1&b=2")));
        assert_eq!(posted.headers[0].1, "application/x-www-form-urlencoded");
        let asked = request("curl -G --data=a=1 localhost:1/f");
        assert_eq!((asked.method.as_str(), asked.path.as_str(), asked.body), ("GET", "/f?a=1", None));
        assert_eq!(request("curl --json '{}' localhost:1").headers.len(), 2);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        assert!(import("curl -d @file http://h/").unwrap_err().contains("reads a file"));
        assert!(import("curl --proxy x http://h/").unwrap_err().starts_with("`--proxy` is not known here"));
        assert_eq!(import("curl 'http://h/").unwrap_err(), "a quote ' is not closed");
        assert!(import("curl http://h/ -d $'a\\n'").unwrap_err().starts_with("`$'..'` is not known here"));
        assert!(import("curl -s").unwrap_err().starts_with("there is no URL"));
        assert_eq!(import("curl http://h/ -X").unwrap_err(), "`-X` has no value");
    }
}
