//! The table `[pace]`: arguments of the load generator that a scenario brings along. The command line goes before it.

use std::collections::BTreeMap;

use clap::Parser;
use toml::{Spanned, Value};

use super::error::{ScenarioError, error_at};
use crate::arguments::Arguments;

/// The arguments that a scenario may bring.
const KNOWN: &[&str] = &[
    "model", "arrivals", "shape", "rate", "swing", "period", "gap", "duration", "sessions", "users", "timeout",
    "outage",
];

/// The words of the table for the command line, each of which was understood.
pub fn words(table: &BTreeMap<String, Spanned<Value>>) -> Result<Vec<String>, ScenarioError> {
    let mut words = Vec::new();
    for (name, value) in table {
        if !KNOWN.contains(&name.as_str()) {
            return error_at(value.span(), format!("`{name}` is no part of a pace: use {}", KNOWN.join(", ")));
        }
        let text = match value.get_ref() {
            Value::String(text) => text.clone(),
            Value::Integer(number) => number.to_string(),
            Value::Float(number) => number.to_string(),
            _ => return error_at(value.span(), "only a string or a number can be given here".to_owned()),
        };
        let word = format!("--{name}={text}");
        if let Err(error) = Arguments::try_parse_from(["loadgen", "--scenario", "x", &word]) {
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
            return error_at(value.span(), said);
        }
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, String> {
        words(&toml::from_str(text).unwrap()).map_err(|error| error.message)
    }

    #[test]
    fn a_pace_is_arguments() {
        let words = read("rate = 50\nshape = 0.1\nduration = '10s'").unwrap();
        assert_eq!(words, ["--duration=10s", "--rate=50", "--shape=0.1"]);
        let known = KNOWN.iter().map(|name| format!("--{name}"));
        let help = <Arguments as clap::CommandFactory>::command().render_long_help().to_string();
        assert!(known.clone().all(|option| help.contains(&option)), "{known:?}");
    }

    #[test]
    fn what_is_no_argument_is_told() {
        assert!(read("output = 'x'").unwrap_err().starts_with("`output` is no part of a pace: use model, arrivals"));
        let error = read("duration = '10'").unwrap_err();
        assert!(error.starts_with("invalid value '10' for '--duration"), "{error}");
        assert_eq!(read("rate = [1]").unwrap_err(), "only a string or a number can be given here");
    }
}
