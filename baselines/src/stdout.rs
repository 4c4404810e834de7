//! Stdout of the commands. A reader that goes away, as `head` does, changes no exit code.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// Prints as `print!` does, to a reader that may be gone.
///
/// # Panics
///
/// If the text can't be written for another reason, such as a full disk.
pub fn print(text: Arguments<'_>) {
    if let Err(error) = ignore_broken_pipe(io::stdout().write_fmt(text)) {
        panic!("can't write to stdout: {error}");
    }
}

/// The result of writing, which is no error where nobody reads any more.
pub fn ignore_broken_pipe(written: io::Result<()>) -> io::Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_broken_pipe_is_no_error() {
        let ends = |kind: ErrorKind| ignore_broken_pipe(Err(kind.into())).is_ok();
        assert!(ends(ErrorKind::BrokenPipe) && !ends(ErrorKind::StorageFull));
    }
}
