//! A libSQL server for a test or a measurement: an `sqld` on loopback, in a temporary folder.
//!
//! `scripts/setup` installs the program. Without it nothing remote can be measured, and [`find`] returns the remedy.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use workloads::scratch;

/// The longest time until a server answers its first request.
const STARTING: Duration = Duration::from_secs(30);

/// The time between two such requests.
const ASKING: Duration = Duration::from_millis(20);

/// A transaction that writes nothing, but waits for its turn to.
const WRITING: &str = r#"{"requests": [
    {"type": "execute", "stmt": {"sql": "BEGIN IMMEDIATE"}},
    {"type": "execute", "stmt": {"sql": "ROLLBACK"}}
]}"#;

/// A server that was started here. Dropping it kills the server.
pub struct Sqld {
    program: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

/// The program: the one that `SQLD` names, or the one that `scripts/setup` installed.
pub fn find() -> std::result::Result<PathBuf, String> {
    let installed = scratch::target().join("tools/sqld");
    let (program, remedy) = match std::env::var_os("SQLD") {
        Some(named) => (PathBuf::from(named), "let SQLD name an sqld"),
        None => (installed, "run scripts/setup, or let SQLD name an sqld"),
    };
    if program.is_file() { Ok(program) } else { Err(format!("there is no {}: {remedy}", program.display())) }
}

impl Sqld {
    /// Starts a server with an empty database on a free port, and waits until it answers.
    pub fn start(program: PathBuf) -> Result<Sqld> {
        let folder = tempfile::Builder::new().prefix("sqld-").tempdir().context("can't create a folder for sqld")?;
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let mut sqld = Sqld { program, folder, address: free.context("can't get a port for sqld")?, child: None };
        sqld.restart()?;
        Ok(sqld)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it, as a power failure would. The database stays.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill(); // an error means that it has ended already
            let _ = child.wait();
        }
    }

    /// Starts it again with the same database and port, and waits until it answers.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        let log = self.folder.path().join("log");
        let output = File::create(&log).with_context(|| format!("can't write {}", log.display()))?;
        let started = Command::new(&self.program)
            .arg("--db-path")
            .arg(self.folder.path().join("data"))
            .args(["--http-listen-addr", &self.address.to_string(), "--no-welcome"])
            .env("RUST_LOG", "error")
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("can't open sqld's log a second time")?)
            .stderr(output)
            .spawn();
        self.child = Some(started.with_context(|| format!("can't start {}", self.program.display()))?);
        let until = Instant::now() + STARTING;
        loop {
            let answers = self.answers();
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if answers && !ended {
                return Ok(()); // and it is not another's, that has taken the port
            }
            if ended || Instant::now() > until {
                let output = std::fs::read_to_string(&log).unwrap_or_default();
                let last = output.lines().last().unwrap_or("it wrote no log");
                let what = if ended { "ended before it answered" } else { "does not answer" };
                bail!("{} {what}: {last}", self.program.display());
            }
            std::thread::sleep(ASKING);
        }
    }

    /// True if it answers a request for its health.
    fn answers(&self) -> bool {
        self.ask("GET /health HTTP/1.0\r\n\r\n").is_ok()
    }

    /// True if a transaction of another client gets its turn to write.
    pub fn takes_writes(&self) -> bool {
        let length = WRITING.len();
        let answer = self.ask(&format!("POST /v2/pipeline HTTP/1.0\r\nContent-Length: {length}\r\n\r\n{WRITING}"));
        answer.is_ok_and(|answer| !answer.contains(r#""type":"error""#))
    }

    /// The answer to a request, if its status is 200.
    fn ask(&self, request: &str) -> std::io::Result<String> {
        let mut server = TcpStream::connect(self.address)?;
        server.set_read_timeout(Some(STARTING))?;
        server.write_all(request.as_bytes())?;
        let mut answer = String::new();
        server.read_to_string(&mut answer)?;
        let accepted = answer.split(' ').nth(1) == Some("200");
        accepted.then_some(answer).ok_or_else(|| std::io::Error::other("the status is not 200"))
    }
}

impl Drop for Sqld {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_writes_as_long_as_it_runs() {
        let Ok(program) = find() else { return };
        let mut sqld = Sqld::start(program).unwrap();
        assert!(sqld.takes_writes());
        sqld.kill();
        assert!(!sqld.takes_writes());
        sqld.restart().unwrap();
        assert!(sqld.takes_writes());
    }
}
