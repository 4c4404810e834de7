//! A trajectory in the memory's terms: heuristics, each a pure function of text.
//!
//! The format has no status of a step and no context of a task. The model's thoughts are not read.

use episodes::{Outcome, StepStatus};

/// The tool of a step: the function that was called, or the first word of the command. For a shell (`bash`), it is the
/// program that was run in it.
pub(super) fn tool(function: Option<&str>, action: &str) -> String {
    match function {
        Some(function) if function != "bash" => function.to_owned(),
        _ => command(action).unwrap_or("none").to_owned(),
    }
}

/// The first word that is no `NAME=value` before the command.
fn command(action: &str) -> Option<&str> {
    let assigns = |word: &&str| {
        word.split_once('=').is_some_and(|(name, _)| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && !name.starts_with(|c: char| c.is_ascii_digit())
        })
    };
    action.split_whitespace().find(|word| !assigns(word))
}

/// A mark of failure and its place in an observation.
enum Mark {
    /// At its beginning.
    First(&'static str),
    /// At the beginning of a line.
    Line(&'static str),
    /// At the end of a line.
    LineEnd(&'static str),
    /// Anywhere.
    Within(&'static str),
}

/// The messages of failed steps, the most common first.
const MARKS: &[Mark] = &[
    Mark::First("Your proposed edit has introduced new syntax error(s)"),
    Mark::First("Your command was not executed"),
    Mark::First("EXECUTION TIMED OUT"),
    Mark::First("Text not found"),
    Mark::First("No replacement was performed"),
    Mark::First("Usage: "),
    Mark::Line("Traceback (most recent call last):"),
    Mark::Line("SyntaxError: "),
    Mark::Line("error: "),
    Mark::Line("error["),
    Mark::Line("fatal: "),
    Mark::LineEnd(": command not found"),
    Mark::LineEnd(": No such file or directory"),
    Mark::LineEnd(": Permission denied"),
    Mark::Within("returned non-zero exit status"),
    Mark::Within("exited with code 1"),
    Mark::Within("was cancelled because it took more than"),
];

/// The status that the observation shows. The view of a file never shows a failure, whatever stands in the file.
pub(super) fn status(observation: &str) -> StepStatus {
    let is_view = observation.starts_with("[File: ");
    let failed = MARKS.iter().any(|mark| match mark {
        Mark::First(text) => observation.starts_with(text),
        Mark::Line(text) => observation.lines().any(|line| line.starts_with(text)),
        Mark::LineEnd(text) => observation.lines().any(|line| line.trim_end().ends_with(text)),
        Mark::Within(text) => observation.contains(text),
    });
    if failed && !is_view { StepStatus::Error } else { StepStatus::Ok }
}

/// The outcome of an exit status and a submitted patch.
///
/// `submitted` with a patch is a success as far as the file can tell. `submitted (exit_..)` was handed in when the
/// agent ran out of something: a part. A forfeit is an abstention, and so is a file that does not say how it ended.
/// Everything else failed.
pub(super) fn outcome(exit_status: Option<&str>, submission: &str) -> Outcome {
    let patch = !submission.trim().is_empty();
    match exit_status.map(str::trim) {
        Some("submitted") if patch => Outcome::Success { verdict: "submitted a patch".to_owned() },
        Some("submitted") => Outcome::Failure { reason: "submitted an empty patch".to_owned() },
        Some("exit_forfeit" | "skipped") => Outcome::Abstained { reason: "the agent gave up".to_owned() },
        None | Some("") => Outcome::Abstained { reason: "the file does not say how it ended".to_owned() },
        Some(status) if patch => Outcome::Partial {
            verdict: status.to_owned(),
            done: vec!["a patch was handed in".to_owned()],
            failed: vec!["the agent did not submit it itself".to_owned()],
        },
        Some(status) => Outcome::Failure { reason: status.to_owned() },
    }
}

/// The languages of file extensions; if two are as frequent, the first one counts.
const LANGUAGES: &[(&str, &[&str])] = &[
    ("python", &["py", "pyi", "pyx"]),
    ("rust", &["rs"]),
    ("typescript", &["ts", "tsx"]),
    ("javascript", &["js", "jsx", "mjs"]),
    ("go", &["go"]),
    ("java", &["java"]),
    ("c++", &["cpp", "cc", "hpp", "cxx"]),
    ("c", &["c", "h"]),
    ("ruby", &["rb"]),
    ("php", &["php"]),
];

/// The language of most of the file names in these texts.
pub(super) fn language<'a>(texts: impl Iterator<Item = &'a str>) -> Option<&'static str> {
    let mut counts = [0_usize; LANGUAGES.len()];
    for text in texts {
        // Only the first line: what follows is the text of an edit, in which a dot is rarely a file's.
        let words =
            text.lines().next().unwrap_or_default().split(|c: char| c.is_whitespace() || "\"'`,;:()=".contains(c));
        for extension in words.filter_map(|word| word.rsplit_once('.')).map(|(_, extension)| extension) {
            if let Some(index) = LANGUAGES.iter().position(|(_, extensions)| extensions.contains(&extension)) {
                counts[index] += 1;
            }
        }
    }
    let most = counts.iter().copied().max().filter(|most| *most > 0)?;
    counts.iter().position(|count| *count == most).map(|index| LANGUAGES[index].0)
}

/// A repository, which the benchmark names `owner__project`, often with the number of an issue behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Repository {
    /// `owner/project`.
    pub(super) full: String,
    /// `project`.
    pub(super) project: String,
}

/// The repository in a path or in the name of an instance.
pub(super) fn repository(text: &str) -> Option<Repository> {
    text.split(['/', ' ']).find_map(|part| {
        let (owner, project) = part.split_once("__")?;
        let without_number = project.rsplit_once('-').filter(|(_, end)| end.bytes().all(|byte| byte.is_ascii_digit()));
        let project = without_number.map_or(project, |(project, _)| project);
        let named = !owner.is_empty() && !project.is_empty();
        named.then(|| Repository { full: format!("{owner}/{project}"), project: project.to_owned() })
    })
}

/// The problem in the first message, without the instructions around it: the text between the template's marks, or all
/// of it.
pub(super) fn problem_statement(message: &str) -> &str {
    let marks = [("ISSUE:", "INSTRUCTIONS:"), ("<pr_description>", "</pr_description>")];
    let between = |(start, end): (&str, &str)| {
        let (_, rest) = message.split_once(start)?;
        rest.split_once(end).map(|(statement, _)| statement)
    };
    marks.into_iter().find_map(between).unwrap_or(message).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tool_is_the_function_or_the_command() {
        assert_eq!(tool(Some("edit"), "edit 1:1\nx\nend_of_edit"), "edit");
        assert_eq!(tool(Some("bash"), "python3 main.py"), "python3");
        assert_eq!(tool(None, "  open src/lib.rs 12\n"), "open");
        assert_eq!(tool(None, "PYTHONPATH=. A_1= pytest -k x=1"), "pytest");
        assert_eq!(tool(None, " \n"), "none");
    }

    #[test]
    fn a_failure_is_seen_and_a_view_of_one_is_not() {
        let failures = [
            "bash: gcx: command not found",
            "running\nTraceback (most recent call last):\n  File ..",
            "ls: cannot access 'a': No such file or directory\r\n",
            "Your proposed edit has introduced new syntax error(s). Please ..",
            "Command '['make']' returned non-zero exit status 2.",
        ];
        for failure in failures {
            assert_eq!(status(failure), StepStatus::Error, "{failure}");
        }
        let fine =
            ["", "344\n", "[File: a.py (2 lines total)]\nSyntaxError: x", "12:Traceback (most recent call last):"];
        for observation in fine {
            assert_eq!(status(observation), StepStatus::Ok, "{observation}");
        }
    }

    #[test]
    fn every_exit_status_has_an_outcome() {
        let name = |status, submission| outcome(status, submission).name();
        assert_eq!(name(Some("submitted"), "diff"), "success");
        assert_eq!(name(Some("submitted"), " \n"), "failure");
        assert_eq!(name(Some("submitted (exit_cost)"), "diff"), "partial");
        assert_eq!(name(Some("exit_context"), ""), "failure");
        assert_eq!(name(Some("exit_forfeit"), ""), "abstained");
        assert_eq!(name(None, "diff"), "abstained");
    }

    #[test]
    fn languages_are_counted_by_extension() {
        let language_of = |texts: &[&str]| language(texts.iter().copied());
        assert_eq!(language_of(&["open a.rs", "open b.py", "python b.py"]), Some("python"));
        assert_eq!(language_of(&["open \"src/lib.rs\" 12"]), Some("rust"));
        assert_eq!(language_of(&["edit 1:2\nimport x.py", "ls -F", "submit"]), None);
    }

    #[test]
    fn repositories_come_from_paths_and_instances() {
        let repository = |text| repository(text).map(|found| (found.full, found.project));
        assert_eq!(repository("/acme__rocket"), Some(("acme/rocket".to_owned(), "rocket".to_owned())));
        assert_eq!(repository("acme__rocket-1867"), Some(("acme/rocket".to_owned(), "rocket".to_owned())));
        assert_eq!(
            repository("acme__rocket-ship/src"),
            Some(("acme/rocket-ship".to_owned(), "rocket-ship".to_owned()))
        );
        assert_eq!(repository("/testbed"), None);
    }

    #[test]
    fn the_problem_stands_between_the_marks() {
        assert_eq!(problem_statement("We solve:\nISSUE:\nIt breaks\n\nINSTRUCTIONS:\nNow .."), "It breaks");
        assert_eq!(problem_statement("<pr_description>\nIt breaks\n</pr_description> go"), "It breaks");
        assert_eq!(problem_statement(" It breaks \n"), "It breaks");
    }
}
