//! Holds the arguments of a call to the tool's JSON schema: lengths, numbers of entries, and ranges.
//!
//! The limits stand in the schema alone, where agents read them. Types, and fields that are missing or unknown, are
//! left to the reading of the arguments.

use serde_json::{Map, Value};

/// The first limit that the arguments break, with the remedy.
pub fn check(schema: &Map<String, Value>, arguments: &Map<String, Value>) -> Result<(), String> {
    object("", schema, arguments)
}

fn object(name: &str, schema: &Map<String, Value>, fields: &Map<String, Value>) -> Result<(), String> {
    let properties = schema.get("properties").and_then(Value::as_object);
    let others = schema.get("additionalProperties");
    if limit(schema, "maxProperties").is_some_and(|most| fields.len() as f64 > most) {
        return Err(format!(
            "`{name}` has {} entries: leave some out, {} are the most",
            fields.len(),
            schema["maxProperties"]
        ));
    }
    let longest = schema.get("propertyNames").and_then(Value::as_object);
    for (key, field) in fields {
        if let Some(longest) = longest {
            text(&format!("a key of `{name}`"), longest, key)?;
        }
        let inner = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
        if let Some(known) = properties.and_then(|known| known.get(key)).or(others) {
            value(&inner, known, field)?;
        }
    }
    Ok(())
}

fn value(name: &str, schema: &Value, given: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else { return Ok(()) };
    if let Some(branches) = schema.get("anyOf").and_then(Value::as_array) {
        // The other branch of an optional object is null.
        return branches.iter().filter(|_| !given.is_null()).try_for_each(|branch| value(name, branch, given));
    }
    match given {
        Value::String(given) => text(&format!("`{name}`"), schema, given),
        Value::Number(given) => number(name, schema, given.as_f64().unwrap_or(f64::NAN)),
        Value::Object(fields) => object(name, schema, fields),
        Value::Array(items) if limit(schema, "maxItems").is_some_and(|most| items.len() as f64 > most) => {
            Err(format!("`{name}` has {} items: leave some out, {} are the most", items.len(), schema["maxItems"]))
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| value(name, schema.get("items").unwrap_or(&Value::Null), item))
        }
        Value::Null | Value::Bool(_) => Ok(()),
    }
}

fn text(name: &str, schema: &Map<String, Value>, given: &str) -> Result<(), String> {
    let length = given.chars().count();
    if limit(schema, "maxLength").is_some_and(|most| length as f64 > most) {
        return Err(format!("{name} has {length} characters: shorten it, {} are the most", schema["maxLength"]));
    }
    if limit(schema, "minLength").is_some_and(|least| (length as f64) < least) {
        return Err(format!("{name} is empty: write something"));
    }
    Ok(())
}

fn number(name: &str, schema: &Map<String, Value>, given: f64) -> Result<(), String> {
    let outside = limit(schema, "minimum").is_some_and(|least| given < least)
        || limit(schema, "maximum").is_some_and(|most| given > most);
    match (schema.get("minimum"), schema.get("maximum")) {
        (Some(least), Some(most)) if outside => Err(format!("`{name}` is {given}: give {least} to {most}")),
        (Some(least), _) if outside => Err(format!("`{name}` is {given}: give {least} at the least")),
        (_, Some(most)) if outside => Err(format!("`{name}` is {given}: give {most} at the most")),
        _ => Ok(()),
    }
}

fn limit(schema: &Map<String, Value>, keyword: &str) -> Option<f64> {
    schema.get(keyword).and_then(Value::as_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{ClustersInput, RetrieveInput, StartInput, StepInput};
    use rmcp::handler::server::tool::schema_for_input;
    use rmcp::schemars::JsonSchema;
    use serde_json::json;

    fn refused<T: JsonSchema + 'static>(arguments: Value) -> String {
        let schema = schema_for_input::<T>().expect("an object");
        check(&schema, arguments.as_object().expect("an object")).expect_err("a limit is broken")
    }

    #[test]
    fn every_kind_of_limit_is_held_at_any_depth() {
        let long = "x".repeat(201);
        let many: Vec<&str> = vec!["x"; 65];
        for (said, expected) in [
            (refused::<StartInput>(json!({ "task": "" })), "`task` is empty: write something"),
            (
                refused::<StartInput>(json!({ "task": "a", "context": { "domain": long } })),
                "`context.domain` has 201 characters: shorten it, 200 are the most",
            ),
            (
                refused::<StartInput>(json!({ "task": "a", "context": { "tags": many } })),
                "`context.tags` has 65 items: leave some out, 64 are the most",
            ),
            (
                refused::<StartInput>(json!({ "task": "a", "context": { "tags": [long] } })),
                "`context.tags` has 201 characters: shorten it, 200 are the most",
            ),
            (
                refused::<StartInput>(json!({ "task": "a", "metadata": { long.clone(): "x" } })),
                "a key of `metadata` has 201 characters: shorten it, 200 are the most",
            ),
            (
                refused::<StepInput>(json!({ "tool": "a", "parameters": { "x": "x".repeat(64_001) } })),
                "`parameters.x` has 64001 characters: shorten it, 64000 are the most",
            ),
            (
                refused::<RetrieveInput>(json!({ "text": "a", "context": { "language": long } })),
                "`context.language` has 201 characters: shorten it, 200 are the most",
            ),
            (refused::<RetrieveInput>(json!({ "text": "a", "limit": 51 })), "`limit` is 51: give 1 to 50"),
            (refused::<ClustersInput>(json!({ "distance": -0.5 })), "`distance` is -0.5: give 0.0 to 2.0"),
        ] {
            assert_eq!(said, expected);
        }
        let entries: Map<String, Value> = (0..65).map(|n| (n.to_string(), json!("x"))).collect();
        let said = refused::<StartInput>(json!({ "task": "a", "metadata": entries }));
        assert_eq!(said, "`metadata` has 65 entries: leave some out, 64 are the most");
    }

    #[test]
    fn what_is_within_the_limits_passes() {
        let schema = schema_for_input::<RetrieveInput>().expect("an object");
        for arguments in [
            json!({ "text": "ü".repeat(4_000), "limit": 50 }),
            json!({ "text": "a", "context": null }),
            json!({ "text": "a", "context": { "language": null, "tags": ["b"] } }),
        ] {
            assert_eq!(check(&schema, arguments.as_object().expect("an object")), Ok(()));
        }
    }
}
