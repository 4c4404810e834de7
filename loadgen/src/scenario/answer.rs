//! The checks of an answer, and the values taken out of it.

use std::time::Duration;

use serde_json::Value;

use super::data::text_of;
use super::template::Escape;
use super::{AnswerCheck, ExpectedValue, RequestAction, RequestTemplate};
use crate::send::http::HttpResponse;
use crate::send::mcp;
use crate::send::player::Fault;

/// Checks an answer that came `response` after its intended start. Returns the values to take out of it; none if the
/// session can't go on. `value` has the values that are there already.
pub fn check<'a>(
    request: &RequestTemplate,
    answer: &HttpResponse,
    response: Duration,
    value: impl Fn(&str) -> Option<&'a str>,
) -> (Option<Vec<(String, String)>>, Option<Fault>) {
    match right(request, answer, value) {
        Err(fault) => (None, Some(Fault::Ends(fault))),
        Ok(taken) => (Some(taken), late(&request.check, response).map(Fault::Counts)),
    }
}

fn late(check: &AnswerCheck, response: Duration) -> Option<String> {
    let objective = check.latency.filter(|objective| response > *objective)?;
    Some(format!("slower than its objective of {} ms", objective.as_secs_f64() * 1e3))
}

fn right<'a>(
    request: &RequestTemplate,
    answer: &HttpResponse,
    value: impl Fn(&str) -> Option<&'a str>,
) -> Result<Vec<(String, String)>, String> {
    let AnswerCheck { statuses, exists, equals, .. } = &request.check;
    let is_expected =
        if statuses.is_empty() { (200..300).contains(&answer.status) } else { statuses.contains(&answer.status) };
    if !is_expected {
        return Err(format!("status {}", answer.status));
    }
    let is_tool = matches!(request.action, RequestAction::Tool { .. });
    if exists.is_empty() && equals.is_empty() && request.extract.is_empty() && !is_tool {
        return Ok(Vec::new());
    }
    let json: Value = serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON".to_owned())?;
    let json = if is_tool { mcp::tool_result(json)? } else { json };
    for path in exists {
        path.find(&json).ok_or_else(|| format!("there is no {path}"))?;
    }
    for (path, expected) in equals {
        let found = path.find(&json).ok_or_else(|| format!("there is no {path}"))?;
        let is_equal = match expected {
            ExpectedValue::Json(expected) => same(found, expected),
            ExpectedValue::Text(template) => Some(template.render(Escape::Nothing, &value)?) == text_of(found),
        };
        if !is_equal {
            return Err(format!("{path} is another value than expected"));
        }
    }
    let take = |(name, path): &(String, super::JsonPath)| {
        let found = path.find(&json).ok_or_else(|| format!("there is no {path} to take as `{name}`"))?;
        let text = text_of(found).ok_or_else(|| format!("{path} is no single value, to be taken as `{name}`"))?;
        Ok((name.clone(), text))
    };
    request.extract.iter().map(take).collect()
}

/// Numbers are equal by value: 2 and 2.0.
fn same(found: &Value, expected: &Value) -> bool {
    let is_float = found.is_f64() || expected.is_f64();
    found == expected || (is_float && found.as_f64().is_some() && found.as_f64() == expected.as_f64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::json_path::JsonPath;
    use super::super::template::Template;
    use super::*;

    #[test]
    fn numbers_are_equal_by_value_and_large_ones_exactly() {
        assert!(same(&json!(2), &json!(2.0)) && same(&json!(u64::MAX), &json!(u64::MAX)));
        assert!(!same(&json!((1u64 << 53) + 1), &json!(1u64 << 53)) && !same(&json!("2"), &json!(2)));
    }

    fn request() -> RequestTemplate {
        let path = |text| JsonPath::parse(text).unwrap();
        RequestTemplate {
            name: "login".to_owned(),
            action: RequestAction::Http {
                method: "POST".to_owned(),
                path: Template::parse("/login").unwrap(),
                headers: Vec::new(),
                body: None,
            },
            put: Vec::new(),
            extract: vec![("token".to_owned(), path("$.token"))],
            check: AnswerCheck {
                statuses: vec![200, 201],
                latency: Some(Duration::from_millis(50)),
                exists: vec![path("$.user")],
                equals: vec![
                    (path("$.user.age"), ExpectedValue::Json(json!(7))),
                    (path("$.user.id"), ExpectedValue::Text(Template::parse("{{id}}").unwrap())),
                ],
            },
        }
    }

    #[test]
    fn a_right_answer_gives_its_values_and_a_wrong_one_says_why() {
        let told = |status: u16, body: Value, ms: u64| {
            let answer = HttpResponse { status, body: body.to_string().into_bytes() };
            check(&request(), &answer, Duration::from_millis(ms), |name| (name == "id").then_some("12"))
        };
        let right = json!({"token": "t", "user": {"age": 7.0, "id": 12}});
        let taken = Some(vec![("token".to_owned(), "t".to_owned())]);
        assert_eq!(told(201, right.clone(), 50), (taken.clone(), None));
        let late = Fault::Counts("slower than its objective of 50 ms".to_owned());
        assert_eq!(told(200, right.clone(), 51), (taken, Some(late)));
        let wrong = |status: u16, change: fn(&mut Value)| {
            let mut body = right.clone();
            change(&mut body);
            match told(status, body, 60) {
                (None, Some(Fault::Ends(why))) => why,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(wrong(404, |_| {}), "status 404");
        assert_eq!(wrong(200, |body| body["user"] = Value::Null), "there is no $.user.age");
        assert_eq!(wrong(200, |body| body["user"]["age"] = json!(8)), "$.user.age is another value than expected");
        assert_eq!(wrong(200, |body| body["user"]["id"] = json!("13")), "$.user.id is another value than expected");
        assert_eq!(wrong(200, |body| body["token"] = json!([1])), "$.token is no single value, to be taken as `token`");
    }

    #[test]
    fn a_tool_that_failed_says_so() {
        let action = RequestAction::Tool { tool: "login".to_owned(), arguments: None };
        let check = AnswerCheck { statuses: Vec::new(), latency: None, exists: Vec::new(), equals: Vec::new() };
        let request = RequestTemplate { action, check, extract: Vec::new(), ..request() };
        let told = |body: Value| {
            let answer = HttpResponse { status: 200, body: body.to_string().into_bytes() };
            super::check(&request, &answer, Duration::ZERO, |_| None)
        };
        assert_eq!(told(json!({"id": 1, "result": {"content": []}})), (Some(Vec::new()), None));
        let failed = json!({"result": {"isError": true, "content": [{"type": "text", "text": "no such user"}]}});
        assert_eq!(told(failed), (None, Some(Fault::Ends("the tool failed: no such user".to_owned()))));
        let refused = json!({"error": {"code": -32602, "message": "unknown tool"}});
        assert_eq!(told(refused), (None, Some(Fault::Ends("error -32602: unknown tool".to_owned()))));
        assert_eq!(told(json!({"id": 1})), (None, Some(Fault::Ends("the answer has no result".to_owned()))));
    }
}
