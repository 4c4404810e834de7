//! The text whose checksum identifies an input: the seed, and the episodes as they stand in a corpus of format 1
//! (FORMAT.md), without blanks.
//!
//! It is written out here, and not derived from the memory's types: what renames one, or serialises it otherwise,
//! leaves the input as it is. A new field does not compile until somebody decides: leave it out where it has no value,
//! so that what had none before keeps its checksum.

use std::collections::BTreeMap;

use episodes::api::Script;
use memory::{Complexity, NewStep, Outcome, StartEpisode, StepStatus, TaskContext};

/// The text of an input.
pub fn text(seed: u64, scripts: &[Script]) -> String {
    format!("[{seed},{}]", list(scripts, script))
}

fn script(script: &Script) -> String {
    let Script { start, steps, outcome } = script;
    let StartEpisode { task, task_type, context, metadata } = start;
    format!(
        r#"{{"start":{{"task":{},"task_type":{},"context":{},"metadata":{}}},"steps":{},"outcome":{}}}"#,
        string(task),
        string(task_type),
        self::context(context),
        map(metadata),
        list(steps, step),
        end(outcome),
    )
}

fn context(context: &TaskContext) -> String {
    let TaskContext { language, framework, domain, complexity, tags } = context;
    let complexity = match complexity {
        Complexity::Simple => "simple",
        Complexity::Moderate => "moderate",
        Complexity::Complex => "complex",
    };
    format!(
        r#"{{"language":{},"framework":{},"domain":{},"complexity":"{complexity}","tags":{}}}"#,
        optional(language.as_deref().map(string)),
        optional(framework.as_deref().map(string)),
        string(domain),
        list(tags, |tag| string(tag)),
    )
}

fn step(step: &NewStep) -> String {
    let NewStep { tool, action, parameters, observation, status, latency_ns, tokens } = step;
    let status = match status {
        StepStatus::Ok => "ok",
        StepStatus::Error => "error",
    };
    format!(
        concat!(
            r#"{{"tool":{},"action":{},"parameters":{},"observation":{},"#,
            r#""status":"{}","latency_ns":{},"tokens":{}}}"#
        ),
        string(tool),
        string(action),
        map(parameters),
        string(observation),
        status,
        latency_ns,
        optional(tokens.map(|tokens| tokens.to_string())),
    )
}

fn end(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Success { verdict } => format!(r#"{{"success":{{"verdict":{}}}}}"#, string(verdict)),
        Outcome::Partial { verdict, done, failed } => format!(
            r#"{{"partial":{{"verdict":{},"done":{},"failed":{}}}}}"#,
            string(verdict),
            list(done, |part| string(part)),
            list(failed, |part| string(part)),
        ),
        Outcome::Failure { reason } => format!(r#"{{"failure":{{"reason":{}}}}}"#, string(reason)),
        Outcome::Abstained { reason } => format!(r#"{{"abstained":{{"reason":{}}}}}"#, string(reason)),
    }
}

fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn optional(value: Option<String>) -> String {
    value.unwrap_or_else(|| "null".to_owned())
}

fn list<T>(values: &[T], text: impl Fn(&T) -> String) -> String {
    format!("[{}]", values.iter().map(text).collect::<Vec<_>>().join(","))
}

fn map(values: &BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = values.iter().map(|(key, value)| format!("{}:{}", string(key), string(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_input_is_that_of_format_1() {
        let with_all = Script {
            start: StartEpisode {
                task: "fix \"it\"\n".to_owned(),
                task_type: "bug-fix".to_owned(),
                context: TaskContext {
                    language: Some("rust".to_owned()),
                    framework: None,
                    domain: "web".to_owned(),
                    complexity: Complexity::Complex,
                    tags: vec!["a".to_owned(), "b".to_owned()],
                },
                metadata: BTreeMap::from([("key".to_owned(), "value".to_owned())]),
            },
            steps: vec![NewStep {
                tool: "shell".to_owned(),
                action: "ls".to_owned(),
                parameters: BTreeMap::from([("path".to_owned(), "/".to_owned())]),
                observation: "é".to_owned(),
                status: StepStatus::Error,
                latency_ns: 7,
                tokens: Some(9),
            }],
            outcome: Outcome::Success { verdict: "done".to_owned() },
        };
        let text_of = |script: &Script| text(1, std::slice::from_ref(script));
        let expected = concat!(
            r#"[1,[{"start":{"task":"fix \"it\"\n","task_type":"bug-fix","context":{"language":"rust","#,
            r#""framework":null,"domain":"web","complexity":"complex","tags":["a","b"]},"metadata":{"key":"value"}},"#,
            r#""steps":[{"tool":"shell","action":"ls","parameters":{"path":"/"},"observation":"é","status":"error","#,
            r#""latency_ns":7,"tokens":9}],"outcome":{"success":{"verdict":"done"}}}]]"#,
        );
        assert_eq!(text_of(&with_all), expected);
        let ends = [
            (Outcome::Failure { reason: "r".to_owned() }, r#"{"failure":{"reason":"r"}}"#),
            (Outcome::Abstained { reason: "r".to_owned() }, r#"{"abstained":{"reason":"r"}}"#),
            (
                Outcome::Partial { verdict: "v".to_owned(), done: vec!["d".to_owned()], failed: vec![] },
                r#"{"partial":{"verdict":"v","done":["d"],"failed":[]}}"#,
            ),
        ];
        for (outcome, expected) in ends {
            let text = text_of(&Script { outcome, ..with_all.clone() });
            assert!(text.ends_with(&format!(r#","outcome":{expected}}}]]"#)), "{text}");
        }
    }
}
