//! `loadgen scenario`: writes a first scenario from what there is already: a curl command, a HAR file of a browser, or
//! an OpenAPI document. It is a beginning: weights, data and checks are to be added by hand.

mod curl;
mod har;
mod openapi;
mod schema;
mod words;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, anyhow};
use baselines::exit_code::Exit;
use clap::{Args, Parser};

/// Writes a first scenario from what there is already
#[derive(Debug, Parser)]
#[command(name = "scenario")]
pub struct ImportArguments {
    #[command(flatten)]
    from: Source,

    /// The server, as http://ADDRESS:PORT, instead of the one in the source
    #[arg(long, value_name = "URL")]
    server: Option<String>,

    /// The file for the scenario [default: stdout]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// A curl command, as browsers and documents have it
    #[arg(long, value_name = "COMMAND")]
    from_curl: Option<String>,

    /// A HAR file, as browsers export it
    #[arg(long, value_name = "FILE")]
    from_har: Option<PathBuf>,

    /// An OpenAPI document, version 3, in JSON
    #[arg(long, value_name = "FILE")]
    from_openapi: Option<PathBuf>,
}

/// What an importer found.
#[derive(Debug, Default, PartialEq)]
struct Imported {
    name: String,
    base_url: String,
    requests: Vec<ImportedRequest>,
    /// Sessions with the names of their requests; empty if each request is for itself.
    sessions: Vec<(String, Vec<String>)>,
    /// What was left out, and why.
    left_out: Vec<String>,
    /// A bearer token has to come from the environment.
    has_authorization: bool,
}

/// One request with example values.
#[derive(Debug, Default, Clone, PartialEq)]
struct ImportedRequest {
    name: String,
    method: String,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    status: Option<u16>,
    /// Paths that a right answer has.
    exists: Vec<String>,
    /// Values for the requests after it, and their paths in the answer.
    extract: Vec<(String, String)>,
}

impl ImportArguments {
    /// Reads the source and writes the scenario.
    pub fn execute(&self) -> Result<Exit> {
        let read =
            |path: &PathBuf| std::fs::read_to_string(path).with_context(|| format!("can't read {}", path.display()));
        let Source { from_curl, from_har, from_openapi } = &self.from;
        let imported = match (from_curl, from_har, from_openapi) {
            (Some(command), _, _) => curl::import(command).map_err(|why| anyhow!("--from-curl: {why}")),
            (_, Some(file), _) => har::import(&read(file)?).map_err(|why| anyhow!("{}: {why}", file.display())),
            (_, _, Some(file)) => openapi::import(&read(file)?).map_err(|why| anyhow!("{}: {why}", file.display())),
            _ => Err(anyhow!("give --from-curl, --from-har or --from-openapi")),
        };
        let mut imported = imported?;
        if let Some(server) = &self.server {
            imported.base_url = server.clone();
        }
        imported.keep_secrets_out();
        for left in &imported.left_out {
            eprintln!("loadgen: left out: {left}");
        }
        if imported.requests.is_empty() {
            eprintln!("loadgen: there is no request to import");
            return Ok(Exit::Nothing);
        }
        let text = toml_of(&imported);
        match &self.output {
            Some(path) => baselines::atomic::write(path, text.as_bytes())?,
            None => print!("{text}"),
        }
        Ok(Exit::Ok)
    }
}

impl Imported {
    /// Takes the headers with an authorization out, and cookies: a scenario is committed, and a secret must not be.
    fn keep_secrets_out(&mut self) {
        let mut takes = |secret: &str| {
            self.requests.iter_mut().fold(false, |taken, request| {
                let before = request.headers.len();
                request.headers.retain(|(name, _)| !name.eq_ignore_ascii_case(secret));
                taken | (request.headers.len() < before)
            })
        };
        let (has_authorization, has_cookies) = (takes("authorization"), takes("cookie"));
        self.has_authorization |= has_authorization;
        if has_cookies {
            self.left_out.push("the cookies, which may be a secret: add those that are none".to_owned());
        }
        if self.has_authorization {
            self.left_out.push("the authorization, a secret: set TOKEN, or change `bearer_from`".to_owned());
        }
    }
}

/// The scenario file.
fn toml_of(imported: &Imported) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    // Braces of the source are no template: there is no value for them.
    let plain = |text: &str| text.replace("{{", "{ {");
    let values: Vec<String> =
        imported.requests.iter().flat_map(|request| &request.extract).map(|(name, _)| value_of(name)).collect();
    let path_of = |path: &str| values.iter().fold(plain(path), |path, value| path.replace(&plain(value), value));
    let plain = |text: &str| quoted(&plain(text));
    let mut text =
        format!("schema = 1\nname = {}\nbase_url = {}\n", quoted(&imported.name), quoted(&imported.base_url));
    if imported.has_authorization {
        text.push_str("\n[target]\nbearer_from = \"TOKEN\"\n");
    }
    for request in &imported.requests {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n[[request]]\nname = {}", quoted(&request.name));
        if request.method != "GET" {
            let _ = writeln!(text, "method = {}", quoted(&request.method));
        }
        let _ = writeln!(text, "path = {}", quoted(&path_of(&request.path)));
        if !request.headers.is_empty() {
            // A table has each name once: of two, the last counts.
            let last: BTreeMap<&str, &str> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            let headers = last.into_iter().map(|(name, value)| format!("{} = {}", quoted(name), plain(value)));
            let _ = writeln!(text, "headers = {{ {} }}", headers.collect::<Vec<_>>().join(", "));
        }
        if let Some(body) = &request.body {
            let _ = writeln!(text, "body = {}", plain(body));
        }
        if !request.extract.is_empty() {
            let taken = request.extract.iter().map(|(name, path)| format!("{name} = {}", quoted(path)));
            let _ = writeln!(text, "extract = {{ {} }}", taken.collect::<Vec<_>>().join(", "));
        }
        let exists: Vec<String> = request.exists.iter().map(|path| quoted(path)).collect();
        let exists = (!exists.is_empty()).then(|| format!("exists = [{}]", exists.join(", ")));
        let checks: Vec<String> =
            request.status.map(|status| format!("status = {status}")).into_iter().chain(exists).collect();
        if !checks.is_empty() {
            let _ = writeln!(text, "check = {{ {} }}", checks.join(", "));
        }
    }
    for (name, requests) in &imported.sessions {
        let names: Vec<String> = requests.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(text, "\n[[session]]\nname = {}\nrequests = [{}]", quoted(name), names.join(", "));
    }
    text
}

/// The place of a value in a path.
fn value_of(name: &str) -> String {
    format!("{{{{{name}}}}}")
}
