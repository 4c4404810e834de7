//! A libSQL server for a test or a measurement: one that is named, or an `sqld` of our own on loopback, in a temporary
//! folder.
//!
//! `scripts/setup` fetches the program. Without any there is nothing remote to measure: [`find`] then says what to
//! type.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use workloads::scratch;

/// How long the server may take to answer its first request.
const STARTING: Duration = Duration::from_secs(30);

/// How often it is asked.
const ASKING: Duration = Duration::from_millis(20);

/// A server of ours. It ends when this is dropped.
pub struct Sqld {
    program: PathBuf,
    folder: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

/// The program: the one that `SQLD` names, or the one that `scripts/setup` fetched.
pub fn find() -> std::result::Result<PathBuf, String> {
    let fetched = scratch::target().join("tools/sqld");
    let (program, remedy) = match std::env::var_os("SQLD") {
        Some(named) => (PathBuf::from(named), "let SQLD name an sqld"),
        None => (fetched, "type scripts/setup, or let SQLD name an sqld"),
    };
    if program.is_file() { Ok(program) } else { Err(format!("{} is not there: {remedy}", program.display())) }
}

impl Sqld {
    /// Starts a server with an empty database on a free port, and waits until it answers.
    pub fn start(program: PathBuf) -> Result<Sqld> {
        let folder = tempfile::Builder::new().prefix("sqld-").tempdir().context("no folder for sqld")?;
        let free = TcpListener::bind(("127.0.0.1", 0)).and_then(|listener| listener.local_addr());
        let mut sqld = Sqld { program, folder, address: free.context("no port for sqld")?, child: None };
        sqld.restart()?;
        Ok(sqld)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Kills it, as a power failure would, without losing its database.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill(); // it ended by itself: then that is what was wanted
            let _ = child.wait();
        }
    }

    /// Starts it anew on its database and its port, and waits until it answers.
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
            .stdout(output.try_clone().context("the log of sqld")?)
            .stderr(output)
            .spawn();
        self.child = Some(started.with_context(|| format!("can't start {}", self.program.display()))?);
        let until = Instant::now() + STARTING;
        while !self.answers() {
            let ended = self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)));
            if ended || Instant::now() > until {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                let last = said.lines().last().unwrap_or("it said nothing");
                let what = if ended { "ended at once" } else { "does not answer" };
                bail!("{} {what}: {last}", self.program.display());
            }
            std::thread::sleep(ASKING);
        }
        Ok(())
    }

    /// Whether it answers a request for its health.
    fn answers(&self) -> bool {
        let asked = TcpStream::connect(self.address).and_then(|mut server| {
            server.set_read_timeout(Some(STARTING))?;
            server.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            server.read_to_string(&mut answer)?;
            Ok(answer)
        });
        asked.is_ok_and(|answer| answer.split(' ').nth(1) == Some("200"))
    }
}

impl Drop for Sqld {
    fn drop(&mut self) {
        self.kill();
    }
}
