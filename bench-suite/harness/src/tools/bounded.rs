//! Runs a process for a limited time, and says why it failed.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// The output of a command that must end within a time, or it is killed. `what` names it in errors.
pub fn output(command: &mut Command, what: &str, limit: Duration) -> Result<Output> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let child = child.with_context(|| format!("can't start {what}"))?;
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("the process has no identifier")?;
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        // After the limit there is no receiver.
        scope.spawn(move || drop(sender.send(child.wait_with_output())));
        match ended.recv_timeout(limit) {
            Ok(output) => output.with_context(|| format!("can't wait for {what}")),
            Err(_) => {
                kill_process(id, Signal::KILL).with_context(|| format!("can't kill {what}, which hangs"))?;
                bail!("{what} did not end within {limit:.0?}: it was killed")
            }
        }
    })
}

/// The stdout of a command that must succeed within a time.
pub fn successful(command: &mut Command, what: &str, limit: Duration) -> Result<Vec<u8>> {
    let output = output(command, what, limit)?;
    ensure!(
        output.status.success(),
        "{what} failed ({}): {}",
        output.status,
        last_lines(&output.stdout, &output.stderr)
    );
    Ok(output.stdout)
}

/// How a panic ends: whoever reads it did not start the child.
const OF_A_PANIC: &str = "note: run with `RUST_BACKTRACE";

/// The last lines of a failed child's output, on one line: the child's own and what killed it, or all if there are none
/// of these.
pub fn last_lines(stdout: &[u8], stderr: &[u8]) -> String {
    let text = format!("{}\n{}", String::from_utf8_lossy(stdout), String::from_utf8_lossy(stderr));
    let all = || text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with(OF_A_PANIC));
    let mut lines: Vec<&str> = all().filter(|line| !is_of_valgrind(line) || is_of_a_death(line)).collect();
    if lines.is_empty() {
        lines = all().collect();
    }
    lines[lines.len().saturating_sub(8)..].join(" | ")
}

/// True for a line of valgrind itself, as `==7== Command: x` and `--7-- warning: y`. It writes a summary at the end,
/// however the program has ended.
fn is_of_valgrind(line: &str) -> bool {
    let of = |mark| line.strip_prefix(mark).and_then(|rest| rest.split_once(mark)).map(|(process, _)| process);
    let process = of("==").or_else(|| of("--"));
    process.is_some_and(|process| !process.is_empty() && process.bytes().all(|letter| letter.is_ascii_digit()))
}

fn is_of_a_death(line: &str) -> bool {
    ["terminating", "unhandled"].iter().any(|word| line.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn what_hangs_is_killed_and_named() {
        let error = output(&mut shell("exec sleep 600"), "the sleeper", Duration::from_millis(50)).expect_err("killed");
        assert_eq!(error.to_string(), "the sleeper did not end within 50ms: it was killed");
    }

    #[test]
    fn what_fails_says_why() {
        let minute = Duration::from_secs(60);
        assert_eq!(successful(&mut shell("echo done"), "it", minute).expect("done"), b"done\n");
        let error = successful(&mut shell("echo broken >&2; exit 7"), "it", minute).expect_err("failed").to_string();
        assert!(error.starts_with("it failed (exit status: 7): broken"), "{error}");
    }

    #[test]
    fn what_valgrind_says_of_itself_is_no_reason() {
        let last = |text: &str| last_lines(&[], text.as_bytes());
        let said = "==7== Command: bench\n--7-- warning: no L3 cache\nno loop\n==7== \n==7== I   refs:      0\n";
        assert_eq!(last(said), "no loop");
        let died = "==7== Process terminating with default action of signal 4 (SIGILL)";
        assert_eq!(last(&format!("{died}\n{said}")), format!("{died} | no loop"));
        assert_eq!(last("==7== error calling PR_SET_PTRACER"), "==7== error calling PR_SET_PTRACER", "nothing else");
        assert_eq!(last("== results ==\n"), "== results ==");
        let panic = "panicked at a.rs:1:2:\nno file\nnote: run with `RUST_BACKTRACE=1` to display a backtrace\n";
        assert_eq!(last(panic), "panicked at a.rs:1:2: | no file");
    }
}
