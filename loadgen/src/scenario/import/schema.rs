//! The schemas of an OpenAPI document: example values, and what an answer promises.

use serde_json::{Map, Value, json};

/// The depth of schemas that are followed; recursive ones end there.
pub const DEPTH: usize = 8;

/// The status and the response of a right answer, if the document has one.
pub fn success<'a>(document: &'a Value, operation: &'a Value) -> Option<(u16, &'a Value)> {
    let responses = operation["responses"].as_object()?;
    let right = |(status, response): (&String, &'a Value)| {
        Some((status.parse().ok().filter(|status| *status < 300)?, resolved(document, response)))
    };
    responses.iter().find_map(right)
}

/// The paths that a response must have by its schema: required fields, or at least JSON.
pub fn promised(document: &Value, response: &Value) -> Vec<String> {
    let schema = resolved(document, &response["content"]["application/json"]["schema"]);
    // One without a word promises nothing, as that of a page in a document that a framework wrote.
    if schema.as_object().is_none_or(Map::is_empty) {
        return Vec::new();
    }
    let parts = [schema].into_iter().chain(schema["allOf"].as_array().into_iter().flatten());
    let mut paths = Vec::new();
    for part in parts.map(|part| resolved(document, part)) {
        let required = part["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
        // What may be null is left out by many servers.
        let is_there = |name: &&str| !name.contains('\'') && !may_be_null(document, &part["properties"][*name]);
        paths.extend(required.filter(is_there).map(|name| format!("$['{name}']")));
    }
    if paths.is_empty() { vec!["$".to_owned()] } else { paths }
}

fn may_be_null(document: &Value, schema: &Value) -> bool {
    let schema = resolved(document, schema);
    let is_null = |kind: &Value| kind == "null";
    let choices = ["anyOf", "oneOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
    schema["nullable"] == true
        || is_null(&schema["type"])
        || schema["type"].as_array().is_some_and(|kinds| kinds.iter().any(is_null))
        || choices.into_iter().any(|choice| is_null(&resolved(document, choice)["type"]))
}

/// The value of a parameter: an example, the default, or one of its schema.
pub fn known(document: &Value, parameter: &Value) -> Option<Value> {
    stated(parameter).or_else(|| {
        let schema = resolved(document, &parameter["schema"]);
        stated(schema).or_else(|| schema["enum"].get(0).cloned())
    })
}

/// An example or a default.
pub fn stated(of: &Value) -> Option<Value> {
    let present = |value: &Value| if value.is_null() { None } else { Some(value.clone()) };
    let first = |examples: &Value| match examples {
        Value::Array(all) => all.first().cloned(),
        Value::Object(all) => all.values().next().map(|example| example["value"].clone()),
        _ => None,
    };
    present(&of["example"]).or_else(|| first(&of["examples"])).or_else(|| present(&of["default"]))
}

/// A value of a schema: what it states, and otherwise the plainest value of its type.
pub fn made_up(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let schema = resolved(document, schema);
    if depth == 0 {
        return None;
    }
    if let Some(value) = stated(schema).or_else(|| schema["enum"].get(0).cloned()) {
        return Some(value);
    }
    if let Some(choice) = ["anyOf", "oneOf"].iter().find_map(|key| schema[*key].as_array()) {
        return choice.iter().find_map(|schema| made_up(document, schema, depth - 1));
    }
    if let Some(all) = schema["allOf"].as_array() {
        let mut fields = Map::new();
        for part in all {
            fields.extend(made_up(document, part, depth - 1)?.as_object()?.clone());
        }
        return Some(Value::Object(fields));
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("string") => Some(json!(match schema["format"].as_str() {
            Some("date") => "2026-01-01",
            Some("date-time") => "2026-01-01T00:00:00Z",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            Some("email") => "name@example.invalid",
            _ => "text",
        })),
        Some("integer" | "number") => Some(schema.get("minimum").cloned().unwrap_or(json!(1))),
        Some("boolean") => Some(json!(true)),
        Some("array") => Some(match made_up(document, &schema["items"], depth - 1) {
            Some(item) => json!([item]),
            None => json!([]),
        }),
        Some("object") | None if schema["properties"].is_object() => {
            let required: Vec<&str> =
                schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let mut fields = Map::new();
            for (name, field) in schema["properties"].as_object().into_iter().flatten() {
                let is_required = required.contains(&name.as_str());
                let field = resolved(document, field);
                // What need not be there may have rules that no schema states; one that requires nothing says little.
                let is_sent = is_required || required.is_empty() || stated(field).is_some();
                match made_up(document, field, depth - 1).filter(|_| is_sent && field["readOnly"] != true) {
                    Some(value) => {
                        fields.insert(name.clone(), value);
                    }
                    None if is_required && field["readOnly"] != true => return None,
                    None => {}
                }
            }
            Some(Value::Object(fields))
        }
        Some("object") => Some(json!({})),
        _ => None,
    }
}

/// The fields that a schema states values of, or requires: the body of a change that leaves the rest as it is.
pub fn partial(document: &Value, schema: &Value) -> Option<Value> {
    let resolved_schema = resolved(document, schema);
    if resolved_schema["required"].as_array().is_some_and(|required| !required.is_empty()) {
        return made_up(document, schema, DEPTH);
    }
    let fields = resolved_schema["properties"].as_object().into_iter().flatten();
    let stated = fields.filter_map(|(name, field)| Some((name.clone(), stated(resolved(document, field))?)));
    Some(Value::Object(stated.collect()))
}

/// What a `$ref` within the document refers to; bounded, as references may refer to each other.
pub fn resolved<'a>(document: &'a Value, mut value: &'a Value) -> &'a Value {
    for _ in 0..DEPTH {
        match value["$ref"].as_str().and_then(|it| it.strip_prefix('#')).and_then(|it| document.pointer(it)) {
            Some(target) => value = target,
            None => return value,
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_what_is_required_or_stated() {
        let text = json!({"type": "string"});
        let field = json!({"title": text, "id": {"type": "integer", "readOnly": true}, "done": {"type": "boolean", "default": false},
            "place": {"type": "string", "pattern": "^[0-9]+,[0-9]+$"}});
        let of = |required: Value| json!({"type": "object", "properties": field, "required": required});
        let body = |schema: &Value| made_up(&json!({}), schema, DEPTH);
        assert_eq!(body(&of(json!(["title", "id"]))), Some(json!({"title": "text", "done": false})));
        assert_eq!(body(&of(json!([]))), Some(json!({"title": "text", "done": false, "place": "text"})));
        assert_eq!(partial(&json!({}), &of(json!([]))), Some(json!({"done": false})));
        assert_eq!(partial(&json!({}), &of(json!(["title"]))), body(&of(json!(["title"]))));
    }

    #[test]
    fn what_a_response_promises_is_checked() {
        let item = json!({"required": ["name"], "properties": {"name": {"type": "string"}}});
        let document = json!({"components": {"schemas": {"Item": item}}});
        let of = |schema: Value| promised(&document, &json!({"content": {"application/json": {"schema": schema}}}));
        assert_eq!(of(json!({"type": "array", "items": {}})), ["$"]);
        assert_eq!(of(json!({})), [""; 0], "it may be a page");
        let both = json!({"allOf": [{"$ref": "#/components/schemas/Item"}, {"required": ["id"]}]});
        assert_eq!(of(both), ["$['name']", "$['id']"]);
        let nullable = json!({"anyOf": [{"type": "string"}, {"type": "null"}]});
        let some = json!({"required": ["a", "b"], "properties": {"a": nullable, "b": {"type": "string"}}});
        assert_eq!(of(some), ["$['b']"]);
        assert_eq!(promised(&document, &json!({"content": {"text/html": {}}})), [""; 0]);
    }
}
