//! Checks of the server's answers: a wrong answer is counted as an error, however fast it was.
//!
//! Each function reads one kind of answer; its error is one short line. Retrievals must be ordered by score; the scores
//! are checked by the memory's own tests.

use std::collections::BTreeSet;

use episodes::api::{ErrorBody, Logged, RetrievedEpisode, RetrievedEpisodes, Script, Started};
use episodes::{Completion, Episode, EpisodeId, Head, NewStep, Step};
use serde::de::DeserializeOwned;

use super::Acknowledged;
use crate::send::http::HttpResponse;

/// The answer to a start: the new episode's id.
pub fn started(answer: &HttpResponse) -> Result<EpisodeId, String> {
    read::<Started>(answer, 201).map(|started| started.id)
}

/// The answer to a step: its number must be the expected one.
pub fn logged(answer: &HttpResponse, expected: u32) -> Result<(), String> {
    let Logged { number } = read(answer, 201)?;
    same("step number", &number, &expected)
}

/// The answer to a completion: it must hold the outcome that was sent, and a finite reward.
pub fn completed(answer: &HttpResponse, script: &Script) -> Result<(), String> {
    let completion: Completion = read(answer, 200)?;
    same("outcome", &completion.outcome, &script.outcome)?;
    finite("reward", completion.reward.total)
}

/// The answer to a retrieval after an episode was completed: at least one episode, ordered by score, each completed.
/// `known` gives the script of an episode that this run wrote. Returns the best episode's id.
pub fn retrieved<'a>(
    answer: &HttpResponse,
    limit: usize,
    known: impl Fn(EpisodeId) -> Option<&'a Script>,
) -> Result<EpisodeId, String> {
    let RetrievedEpisodes { results } = read(answer, 200)?;
    let best = results.first().ok_or("nothing was retrieved, although an episode was completed before")?.head.id;
    if results.len() > limit {
        return Err(format!("{} episodes retrieved, {limit} asked for", results.len()));
    }
    if !results.is_sorted_by(|better, worse| better.score >= worse.score) {
        return Err("retrieved episodes are not ordered by score".to_owned());
    }
    let ids: BTreeSet<EpisodeId> = results.iter().map(|result| result.head.id).collect();
    if ids.len() != results.len() {
        return Err("an episode was retrieved twice".to_owned());
    }
    for result in &results {
        sane(result, known(result.head.id))?;
    }
    Ok(best)
}

fn sane(result: &RetrievedEpisode, script: Option<&Script>) -> Result<(), String> {
    let completion = result.head.completion.as_ref().ok_or("an episode was retrieved that is not completed")?;
    finite("score", result.score)?;
    finite("similarity", result.similarity)?;
    if let Some(script) = script {
        same("retrieved task", &result.head.task, &script.start.task)?;
        same("retrieved context", &result.head.context, &script.start.context)?;
        same("retrieved step count", &result.step_count, &script.steps.len())?;
        same("retrieved outcome", &completion.outcome, &script.outcome)?;
    }
    Ok(())
}

/// The answer to reading a completed episode: steps are numbered without gaps, and equal `script` if this run wrote it.
pub fn episode(answer: &HttpResponse, id: EpisodeId, script: Option<&Script>) -> Result<(), String> {
    let Episode { head, steps } = read(answer, 200)?;
    same("episode id", &head.id, &id)?;
    let completion = head.completion.as_ref().ok_or("the episode is not completed")?;
    for (expected, step) in (0..).zip(&steps) {
        same("step number", &step.number, &expected)?;
    }
    let Some(script) = script else { return Ok(()) };
    same("outcome", &completion.outcome, &script.outcome)?;
    same("step count", &steps.len(), &script.steps.len())?;
    of_script(&head, &steps, script)
}

/// The answer to reading an episode after a run: all that was acknowledged is there. One step or the completion may be
/// there beyond that, as the server may have ended between writing it and saying so.
pub fn kept(answer: &HttpResponse, id: EpisodeId, script: &Script, acknowledged: Acknowledged) -> Result<(), String> {
    if acknowledged.is_completed {
        return episode(answer, id, Some(script));
    }
    let Episode { head, steps } = read(answer, 200)?;
    same("episode id", &head.id, &id)?;
    if !(acknowledged.steps..=acknowledged.steps + 1).contains(&steps.len()) {
        return Err(format!("{} steps were acknowledged, {} are there", acknowledged.steps, steps.len()));
    }
    of_script(&head, &steps, script)
}

/// The beginning, and the steps that are there, are the script's.
fn of_script(head: &Head, steps: &[Step], script: &Script) -> Result<(), String> {
    same("task", &head.task, &script.start.task)?;
    same("task type", &head.task_type, &script.start.task_type)?;
    same("context", &head.context, &script.start.context)?;
    same("metadata", &head.metadata, &script.start.metadata.clone().into())?;
    match steps.iter().zip(&script.steps).find(|(step, written)| !equal(step, written)) {
        Some((step, _)) => Err(format!("step {} is not the one that was logged", step.number)),
        None => Ok(()),
    }
}

fn equal(step: &Step, written: &NewStep) -> bool {
    step.tool == written.tool
        && step.action == written.action
        && step.parameters == written.parameters
        && step.observation == written.observation
        && step.status == written.status
        && step.latency_ns == written.latency_ns
        && step.tokens == written.tokens
}

/// The JSON of an answer with that status.
pub fn read<T: DeserializeOwned>(answer: &HttpResponse, status: u16) -> Result<T, String> {
    if answer.status != status {
        return Err(match serde_json::from_slice::<ErrorBody>(&answer.body) {
            Ok(failure) => format!("status {}: {}", answer.status, failure.error),
            Err(_) => format!("status {} where {status} was expected", answer.status),
        });
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("the answer is not what the route promises: {error}"))
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("{what} is {}, not {}", short(found), short(expected))) }
}

fn finite(what: &str, value: f32) -> Result<(), String> {
    if value.is_finite() { Ok(()) } else { Err(format!("{what} is not finite")) }
}

/// A value in a message, cut where it is long.
fn short(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use episodes::{Outcome, StartEpisode};
    use serde_json::{Value, json};

    use super::*;

    const ID: EpisodeId = EpisodeId(7);

    fn script() -> Script {
        let steps = vec![NewStep { tool: "shell".to_owned(), observation: "ok".to_owned(), ..NewStep::default() }];
        let start = StartEpisode { task: "fix it".to_owned(), ..StartEpisode::default() };
        Script { start, steps, outcome: Outcome::Failure { reason: "gave up".to_owned() } }
    }

    fn answer(status: u16, body: Value) -> HttpResponse {
        HttpResponse { status, body: body.to_string().into_bytes() }
    }

    #[test]
    fn statuses_and_shapes_are_told() {
        let refused = answer(409, json!({"error": "episode is completed"}));
        assert_eq!(logged(&refused, 0), Err("status 409: episode is completed".to_owned()));
        assert_eq!(logged(&answer(200, json!([])), 0), Err("status 200 where 201 was expected".to_owned()));
        assert!(logged(&answer(201, json!({"n": 0})), 0).is_err_and(|error| error.contains("missing field `number`")));
        assert_eq!(logged(&answer(201, json!({"number": 3})), 2), Err("step number is 3, not 2".to_owned()));
        assert_eq!(logged(&answer(201, json!({"number": 3})), 3), Ok(()));
        assert_eq!(started(&answer(201, json!({"id": ID.to_string()}))), Ok(ID));
    }

    fn stored() -> Value {
        let step = Step::new(0, 5, script().steps[0].clone());
        let mut head = serde_json::to_value(episodes::Head::new(ID, 1, script().start)).unwrap();
        head["completion"] = completion();
        json!({"head": head, "steps": [step]})
    }

    fn completion() -> Value {
        json!({
            "completed_at_ns": 9,
            "outcome": script().outcome,
            "reward": {"total": 0.5, "outcome": 0.5, "efficiency": 1.0, "precision": 1.0, "recovery": 0.0},
            "reflection": {"successes": [], "improvements": [], "insights": []},
            "patterns": [],
        })
    }

    #[test]
    fn an_episode_must_be_the_one_written() {
        let check = |body: Value| episode(&answer(200, body), ID, Some(&script()));
        assert_eq!(check(stored()), Ok(()));
        let mut other = stored();
        other["steps"][0]["observation"] = json!("something else");
        assert_eq!(check(other.clone()), Err("step 0 is not the one that was logged".to_owned()));
        assert_eq!(episode(&answer(200, other), ID, None), Ok(()), "nobody knows what another run wrote");
        let mut gap = stored();
        gap["steps"][0]["number"] = json!(1);
        assert_eq!(check(gap), Err("step number is 1, not 0".to_owned()));
        let mut open = stored();
        open["head"]["completion"] = Value::Null;
        assert_eq!(check(open), Err("the episode is not completed".to_owned()));
        let mut lost = stored();
        lost["steps"] = json!([]);
        assert_eq!(check(lost), Err("step count is 0, not 1".to_owned()));
    }

    #[test]
    fn what_was_acknowledged_is_there_and_at_most_one_step_more() {
        let long = Script { steps: vec![script().steps[0].clone(); 3], ..script() };
        let check = |there: usize, steps: usize, is_completed: bool| {
            let mut body = stored();
            let step = |number: usize| Step::new(number as u32, 5, script().steps[0].clone());
            body["steps"] = json!((0..there).map(step).collect::<Vec<_>>());
            kept(&answer(200, body), ID, &long, Acknowledged { script: 0, steps, is_completed })
        };
        assert_eq!((check(3, 3, true), check(2, 2, false), check(3, 2, false)), (Ok(()), Ok(()), Ok(())));
        assert_eq!(check(1, 2, false), Err("2 steps were acknowledged, 1 are there".to_owned()));
        assert_eq!(check(3, 1, false), Err("1 steps were acknowledged, 3 are there".to_owned()));
        assert_eq!(check(2, 3, true), Err("step count is 2, not 3".to_owned()));
        let none = answer(404, json!({"error": "there is no such episode"}));
        let acknowledged = Acknowledged { script: 0, steps: 0, is_completed: false };
        assert!(kept(&none, ID, &long, acknowledged).is_err_and(|why| why.starts_with("status 404")));
    }

    #[test]
    fn retrieved_episodes_are_ordered_distinct_and_whole() {
        let result = |id: u128, score: f64| {
            let mut head = stored()["head"].clone();
            head["id"] = json!(EpisodeId(id).to_string());
            json!({"score": score, "similarity": 0.5, "context_match": 1.0, "head": head, "step_count": 1})
        };
        let wrote = script();
        let known = |id: EpisodeId| (id == ID).then_some(&wrote);
        let check = |results: Value| retrieved(&answer(200, json!({"results": results})), 2, known);
        assert_eq!(check(json!([result(7, 0.9), result(8, 0.2)])), Ok(ID));
        assert!(check(json!([])).is_err_and(|error| error.contains("nothing was retrieved")));
        assert!(check(json!([result(7, 0.1), result(8, 0.2)])).is_err_and(|error| error.contains("not ordered")));
        assert!(check(json!([result(7, 0.2), result(7, 0.2)])).is_err_and(|error| error.contains("twice")));
        assert!(
            check(json!([result(1, 0.2), result(2, 0.2), result(3, 0.1)])).is_err_and(|error| error.contains("asked"))
        );
        let mut short = result(7, 0.9);
        short["step_count"] = json!(0);
        assert_eq!(check(json!([short])), Err("retrieved step count is 0, not 1".to_owned()));
    }

    #[test]
    fn a_completion_holds_what_was_said() {
        assert_eq!(completed(&answer(200, completion()), &script()), Ok(()));
        let mut other = completion();
        other["outcome"] = json!(Outcome::Success { verdict: "fine".to_owned() });
        assert!(completed(&answer(200, other), &script()).is_err_and(|error| error.contains("outcome is Success")));
    }
}
