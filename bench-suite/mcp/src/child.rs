//! Starts a subcommand, tells the client each line of its progress, and reads what it printed.
//!
//! The subcommand leads a process group, so that the compilers and workers that it started end with it: after its time
//! limit, when the client cancels the call, and when the server ends.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::ProgressNotificationParam;
use rmcp::service::RequestContext;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// The most bytes of stdout that are read: the report of a run of some thousand cases.
const OUTPUT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// The most lines of progress that are kept, the last ones.
const PROGRESS_MAX: usize = 10_000;

/// A subcommand that has ended.
#[derive(Debug)]
pub struct FinishedCommand {
    /// The exit code; of a command that a signal ended, 128 and the signal's number, as in a shell.
    pub code: i32,
    /// The text on stdout.
    pub output: String,
    /// The lines on stderr: progress, warnings, and the error.
    pub progress: Vec<String>,
}

/// Runs `program` with these arguments in `folder` for at most `limit`, unless the client cancels its request.
///
/// # Errors
/// A sentence: it could not be started, took too long, or was cancelled.
pub async fn run(
    program: &Path,
    folder: &Path,
    arguments: &[String],
    limit: Duration,
    request: &RequestContext<RoleServer>,
) -> Result<FinishedCommand, String> {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1").process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let failed = |error: &dyn std::error::Error| format!("can't run {}: {error}", program.display());
    let child = command.spawn().map_err(|error| failed(&error))?;
    let group = Group::of(&child);
    let (lines, mut told) = unbounded_channel();
    let waited = tokio::task::spawn_blocking(move || wait(child, &lines));
    let ended = async {
        let (mut progress, mut count) = (VecDeque::new(), 0);
        while let Some(line) = told.recv().await {
            count += 1;
            tell(request, count, &line).await;
            keep(&mut progress, line);
        }
        let (code, output) = waited.await.map_err(|error| failed(&error))?.map_err(|error| failed(&error))?;
        Ok(FinishedCommand { code, output, progress: progress.into() })
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(limit, ended) => ended,
        () = request.ct.cancelled() => return Err("the client cancelled the call".to_owned()),
    };
    let minutes = limit.as_secs() / 60;
    let ended =
        ended.map_err(|_| format!("it took more than {minutes} minutes and was ended: run it in a terminal"))?;
    group.has_ended();
    ended
}

/// Keeps a line of progress. The first ones go: why a command failed is in the last ones.
fn keep(progress: &mut VecDeque<String>, line: String) {
    if progress.len() == PROGRESS_MAX {
        progress.pop_front();
    }
    progress.push_back(line);
}

/// Tells the client a line of progress with its number, if it asked for that.
async fn tell(request: &RequestContext<RoleServer>, number: u64, line: &str) {
    let Some(token) = request.meta.get_progress_token() else { return };
    let progress = ProgressNotificationParam::new(token, number as f64).with_message(line);
    // A client that has gone is noticed where the answer is sent.
    let _ = request.peer.notify_progress(progress).await;
}

/// Reads both outputs to their ends, and waits.
fn wait(mut child: Child, lines: &UnboundedSender<String>) -> io::Result<(i32, String)> {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let output = std::thread::scope(|scope| {
        let output = scope.spawn(move || {
            let mut output = Vec::new();
            stdout.map_or(Ok(0), |stdout| stdout.take(OUTPUT_BYTES_MAX).read_to_end(&mut output)).map(|_| output)
        });
        for line in stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).split(b'\n')) {
            // Nobody listens any more to a call that was cancelled.
            let _ = lines.send(String::from_utf8_lossy(&line?).into_owned());
        }
        output.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    let ended = child.wait()?;
    let code = ended.code().unwrap_or_else(|| 128 + ended.signal().unwrap_or(0));
    Ok((code, String::from_utf8_lossy(&output).into_owned()))
}

/// A process group, which is killed if it has not ended by then.
struct Group(Option<Pid>);

impl Group {
    /// The group that this child leads.
    fn of(child: &Child) -> Group {
        Group(i32::try_from(child.id()).ok().and_then(Pid::from_raw))
    }

    fn has_ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may just have ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_lines_the_last_ones_are_kept() {
        let mut progress = VecDeque::new();
        (0..PROGRESS_MAX + 3).for_each(|number| keep(&mut progress, number.to_string()));
        assert_eq!((progress.len(), progress[0].as_str()), (PROGRESS_MAX, "3"));
        assert_eq!(progress.back().map(String::as_str), Some("10002"));
    }
}
