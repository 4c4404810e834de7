//! The exit codes of `assay`. The README repeats this table, and a test compares them.

/// The exit code of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done, and nothing regressed.
    Ok = 0,
    /// Something failed, as the message says.
    Error = 1,
    /// The command line can't be understood.
    Usage = 2,
    /// The run can't be believed, or its evidence is not enough: neither red nor green.
    Invalid = 3,
    /// Nothing was measured or nothing could be compared.
    Nothing = 4,
    /// A metric that blocks got worse.
    Regressed = 100,
}

impl Exit {
    /// All codes with their meaning.
    pub const TABLE: [(Exit, &'static str); 6] = [
        (Exit::Ok, "done, nothing regressed"),
        (Exit::Error, "something failed: the message says what"),
        (Exit::Usage, "the command line can't be understood"),
        (Exit::Invalid, "invalid or undecided: the run can't be believed, or its evidence is not enough"),
        (Exit::Nothing, "nothing was measured, or nothing could be compared"),
        (Exit::Regressed, "a metric that blocks got worse"),
    ];

    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        self as u8
    }
}
