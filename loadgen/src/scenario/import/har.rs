//! A HAR file (HTTP Archive 1.2) as one session: the requests to the first server, in their order.

use serde::Deserialize;

use super::words::{name, split_url};
use super::{Imported, ImportedRequest};

#[derive(Deserialize)]
struct Archive {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
    response: Option<Response>,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(rename = "postData")]
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    status: u16,
}

/// Headers that belong to the browser or the connection, not to the request.
const NOT_KEPT: &[&str] =
    &["host", "connection", "content-length", "accept-encoding", "cookie", "user-agent", "referer", "origin"];

/// Reads an archive.
pub fn import(text: &str) -> Result<Imported, String> {
    let archive: Archive = serde_json::from_str(text).map_err(|error| format!("no HAR file: {error}"))?;
    let mut imported = Imported { name: "recorded".to_owned(), ..Imported::default() };
    let mut session = Vec::new();
    for Entry { request, response } in archive.log.entries {
        let (base, path) = split_url(&request.url)?;
        if imported.base_url.is_empty() {
            imported.base_url = base.clone();
        }
        if base != imported.base_url {
            imported.left_out.push(format!("{} {}: another server", request.method, request.url));
            continue;
        }
        let is_kept = |header: &Header| {
            let name = header.name.to_ascii_lowercase();
            !name.starts_with(':') && !name.starts_with("sec-") && !NOT_KEPT.contains(&name.as_str())
        };
        let headers = request.headers.into_iter().filter(is_kept);
        let mut read = ImportedRequest {
            name: String::new(),
            method: request.method,
            path,
            headers: headers.map(|header| (header.name.to_ascii_lowercase(), header.value)).collect(),
            body: request.post_data.and_then(|data| data.text),
            status: response.map(|response| response.status).filter(|status| *status >= 100),
            ..ImportedRequest::default()
        };
        // One that was sent twice is one request, twice in the session.
        let same =
            imported.requests.iter().find(|known| ImportedRequest { name: String::new(), ..(*known).clone() } == read);
        if let Some(known) = same {
            session.push(known.name.clone());
            continue;
        }
        let wanted = format!("{} {}", read.method, read.path.split('?').next().unwrap_or_default());
        read.name = name(&wanted, |name| imported.requests.iter().any(|known| known.name == name));
        session.push(read.name.clone());
        imported.requests.push(read);
    }
    imported.sessions = vec![("recorded".to_owned(), session)];
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn entry(method: &str, url: &str, body: Option<&str>) -> Value {
        let headers = json!([{"name": "Accept", "value": "*/*"}, {"name": "Cookie", "value": "secret"}, {"name": ":path", "value": "/"}]);
        let post = body.map(|text| json!({"mimeType": "application/json", "text": text}));
        json!({"request": {"method": method, "url": url, "headers": headers, "postData": post}, "response": {"status": 200}})
    }

    #[test]
    fn the_requests_to_the_first_server_are_a_session() {
        let entries = [
            entry("GET", "http://127.0.0.1:8080/", None),
            entry("GET", "http://tracker.invalid/pixel", None),
            entry("POST", "http://127.0.0.1:8080/login", Some("{}")),
            entry("GET", "http://127.0.0.1:8080/", None),
            entry("GET", "http://127.0.0.1:8080/?page=2", None),
        ];
        let imported = import(&json!({"log": {"version": "1.2", "entries": entries}}).to_string()).unwrap();
        assert_eq!(imported.sessions[0].1, ["get", "post-login", "get", "get-2"]);
        assert_eq!(imported.left_out, ["GET http://tracker.invalid/pixel: another server"]);
        let login = &imported.requests[1];
        assert_eq!((login.body.as_deref(), login.status), (Some("{}"), Some(200)));
        assert_eq!(login.headers, [("accept".to_owned(), "*/*".to_owned())], "cookies are not kept");
    }

    #[test]
    fn another_file_is_told() {
        assert!(import("{}").unwrap_err().starts_with("no HAR file: missing field `log`"));
    }
}
