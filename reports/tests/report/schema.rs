//! The JSON of every report follows the published schema, which allows no other field.

use reports::{Format, JudgedReport, render, text};
use serde_json::Value;

use crate::fixture;

/// The complaints about a value, by the keywords that the schema uses.
fn complaints(root: &Value, schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = root.pointer(name.trim_start_matches('#')).expect("the reference leads somewhere");
        return complaints(root, target, value, at);
    }
    let mut wrong = Vec::new();
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(types) => types.iter().filter_map(Value::as_str).collect(),
        named => named.as_str().into_iter().collect(),
    };
    let is = |name: &str| match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the schema has a type `{other}` that this test does not know"),
    };
    if !types.is_empty() && !types.iter().any(|name| is(name)) {
        wrong.push(format!("{at} is no {types:?}: {value}"));
    }
    let unlike = |allowed: &Value| !allowed.is_null() && allowed != value;
    if unlike(&schema["const"]) || schema["enum"].as_array().is_some_and(|allowed| !allowed.contains(value)) {
        wrong.push(format!("{at} is {value}"));
    }
    if let Some(items) = value.as_array() {
        let each = items.iter().enumerate();
        wrong
            .extend(each.flat_map(|(place, item)| complaints(root, &schema["items"], item, &format!("{at}[{place}]"))));
    }
    if let Some(fields) = value.as_object() {
        let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        wrong.extend(required.filter(|name| !fields.contains_key(*name)).map(|name| format!("{at} lacks {name}")));
        for (name, field) in fields {
            match (schema["properties"].get(name), &schema["additionalProperties"]) {
                (Some(known), _) => wrong.extend(complaints(root, known, field, &format!("{at}.{name}"))),
                (None, Value::Bool(false)) => wrong.push(format!("{at}.{name} is not in the schema")),
                (None, Value::Object(_)) => {
                    wrong.extend(complaints(root, &schema["additionalProperties"], field, &format!("{at}.{name}")));
                }
                (None, _) => {}
            }
        }
    }
    wrong
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../report.schema.json")).expect("the schema is JSON")
}

#[test]
fn every_report_follows_the_schema() {
    let schema = schema();
    for report in [fixture::regressed(), fixture::passed(), fixture::undecided(), fixture::empty(), fixture::hostile()]
    {
        let json: Value = serde_json::from_str(&render(&report, Format::Json).expect("renders")).expect("JSON");
        assert_eq!(complaints(&schema, &schema, &json, "report"), Vec::<String>::new());
    }
}

/// The test above would also pass if it noticed nothing: it notices fields that are missing, new, or of another type.
#[test]
fn what_is_not_in_the_schema_is_noticed() {
    let schema = schema();
    let json: Value =
        serde_json::from_str(&render(&fixture::regressed(), Format::Json).expect("renders")).expect("JSON");
    type Planted = (&'static str, fn(&mut Value));
    let plants: [Planted; 4] = [
        ("report.run.extent is not in the schema", |json| json["run"]["extent"] = 1.into()),
        ("report.cases[0].deltas[0].verdict is \"worse\"", |json| {
            json["cases"][0]["deltas"][0]["verdict"] = "worse".into()
        }),
        ("report lacks lead", |json| {
            json.as_object_mut().expect("an object").remove("lead");
        }),
        ("report.exit is no", |json| json["exit"] = "100".into()),
    ];
    for (expected, plant) in plants {
        let mut planted = json.clone();
        plant(&mut planted);
        let found = complaints(&schema, &schema, &planted, "report");
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
    }
}

#[test]
fn the_judgement_is_read_as_it_was_written() {
    for report in [fixture::regressed(), fixture::passed(), fixture::undecided(), fixture::empty(), fixture::hostile()]
    {
        let read = JudgedReport::read(&render(&report, Format::Json).expect("renders")).expect("a report");
        assert_eq!((read.against, read.notes), (report.against, report.notes));
        // The JSON has the deltas by case.
        let [read, written] = [read.judgement, report.judgement].map(|judgement| {
            let mut judgement = judgement?;
            judgement.comparison.deltas.sort_by_key(|delta| (delta.case.clone(), delta.metric.clone()));
            let judged = text::judgement(&judgement);
            let causes: Vec<_> =
                judgement.comparison.deltas.into_iter().map(|delta| (delta.cause, delta.doing)).collect();
            Some((judged, judgement.tally, judgement.comparison.differences, causes))
        });
        assert!(read == written, "{:?} is not {:?}", read.map(|it| it.0), written.map(|it| it.0));
    }
    assert!(JudgedReport::read("no JSON").is_none());
}

/// Functions and stacks are there where something changed, and nowhere else: 52 cases once took 2.9 MB.
#[test]
fn only_what_changed_has_functions_and_stacks() {
    let json: Value =
        serde_json::from_str(&render(&fixture::regressed(), Format::Json).expect("renders")).expect("JSON");
    let cases = json["cases"].as_array().expect("cases");
    let having = |field: &str| -> Vec<&str> {
        cases.iter().filter(|case| case.get(field).is_some()).filter_map(|case| case["benchmark"].as_str()).collect()
    };
    assert_eq!(having("functions"), ["step/log"]);
    assert_eq!(having("stacks"), ["step/log"], "retrieve/1000 was profiled and did not change");
}
