//! The workload of the reference memory: whole episodes of a corpus, then retrievals, each with a read of the best
//! episode found.

pub mod check;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use episodes::EpisodeId;
use episodes::api::{Retrieve, Script};
use parking_lot::Mutex;
use strum::IntoEnumIterator;

use crate::record::tally::OperationName;
use crate::send::http::{HttpClient, HttpResponse, RequestBody, RequestError};
use crate::send::player::{Fault, LoadWorkload, SessionPlay};

/// The kinds of requests, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
enum Operation {
    Start,
    Step,
    Complete,
    /// Retrieve episodes like a task.
    Retrieve,
    /// Read the best episode found.
    Read,
}

/// Scripts to play, and what was written so far.
#[derive(Debug)]
pub struct Episodes {
    http: HttpClient,
    operations: Vec<OperationName>,
    scripts: Vec<PreparedScript>,
    limit: usize,
    /// What the server has acknowledged of this run's episodes.
    written: Mutex<BTreeMap<EpisodeId, Acknowledged>>,
}

/// The part of an episode that the server has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The number of its script.
    pub script: usize,
    pub steps: usize,
    pub is_completed: bool,
}

/// A script with the bodies of its requests, encoded before the run, so that encoding delays no request.
#[derive(Debug)]
struct PreparedScript {
    script: Script,
    start: RequestBody,
    steps: Vec<RequestBody>,
    outcome: RequestBody,
    retrieve: RequestBody,
}

impl PreparedScript {
    fn new(script: Script, limit: usize, http: &HttpClient) -> Result<PreparedScript> {
        let (text, context) = (script.start.task.clone(), Some(script.start.context.clone()));
        Ok(PreparedScript {
            start: http.body(&script.start)?,
            steps: script.steps.iter().map(|step| http.body(step)).collect::<Result<_>>()?,
            outcome: http.body(&script.outcome)?,
            retrieve: http.body(&Retrieve { text, context, limit, steps: false })?,
            script,
        })
    }
}

impl Episodes {
    /// Episodes of these scripts; retrievals ask for `limit` of them.
    pub fn new(scripts: Vec<Script>, limit: usize, http: HttpClient) -> Result<Episodes> {
        let scripts =
            scripts.into_iter().map(|script| PreparedScript::new(script, limit, &http)).collect::<Result<_>>()?;
        let operation = |operation: Operation| {
            let method = if operation == Operation::Read { "GET" } else { "POST" };
            OperationName { name: <&str>::from(operation).to_owned(), method: method.to_owned() }
        };
        let operations = Operation::iter().map(operation).collect();
        Ok(Episodes { http, operations, scripts, limit, written: Mutex::new(BTreeMap::new()) })
    }

    /// The script of an episode that this run wrote and completed.
    fn known(&self, id: EpisodeId) -> Option<&Script> {
        let written = self.written.lock().get(&id).copied().filter(|written| written.is_completed)?;
        Some(&self.scripts[written.script].script)
    }
}

impl LoadWorkload for Episodes {
    fn operations(&self) -> &[OperationName] {
        &self.operations
    }

    fn target(&self) -> &str {
        self.http.base()
    }

    async fn probe(&self, timeout: Duration) -> Result<(), RequestError> {
        self.http.get_within("/health", timeout).await.map(drop)
    }

    async fn read_again(&self) -> Result<()> {
        let written = self.written.lock().clone();
        let mut lost = Vec::new();
        for (id, acknowledged) in &written {
            let answer = self.http.get(&format!("/episodes/{id}")).await;
            let answer = answer.map_err(|none| anyhow!("can't read {id} again: {}", none.reason))?;
            let script = &self.scripts[acknowledged.script].script;
            lost.extend(check::kept(&answer, *id, script, *acknowledged).err().map(|why| format!("{id}: {why}")));
        }
        eprintln!("loadgen: read {} episodes again", written.len());
        match lost.first() {
            Some(first) => bail!("{} of {} acknowledged episodes are not whole: {first}", lost.len(), written.len()),
            None => Ok(()),
        }
    }

    async fn play(&self, session: &mut SessionPlay<'_>) -> Option<()> {
        let planned = session.planned;
        let PreparedScript { script, start, steps, outcome, .. } = &self.scripts[planned.script];

        let id = self.post(session, Operation::Start, "/episodes", start, check::started).await?;
        let acknowledged = |steps, is_completed| {
            self.written.lock().insert(id, Acknowledged { script: planned.script, steps, is_completed });
        };
        acknowledged(0, false);
        let path = format!("/episodes/{id}/steps");
        for (number, step) in (0..).zip(steps) {
            self.post(session, Operation::Step, &path, step, |answer| check::logged(answer, number)).await?;
            acknowledged(number as usize + 1, false);
        }
        let path = format!("/episodes/{id}/complete");
        self.post(session, Operation::Complete, &path, outcome, |answer| check::completed(answer, script)).await?;
        acknowledged(steps.len(), true);

        for &asked in &planned.retrievals {
            let retrieve = &self.scripts[asked].retrieve;
            let check = |answer: &HttpResponse| check::retrieved(answer, self.limit, |id| self.known(id));
            let best = self.post(session, Operation::Retrieve, "/retrieve", retrieve, check).await?;
            let path = format!("/episodes/{best}");
            let answer = self.http.get(&path);
            let check = |answer: &HttpResponse| check::episode(answer, best, self.known(best));
            session.request(Operation::Read as usize, answer, |answer, _| checked(check(answer))).await?;
        }
        Some(())
    }
}

impl Episodes {
    async fn post<T>(
        &self,
        session: &mut SessionPlay<'_>,
        operation: Operation,
        path: &str,
        body: &RequestBody,
        check: impl FnOnce(&HttpResponse) -> Result<T, String>,
    ) -> Option<T> {
        let answer = self.http.post(path, body);
        session.request(operation as usize, answer, |answer, _| checked(check(answer))).await
    }
}

/// A wrong answer ends the episode.
fn checked<T>(checked: Result<T, String>) -> (Option<T>, Option<Fault>) {
    match checked {
        Ok(value) => (Some(value), None),
        Err(fault) => (None, Some(Fault::Ends(fault))),
    }
}
