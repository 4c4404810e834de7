//! Progress of long work on stderr: a bar on a terminal, otherwise a line every few seconds.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The time between two lines without a terminal.
const EVERY: Duration = Duration::from_secs(5);

/// The progress of one kind of work.
pub struct Progress {
    what: String,
    total: u64,
    bar: Option<ProgressBar>,
    lines: Mutex<Lines>,
}

struct Lines {
    done: u64,
    last: Instant,
}

impl Progress {
    /// Starts work of `total` parts.
    pub fn start(what: &str, total: usize) -> Progress {
        let total = total as u64;
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{prefix:>8} [{bar:30}] {pos}/{len} {elapsed} (about {eta} to go) {wide_msg}",
            );
            let bar = ProgressBar::new(total).with_prefix(what.to_owned());
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("=> "));
            bar
        });
        if bar.is_none() {
            eprintln!("{what}: {total} to do");
        }
        Progress { what: what.to_owned(), total, bar, lines: Mutex::new(Lines { done: 0, last: Instant::now() }) }
    }

    /// One part is done.
    pub fn done(&self, part: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(part.to_owned());
            bar.inc(1);
            return;
        }
        let mut lines = self.lines.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lines.done += 1;
        if lines.last.elapsed() >= EVERY {
            eprintln!("{}: {}/{} {part}", self.what, lines.done, self.total);
            lines.last = Instant::now();
        }
    }

    /// Prints a message without breaking the bar.
    pub fn say(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{text}")),
            None => eprintln!("{text}"),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
