//! A scenario as a workload: fills in the values, sends the requests of a session, and checks the answers.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;

use super::client::{FilledRequest, ScenarioClient};
use super::template::{Escape, Template};
use super::{RequestAction, RequestTemplate, Scenario, SessionTemplate, answer, draw};
use crate::arrivals::mix::{Mix, SessionShape};
use crate::arrivals::schedule::PlannedSession;
use crate::arrivals::shard::LoadShard;
use crate::record::tally::OperationName;
use crate::send::http::{AnyRequest, RequestError};
use crate::send::player::{LoadWorkload, SessionPlay};

/// The number of the first session that is played before the run: far from those of the schedule, and exact also where
/// numbers are floats.
const BEFORE: u64 = 1 << 48;

/// So many numbers a shard has for those.
const BEFORE_OF_SHARD: u64 = 1 << 32;

/// A scenario and its operations.
#[derive(Debug)]
pub struct ScenarioWorkload {
    scenario: Scenario,
    client: ScenarioClient,
    /// The seed of the draws among values.
    seed: u64,
    shard: LoadShard,
    operations: Vec<OperationName>,
}

impl ScenarioWorkload {
    pub fn new(scenario: Scenario, client: ScenarioClient, seed: u64, shard: LoadShard) -> ScenarioWorkload {
        let operation = |request: &RequestTemplate| {
            let method = match &request.action {
                RequestAction::Http { method, .. } => method.clone(),
                // That of the transport; goose wants one.
                RequestAction::Tool { .. } => "POST".to_owned(),
            };
            OperationName { name: request.name.clone(), method }
        };
        let operations = scenario.requests.iter().map(operation).collect();
        ScenarioWorkload { scenario, client, seed, shard, operations }
    }

    /// The sessions among which the schedule draws.
    pub fn mix(&self) -> Mix {
        let shape =
            |session: &SessionTemplate| SessionShape { weight: session.weight, requests: session.requests.len() };
        Mix::Scenario { sessions: self.scenario.sessions.iter().map(shape).collect() }
    }

    fn values(&self, index: u64) -> Values<'_> {
        let generator = |name: &str| draw::generator(self.seed, index, name);
        let row = |(name, (data, draw)): (&'_ String, &(super::data::DataSet, draw::Draw))| {
            (name.clone(), draw.position(data.rows(), index, &mut generator(name)))
        };
        let drawn = |(name, pool): (&'_ String, &super::pool::ValuePool)| {
            Some((name.clone(), pool.draw(index, &mut generator(name))?))
        };
        Values {
            scenario: &self.scenario,
            index: index.to_string(),
            rows: self.scenario.data.iter().map(row).collect(),
            taken: self.scenario.pools.iter().filter_map(drawn).collect(),
        }
    }
}

/// The values that a session has.
struct Values<'a> {
    scenario: &'a Scenario,
    index: String,
    /// The row of each data set.
    rows: BTreeMap<String, usize>,
    /// What was drawn from pools, and taken out of answers.
    taken: BTreeMap<String, String>,
}

impl Values<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if name == "session" {
            return Some(&self.index);
        }
        if let Some((set, column)) = name.split_once('.') {
            return self.scenario.data.get(set)?.0.value(column, *self.rows.get(set)?);
        }
        self.taken.get(name).map(String::as_str)
    }

    fn fill(&self, template: &Template, escape: Escape) -> Result<String, String> {
        template.render(escape, |name| self.get(name))
    }

    fn request(&self, request: &RequestTemplate) -> Result<FilledRequest, String> {
        let body_escape = |body: &Template| {
            if body.beginning().trim_start().starts_with(['{', '[']) { Escape::Json } else { Escape::Nothing }
        };
        let header = |(name, value): &(String, Template)| Ok((name.clone(), self.fill(value, Escape::Nothing)?));
        Ok(match &request.action {
            RequestAction::Http { method, path, headers, body } => FilledRequest::Http(AnyRequest {
                method: method.clone(),
                path: self.fill(path, Escape::Path)?,
                headers: headers.iter().map(header).collect::<Result<_, String>>()?,
                body: body.as_ref().map(|body| self.fill(body, body_escape(body))).transpose()?,
                timeout: None,
            }),
            RequestAction::Tool { tool, arguments } => {
                let filled = arguments.as_ref().map(|arguments| self.fill(arguments, Escape::Json)).transpose()?;
                FilledRequest::Tool { tool: tool.clone(), arguments: filled.unwrap_or_else(|| "{}".to_owned()) }
            }
        })
    }

    /// Puts values into pools, after a right answer.
    fn put(&self, request: &RequestTemplate) -> Result<(), String> {
        for (pool, value) in &request.put {
            let value = self.fill(value, Escape::Nothing)?;
            self.scenario.pools.get(pool).into_iter().for_each(|pool| pool.put(value.clone()));
        }
        Ok(())
    }
}

impl LoadWorkload for ScenarioWorkload {
    fn operations(&self) -> &[OperationName] {
        &self.operations
    }

    fn target(&self) -> &str {
        self.client.target()
    }

    async fn connect(&self) -> Result<()> {
        self.client.connect().await
    }

    async fn probe(&self, timeout: Duration) -> Result<(), RequestError> {
        self.client.probe(timeout).await
    }

    fn before(&self) -> Vec<PlannedSession> {
        let times = |(script, session): (usize, &SessionTemplate)| {
            std::iter::repeat_n((script, session.requests.len()), session.before as usize)
        };
        let all = self.scenario.sessions.iter().enumerate().flat_map(times);
        let planned = |(index, (script, requests))| PlannedSession {
            index,
            script,
            retrievals: Vec::new(),
            starts_ns: Vec::new(),
            thinks_ns: Vec::new(),
            requests,
        };
        let first = BEFORE + (self.shard.number - 1) * BEFORE_OF_SHARD;
        (first..).zip(all).map(planned).collect()
    }

    async fn play(&self, session: &mut SessionPlay<'_>) -> Option<()> {
        let planned = session.planned;
        let mut values = self.values(planned.index);
        for &number in &self.scenario.sessions[planned.script].requests {
            let request = &self.scenario.requests[number];
            // Reading the scenario has shown that every value is there.
            let filled = values.request(request).ok()?;
            let answer = self.client.send(&filled);
            let check = |answer: &_, response| answer::check(request, answer, response, |name| values.get(name));
            let taken = session.request(number, answer, check).await?;
            values.taken.extend(taken);
            values.put(request).ok()?;
        }
        Some(())
    }
}
