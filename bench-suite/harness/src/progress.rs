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
    began: Instant,
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
        Progress {
            what: what.to_owned(),
            total,
            bar,
            lines: Mutex::new(Lines { done: 0, began: Instant::now(), last: Instant::now() }),
        }
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
            let left = time_left(lines.began.elapsed(), lines.done, self.total);
            eprintln!("{}: {}/{} {part}, about {left} to go", self.what, lines.done, self.total);
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

/// The time for the parts that are left, if they take as long as those that are done.
fn time_left(elapsed: Duration, done: u64, total: u64) -> String {
    let seconds = elapsed.as_secs_f64() / done.max(1) as f64 * total.saturating_sub(done) as f64;
    match seconds {
        0.0..100.0 => format!("{seconds:.0} s"),
        _ => format!("{:.0} min", seconds / 60.0),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_takes_as_long_as_what_is_done() {
        let left = |seconds, done, total| time_left(Duration::from_secs(seconds), done, total);
        assert_eq!(left(10, 1, 3), "20 s");
        assert_eq!(left(60, 1, 11), "10 min");
        assert_eq!(left(5, 0, 4), "20 s");
        assert_eq!(left(5, 4, 4), "0 s");
    }
}
