//! Every `{{name}}` of a scenario has a value whenever it is needed.

use std::collections::BTreeSet;
use std::ops::Range;

use super::definition::{RequestEntry, ScenarioFile};
use super::error::{ScenarioError, error_at};
use super::template::Template;
use super::{Scenario, SessionTemplate};

/// The value that every session has.
const SESSION: &str = "session";

/// Looks for a value that would be missing. The entries of `file` are those of the scenario, in the same order.
pub fn check(scenario: &Scenario, file: &ScenarioFile) -> Result<(), ScenarioError> {
    for pool in file.pools.keys() {
        is_free(pool.get_ref(), pool.span())?;
    }
    for entry in &file.requests {
        if let Some(pool) = entry.put.keys().find(|pool| !scenario.pools.contains_key(pool.get_ref())) {
            let name = pool.get_ref();
            return error_at(pool.span(), format!("there is no pool `{name}`: add [pool.{name}]"));
        }
        for (name, path) in &entry.extract {
            is_free(name, path.span())?;
        }
        if let Some((name, path)) = entry.extract.iter().find(|(name, _)| scenario.pools.contains_key(*name)) {
            return error_at(path.span(), format!("`{name}` is a pool: give what is extracted another name"));
        }
    }
    let columns =
        scenario.data.iter().flat_map(|(set, (data, _))| data.columns().iter().map(move |it| format!("{set}.{it}")));
    let mut always: BTreeSet<String> = columns.chain([SESSION.to_owned()]).collect();
    // Sessions before the run fill the pools, in the order of the file.
    for session in scenario.sessions.iter().filter(|session| session.before > 0) {
        of_session(session, &always, scenario, file)?;
        always.extend(
            session.requests.iter().flat_map(|number| scenario.requests[*number].put.iter().map(|it| it.0.clone())),
        );
    }
    scenario.sessions.iter().try_for_each(|session| of_session(session, &always, scenario, file))
}

/// Every session has its own value of the name [`SESSION`], and a name with a dot is that of a column.
fn is_free(name: &str, span: Range<usize>) -> Result<(), ScenarioError> {
    if name == SESSION || name.contains('.') {
        return error_at(
            span,
            format!("`{name}` is the session's number or a column: use another name, without a dot"),
        );
    }
    Ok(())
}

fn of_session(
    session: &SessionTemplate,
    always: &BTreeSet<String>,
    scenario: &Scenario,
    file: &ScenarioFile,
) -> Result<(), ScenarioError> {
    let mut known = always.clone();
    let look = |texts: Vec<(Range<usize>, String)>, known: &BTreeSet<String>| {
        for (span, text) in texts {
            // Read before, so that it parses.
            let Ok(template) = Template::parse(&text) else { continue };
            if let Some(name) = template.names().find(|name| !known.contains(*name)) {
                return error_at(span, missing(name, scenario));
            }
        }
        Ok(())
    };
    for &number in &session.requests {
        look(sent(&file.requests[number], file), &known)?;
        known.extend(scenario.requests[number].extract.iter().map(|(name, _)| name.clone()));
        let put = file.requests[number].put.values();
        look(put.map(|text| (text.span(), text.get_ref().clone())).collect(), &known)?;
    }
    Ok(())
}

/// The texts of a request that may have values when it is sent, with their places.
fn sent(entry: &RequestEntry, file: &ScenarioFile) -> Vec<(Range<usize>, String)> {
    let own = [&entry.path, &entry.body, &entry.arguments].into_iter().flatten();
    let is_replaced = |name: &str| entry.headers.keys().any(|own| own.eq_ignore_ascii_case(name));
    let common = file.headers.iter().filter(|(name, _)| !is_replaced(name)).map(|(_, text)| text);
    let texts = own.chain(common).chain(entry.headers.values());
    let expected = entry.check.equals.values().filter_map(|value| {
        let text = value.get_ref().as_str().filter(|text| text.contains("{{"))?;
        Some((value.span(), text.to_owned()))
    });
    texts.map(|text| (text.span(), text.get_ref().clone())).chain(expected).collect()
}

fn missing(name: &str, scenario: &Scenario) -> String {
    let remedy = match name.split_once('.') {
        Some((set, column)) => match scenario.data.get(set) {
            Some((data, _)) => format!("its columns are {}, not {column}", data.columns().join(", ")),
            None => format!("add [data.{set}] with a file"),
        },
        None if scenario.pools.contains_key(name) => {
            "fill the pool in a session with `before` that stands above this one".to_owned()
        }
        None => "have a request before it in the session extract it".to_owned(),
    };
    format!("there is no value for {{{{{name}}}}}: {remedy}")
}
