//! The arguments of the process: a worker's, or those that cargo and people give to a criterion bench.

/// What `--help` prints.
pub const USAGE: &str = "\
A bench that was built with Assay's stand-in for criterion, divan, gungraun, iai or libtest. It measures on request, for
a harness, and prints no times for people.

Usage:
  PROGRAM [FILTER]               run each benchmark once; other options of the harness are ignored
  PROGRAM --list                 list the cases as JSON, one a line; with --format terse as criterion does
  PROGRAM --cpu                  list the CPU's features as this process sees them
  PROGRAM CASE --serve           run slices on the commands of stdin: `slice N`, `count N`, `end`
  PROGRAM CASE --count [--heap]  run the operations of one exact count, for a profiler; nothing here counts the heap

Options:
  --extra-work PERCENT    with --serve: do this much more work than asked for
  --shift BYTES           with --serve: allocate this much first, to move the rest of the heap
  --core N                with --serve: pin the process to this core

Environment:
  ASSAY_OPERATIONS        the operations of one exact count; without it, 20
  ASSAY_SEED              the seed of the randomness that a worker gets from the system; without it, 20260122
";

/// The operations of one exact count, unless the harness says otherwise: it does where one takes long.
const OPERATIONS: u64 = 20;

/// The seed, unless the harness gives one.
pub const SEED_BY_DEFAULT: u64 = 20260122;

/// Options of cargo, libtest, criterion and divan that take a value. It must not be taken for a filter.
const WITH_VALUE: &[&str] = &[
    "--baseline",
    "--baseline-lenient",
    "--bytes-count",
    "--bytes-format",
    "--chars-count",
    "--color",
    "--confidence-level",
    "--cycles-count",
    "--format",
    "--items-count",
    "--load-baseline",
    "--max-time",
    "--measurement-time",
    "--min-time",
    "--noise-threshold",
    "--nresamples",
    "--output-format",
    "--plotting-backend",
    "--profile-time",
    "--sample-count",
    "--sample-size",
    "--save-baseline",
    "--significance-level",
    "--skip",
    "--sort",
    "--sortr",
    "--threads",
    "--timer",
    "--warm-up-time",
];

/// What the process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Prints [`USAGE`].
    Help,
    /// Prints the CPU's features.
    Cpu,
    /// Prints the cases as JSON.
    List,
    /// Prints their names, as criterion does.
    Names,
    /// Answers requests about one case.
    Serve,
    /// Runs the operations of one exact count.
    Count,
    /// Runs everything once.
    Once,
}

/// The parsed arguments.
#[derive(Debug, Clone, PartialEq)]
pub struct Arguments {
    /// What to do.
    pub mode: Mode,
    /// The case, or the filter.
    pub name: Option<String>,
    /// The size of the injected slowdown.
    pub extra_percent: f64,
    /// How far to move the heap.
    pub shift_bytes: u16,
    /// Where to stay.
    pub core: Option<usize>,
    /// The operations of one exact count.
    pub operations: u64,
    /// What the randomness of the system follows from, in a worker.
    pub seed: u64,
}

impl Arguments {
    /// Those of this process.
    pub fn read() -> Result<Arguments, String> {
        let from_environment = |name, least, default| match std::env::var(name) {
            Ok(text) => number(&text, name, least..=u64::MAX),
            Err(_) => Ok(default),
        };
        let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
        Ok(Arguments {
            operations: from_environment("ASSAY_OPERATIONS", 1, OPERATIONS)?,
            seed: from_environment("ASSAY_SEED", 0, SEED_BY_DEFAULT)?,
            ..Arguments::parse(arguments)?
        })
    }

    fn parse(words: impl IntoIterator<Item = String>) -> Result<Arguments, String> {
        let mut read = Arguments {
            mode: Mode::Once,
            name: None,
            extra_percent: 0.0,
            shift_bytes: 0,
            core: None,
            operations: OPERATIONS,
            seed: SEED_BY_DEFAULT,
        };
        let mut modes = Vec::new();
        let mut unknown = None;
        let mut is_terse = false;
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (option, mut value) = match word.split_once('=') {
                Some((option, value)) if word.starts_with("--") => (option.to_owned(), Some(value.to_owned())),
                _ => (word, None),
            };
            let takes_value = ["--extra-work", "--shift", "--core"].contains(&&*option);
            if value.is_none() && (takes_value || WITH_VALUE.contains(&&*option)) {
                value = Some(words.next().ok_or(format!("{option} needs a value"))?);
            }
            let value = value.unwrap_or_default();
            match &*option {
                "--help" | "-h" => modes.push(Mode::Help),
                "--cpu" => modes.push(Mode::Cpu),
                "--list" => modes.push(Mode::List),
                "--serve" => modes.push(Mode::Serve),
                "--count" => modes.push(Mode::Count),
                // Nothing here counts the heap: see the crate's page.
                "--heap" => {}
                "--extra-work" => read.extra_percent = number(&value, &option, 0.0..=1000.0)?,
                "--shift" => read.shift_bytes = number(&value, &option, 0..=u16::MAX)?,
                "--core" => read.core = Some(number(&value, &option, 0..=usize::MAX)?),
                "--format" => is_terse = value == "terse",
                _ if option.starts_with('-') => unknown = unknown.or(Some(option)),
                _ if read.name.is_none() => read.name = Some(option),
                _ => unknown = unknown.or(Some(option)),
            }
        }
        read.mode = match modes[..] {
            [] => Mode::Once,
            [Mode::List] if is_terse => Mode::Names,
            [mode] => mode,
            _ => return Err("give only one of --list, --cpu, --serve and --count".to_owned()),
        };
        let is_worker = matches!(read.mode, Mode::Serve | Mode::Count);
        match unknown {
            Some(unknown) if is_worker => Err(format!("`{unknown}` is not an option of a worker: leave it out")),
            _ if is_worker && read.name.is_none() => {
                Err("no case: give the identifier of one, as --list prints it".to_owned())
            }
            _ => Ok(read),
        }
    }
}

fn number<T>(text: &str, what: &str, range: std::ops::RangeInclusive<T>) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let wrong = || format!("{what} is `{text}`: give a number from {} to {}", range.start(), range.end());
    text.parse().ok().filter(|number| range.contains(number)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_workers_arguments_are_read_in_any_order() {
        let read = parsed("--serve --core 1 group/case --shift=00016 --extra-work 0005.000").expect("right");
        let expected = Arguments {
            mode: Mode::Serve,
            name: Some("group/case".to_owned()),
            extra_percent: 5.0,
            shift_bytes: 16,
            core: Some(1),
            operations: OPERATIONS,
            seed: SEED_BY_DEFAULT,
        };
        assert_eq!(read, expected);
        assert_eq!(parsed("case --count --heap").map(|read| read.mode), Ok(Mode::Count));
    }

    #[test]
    fn what_cargo_and_people_give_to_criterion_is_taken() {
        let read = |line| parsed(line).map(|read| (read.mode, read.name));
        assert_eq!(read("--bench"), Ok((Mode::Once, None)));
        assert_eq!(read("--save-baseline main --noplot fib --quiet"), Ok((Mode::Once, Some("fib".to_owned()))));
        assert_eq!(read("--list --format terse"), Ok((Mode::Names, None)));
        assert_eq!(read("--list --bench"), Ok((Mode::List, None)));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            "--serve",
            "a --serve --count",
            "a --serve --set codec=json",
            "a b --count",
            "a --serve --extra-work -3",
            "a --serve --shift 70000",
            "a --serve --core",
        ] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }
}
