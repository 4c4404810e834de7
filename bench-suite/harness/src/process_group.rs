//! A process that ends, with all that it started, when its value is dropped or when this process is killed.

use std::fs::File;
use std::io::{Read, Seek};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::tools::bounded::last_lines;

/// The longest time until a server accepts a connection.
const LONGEST_START: Duration = Duration::from_secs(60);

/// A running process and whatever it starts.
#[derive(Debug)]
pub struct ProcessGroup {
    process: Child,
    /// Its command line, for messages.
    line: String,
    stderr: File,
}

impl ProcessGroup {
    /// Starts a command in a group of its own. `line` names it in messages; stderr is kept for them.
    ///
    /// The process ends with the thread that calls this: call it from one that lasts.
    pub fn start(mut command: Command, line: &str) -> Result<ProcessGroup> {
        let stderr = tempfile::tempfile().context("can't create a file for stderr")?;
        end_with_this_process(&mut command);
        let process = command
            .stderr(stderr.try_clone().context("can't share the file for stderr")?)
            .process_group(0)
            .spawn()
            .with_context(|| format!("can't start `{line}`"))?;
        Ok(ProcessGroup { process, line: line.to_owned(), stderr })
    }

    /// The process that was started, which is the head of the group.
    pub fn head(&mut self) -> &mut Child {
        &mut self.process
    }

    /// The number of that process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits until it accepts a connection on a port of this machine.
    pub fn accept_on(&mut self, port: u16) -> Result<()> {
        let began = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let line = &self.line;
            if let Some(status) = self.process.try_wait().context("can't wait for the server")? {
                bail!("`{line}` ended with {status} before it accepted a connection: {}", self.last_words());
            }
            ensure!(
                began.elapsed() < LONGEST_START,
                "`{line}` accepts no connection on port {port}: have it listen on the port that it is given"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// The last lines that it wrote to stderr, for a message.
    pub fn last_words(&self) -> String {
        let mut said = Vec::new();
        // Without it the message is shorter.
        let _ = (&self.stderr).rewind().and_then(|()| (&self.stderr).read_to_end(&mut said));
        last_lines(&[], &said)
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        if let Some(group) = i32::try_from(self.process.id()).ok().and_then(Pid::from_raw) {
            // It has been measured: how it ends is not asked.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.process.wait();
    }
}

/// A port of this machine that nobody listens on now.
pub fn free_port() -> Result<u16> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    Ok(free.context("there is no free port")?.port())
}

/// Has the system end a command's process when this one is killed, as a scheduler does with one that hangs. What the
/// command starts itself may stay.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "what runs between fork and exec must be marked, and this is one system call")]
fn end_with_this_process(command: &mut Command) {
    let ask = || Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?);
    // SAFETY: it takes no lock, and no memory.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn end_with_this_process(_: &mut Command) {}
