//! An MCP client that is not ours: the official Python SDK, one request at a time (`scripts/mcp-client.py`).
//!
//! The tests of `assay mcp` use this file as well.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// A client with its server.
pub struct Client {
    process: Child,
    requests: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Client {
    /// Starts a server, or connects to a URL, from `folder`; none, with a message, without the SDK. `mode` is `legacy`
    /// or `auto`.
    pub fn start(mode: &str, server: &[&str], folder: &Path) -> Option<Client> {
        let root = root();
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
        let python = target.join("python/bin/python");
        if !Command::new(&python).args(["-c", "import mcp"]).output().is_ok_and(|output| output.status.success()) {
            println!("skipped: the MCP SDK for Python is not there: scripts/setup --tests");
            return None;
        }
        let mut command = Command::new(python);
        command.arg(root.join("scripts/mcp-client.py")).arg(mode).args(server).current_dir(folder);
        command.env("CARGO_TARGET_DIR", folder.join("target")).env("ASSAY_CACHE", folder.join("cache"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("python starts");
        let requests = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Some(Client { process, requests, answers })
    }

    /// The answer to a request.
    pub fn ask(&mut self, request: &Value) -> Value {
        let requests = self.requests.as_mut().expect("open");
        writeln!(requests, "{request}").expect("the client reads");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the client answers");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{request}: {error}: {line}"))
    }

    /// The server with its tools.
    pub fn list(&mut self) -> Value {
        self.ask(&json!({ "list": true }))
    }

    /// The answer of a tool, which is no error.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.ask(&json!({ "tool": tool, "arguments": arguments }));
        assert_eq!(answer["error"], Value::Null, "{tool}: {answer}");
        answer
    }

    /// The kind of error that a tool answers, and its message.
    pub fn refused(&mut self, tool: &str, arguments: Value) -> (String, String) {
        let answer = self.ask(&json!({ "tool": tool, "arguments": arguments }));
        let part = |name: &str| answer[name].as_str().unwrap_or_else(|| panic!("{tool}: {answer}")).to_owned();
        (part("error"), part("text"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // The end of its requests is its end, and that of the server which it started.
        self.requests = None;
        let _ = self.process.wait();
    }
}

fn root() -> PathBuf {
    let mut folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.find(|folder| folder.join("scripts/mcp-client.py").exists()).expect("within the repository").to_owned()
}

/// The names of the tools, each of which must describe itself, its arguments and their limits.
pub fn names(listed: &Value) -> Vec<&str> {
    let tools = listed["tools"].as_array().expect("tools");
    let described = |value: &Value| value["description"].as_str().is_some_and(|text| text.len() > 10);
    for tool in tools {
        assert!(described(tool), "{tool}");
        let schema = &tool["inputSchema"];
        assert_eq!(schema["type"], "object", "{tool}");
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            assert!(described(property), "{name} of {tool}");
        }
    }
    tools.iter().map(|tool| tool["name"].as_str().expect("a name")).collect()
}
