//! A scenario as a workload: fills in the values, sends the requests of a session, and checks the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use super::template::{Escape, Template};
use super::{RequestTemplate, Scenario, answer};
use crate::arrivals::mix::{Mix, SessionShape};
use crate::record::tally::OperationName;
use crate::send::http::{AnyRequest, HttpClient, RequestError};
use crate::send::player::{LoadWorkload, SessionPlay};

/// A scenario and its operations.
#[derive(Debug)]
pub struct ScenarioWorkload {
    scenario: Scenario,
    http: HttpClient,
    operations: Vec<OperationName>,
}

impl ScenarioWorkload {
    pub fn new(scenario: Scenario, http: HttpClient) -> ScenarioWorkload {
        let operation =
            |request: &RequestTemplate| OperationName { name: request.name.clone(), method: request.method.clone() };
        let operations = scenario.requests.iter().map(operation).collect();
        ScenarioWorkload { scenario, http, operations }
    }

    /// The sessions among which the schedule draws.
    pub fn mix(&self) -> Mix {
        let shape = |session: &super::SessionTemplate| SessionShape {
            weight: session.weight,
            requests: session.requests.len(),
        };
        Mix::Scenario { sessions: self.scenario.sessions.iter().map(shape).collect() }
    }
}

/// The values that a session has.
struct Values<'a> {
    scenario: &'a Scenario,
    index: u64,
    index_text: String,
    taken: BTreeMap<String, String>,
}

impl Values<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if name == "session" {
            return Some(&self.index_text);
        }
        if let Some((set, column)) = name.split_once('.') {
            return self.scenario.data.get(set)?.value(column, self.index);
        }
        self.taken.get(name).map(String::as_str)
    }

    fn request(&self, request: &RequestTemplate) -> Result<AnyRequest, String> {
        let fill = |template: &Template, escape| template.render(escape, |name| self.get(name));
        let body_escape = |body: &Template| {
            if body.beginning().trim_start().starts_with(['{', '[']) { Escape::Json } else { Escape::Nothing }
        };
        let header = |(name, value): &(String, Template)| Ok((name.clone(), fill(value, Escape::Nothing)?));
        Ok(AnyRequest {
            method: request.method.clone(),
            path: fill(&request.path, Escape::Path)?,
            headers: request.headers.iter().map(header).collect::<Result<_, String>>()?,
            body: request.body.as_ref().map(|body| fill(body, body_escape(body))).transpose()?,
        })
    }
}

impl LoadWorkload for ScenarioWorkload {
    fn operations(&self) -> &[OperationName] {
        &self.operations
    }

    fn target(&self) -> &str {
        self.http.base()
    }

    async fn probe(&self, timeout: Duration) -> Result<(), RequestError> {
        self.http.get_within("/", timeout).await.map(drop)
    }

    async fn play(&self, session: &mut SessionPlay<'_>) -> Option<()> {
        let planned = session.planned;
        let mut values = Values {
            scenario: &self.scenario,
            index: planned.index,
            index_text: planned.index.to_string(),
            taken: BTreeMap::new(),
        };
        for &number in &self.scenario.sessions[planned.script].requests {
            let request = &self.scenario.requests[number];
            // Reading the scenario has shown that every value is there.
            let filled = values.request(request).ok()?;
            let answer = self.http.send(&filled);
            let check = |answer: &_, response| answer::check(request, answer, response, |name| values.get(name));
            let taken = session.request(number, answer, check).await?;
            values.taken.extend(taken);
        }
        Some(())
    }
}
