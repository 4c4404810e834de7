//! `loadgen scenario`: writes a first scenario from what there is already: a curl command, a HAR file of a browser, or
//! an OpenAPI document. It is a beginning: weights, data and checks are to be added by hand.

mod curl;
mod har;
mod openapi;
mod words;

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

    /// The server, as http://ADDRESS:PORT, in the place of the one in the source
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
    /// The names of the requests in the order of one session; empty if each is for itself.
    session: Vec<String>,
    /// What was left out, and why.
    left_out: Vec<String>,
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

/// The scenario file.
fn toml_of(imported: &Imported) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    // Braces of the source are no template: there is no value for them.
    let plain = |text: &str| quoted(&text.replace("{{", "{ {"));
    let mut text =
        format!("schema = 1\nname = {}\nbase_url = {}\n", quoted(&imported.name), quoted(&imported.base_url));
    for request in &imported.requests {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n[[request]]\nname = {}", quoted(&request.name));
        if request.method != "GET" {
            let _ = writeln!(text, "method = {}", quoted(&request.method));
        }
        let _ = writeln!(text, "path = {}", plain(&request.path));
        if !request.headers.is_empty() {
            let headers = request.headers.iter().map(|(name, value)| format!("{} = {}", quoted(name), plain(value)));
            let _ = writeln!(text, "headers = {{ {} }}", headers.collect::<Vec<_>>().join(", "));
        }
        if let Some(body) = &request.body {
            let _ = writeln!(text, "body = {}", plain(body));
        }
        if let Some(status) = request.status {
            let _ = writeln!(text, "check = {{ status = {status} }}");
        }
    }
    if !imported.session.is_empty() {
        let names: Vec<String> = imported.session.iter().map(|name| quoted(name)).collect();
        let _ = writeln!(text, "\n[[session]]\nname = \"recorded\"\nrequests = [{}]", names.join(", "));
    }
    text
}
